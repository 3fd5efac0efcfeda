"""The log goes along traces, from session to session, to times and ids, by keys on the whole screen."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import SESSION, at_ns, dialled, message, source, span, usable
from tests.support.fake_ports import FakeView
from tests.support.screen_harness import Stage, stage, until
from wsmon.model.events import Event, SpanId
from wsmon.model.spans import Span
from wsmon.tui.dialogs.base import PromptDialog
from wsmon.tui.dialogs.waterfall import WaterfallDialog
from wsmon.tui.widgets.text_view import ScrollPane, TextLine

ROOMY = (120, 40)


def said(line: TextLine) -> str:
    return "".join(part for part, _ in line.line).strip()


def of_session(event: Event, session: str) -> Event:
    return msgspec.structs.replace(event, source=source(session=session))


def with_sessions(on: Stage) -> FakeView:
    """221 dial, 222 usable, 223 request, 224 noise, 225 reply, 226 another dial, 227 the same ref there."""
    on.store.add(
        of_session(dialled(1), "a" * 16),
        of_session(usable(1.2), "a" * 16),
        of_session(message("ask", 1.5, direction="out", ref="7"), "a" * 16),
        message("noise", 1.6),
        of_session(message("reply", 2.7, ref="7"), "a" * 16),
        of_session(dialled(4), "b" * 16),
        of_session(message("other", 5, ref="7"), "b" * 16),
    )
    return on.store


async def test_keys_go_along_a_trace_and_from_session_to_session() -> None:
    on = stage()
    with_sessions(on)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.go_to(223)
        seen = []
        for key in ("o", "o", "O", "left_curly_bracket", "right_curly_bracket", "right_curly_bracket"):
            await pilot.press(key)
            seen.append(on.screen.panes.log.current_id)
        assert seen == [225, 225, 223, 221, 226, 226]
        assert on.screen.panes.log.status == "no newer session of binance-spot · paused at 14:02:24"


@pytest.mark.parametrize(
    ("typed", "expected", "sentence"),
    [
        ("#30", 30, ""),
        ("30", 30, ""),
        ("14:02:20", 213, ""),
        ("-5s", 211, ""),
        ("#9999", 220, "event #9,999 is not there yet; this is the newest one"),
        ("#3", 10, "event #3 is no longer kept; this is the oldest one"),
    ],
)
async def test_a_time_or_an_id_is_gone_to(typed: str, expected: int, sentence: str) -> None:
    on = stage()
    on.store.prune(10)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("t", *typed, "enter")
        await until(pilot, lambda: on.screen.panes.log.current_id == expected)
        await pilot.pause()
        assert sentence in said(on.screen.footer)
        assert not on.screen.panes.log.is_following


async def test_times_are_those_of_a_recording_that_ended_long_ago() -> None:
    on = stage(health=None)
    on.clock.advance(40 * 86_400)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("t", *"14:02:20", "enter")
        await until(pilot, lambda: on.screen.panes.log.current_id == 213)


async def test_what_is_no_place_is_said_and_may_be_typed_again() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("t", *"soon", "enter")
        assert isinstance(on.app.screen, PromptDialog)
        assert "'soon' is no time" in said(on.app.screen.query_one("#prompt-note", TextLine))
        await pilot.press("escape")
        assert on.screen.panes.log.is_following


async def test_times_since_the_session_was_usable() -> None:
    on = stage()
    with_sessions(on)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("z", "T")
        await pilot.pause()
        pane = on.screen.panes.log
        lines = [strip.text[:12].strip() for strip in pane.render_lines(pane.region.reset_offset)][-7:]
        assert lines == ["-0.200 s", "+0.000 s", "+0.300 s", "–", "+1.500 s", "–", "–"]


async def test_any_event_leads_to_the_handshake_of_its_session() -> None:
    on = stage()
    with_sessions(on)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.go_to(225)
        await pilot.press("K")
        await until(pilot, lambda: on.detail_event is not None and on.detail_event.id == 222)
        assert on.screen.panes.log.current_id == 225
        on.screen.panes.log.go_to(226)
        await pilot.press("4", "K")
        await until(pilot, lambda: on.detail_event is not None and on.detail_event.id == 227)
        assert said(on.screen.footer).startswith("this session never became usable")


async def test_the_spans_of_a_session_are_a_waterfall() -> None:
    on = stage()
    with_sessions(on)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.go_to(225)
        await pilot.press("W")
        await until(pilot, lambda: "no span of this session" in said(on.screen.footer))
        on.store.spans_answer = (Span(SpanId("a"), "", "session", "", "binance", at_ns(0), 0, 1_000_000, "ok"),)
        await pilot.press("W")
        await until(pilot, lambda: isinstance(on.app.screen, WaterfallDialog))
        lines = on.app.screen.query_one("#waterfall", ScrollPane)
        await until(pilot, lambda: len(lines.lines) == 1)
        assert said(on.app.screen.query_one("#dialog-title", TextLine)) == f"Session {'a' * 16}: 1 span"
        await pilot.press("escape")
    assert on.store.calls.count(f"spans {'a' * 16}") == 2


async def test_the_waterfall_shows_the_whole_trace_on_demand() -> None:
    on = stage()
    one, two = span("a", "", "session", "", 0, 5), span("b", "", "session", "", 9, 5)
    on.store.spans_answer = (one,)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "k", "W")
        await until(pilot, lambda: isinstance(on.app.screen, WaterfallDialog))
        lines = on.app.screen.query_one("#waterfall", ScrollPane)
        title = on.app.screen.query_one("#dialog-title", TextLine)
        on.store.spans_answer = (one, two)
        await pilot.press("t")
        await until(pilot, lambda: len(lines.lines) == 2)
        assert said(title) == f"Trace of session {SESSION}: 2 spans"
        on.store.spans_answer = (one,)
        await pilot.press("t")
        await until(pilot, lambda: len(lines.lines) == 1)
        assert said(title) == f"Session {SESSION}: 1 span"
    assert on.store.calls.count(f"spans of the trace of {SESSION}") == 1
