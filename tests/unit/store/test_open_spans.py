"""Spans that are under way: they have begun in the store, and no row says that they ended."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.support.builders import TRACE, dialled, event, loss, source, usable
from tests.support.recordings import FixedClock, Recording
from wsmon.model.events import Event, Source
from wsmon.store.open_spans import EARLIER_RUN
from wsmon.store.reader import Reader

NAME, SHOP = "binance-spot", "shop"
SESSION = "a" * 16
Shown = tuple[str, str, str, str, str]


def told(name: str, after_s: float, span_id: str, parent_id: str = "", trace: str = TRACE, **fields: object) -> Event:
    told = event(name, after_s, SHOP, size=0, span_id=span_id, parent_id=parent_id, type="work", **fields)  # type: ignore[arg-type]
    return msgspec.structs.replace(told, source=Source(SHOP, trace_id=trace))


def shown(path: Path, trace: str = TRACE, limit: int = 100) -> list[Shown]:
    reader = Reader(path, FixedClock())
    found = reader.trace_spans(trace, limit)
    reader.close()
    return [(each.span_id[0], each.parent_id[:1], each.operation, each.status, each.error) for each in found]


def test_what_has_begun_and_not_ended_is_open(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME, SHOP) as recording:
        recording.write(
            [
                told("trace.request.start", 1, "1" * 16),
                told("trace.span.start", 2, "2" * 16, "1" * 16),
                told("trace.span.start", 3, "3" * 16, "1" * 16),
                told("trace.span.end", 4, "2" * 16, "1" * 16, duration_ns=7, status="ok"),
                told("trace.span.start", 5, "4" * 16, trace="other"),
            ]
        )
    assert shown(tmp_path / "store.db") == [
        ("2", "1", "trace", "ok", ""),
        ("1", "", "trace", "open", ""),
        ("3", "1", "trace", "open", ""),
    ]
    assert shown(tmp_path / "store.db", "other") == [("4", "", "trace", "open", "")]


def test_open_spans_begin_where_their_events_were(tmp_path: Path) -> None:
    begun = told("trace.span.start", 2, "2" * 16)
    with Recording(tmp_path / "store.db", SHOP) as recording:
        recording.write([begun, begun])
    reader = Reader(tmp_path / "store.db", FixedClock())
    (found,) = reader.trace_spans(TRACE, 100)
    reader.close()
    assert (found.start_ns, found.start_mono_ns, found.duration_ns, found.name) == (
        begun.ts_ns,
        begun.mono_ns,
        None,
        "work",
    )


@pytest.mark.parametrize("has_ended", [False, True])
def test_a_session_that_lives_is_open_and_what_it_has_begun(tmp_path: Path, has_ended: bool) -> None:
    own = source(NAME, session=SESSION)
    subscribed = event("subscription.subscribe.started", 2, NAME, topic="trades", span_id="5" * 16, parent_id=SESSION)
    events = [dialled(0), usable(1), subscribed]
    with Recording(tmp_path / "store.db", NAME) as recording:
        recording.write([msgspec.structs.replace(each, source=own) for each in events])
        if has_ended:
            recording.write([msgspec.structs.replace(loss(9), source=own)])
    reader = Reader(tmp_path / "store.db", FixedClock())
    found = {str(each.span_id): (each.operation, each.status) for each in reader.spans(SESSION, 100)}
    whole = {str(each.span_id): (each.operation, each.status) for each in reader.spans(SESSION, 100, of_trace=True)}
    reader.close()
    assert found == whole
    assert found[SESSION] == ("session", "error" if has_ended else "open")
    assert found["5" * 16] == ("subscribe", "open")


def test_an_end_in_a_later_run_ends_what_an_earlier_one_began(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", SHOP) as recording:
        recording.write([told("trace.request.start", 1, "1" * 16), told("trace.span.start", 2, "2" * 16, "1" * 16)])
        recording.end(9)
    with Recording(tmp_path / "store.db", SHOP, after_s=100) as recording:
        recording.write(
            [
                told("trace.request.end", 101, "1" * 16, duration_ns=100, status=200),
                told("trace.span.start", 102, "3" * 16),
            ]
        )
    assert shown(tmp_path / "store.db") == [
        ("1", "", "trace", "ok", ""),
        ("2", "1", "trace", "open", EARLIER_RUN),
        ("3", "", "trace", "open", ""),
    ]


def test_what_is_under_way_comes_before_what_has_ended_where_there_is_no_room_for_both(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", SHOP) as recording:
        recording.write(
            [
                told("trace.span.start", 1, "1" * 16),
                *(told("trace.span.end", 2, str(n) * 16, duration_ns=7) for n in (2, 3, 4)),
                told("trace.span.start", 5, "5" * 16),
            ]
        )
    path = tmp_path / "store.db"
    assert [each[0] for each in shown(path, limit=3)] == ["4", "1", "5"]
    assert [each[0] for each in shown(path, limit=1)] == ["5"]
    assert shown(path, limit=0) == []


def test_the_newest_traces_of_a_connection_come_first(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", SHOP, NAME) as recording:
        recording.write([told("trace.span.start", n, f"{n}" * 16, trace=f"trace {n}") for n in (1, 2, 3)])
        recording.write([msgspec.structs.replace(event("trace.log", 4, SHOP, size=0), source=Source(SHOP))])
    reader = Reader(tmp_path / "store.db", FixedClock())
    assert reader.newest_traces(SHOP, 2) == ("trace 3", "trace 2")
    assert reader.newest_traces(NAME, 9) == reader.newest_traces("unknown", 9) == ()
    reader.close()
