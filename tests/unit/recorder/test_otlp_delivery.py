"""Health of sending (failing, after a loss, well again), and the position that survives a restart."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

from tests.support.builders import at_ns, event, loss, message
from tests.support.collectors import answer
from tests.support.engines import raw_server
from tests.support.fake_ports import FakeClock
from tests.support.recordings import FixedClock, Recording
from tests.support.session_events import FIRST, SECOND, of, opening
from wsmon.config.specs import OtlpSpec
from wsmon.export.otlp import RecordKind
from wsmon.model.metrics import SignalTotals, SinkState
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.otlp_delivery import (
    LOSS_SHOWN_NS,
    Accepted,
    Backlog,
    Collector,
    PushPosition,
    RecordBatch,
    SinkHealth,
    read_position,
    write_position,
)

ALL: tuple[RecordKind, ...] = ("spans", "logRecords", "metrics")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def health(clock: FakeClock) -> SinkHealth:
    made = SinkHealth((), clock)
    made.follow("http://c:4318", ALL)
    return made


def test_nothing_is_said_of_a_sink_that_nobody_asked_for(clock: FakeClock) -> None:
    health = SinkHealth((), clock)
    assert (health.warning, health.state()) == ("", None)


def test_it_is_well_until_something_fails(health: SinkHealth) -> None:
    assert health.warning == ""
    assert health.state() == SinkState(
        "otlp", is_up=True, signals=tuple(SignalTotals(name) for name in ("spans", "logs", "metrics"))
    )


def test_a_failure_is_said_with_its_age_and_what_waits(health: SinkHealth, clock: FakeClock) -> None:
    health.failed("spans", "answered 503")
    clock.advance(35)
    health.failed("spans", "did not answer within 10 s")
    health.wait("spans", 12_345)
    assert health.warning == (
        "otlp: spans not sent for 35 s: http://c:4318 did not answer within 10 s; 12,345 events wait"
    )
    for kind in ALL:
        health.failed(kind, "answered 503")
    assert health.warning.startswith("otlp: telemetry not sent for 35 s: ")


def test_it_is_well_again_when_records_arrive(health: SinkHealth) -> None:
    health.failed("spans", "answered 503")
    health.taken("spans", 7)
    assert health.warning == ""
    state = health.state()
    assert state is not None
    assert (state.is_up, state.signals[0]) == (True, SignalTotals("spans", 7, 0))


def test_a_loss_is_said_for_a_while_and_counted_for_ever(health: SinkHealth, clock: FakeClock) -> None:
    health.dropped("logRecords", 1_000, "http://c:4318 answered 400")
    health.dropped("logRecords", 234, "http://c:4318 answered 400")
    assert health.warning == "otlp: 1,234 logs were lost: http://c:4318 answered 400"
    clock.advance(LOSS_SHOWN_NS / 1e9 + 1)
    assert health.warning == ""
    health.dropped("logRecords", 1, "http://c:4318 answered 400")
    assert health.warning == "otlp: 1 logs were lost: http://c:4318 answered 400"
    state = health.state()
    assert state is not None
    assert state.signals[1] == SignalTotals("logs", 0, 1_235)


def test_another_collector_begins_well_and_what_was_counted_stays(health: SinkHealth) -> None:
    health.taken("spans", 3)
    health.failed("metrics", "answered 404")
    health.follow("http://d:4318", ("spans",))
    assert health.warning == ""
    assert health.state() == SinkState("otlp", is_up=True, signals=(SignalTotals("spans", 3, 0),))
    health.follow("", ())
    assert health.state() == SinkState("otlp", is_up=True, signals=(SignalTotals("spans", 3, 0),))


def test_it_is_what_was_written(tmp_path: Path) -> None:
    position = PushPosition("id").moved("spans", 7).moved("spans", 8, {"a1": 3}).moved("logRecords", 9)
    write_position(tmp_path / "store.db", position)
    found = read_position(tmp_path / "store.db", "id")
    assert (found.of("spans"), found.of("logRecords"), found.parts) == (8, 9, {"a1": 3})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recorder.otlp"]


def test_that_of_another_store_is_none(tmp_path: Path) -> None:
    write_position(tmp_path / "store.db", PushPosition("id", 8, 9))
    assert read_position(tmp_path / "store.db", "other") == PushPosition("other")


@pytest.mark.parametrize("content", [b"", b"[" * 60_000, b"{}", b"[1]", b"\xff", b'{"store_id":"id","spans":"x"}'])
def test_a_file_that_is_none_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "recorder.otlp").write_bytes(content)
    assert read_position(tmp_path / "store.db", "id") == PushPosition("id")


def test_stores_that_share_a_folder_have_their_own(tmp_path: Path) -> None:
    write_position(tmp_path / "a.db", PushPosition("a", 1, 1))
    write_position(tmp_path / "b.db", PushPosition("b", 2, 2))
    assert read_position(tmp_path / "a.db", "a") == PushPosition("a", 1, 1)


def test_d11_it_is_the_users_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_position(tmp_path / "store.db", PushPosition("id", 8, 9))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "recorder.otlp").stat().st_mode) == 0o600


def test_d11_one_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    write_position(tmp_path / "store.db", PushPosition("id", 8, 9))
    (tmp_path / "recorder.otlp").chmod(0o666)
    assert read_position(tmp_path / "store.db", "id") == PushPosition("id")


def names(batch: RecordBatch) -> list[tuple[str, int, bool]]:
    """Name, part and whether it goes on, of each span of a session."""
    found = []
    for record in map(json.loads, batch.records):
        told = {each["key"]: each["value"] for each in record["attributes"]}
        if "wsmon.part" in told:
            found.append((record["name"], int(told["wsmon.part"]["intValue"]), "websocket.open" in told))
    return found


def test_a_part_of_an_open_session_is_sent_once_it_is_over(tmp_path: Path) -> None:
    clock = FixedClock(10)
    with Recording(tmp_path / "store.db", "nova") as recording:
        recording.write(of(FIRST, *opening(1), message("hello", 2, "nova")))
        backlog = Backlog(recording.path, clock, "spans", 0)
        assert names(backlog.next()) == []
        clock.after_s = 905.9
        assert names(backlog.next()) == []
        clock.after_s = 906
        sent = backlog.next()
        assert names(sent) == [("websocket session", 1, True)]
        assert (sent.up_to_id, sent.parts) == (4, {FIRST: 1})
        assert names(backlog.next()) == []
        backlog.close()
        # It was cut off, and missed two parts
        backlog = Backlog(recording.path, clock, "spans", sent.up_to_id, sent.parts)
        clock.after_s = 3_000
        assert names(backlog.next()) == [("websocket session", 2, True), ("websocket session", 3, True)]
        recording.write(of(FIRST, loss(3_001, "nova")))
        ended = backlog.next()
        assert names(ended) == [("websocket session", 4, False)]
        assert ended.parts == {}
        backlog.close()


def test_the_end_of_a_recorder_sends_the_last_part_of_what_goes_on(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", "nova") as recording:
        recording.write([*of(FIRST, *opening(1)), event("self.run.ended", 1_000, connection="")])
        backlog = Backlog(recording.path, FixedClock(1_000), "spans", 0)
        batch = backlog.next()
        backlog.close()
    assert names(batch) == [("websocket session", 1, True), ("websocket session", 2, True)]
    record = json.loads(batch.records[-1])
    assert (record["endTimeUnixNano"], batch.parts) == (str(at_ns(1_000)), {FIRST: 2})


def test_a_session_of_an_earlier_run_is_over_only_when_that_is_known(tmp_path: Path) -> None:
    clock = FixedClock(10_000)
    with Recording(tmp_path / "store.db", "nova") as recording:
        recording.write(of(FIRST, *opening(1)))
    with Recording(tmp_path / "store.db", "nova", after_s=9_000) as recording:
        newest_id = recording.write([event("self.run.started", 9_000, connection="")])
        backlog = Backlog(recording.path, clock, "spans", newest_id)
        assert names(backlog.next()) == []
        recording.write(of(SECOND, *opening(9_500)))
        assert names(backlog.next()) == [("websocket session", 1, True)]
        backlog.close()


@pytest.mark.parametrize(
    ("body", "rejected"),
    [
        (b"{}", 0),
        (b'{"partialSuccess":{"rejectedSpans":"3","rejectedLogRecords":4,"rejectedDataPoints":"0"}}', 7),
        (b'{"partialSuccess":{"rejectedSpans":"' + b"9" * 5_000 + b'"}}', 0),
        (b'{"partialSuccess":{"rejectedSpans":' + b"9" * 5_000 + b"}}", 0),
        (b'{"partialSuccess":{"rejectedSpans":true}}', 0),
        (b'{"partialSuccess":{"rejectedSpans":-3}}', 0),
        ('{"partialSuccess":{"rejectedSpans":"\u0663"}}'.encode(), 0),
        (b'{"partialSuccess":' * 15_000, 0),
        (b'{"partialSuccess":' + b"[" * 60_000 + b"]" * 60_000 + b"}", 0),
        (b'{"partialSuccess":[1]}', 0),
        (b"[]", 0),
        (b"\xff", 0),
    ],
)
async def test_a2_an_answer_rejects_what_it_counts_and_odd_counts_are_none(body: bytes, rejected: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer("200 OK", body=body))
        await writer.drain()

    async with raw_server(serve) as port:
        collector = Collector(OtlpSpec(Sensitive(f"http://127.0.0.1:{port}")), {}, FakeClock())
        assert await collector.send("spans", b"{}") == Accepted(rejected)
