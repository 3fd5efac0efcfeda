"""The reference in docs/trace.md is that of the docstrings."""

from __future__ import annotations

import inspect

import wsmon.trace
from tests.support.trace_reference import GROUPS, PAGE, with_reference


def test_the_reference_is_up_to_date() -> None:
    """``python -m tests.support.trace_reference`` writes it."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_reference(page) == page


def test_every_public_name_stands_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(wsmon.trace.__all__)


def test_every_public_name_says_what_it_is() -> None:
    silent = [
        f"{name}.{member}"
        for name in wsmon.trace.__all__
        for member, value in vars(getattr(wsmon.trace, name)).items()
        if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
        if not inspect.getdoc(value)
    ]
    assert silent == []
