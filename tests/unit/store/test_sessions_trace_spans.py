"""The spans of a trace: those of all sessions of a connection in one run."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.support.builders import dialled, event, loss, source, usable
from tests.support.recordings import FixedClock, Recording
from wsmon.model.events import Event
from wsmon.store.reader import Reader

NAME, OTHER = "binance-spot", "coinbase"
FIRST, SECOND, ELSEWHERE = "a" * 16, "b" * 16, "c" * 16


def session(session_id: str, after_s: float, connection: str = NAME) -> list[Event]:
    reply = event(
        "message.process.completed",
        after_s + 1,
        size=0,
        span_id=f"{session_id[:15]}d",
        parent_id=session_id,
        duration_ns=7,
    )
    own = source(connection, session=session_id)
    events = (dialled(after_s), usable(after_s + 0.5), reply, loss(after_s + 2))
    return [msgspec.structs.replace(each, source=own) for each in events]


def test_a_trace_has_the_spans_of_all_its_sessions_and_of_no_other_connection(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME, OTHER) as recording:
        recording.write([*session(FIRST, 0), *session(SECOND, 10), *session(ELSEWHERE, 20, OTHER)])
    reader = Reader(tmp_path / "store.db", FixedClock())
    first, second, other = ({span.span_id for span in reader.spans(each, 100)} for each in (FIRST, SECOND, ELSEWHERE))
    trace = {span.span_id for span in reader.spans(FIRST, 100, of_trace=True)}
    reader.close()

    assert first
    assert second
    assert trace >= first | second
    assert not trace & other


def test_of_a_long_trace_the_newest_spans_come_in_the_order_in_which_they_ended(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME) as recording:
        recording.write([*session(FIRST, 0), *session(SECOND, 10)])
    reader = Reader(tmp_path / "store.db", FixedClock())
    whole = reader.spans(SECOND, 100, of_trace=True)
    assert len(whole) > 3
    assert reader.spans(SECOND, 3, of_trace=True) == whole[-3:]
    assert reader.spans("d" * 16, 3, of_trace=True) == ()
    reader.close()
