"""The spans of a trace: those of all its sessions, on all connections, in the runs of one boot."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.support.builders import TRACE, dialled, event, loss, source, usable
from tests.support.recordings import FixedClock, Recording
from wsmon.model.events import Event
from wsmon.store.reader import Reader

NAME, OTHER = "binance-spot", "coinbase"
FIRST, SECOND, ELSEWHERE, UNTRACED = "a" * 16, "b" * 16, "c" * 16, "e" * 16


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


def test_a_trace_has_the_spans_of_all_its_sessions_on_whichever_connection(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME, OTHER) as recording:
        untraced = [
            msgspec.structs.replace(each, source=msgspec.structs.replace(each.source, trace_id=""))
            for each in session(UNTRACED, 30, OTHER)
        ]
        recording.write([*session(FIRST, 0), *session(SECOND, 10), *session(ELSEWHERE, 20, OTHER), *untraced])
    reader = Reader(tmp_path / "store.db", FixedClock())
    first, second, other, alone = (
        {span.span_id for span in reader.spans(each, 100)} for each in (FIRST, SECOND, ELSEWHERE, UNTRACED)
    )
    trace = {span.span_id for span in reader.spans(FIRST, 100, of_trace=True)}
    assert {span.span_id for span in reader.spans(UNTRACED, 100, of_trace=True)} == alone
    assert {span.span_id for span in reader.trace_spans(TRACE, 100)} == trace
    assert reader.trace_spans("unknown", 100) == reader.trace_spans("", 0) == ()
    reader.close()

    assert all((first, second, other, alone))
    assert trace == first | second | other


def test_a_trace_goes_on_in_later_runs_of_one_boot_and_not_of_another(tmp_path: Path) -> None:
    for number, name in enumerate((FIRST, SECOND, ELSEWHERE)):
        with Recording(tmp_path / "store.db", NAME, after_s=100 * number) as recording:
            recording.write(session(name, 100 * number + 1))
            if name == FIRST:
                recording.execute("UPDATE run SET boot_id = 'boot-0'")
            recording.end(100 * number + 9)
    reader = Reader(tmp_path / "store.db", FixedClock())
    before, after, newest = ({each.span_id for each in reader.spans(of, 100)} for of in (FIRST, SECOND, ELSEWHERE))
    assert {each.span_id for each in reader.trace_spans(TRACE, 100)} == after | newest
    assert {each.span_id for each in reader.spans(SECOND, 100, of_trace=True)} == after | newest
    assert {each.span_id for each in reader.spans(FIRST, 100, of_trace=True)} == before
    reader.close()


def test_of_a_long_trace_the_newest_spans_come_in_the_order_in_which_they_ended(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME) as recording:
        recording.write([*session(FIRST, 0), *session(SECOND, 10)])
    reader = Reader(tmp_path / "store.db", FixedClock())
    whole = reader.spans(SECOND, 100, of_trace=True)
    assert len(whole) > 3
    assert reader.spans(SECOND, 3, of_trace=True) == whole[-3:]
    assert reader.spans("d" * 16, 3, of_trace=True) == ()
    reader.close()
