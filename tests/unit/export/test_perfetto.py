"""The timeline as Chrome trace events."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsmon
from tests.support.builders import message
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import FIRST, SECOND, THIRD, of, opening, story
from wsmon.export.run import ExportRequest, run_export
from wsmon.store.reader import Reader

# In microseconds
MS = 1_000.0


def document(store: Path, **fields: Any) -> dict[str, Any]:
    stream = io.BytesIO()
    reader = Reader(store, FixedClock())
    run_export(ExportRequest("perfetto", stream, **fields), reader)
    reader.close()
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


def trace(store: Path, **fields: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(store, **fields)["traceEvents"]
    return found


def process(records: list[dict[str, Any]], name: str) -> int:
    (pid,) = [one["pid"] for one in records if one["name"] == "process_name" and one["args"]["name"] == name]
    return int(pid)


def slices(records: list[dict[str, Any]], name: str, track: str) -> list[tuple[str, float, float]]:
    """Name, start and duration (milliseconds) of what a track of a process shows."""
    pid = process(records, name)
    tracks = {one["args"]["name"]: one["tid"] for one in records if one["name"] == "thread_name" and one["pid"] == pid}
    of_track = [one for one in records if one["ph"] == "X" and (one["pid"], one["tid"]) == (pid, tracks[track])]
    return [(one["name"], round(one["ts"] / MS, 3), round(one["dur"] / MS, 3)) for one in of_track]


def test_times_count_from_the_first_event_which_is_named(store: Path) -> None:
    whole = document(store)
    assert whole["otherData"] == {"version": f"wsmon {wsmon.__version__}", "start": "2026-01-10T14:02:24.000000Z"}
    assert min(one["ts"] for one in whole["traceEvents"] if "ts" in one) == 0
    assert document(store, last_id=0)["otherData"]["start"] == ""


def test_every_connection_is_a_process_with_its_statuses(store: Path) -> None:
    records = trace(store)
    assert slices(records, "nova", "status") == [
        ("connecting", 1000, 174),
        ("connected", 1174, 38),
        ("websocket_connected", 1212, 3788),
        ("disconnected", 5000, 0),
        ("reconnecting", 5000, 1000),
        ("connecting", 6000, 100),
        ("disconnected", 6100, 2900),
    ]
    assert slices(records, "b", "status") == [
        ("connecting", 1500, 174),
        ("connected", 1674, 38),
        ("websocket_connected", 1712, 7288),
    ]
    assert process(records, "recorder") not in (process(records, "nova"), process(records, "b"))


def test_sessions_and_phases_have_tracks_of_their_own(store: Path) -> None:
    records = trace(store)
    assert slices(records, "nova", "sessions") == [(FIRST, 1000, 4000), (SECOND, 6000, 100)]
    assert slices(records, "b", "sessions") == [(THIRD, 1500, 7500)]
    assert slices(records, "nova", "phases") == [
        ("dns", 1000, 3),
        ("tcp", 1003, 11),
        ("tls", 1014, 160),
        ("upgrade", 1174, 38),
    ]


def test_operations_overlap_as_pairs(store: Path) -> None:
    pairs = [one for one in trace(store) if one["ph"] in "be"]
    assert [(one["ph"], one["name"], round(one["ts"] / MS)) for one in pairs] == [
        ("b", "heartbeat", 4082),
        ("e", "heartbeat", 4100),
    ]
    assert len({(one["cat"], one["id"], one["pid"]) for one in pairs}) == 1


def test_incidents_and_losses_are_instants(store: Path) -> None:
    instants = [one for one in trace(store) if one["ph"] == "i"]
    assert [(one["name"], one["ts"] / MS, one["args"].get("reason", "")) for one in instants] == [
        ("self.run.started", 0, ""),
        ("incident.opened stall", 4500, "no data for 41 s"),
        ("connection.disconnected", 5000, "rate limit: 5 connections"),
        ("connection.reconnect.failed", 6100, ""),
    ]


def test_messages_a_second_are_counters_that_fall_to_zero(tmp_path: Path) -> None:
    sent = message("x", 3.2, "nova", direction="out")
    messages = [message("x", at, "nova") for at in (2.0, 2.5, 3.1, 7.0)]
    store = recorded(tmp_path / "store.db", [messages[0], messages[1], messages[2], sent, messages[3]], "nova")
    counters = [one for one in trace(store) if one["ph"] == "C"]
    assert [(one["ts"] / MS, one["args"]["received"], one["args"]["sent"]) for one in counters] == [
        (0, 2, 0),
        (1000, 1, 1),
        (2000, 0, 0),
        (5000, 1, 0),
        (6000, 0, 0),
    ]


def test_what_began_before_is_drawn_from_the_first_event_on(store: Path) -> None:
    records = trace(store, first_id=9, last_id=12)
    assert slices(records, "nova", "sessions") == [(FIRST, 0, 1100)]
    assert slices(records, "b", "status") == [("websocket_connected", 0, 1100)]


def test_only_what_was_asked_for(store: Path) -> None:
    records = trace(store, query=parse("conn:b"))
    assert {one["args"]["name"] for one in records if one["name"] == "process_name"} == {"b"}
    assert trace(store, query=parse("nothing conn:nobody")) == []


def test_a_session_without_an_end_is_open(tmp_path: Path) -> None:
    store = recorded(tmp_path / "store.db", of(FIRST, *opening(1), message("x", 5, "nova")), "nova")
    (session,) = [one for one in trace(store) if one["name"] == FIRST]
    assert (session["dur"] / MS, session["args"]) == (4000, {"open": True})


# What the wall clock is set by before an event, in nanoseconds
STEPS_NS = st.lists(st.integers(-7_200_000_000_000, 7_200_000_000_000) | st.integers(-2_000, 2_000), max_size=16)


@given(steps_ns=STEPS_NS)
@settings(deadline=None, max_examples=40)
def test_no_two_slices_of_a_track_overlap_however_the_clock_is_set(
    tmp_path_factory: pytest.TempPathFactory, steps_ns: list[int]
) -> None:
    events, added_ns = [], 0
    for number, one in enumerate(story()):
        added_ns += steps_ns[number] if number < len(steps_ns) else 0
        events.append(msgspec.structs.replace(one, ts_ns=one.ts_ns + added_ns))
    store = recorded(tmp_path_factory.mktemp("clock") / "store.db", events, "nova", "b")
    tracks: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for record in trace(store):
        if record["ph"] == "X":
            end = record["ts"] + record["dur"]
            tracks.setdefault((record["pid"], record["tid"]), []).append((record["ts"], end))
    assert all(before[1] <= after[0] for track in tracks.values() for before, after in pairwise(track))
    assert all(place >= 0 for track in tracks.values() for each in track for place in each)


def test_a_clock_set_back_leaves_every_status_its_length(tmp_path: Path) -> None:
    events = story()
    set_back = [msgspec.structs.replace(one, ts_ns=one.ts_ns - 3600 * 10**9) for one in events[6:]]
    store = recorded(tmp_path / "store.db", [*events[:6], *set_back], "nova", "b")
    assert slices(trace(store), "nova", "status")[2] == ("websocket_connected", 1212, 3788)
