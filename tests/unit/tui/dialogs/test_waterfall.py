"""Spans as lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.cells import cell_len

from tests.support.builders import T0_NS, span
from tests.support.screen_harness import COMPACT, DEADLINE_S, stage, text
from wsmon.model.spans import Span
from wsmon.tui.dialogs import waterfall
from wsmon.tui.dialogs.waterfall import WaterfallDialog, waterfall_lines
from wsmon.tui.widgets.text_view import TextLine

SPANS = (
    span("a", "", "request", "whole", 0, 100),
    span("b", "a", "request", "half", 50, 50, "error"),
    span("c", "b", "request", "lost", 75, None),
)


def shown(width: int, *, ascii_only: bool = False) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in waterfall_lines(SPANS, width, ascii_only=ascii_only)]


def test_bars_lie_where_the_spans_were() -> None:
    assert shown(82, ascii_only=True) == [
        "request whole                  +0.0 ms    100 ms " + "=" * 33,
        "  request half                  +50 ms     50 ms " + " " * 16 + "=" * 16,
        "    request lost                +75 ms         – " + " " * 24 + "=",
    ]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_lines_of_wide_panes_fit(width: int) -> None:
    assert all(cell_len(line) <= max(width, 33) for line in shown(width))


def test_no_span_is_no_line() -> None:
    assert waterfall_lines((), 80) == ()


def test_foreign_names_are_safe() -> None:
    hostile = span("a", "", "request", "\x1b[31m[/b]\u202e", 0, 1)

    assert all(text.isprintable() for line in waterfall_lines((hostile,), 80) for text, _ in line)


def test_what_went_wrong_stands_below_its_span() -> None:
    failed = span("a", "", "request", "get", 0, 5, "error", error="not authorised")
    lines = ["".join(text for text, _ in line).rstrip() for line in waterfall_lines((failed, SPANS[2]), 60)]
    assert lines[1] == "  not authorised"
    assert len(lines) == 3


def open_lines(now_ns: int | None) -> list[str]:
    spans = (
        span("a", "", "request", "whole", 0, None, "open"),
        span("b", "a", "request", "half", 0, 500),
        span("c", "a", "request", "lost", 0, None, "open", error="its end is not recorded"),
    )
    return ["".join(text for text, _ in line).rstrip() for line in waterfall_lines(spans, 82, now_ns, ascii_only=True)]


def test_what_is_under_way_runs_to_the_present_with_an_open_bar() -> None:
    assert open_lines(T0_NS + 12_000_000_000) == [
        "request whole                  +0.0 ms   running 12 s " + "-" * 28,
        "  request half                 +0.0 ms         500 ms " + "=",
        "  request lost                 +0.0 ms      not ended -",
        "    its end is not recorded",
    ]


def test_where_no_recorder_runs_nothing_is_under_way() -> None:
    assert open_lines(None)[0].split("+0.0 ms")[1].split() == ["not", "ended", "-"]


def test_a_clock_that_was_set_back_draws_no_negative_duration() -> None:
    assert "running 0.0 s" in open_lines(T0_NS - 1)[0]


class SlowStore:
    """Spans of a session and of its trace, which are answered when the test says so."""

    def __init__(self, *spans: Span) -> None:
        self.asked: list[bool] = []
        self._spans = spans
        self._deliver: list[Callable[[tuple[Span, ...]], None]] = []

    def ask(self, of_trace: bool, deliver: Callable[[tuple[Span, ...]], None]) -> None:
        self.asked.append(of_trace)
        self._deliver.append(deliver)

    def answer(self, number: int) -> None:
        """Answer a question, by its number."""
        self._deliver[number](self._spans[: 2 if self.asked[number] else 1])


async def test_the_key_pressed_twice_before_an_answer_shows_what_was_wanted_last() -> None:
    on, store = stage(), SlowStore(*SPANS)
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        dialog = WaterfallDialog("Session 1", SPANS[:1], 100, store.ask, lambda: None)
        on.app.push_screen(dialog)
        await pilot.press("t", "t")
        assert store.asked == [True, False]
        title = dialog.query_one("#dialog-title", TextLine)
        store.answer(0)
        assert text(title) == "Session 1: 1 span"
        store.answer(1)
        assert text(title) == "Session 1: 1 span"
        await pilot.press("t")
        store.answer(2)
        assert text(title) == "Trace of session 1: 2 spans"


async def test_spans_under_way_are_not_read_again_before_the_key_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    # The time to look comes when the test says so
    monkeypatch.setattr(waterfall, "LOOK_S", DEADLINE_S)
    running = span("a", "", "request", "whole", 0, None, "open")
    on, store = stage(), SlowStore(running, running)
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        dialog = WaterfallDialog("Session 1", (running,), 100, store.ask, lambda: T0_NS)
        on.app.push_screen(dialog)
        await pilot.pause()
        dialog._look()
        await pilot.press("t")
        store.answer(0)
        dialog._look()
        assert store.asked == [False, True]
        store.answer(1)
        assert text(dialog.query_one("#dialog-title", TextLine)) == "Trace of session 1: 2 spans, 2 running"
        dialog._look()
        assert store.asked == [False, True, True]
