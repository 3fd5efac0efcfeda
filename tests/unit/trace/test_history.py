"""Transitions of a trace: in bounded memory, and none is missing."""

from __future__ import annotations

import errno
import json

import pytest

from wsmon.trace.history import TracedTransition, TransitionHistory


def made(number: int) -> TracedTransition:
    return TracedTransition("e", "connected", "disconnected", number, {"n": number})


def filled(count: int, block: int = 10) -> TransitionHistory:
    history = TransitionHistory(block)
    for number in range(count):
        history.add(made(number))
    return history


@pytest.mark.parametrize("count", [0, 9, 10, 11, 95])
def test_pages_meet_without_gap_or_double(count: int) -> None:
    history = filled(count)
    assert len(history) == count
    for size in (1, 7, 10, 200):
        pages = [history.page(first, size) for first in range(0, count, size)]
        assert [each.timestamp for page in pages for each in page] == list(range(count))
    assert [json.loads(line)["metadata"]["n"] for line in history.json_lines()] == list(range(count))
    assert history.page(count, 10) == []


def test_a_disk_that_is_full_costs_the_oldest_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    history = filled(25)
    assert (history.dropped, [each.timestamp for each in history.page(0, 100)]) == (20, [20, 21, 22, 23, 24])
