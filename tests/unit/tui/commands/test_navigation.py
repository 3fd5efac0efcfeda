"""Traces, sessions, times, ids and evidence, by keys on the whole screen."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest
from textual.widgets import Input

from tests.support.builders import SESSION, at_ns, dialled, event, loss, message, row, source, span, usable
from tests.support.fake_ports import FakeView
from tests.support.queries import query as parse
from tests.support.screen_harness import COMPACT, DEADLINE_S, ROOMY, Stage, stage, text, until
from wsmon.model.events import Event, Source, SpanId
from wsmon.model.spans import Span
from wsmon.tui.dialogs.base import PromptDialog
from wsmon.tui.dialogs.search import SearchDialog
from wsmon.tui.dialogs.waterfall import WaterfallDialog
from wsmon.tui.panes.detail import DetailPane
from wsmon.tui.widgets.text_view import ScrollPane, TextLine


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
        assert on.screen.panes.log.status == "no newer session on binance-spot · paused at 14:02:24"


@pytest.mark.parametrize(
    ("typed", "expected", "sentence"),
    [
        ("#30", 30, ""),
        ("30", 30, ""),
        ("14:02:20", 213, ""),
        ("-5s", 211, ""),
        ("#9999", 220, "event #9,999 doesn't exist yet; showing the newest event"),
        ("#3", 10, "event #3 was pruned; showing the oldest event"),
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
        assert "invalid time 'soon'" in said(on.app.screen.query_one("#prompt-note", TextLine))
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
        assert said(on.screen.footer).startswith("handshake never completed")


async def test_a_handshake_stays_in_the_detail_while_the_log_follows_until_its_cursor_moves() -> None:
    on = stage()
    with_sessions(on)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot, has_detail=False)
        await pilot.press("K")
        await until(pilot, lambda: on.detail_event is not None)
        shown = on.detail_event
        on.screen.pane_layout.lay_out()
        await on.settled(pilot)
        assert (on.screen.panes.log.is_following, on.detail_event) == (True, shown)
        await pilot.press("4", "g")
        await until(pilot, lambda: on.detail_event is not None and on.detail_event.id == 1)


async def test_the_spans_of_a_session_are_a_waterfall() -> None:
    on = stage()
    with_sessions(on)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.go_to(225)
        await pilot.press("W")
        await until(pilot, lambda: "no spans recorded" in said(on.screen.footer))
        on.store.spans_answer = (Span(SpanId("a"), "", "session", "", "binance", at_ns(0), 0, 1_000_000, "ok"),)
        await pilot.press("W")
        await until(pilot, lambda: isinstance(on.app.screen, WaterfallDialog))
        lines = on.app.screen.query_one("#waterfall", ScrollPane)
        await until(pilot, lambda: len(lines.lines) == 1)
        assert said(on.app.screen.query_one("#dialog-title", TextLine)) == f"Session {'a' * 16} on binance-spot: 1 span"
        await pilot.press("escape")
    assert on.store.calls.count(f"spans {'a' * 16}") == 2


async def test_spans_that_come_when_another_dialog_was_opened_do_not_take_its_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on, gate = stage(), threading.Event()
    found = (span("a", "", "session", "", 0, 5),)

    def spans(*_: object, **__: object) -> tuple[Span, ...]:
        gate.wait(DEADLINE_S)
        return found

    monkeypatch.setattr(on.store, "spans", spans)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "k", "W", "slash", "d", "e")
        gate.set()
        await on.settled(pilot)
        await pilot.press("r")
        assert isinstance(on.app.screen, SearchDialog)
        assert on.app.screen.query_one(Input).value == "der"
        await pilot.press("escape", "W")
        await until(pilot, lambda: isinstance(on.app.screen, WaterfallDialog))


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
        assert said(title) == f"Trace of session {SESSION} on binance-spot: 2 spans"
        on.store.spans_answer = (one,)
        await pilot.press("t")
        await until(pilot, lambda: len(lines.lines) == 1)
        assert said(title) == f"Session {SESSION} on binance-spot: 1 span"
    assert on.store.calls.count(f"spans of the trace of {SESSION}") == 1


async def test_the_trace_of_an_application_that_has_no_sessions_is_a_waterfall() -> None:
    on = stage()
    on.store.add(
        msgspec.structs.replace(event("trace.request.end", 9, size=0), source=Source("shop", trace_id="order 4711"))
    )
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "G", "W")
        await until(pilot, lambda: "no spans recorded for this trace" in said(on.screen.footer))
        on.store.spans_answer = (span("a", "", "trace", "GET /orders", 0, 5), span("b", "a", "trace", "db", 1, 2))
        await pilot.press("W")
        await until(pilot, lambda: isinstance(on.app.screen, WaterfallDialog))
        title = on.app.screen.query_one("#dialog-title", TextLine)
        lines = on.app.screen.query_one("#waterfall", ScrollPane)
        await until(pilot, lambda: len(lines.lines) == 2)
        await pilot.press("t")
        assert said(title) == "Trace order 4711 of shop: 2 spans"
        assert "session" not in said(on.app.screen.query_one("#dialog-hint", TextLine))
    assert on.store.calls.count("spans of trace order 4711") == 2


def of_application(**fields: Any) -> Stage:
    """A screen whose only connection is that of an application."""
    on = stage()
    on.store.connections = (row("shop", "initialized", url="", **fields),)
    return on


async def test_the_row_of_an_application_leads_to_its_newest_trace() -> None:
    on = of_application()
    told = event("trace.span.end", 9, size=0)
    on.store.add(*(msgspec.structs.replace(told, source=Source("shop", trace_id=f"trace {n}")) for n in (1, 2)))
    on.store.spans_answer = (span("a", "", "trace", "GET /orders", 0, 5),)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "W")
        await until(pilot, lambda: isinstance(on.app.screen, WaterfallDialog))
        assert said(on.app.screen.query_one("#dialog-title", TextLine)) == "Trace trace 2 of shop: 1 span"


async def test_an_application_without_a_trace_is_told_how_to_have_one() -> None:
    on = of_application()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "W")
        sentence = "shop has reported no trace: bracket its work with span() or RequestTracer"
        await until(pilot, lambda: said(on.screen.footer) == sentence)


async def test_an_application_without_a_trace_that_has_spans_shows_its_session() -> None:
    on = of_application(connection_id=SESSION)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.store.spans_answer = (span("a", "", "session", "shop", 0, 5),)
        await pilot.press("1", "W")
        await until(pilot, lambda: isinstance(on.app.screen, WaterfallDialog))
        assert said(on.app.screen.query_one("#dialog-title", TextLine)) == f"Session {SESSION} on shop: 1 span"


async def test_a_configured_connection_without_a_session_has_no_spans_yet() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "G", "W")
        await until(pilot, lambda: said(on.screen.footer) == "legacy has no session yet")


async def test_a_waterfall_follows_what_is_under_way_until_it_has_ended() -> None:
    on = stage()
    with_sessions(on)
    on.store.spans_answer = (span("a", "", "trace", "checkout", 0, None, "open"),)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.go_to(225)
        await pilot.press("W")
        await until(pilot, lambda: isinstance(on.app.screen, WaterfallDialog))
        title = on.app.screen.query_one("#dialog-title", TextLine)
        lines = on.app.screen.query_one("#waterfall", ScrollPane)
        await until(pilot, lambda: len(lines.lines) == 1)
        assert said(title).endswith("1 span, 1 running")
        assert any("running" in text for text, _ in lines.lines[0])
        on.store.spans_answer = (span("a", "", "trace", "checkout", 0, 5),)
        await until(pilot, lambda: said(title).endswith("1 span"))
        assert not any("running" in text for text, _ in lines.lines[0])


# From an incident to what proves it, by keys.

PROVEN = (3, 5)


def incident(on: Stage) -> int:
    """An incident, the newest event of the store; its id."""
    opened = event("incident.opened", 1, "deribit", type="gap", reason="2 missing", meta={"evidence": list(PROVEN)})
    return on.store.add(opened).last_id


@pytest.mark.parametrize("size", [ROOMY, COMPACT])
async def test_a_key_goes_through_the_evidence_and_back(size: tuple[int, int]) -> None:
    on = stage()
    incident_id = incident(on)
    async with on.app.run_test(size=size) as pilot:
        await on.ready(pilot)
        await pilot.press("e")
        seen = [on.screen.panes.log.current_id]
        for _ in range(4):
            await pilot.press("w")
            await until(pilot, lambda: on.screen.panes.log.current_id != seen[-1])
            seen.append(on.screen.panes.log.current_id)
        assert seen == [incident_id, *PROVEN, incident_id, PROVEN[0]]


@pytest.mark.parametrize("size", [ROOMY, COMPACT])
async def test_enter_in_the_detail_shows_the_evidence_there_and_the_log_is_at_it(size: tuple[int, int]) -> None:
    on = stage()
    incident(on)
    async with on.app.run_test(size=size) as pilot:
        await on.ready(pilot)
        await pilot.press("e", "4", "enter")
        detail = on.screen.panes.slots["detail"].pane
        assert isinstance(detail, DetailPane)
        assert on.screen.pane_layout.current == "detail"
        said = "\n".join("".join(part for part, _ in line) for line in detail.lines)
        assert "Evidence     #3 #5 (press w)" in said
        await pilot.press("enter")
        await until(pilot, lambda: detail.event is not None and detail.event.id == PROVEN[0])
        await pilot.press("4")
        assert on.screen.panes.log.current_id == PROVEN[0]
        assert on.screen.panes.log.scroll_offset.y <= PROVEN[0]


async def test_a_filter_that_hides_the_evidence_goes() -> None:
    on = stage()
    incident(on)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.set_query(parse("name:incident.opened"))
        await pilot.press("e", "w")
        await until(pilot, lambda: on.screen.panes.log.current_id == PROVEN[0])
        assert not on.screen.panes.log.search_query


async def test_an_event_without_evidence_says_so_and_so_does_evidence_that_was_pruned() -> None:
    on = stage()
    incident_id = incident(on)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("4", "g", "w")
        assert text(on.screen.footer) == "no evidence for this event: press e for the next problem"
        on.store.prune(10)
        on.screen.panes.log.go_to(incident_id)
        await pilot.press("w")
        await until(pilot, lambda: text(on.screen.footer) == "event no longer stored: pruned by retention")


@pytest.mark.parametrize("size", [ROOMY, COMPACT])
async def test_a_loss_says_what_was_said_last_and_w_goes_there_and_back(size: tuple[int, int]) -> None:
    on = stage()
    said_id = on.store.add(message('{"type":"notice","text":"log in again"}', 0, "deribit")).last_id
    loss_id = on.store.add(loss(1)).last_id
    async with on.app.run_test(size=size) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.go_to(loss_id)
        await pilot.press("5")
        detail = on.screen.panes.slots["detail"].build()
        assert isinstance(detail, DetailPane)
        facts = f"#{said_id}, 1.0 s before close (press w): "
        await until(
            pilot, lambda: facts in " ".join("".join(part for part, _ in line).strip() for line in detail.lines)
        )
        seen = []
        for expected in (said_id, loss_id, said_id):
            await pilot.press("w")
            await until(pilot, lambda expected=expected: on.screen.panes.log.current_id == expected)  # type: ignore[misc]
            seen.append(on.screen.panes.log.current_id)
        assert seen == [said_id, loss_id, said_id]


async def test_a_loss_without_a_message_before_it_says_so() -> None:
    on = stage()
    loss_id = on.store.add(loss(1, "legacy")).last_id
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.go_to(loss_id)
        await pilot.press("4", "w")
        await until(pilot, lambda: "no message stored before it" in text(on.screen.footer))
