"""What a kind of ending usually means, and what helps: two halves of sentences, in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Advice(NamedTuple):
    """A likely cause and the next step, each a clause without a full stop."""

    cause: str
    next: str


class Clue(NamedTuple):
    """What is to be read from a text that has one of the phrases in it."""

    phrases: tuple[str, ...]
    # in lower case
    advice: Advice


def read_clue(clues: Sequence[Clue], text: str) -> Advice | None:
    """The advice of the first clue that the text gives; ``None`` where it gives none."""
    lower = text.lower()
    for clue in clues:
        if any(phrase in lower for phrase in clue.phrases):
            return clue.advice
    return None
