"""Sentences of the readout."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import msgspec
import pytest

from tests.support.builders import at_ns, lane, loss
from wsmon.model.events import Event, Verdict
from wsmon.model.timeline import Incident, Lane, Period, read_cell, read_cells
from wsmon.tui.glyphs import ASCII, UNICODE
from wsmon.tui.panes.timeline_lanes import LaneRow
from wsmon.tui.panes.timeline_readout import ReadoutWriter
from wsmon.tui.panes.timeline_state import TimeBounds

TELLER = ReadoutWriter(UTC, UNICODE)
ROW = LaneRow("a", ("a",))
GAP = Incident(at_ns(2), at_ns(8), 301, "sequence_gap", "3 missing messages: BTC 5-7", count=4)
VERDICT = Verdict(
    "peer", "1008 policy violation", "“slow down”, 1008, closed by peer: too many sessions", "dial once in 30 s"
)
LOSS = msgspec.structs.replace(loss(3.1, "a"), verdict=VERDICT)


def told(shown: Lane, second: float, event: Event | None = None) -> str:
    reading = read_cell(shown, at_ns(second), at_ns(second + 1))
    assert reading is not None
    return TELLER.sentences(ROW, reading, event, at_ns(10))


def test_a_loss_says_who_ended_it_why_and_what_to_try() -> None:
    shown = lane("a", [(0, "websocket_connected")], 10, losses=[3.1, 3.8])

    assert told(shown, 3, LOSS) == (
        "a · 14:02:27.100 disconnected: “slow down”, 1008, closed by peer: too many sessions"
        " · first of 2 disconnects or failed attempts in this cell · Suggested action: dial once in 30 s"
    )
    assert told(shown, 3) == (
        "a · 14:02:27.100 disconnect or failed attempt; its event was pruned"
        " · first of 2 disconnects or failed attempts in this cell"
    )


def test_who_ended_it_is_said_where_the_cause_does_not() -> None:
    shown = lane("a", [(0, "websocket_connected")], 10, losses=[3.1])
    cut = loss(3.1, "a", code=None, by="heartbeat", reason="", error="no pong for 10 s")

    assert told(shown, 3, cut) == "a · 14:02:27.100 disconnected by wsmon: no pong for 10 s"


def test_a_loss_with_an_incident_beside_it_says_both() -> None:
    shown = replace(lane("a", [(0, "websocket_connected")], 10, losses=[3.1]), incidents=(GAP,))

    assert told(shown, 3, LOSS).endswith(
        " · Suggested action: dial once in 30 s · also sequence gap: 3 missing messages: BTC 5-7"
    )


def test_an_incident_says_its_name_since_when_the_sentence_and_how_many() -> None:
    shown = replace(lane("a", [(0, "websocket_connected")], 10), incidents=(GAP,))

    assert (
        told(shown, 2)
        == told(shown, 5)
        == (
            "a · sequence gap for 6.0 s from 14:02:26.000 (ended) · 3 missing messages: BTC 5-7"
            " · 4 such incidents start in this cell"
            " · press w for evidence"
        )
    )


def test_an_incident_that_goes_on_lasts_until_now() -> None:
    silence = Incident(at_ns(2), at_ns(9_999), 301, "stall", "no data for 8 s", is_open=True)
    shown = replace(lane("a", [(0, "websocket_connected")], 10), incidents=(silence,))

    assert told(shown, 5) == "a · stall for 8.0 s (since 14:02:26.000) · no data for 8 s · press w for evidence"


def test_a_status_says_since_when_also_where_its_event_is_gone() -> None:
    assert told(lane("a", [(-86_400, "websocket_connected")], 10), 5) == "a · open since 2026-01-09 14:02:24.000"
    assert told(lane("a", [(0, "closed")], 10, first_id=0), 5) == "a · closed since 14:02:24.000 or before"


def test_the_reading_of_a_group_names_the_connection_and_how_many_more() -> None:
    members = [lane(name, [(0, "websocket_connected")], 10, losses=[3]) for name in ("a", "b", "c")]
    reading = read_cells(members, at_ns(3), at_ns(4))
    assert reading is not None

    said = TELLER.sentences(LaneRow("books", ("a", "b", "c"), is_group=True), reading, LOSS, at_ns(10))
    assert said.startswith("books: a · 14:02:27.000 disconnected: ")
    assert said.endswith("2 more connections of the group had problems")


def test_a_blank_cell_says_why() -> None:
    period = Period(at_ns(-10), at_ns(10), 20)
    moment = TimeBounds(at_ns(5), at_ns(-5))

    assert [TELLER.no_data(ROW, period, cell, moment) for cell in (2, 12, 17)] == [
        "a · no data: before the start of the recording",
        "a · no data recorded at this time",
        "a · in the future",
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, []),
        (1, ["the whole…"]),
        (2, ["the whole", "sentence,…"]),
        (3, ["the whole", "sentence,", "in words"]),
        (4, ["the whole", "sentence,", "in words"]),
    ],
)
def test_what_does_not_fit_is_cut_and_that_is_seen(count: int, expected: list[str]) -> None:
    assert TELLER.lines("the whole sentence, in words", 10, count) == expected


def test_signs_of_our_own_sentences_have_an_ascii_form() -> None:
    reading = read_cell(lane("a", [(0, "websocket_connected")], 10, losses=[3.1]), at_ns(3), at_ns(4))
    assert reading is not None

    said = ReadoutWriter(UTC, ASCII).sentences(ROW, reading, LOSS, at_ns(10))
    assert said == (
        'a - 14:02:27.100 disconnected: "slow down", 1008, closed by peer: too many sessions'
        " - Suggested action: dial once in 30 s"
    )


def test_foreign_text_is_cleaned_and_ascii_where_the_terminal_is() -> None:
    evil = replace(GAP, sentence="evil\x1b]52;c;eA==\a", kind="g\x9bp")
    shown = replace(lane("Größe", [(0, "websocket_connected")], 10), incidents=(evil,))
    reading = read_cell(shown, at_ns(2), at_ns(3))
    assert reading is not None

    said = ReadoutWriter(UTC, ASCII).sentences(LaneRow("Größe", ("Größe",)), reading, None, at_ns(10))
    assert said.isascii()
    assert said.isprintable()
