"""Statuses have the words of the standard, or none."""

from __future__ import annotations

import pytest

from wsmon.model.http import status_phrase


@pytest.mark.parametrize(("status", "phrase"), [(101, "Switching Protocols"), (429, "Too Many Requests"), (520, "")])
def test_the_words_of_a_status(status: int, phrase: str) -> None:
    assert status_phrase(status) == phrase
