"""What a check says: one line with a grade, what was seen, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Grade = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The outcome of one check."""

    check: str
    # what was looked at, in one word
    grade: Grade
    fact: str
    # what was seen
    advice: str = ""
    # what to do; empty where all is well


def ok(check: str, fact: str) -> Diagnosis:
    """As it should be."""
    return Diagnosis(check, "ok", fact)


def warn(check: str, fact: str, advice: str) -> Diagnosis:
    """It works, but not as it should, or not for long."""
    return Diagnosis(check, "warn", fact, advice)


def fail(check: str, fact: str, advice: str) -> Diagnosis:
    """It does not work."""
    return Diagnosis(check, "fail", fact, advice)


def has_failed(diagnoses: Iterable[Diagnosis]) -> bool:
    """Whether something does not work."""
    return any(one.grade == "fail" for one in diagnoses)
