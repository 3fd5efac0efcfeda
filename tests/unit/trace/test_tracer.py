"""The tracer of an application's connection: cases ST-01 … ST-21 of the tracers of the source systems."""

from __future__ import annotations

import datetime
import json
import re
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import SECOND_NS
from tests.support.fake_ports import FakeClock
from tests.support.processes import WSMON
from tests.support.stores import stored_events
from wsmon.clock import SystemClock
from wsmon.model.statuses import Status
from wsmon.trace import Sink, TracedTransition, Tracer, TraceStatistics, UnsafePathError

MS_NS = 1_000_000


class StepClock(FakeClock):
    """Both clocks in milliseconds, as the test sets them."""

    def __init__(self) -> None:
        super().__init__(0, 0)

    def at(self, wall_ms: int, mono_ms: int | None = None) -> None:
        """Let it be so late."""
        self._wall_ns = wall_ms * MS_NS
        self._mono_ns = (wall_ms if mono_ms is None else mono_ms) * MS_NS


class Trace:
    """A tracer, and steps at given milliseconds."""

    def __init__(self, folder: Path, sink: Sink, **arguments: Any) -> None:
        self.clock = StepClock()
        self.tracer = Tracer(sink=sink, clock=self.clock, export_dir=folder / "exports", **arguments)
        self.status: Status = "initialized"

    def steps(self, *steps: tuple[int, Status]) -> Trace:
        """Take transitions, each from the status before."""
        for at_ms, status in steps:
            self.clock.at(at_ms)
            self.tracer.transition(f"to_{status}", self.status, status)
            self.status = status
        return self

    def asked(self, at_ms: int, window_s: float | None = None) -> TraceStatistics:
        """The statistics at a time."""
        self.clock.at(at_ms)
        return self.tracer.statistics(window_s)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    one = Sink(tmp_path / "recording" / "store.db")
    yield one
    one.close()


@pytest.fixture
def trace(tmp_path: Path, sink: Sink) -> Trace:
    return Trace(tmp_path, sink)


def test_st_01_a_trace_begins_empty_with_an_id_of_its_own(trace: Trace) -> None:
    assert re.fullmatch("[0-9a-f]{32}", trace.tracer.trace_id)
    assert (len(trace.tracer), trace.tracer.history()) == (0, [])
    assert trace.tracer.statistics() == TraceStatistics(
        trace.tracer.trace_id, 0, 0, 0.0, 0.0, None, None, None, None, None
    )


def test_st_02_an_id_that_is_given_is_kept_to_the_letter(sink: Sink) -> None:
    assert Tracer("custom-trace-123", sink=sink).trace_id == "custom-trace-123"


def test_st_03_a_transition_keeps_its_fields_and_metadata(trace: Trace) -> None:
    pid = object()
    trace.clock.at(1_000)
    trace.tracer.transition("connect", "initialized", "connected", {"gun_pid": pid})
    assert trace.tracer.history() == [TracedTransition("connect", "initialized", "connected", 1_000, {"gun_pid": pid})]


def test_st_04_one_session_and_a_reconnect(trace: Trace) -> None:
    found = trace.steps((1000, "connected"), (1500, "disconnected"), (1600, "reconnecting")).asked(1600)
    assert (found.connection_count, found.reconnection_count, found.total_uptime_ms) == (1, 1, 500)
    assert (found.last_connected_at, found.last_disconnected_at) == (1000, 1500)


def test_st_05_a_history_has_the_order_in_which_things_happened(trace: Trace) -> None:
    types = ["init", "connect", "upgrade", "disconnect", "reconnect"]
    for event_type in types:
        trace.tracer.transition(event_type, "initialized", "connecting")
    assert [each.event_type for each in trace.tracer.history()] == types


SESSION: tuple[tuple[int, Status], ...] = (
    (900, "connecting"), (1000, "connected"), (1050, "websocket_connected"), (1500, "disconnected"),
)  # fmt: skip


def test_st_06_transport_counts_from_connected(trace: Trace) -> None:
    found = trace.steps(*SESSION).asked(2000)
    assert (found.connection_count, found.reconnection_count) == (1, 0)
    assert (found.total_uptime_ms, found.ws_uptime_ms) == (500, 450)


def test_st_07_an_export_has_host_port_statistics_and_events(tmp_path: Path, sink: Sink) -> None:
    trace = Trace(tmp_path, sink, host="example.com", port=443).steps(*SESSION)
    (tmp_path / "exports").mkdir()
    trace.tracer.export(tmp_path / "exports" / "trace.json")
    document = json.loads((tmp_path / "exports" / "trace.json").read_text())
    assert (document["host"], document["port"], document["left_out"]) == ("example.com", 443, 0)
    assert document["statistics"]["connection_count"] == 1
    assert [event["to_status"] for event in document["events"]] == [status for _, status in SESSION]
    assert document["events"][0] == {
        "event_type": "to_connecting", "from_status": "initialized", "to_status": "connecting",
        "timestamp": 900, "metadata": {},
    }  # fmt: skip


def test_st_08_a_living_session_counts_until_it_is_asked(trace: Trace) -> None:
    trace.steps((1000, "connected"))
    assert [trace.asked(at).total_uptime_ms for at in (1750, 1750, 2000)] == [750, 750, 1000]


def test_st_09_a_session_within_one_tick_was_up_for_a_millisecond(trace: Trace) -> None:
    assert trace.steps((1000, "connected"), (1000, "disconnected")).asked(2000).total_uptime_ms == 1


def test_st_10_an_export_of_nothing_has_no_events(trace: Trace, tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    trace.tracer.export(tmp_path / "exports" / "none.json")
    document = json.loads((tmp_path / "exports" / "none.json").read_text())
    assert (document["events"], document["statistics"]["connection_count"]) == ([], 0)
    found = trace.tracer.statistics()
    assert (found.connection_count, found.total_uptime_ms, found.reconnection_count) == (0, 0, 0)


def test_st_11_a_trace_needs_no_beginning(trace: Trace) -> None:
    """A tracer is its own context: the first transition is recorded as any other."""
    trace.steps((1000, "disconnected"))
    assert len(trace.tracer) == 1


def test_st_12_sessions_add_up(trace: Trace) -> None:
    steps: tuple[tuple[int, Status], ...] = (
        (1000, "connected"), (1500, "disconnected"), (1600, "reconnecting"),
        (1800, "connected"), (2000, "disconnected"),
    )  # fmt: skip
    found = trace.steps(*steps).asked(3000)
    assert (found.connection_count, found.total_uptime_ms, found.reconnection_count) == (2, 700, 1)


def test_st_13_a_failed_dial_is_a_disconnect_without_uptime(trace: Trace) -> None:
    found = trace.steps((1000, "connecting"), (1500, "disconnected")).asked(2000)
    assert (found.total_uptime_ms, found.last_disconnected_at) == (0, 1500)


def test_st_14_a_failed_attempt_does_not_add_the_session_before_it_again(trace: Trace) -> None:
    steps: tuple[tuple[int, Status], ...] = (
        (1000, "connected"), (1500, "disconnected"), (1600, "reconnecting"), (1700, "connecting"),
        (2000, "disconnected"),
    )  # fmt: skip
    assert trace.steps(*steps).asked(3000).total_uptime_ms == 500


@pytest.mark.parametrize("end", ["error", "closed"])
def test_st_15_giving_up_and_closing_stop_the_clock(trace: Trace, end: Status) -> None:
    assert trace.steps((1000, "connected"), (1500, end)).asked(5000).total_uptime_ms == 500


def test_st_16_a_session_that_begins_as_the_last_one_ends_is_alive(trace: Trace) -> None:
    found = trace.steps((1000, "connected"), (1500, "disconnected"), (1500, "connected")).asked(2500)
    assert found.total_uptime_ms == 1500


def test_st_17_a_wall_clock_that_steps_back_changes_no_duration(trace: Trace) -> None:
    trace.clock.at(10_000, 1_000)
    trace.tracer.transition("up", "connecting", "connected")
    trace.clock.at(4_000, 1_500)
    trace.tracer.transition("down", "connected", "disconnected")
    assert trace.asked(4_000).total_uptime_ms == 500


class SteppingClock(SystemClock):
    """The clocks of this machine, whose wall clock the test steps back."""

    back_ns = 0

    def wall_ns(self) -> int:
        return super().wall_ns() - self.back_ns


def test_st_17_stats_shows_an_uptime_that_no_step_of_the_clock_changed(tmp_path: Path) -> None:
    """Through the store, as users see it."""
    store, clock = tmp_path / "store.db", SteppingClock()
    sink = Sink(store, own=True)
    tracer = Tracer(connection="feed", sink=sink, clock=clock)
    tracer.transition("dial", "initialized", "connecting")
    tracer.transition("up", "connecting", "connected")
    begun_ns = clock.mono_ns()
    clock.back_ns = 60 * SECOND_NS
    while clock.mono_ns() - begun_ns < SECOND_NS // 20:
        tracer.flush()
    tracer.transition("down", "connected", "disconnected", {"reason": "bye", "close_code": 1001})
    uptime_ms = tracer.statistics().total_uptime_ms
    sink.close(20)
    shown = subprocess.run(
        [str(WSMON), "stats", "--store", str(store), "--json"], capture_output=True, check=True, timeout=60
    )
    (feed,) = json.loads(shown.stdout)["connections"]
    assert feed["total_uptime_ms"] == pytest.approx(uptime_ms, abs=0.001)
    assert (feed["sessions"], feed["close_codes"]) == (1, {"1001": 1})
    down = stored_events(store)[-2]
    assert (down.name, down.type, down.reason) == ("connection.disconnected", "down", "bye")
    assert len(down.source.connection_id) == 16


@pytest.mark.parametrize(
    "path",
    ["../x.json", "exports/../x.json", "/etc/x.json", "exports/x.txt", "exports_evil/x.json", "exports/out.json"],
)
def test_st_18_an_export_leaves_its_folder_by_no_path(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for name in ("exports", "exports_evil"):
        (tmp_path / name).mkdir()
    (tmp_path / "exports" / "out.json").symlink_to(tmp_path / "outside.json")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsafePathError, match="nothing is exported to"):
        trace.tracer.export(path)
    assert sorted(each.name for each in tmp_path.rglob("*.json")) == ["out.json"]
    assert not (tmp_path / "outside.json").exists()


def test_st_18_a_folder_that_is_missing_is_not_made(trace: Trace, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        trace.tracer.export(tmp_path / "exports" / "x.json")


def test_st_19_an_export_holds_whatever_the_metadata_held(trace: Trace, tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    at = datetime.datetime(2026, 1, 10, tzinfo=datetime.UTC)
    ring: list[object] = []
    ring.append(ring)
    meta = {"bytes": b"\x00\xff", "at": at, "error": ValueError("no"), "nan": float("nan")}
    trace.tracer.transition("odd", "connecting", "connected", meta)
    trace.tracer.transition("ring", "connected", "disconnected", {"ring": ring})
    trace.tracer.export(tmp_path / "exports" / "x.json")
    odd, last = json.loads((tmp_path / "exports" / "x.json").read_text())["events"]
    assert odd["metadata"] == {"bytes": "AP8=", "at": "2026-01-10T00:00:00Z", "error": "ValueError: no", "nan": None}
    assert "ring" in last["metadata"]


def test_st_20_a_million_transitions_take_bounded_memory_and_none_is_missing(tmp_path: Path) -> None:
    """Of 100,000, with a block of 1,000: memory follows the block, not the number."""
    count, block = 100_000, 1_000
    sink = Sink(tmp_path / "store.db", buffer_bytes=100_000, spool_bytes=1_000)
    trace = Trace(tmp_path, sink, history_block=block)
    (tmp_path / "exports").mkdir()
    for number in range(2 * block):
        trace.tracer.transition("e", "connected", "connected", {"n": number})
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(2 * block, count):
        trace.tracer.transition("e", "connected", "connected", {"n": number})
    trace.tracer.export(tmp_path / "exports" / "x.json")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 10_000
    assert len(trace.tracer) == count
    pages = [trace.tracer.history(first, 7_000) for first in range(0, count, 7_000)]
    assert [each.metadata["n"] for page in pages for each in page] == list(range(count))
    assert len((tmp_path / "exports" / "x.json").read_bytes().splitlines()) == count + 1
    sink.close(0.1)


def test_st_21_frequency_of_reconnections(trace: Trace) -> None:
    minute = 60_000
    trace.steps(
        (0, "connecting"), (2 * minute, "reconnecting"), (4 * minute, "reconnecting"), (7 * minute, "reconnecting")
    )
    found = trace.asked(10 * minute)
    assert (found.reconnects_per_minute, found.reconnects_per_hour) == (0.3, 18)
    assert found.reconnect_gap_ms == 2.5 * minute
    # The last five minutes
    assert trace.asked(10 * minute, window_s=300).reconnects_per_hour == 12
    assert trace.asked(10 * minute, window_s=30).reconnects_per_hour is None


def test_a_status_that_wsmon_has_not_is_an_event_without_a_place_on_the_timeline(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    sink = Sink(store, own=True)
    tracer = Tracer("t-1", connection="feed", sink=sink)
    tracer.transition("park", "connected", "parked", {"a": 1})
    sink.close(20)
    (event,) = (event for event in stored_events(store) if event.source.connection == "feed")
    assert (event.type, event.to_status, event.source.trace_id) == ("transition", None, "t-1")
    assert event.meta == {"a": 1, "from_status": "connected", "to_status": "parked", "type": "park"}
