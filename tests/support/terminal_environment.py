"""Fixtures of tests of the screen: the same terminal on every machine, and tmux."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.external_programs import program


@pytest.fixture(autouse=True)
def fixed_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One zone, one colour depth, no multiplexer."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in ("NO_COLOR", "TMUX", "STY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def tmux() -> str:
    """The terminal multiplexer, for tests in a real terminal; they are skipped without it, or fail where required."""
    return program("tmux", "tmux")
