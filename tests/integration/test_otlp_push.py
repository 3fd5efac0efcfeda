"""Telemetry that is sent from a store: to a collector that takes it, that does not want it, and that is not there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support.background import background
from tests.support.builders import T0_NS, at_ns, event, loss, message
from tests.support.collectors import HANG, OK, RESET, FakeCollector, answer, plain
from tests.support.engines import raw_server
from tests.support.external_programs import free_port
from tests.support.fake_ports import FaultLog
from tests.support.metrics_samples import FACTS, FEED
from tests.support.recordings import FixedClock, Recording
from tests.support.session_events import FIRST, SECOND, of, opening, story
from wsmon.config.specs import OtlpSpec, ReconnectSpec
from wsmon.errors import StoreError
from wsmon.export.otlp_spans import session_records
from wsmon.model.metrics import MetricFamily, SignalTotals, connection_families, recorder_families
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.otlp_delivery import PAGE_EVENTS, RetryTiming
from wsmon.recorder.otlp_push import OtlpPusher, PushContext

SOON_S = 10.0
SECRET = "hunter22-and-more"
TRACES, LOGS, METRICS = "/v1/traces", "/v1/logs", "/v1/metrics"
AT_ONCE = ReconnectSpec(initial_s=1.0, max_s=4.0, factor=2.0, jitter=0.0)


async def families() -> tuple[MetricFamily, ...]:
    return (*connection_families((FEED,)), *recorder_families(FACTS))


class Sender:
    """What is under test, and the pauses that it made."""

    def __init__(self, store: Path, first_id: int = 0) -> None:
        self.pauses_s: list[float] = []
        told = PushContext(store, first_id, T0_NS, families, {"host.name": "box"})
        timing = RetryTiming(FixedClock(30), lambda: 0.0, self._pause, AT_ONCE, AT_ONCE)
        self.faults = FaultLog()
        self.sending = OtlpPusher(told, timing, self.faults)

    def to(self, port: int, *signals: str, path: str = "") -> None:
        url = f"http://127.0.0.1:{port}{path}"
        headers = (("Authorization", Sensitive(f"Bearer {SECRET}", "[FILTERED]")),)
        self.sending.configure(OtlpSpec(Sensitive(url), headers, signals or ("spans", "metrics", "logs")))

    def signal(self, name: str) -> SignalTotals:
        found = [each for state in self.sending.states() for each in state.signals if each.signal == name]
        return found[0] if found else SignalTotals(name)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not holds():
                await asyncio.sleep(0.005)  # it tells nobody what it does

    async def until_sent(self, name: str, least: int = 1) -> None:
        """What is under way when it ends is sent twice: a test that counts waits for the answer."""
        await self.until(lambda: self.signal(name).sent >= least)

    async def _pause(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        await asyncio.sleep(0.01)


def noted(store: Path) -> bytes:
    """What stands beside the store about what was sent."""
    path = store.with_name("recorder.otlp")
    return path.read_bytes() if path.exists() else b""


@asynccontextmanager
async def sending(sender: Sender) -> AsyncIterator[Sender]:
    try:
        async with background(sender.sending.run(), "sending"):
            yield sender
    finally:
        await sender.sending.finish()


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """A store with a story in it, that more can be written to."""
    made = Recording(tmp_path / "store.db", "nova", "b")
    made.write(story())
    return made


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as open_ones:
        yield open_ones


async def test_the_paths_stand_behind_that_of_the_configuration(recording: Recording) -> None:
    collector = FakeCollector("/collect")
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port, path="/collect/")
            for path in (TRACES, LOGS, METRICS):
                await collector.until(path)


async def test_spans_are_those_of_the_export(recording: Recording) -> None:
    collector = FakeCollector()
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port)
            await collector.until_logged("connection.reconnect.failed")
            await collector.until(TRACES)
            await collector.until(METRICS)
    found = {(plain(span.attributes)["websocket.connection_id"], span.name) for span in collector.spans}
    dial = {"dns", "tcp", "tls", "upgrade", "websocket connect"}
    third = {plain(span.attributes)["websocket.connection_id"] for span in collector.spans} - {FIRST, SECOND}
    assert found == {
        *((FIRST, name) for name in {*dial, "websocket session"}),
        (SECOND, "websocket connect"),
        *((session, name) for session in third for name in dial),  # it goes on: its own span comes with its end
    }
    assert len(collector.spans) == len(found)
    session = next(span for span in collector.spans if span.name == "websocket session")
    assert (session.span_id.hex(), session.start_time_unix_nano, session.end_time_unix_nano) == (
        FIRST, at_ns(1), at_ns(5),
    )  # fmt: skip
    failed = next(span for span in collector.spans if span.name == "websocket connect" and span.links)
    assert failed.links[0].span_id.hex() == FIRST
    resource = plain(collector.taken[TRACES][0].resource_spans[0].resource.attributes)
    assert (resource["service.name"], resource["host.name"]) == ("wsmon", "box")
    assert {head["authorization"] for head in collector.heads} == {f"Bearer {SECRET}"}


async def test_logs_are_all_events_but_messages_and_healthy_heartbeats(recording: Recording) -> None:
    collector = FakeCollector()
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port, "logs")
            await sender.until_sent("logs")
    told = [one.name for one in story() if not one.name.startswith(("message.", "heartbeat."))]
    assert collector.names == told
    assert set(collector.asked) == {LOGS}


async def test_messages_are_sent_as_stored_where_they_are_asked_for(recording: Recording) -> None:
    collector = FakeCollector()
    masked = message('{"token":"[FILTERED]"}', 20, "nova", redacted=True, type="login", topic="room")
    odd = message(b"\xff\x00", 21, "nova", direction="out", truncated=True, size=99)
    with recording:
        first_id = recording.write([])
        recording.write([masked, event("error.occurred", 20.5, "nova", error_type="reset"), odd])
        async with raw_server(collector.serve) as port, sending(Sender(recording.path, first_id)) as sender:
            sender.to(port, "messages")
            await sender.until_sent("messages", 2)
            newest = str(recording.write([])).encode()
            await sender.until(lambda: b'"messages":' + newest in noted(recording.path))
    assert (sender.signal("messages"), sender.signal("logs")) == (SignalTotals("messages", 2), SignalTotals("logs"))
    assert collector.asked == [LOGS]
    first, second = collector.logs
    assert (first.event_name, first.time_unix_nano, first.body.string_value) == (
        "message.received", at_ns(20), '{"token":"[FILTERED]"}',
    )  # fmt: skip
    assert (second.event_name, second.body.bytes_value) == ("message.sent", b"\xff\x00")
    assert plain(first.attributes) == {
        "websocket.event.id": first_id + 1,
        "websocket.event.mono_ns": masked.mono_ns,
        "websocket.connection": "nova",
        "websocket.connection_id": masked.source.connection_id,
        "websocket.trace_id": masked.source.trace_id,
        "websocket.run": 1,
        "websocket.direction": "in",
        "websocket.opcode": "text",
        "websocket.type": "login",
        "websocket.topic": "room",
        "websocket.size": masked.size,
        "websocket.wire_size": masked.wire_size,
        "websocket.redacted": True,
    }


async def test_messages_wait_in_the_store_while_the_collector_is_away_and_hold_up_no_other_signal(
    recording: Recording,
) -> None:
    """Both go to the same path: what is answered 503 is sent again, each by its own position."""
    collector = FakeCollector()
    count = 3 * PAGE_EVENTS
    with recording:
        first_id = recording.write([])
        recording.write([message(f"m{number}", 20 + number / 1_000, "nova") for number in range(count)])
        recording.write([event("error.occurred", 30, "nova", error_type="reset")])
        collector.answers[LOGS] = [answer("503 away")] * 4
        async with raw_server(collector.serve) as port, sending(Sender(recording.path, first_id)) as sender:
            sender.to(port, "logs", "messages")
            await sender.until_sent("messages", count)
            await sender.until_sent("logs", 1)
    bodies = [log.body.string_value for log in collector.logs if log.event_name == "message.received"]
    assert bodies == [f"m{number}" for number in range(count)]
    assert collector.names.count("error.occurred") == 1
    assert sender.signal("messages") == SignalTotals("messages", count)


async def test_metrics_are_points_of_the_protocol(recording: Recording) -> None:
    collector = FakeCollector()
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port, "metrics")
            await collector.until(METRICS)
            await sender.until(lambda: sender.signal("metrics").sent > 0)
    metrics = {each.name: each for each in collector.taken[METRICS][0].resource_metrics[0].scope_metrics[0].metrics}
    received = {
        plain(p.attributes).get("websocket.type", ""): p for p in metrics["wsmon.message.received"].sum.data_points
    }
    assert {kind: point.as_int for kind, point in received.items()} == {"trade": 6, "book": 3, "": 1}
    assert received["trade"].start_time_unix_nano == T0_NS
    assert received["trade"].time_unix_nano == at_ns(30)
    took = metrics["wsmon.connection.completed.duration"]
    (point,) = took.histogram.data_points
    assert (took.unit, point.count, list(point.bucket_counts)) == ("s", 4, [2, 1, 0, 0, 0, 1])
    assert list(point.explicit_bounds) == [0.01, 0.1, 0.5, 1.0, 5.0]
    sizes = metrics["wsmon.message.received.size"].summary.data_points
    assert {plain(p.attributes).get("websocket.type", ""): (p.count, p.sum) for p in sizes} == {
        "trade": (6, 1_200),
        "book": (3, 790),
        "": (1, 10),
    }


@pytest.mark.parametrize("trouble", [answer("503 Busy"), answer("429 Slow down"), answer("500 Oops"), RESET])
async def test_what_fails_is_sent_again_and_arrives_once(recording: Recording, trouble: bytes) -> None:
    collector = FakeCollector()
    collector.answers[LOGS] = [trouble] * 3
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port, "logs")
            await collector.until_logged("connection.reconnect.failed")
            await sender.until(lambda: sender.signal("logs").sent > 0)
    assert len(collector.names) == len(collector.taken[LOGS][0].resource_logs[0].scope_logs[0].log_records)
    assert [pause for pause in sender.pauses_s if pause in (2.0, 4.0)] == [2.0, 4.0]
    assert sender.signal("logs") == SignalTotals("logs", len(collector.names), 0)


async def test_retry_after_is_honoured(recording: Recording) -> None:
    collector = FakeCollector()
    collector.answers[LOGS] = [answer("429 Slow down", "Retry-After: 17")]
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port, "logs")
            await collector.until_logged("connection.reconnect.failed")
    assert 17.0 in sender.pauses_s


async def test_while_it_is_away_that_is_said_and_then_the_backlog_arrives(
    recording: Recording, stack: AsyncExitStack
) -> None:
    collector, port = FakeCollector(), free_port()
    with recording:
        async with sending(Sender(recording.path)) as sender:
            sender.to(port, "logs")
            await sender.until(lambda: bool(sender.sending.health.warning))
            warning = sender.sending.health.warning
            assert not sender.sending.states()[0].is_up
            for number in range(1_000):
                recording.write([event("error.occurred", 10 + number, "nova", error_type="reset")])
            await stack.enter_async_context(raw_server(collector.serve, port=port))
            await sender.until_sent("logs", 1_012)
            await sender.until(lambda: not sender.sending.health.warning)
    assert warning.startswith(f"otlp: telemetry not sent for 0 s: http://127.0.0.1:{port} cannot be reached: ")
    assert sender.sending.states()[0].is_up
    assert sender.sending.states()[0].behind_events == 0
    assert collector.names.count("error.occurred") == 1_000


async def test_a_signal_that_is_not_wanted_holds_up_no_other(recording: Recording) -> None:
    collector = FakeCollector()
    collector.standing[LOGS] = answer("404 Not Found")
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port)
            await sender.until(lambda: bool(collector.spans) and "404" in sender.sending.health.warning)
            warning = sender.sending.health.warning
            assert collector.logs == []
            del collector.standing[LOGS]
            await collector.until_logged("connection.reconnect.failed")
            await sender.until(lambda: not sender.sending.health.warning)
    assert warning.startswith("otlp: logs not sent for 0 s: ")
    assert "answered 404: it does not accept our telemetry; " in warning


async def test_records_that_are_refused_are_counted_and_shown(recording: Recording) -> None:
    collector = FakeCollector()
    collector.answers[LOGS] = [answer("400 Bad Request")]
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port, "logs")
            await sender.until(lambda: sender.signal("logs").dropped > 0)
            lost = sender.signal("logs").dropped
            recording.write([event("error.occurred", 20, "nova", error_type="reset")])
            await collector.until_logged("error.occurred")
    assert lost == len([one for one in story() if not one.name.startswith(("message.", "heartbeat."))])
    assert sender.sending.health.warning == (
        f"otlp: {lost} logs were lost: http://127.0.0.1:{port} answered 400: the records are refused"
    )


async def test_what_a_collector_says_that_it_rejected_is_counted(recording: Recording) -> None:
    collector = FakeCollector()
    collector.answers[TRACES] = [answer("200 OK", body=b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"x"}}')]
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port, "spans")
            await sender.until(lambda: sender.signal("spans").dropped > 0)
    assert sender.signal("spans") == SignalTotals("spans", len(collector.spans) - 2, 2)


async def test_what_is_too_large_is_cut_in_two_until_it_fits(recording: Recording) -> None:
    collector = FakeCollector()
    collector.answers[LOGS] = [answer("413 Content Too Large"), OK, answer("413 Content Too Large")]
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port, "logs")
            await sender.until_sent("logs", 12)
    assert collector.names == [one.name for one in story() if not one.name.startswith(("message.", "heartbeat."))]
    assert len(collector.taken[LOGS]) == 3


async def test_a_restart_goes_on_where_it_was(recording: Recording) -> None:
    collector = FakeCollector()
    with recording:
        async with raw_server(collector.serve) as port:
            async with sending(Sender(recording.path)) as sender:
                sender.to(port)
                newest = str(recording.write([])).encode()
                await sender.until(lambda: noted(recording.path).count(b":" + newest) == 2)
            spans, before = len(collector.spans), len(collector.names)
            recording.write(of("00000000000000a3", *opening(20, "nova")))
            async with sending(Sender(recording.path, first_id=10**6)) as sender:
                sender.to(port)
                await sender.until_sent("logs", 3)
                await sender.until_sent("spans", 5)
    assert collector.names[before:] == ["connection.started", "connection.open", "connection.completed"]
    assert len({span.span_id for span in collector.spans}) == len(collector.spans) == spans + 5


async def test_without_a_place_of_its_own_it_begins_with_the_run(recording: Recording) -> None:
    collector = FakeCollector()
    with recording:
        first_id = recording.write([])
        recording.write([event("error.occurred", 20, "nova", error_type="reset"), message("x", 21, "nova")])
        async with raw_server(collector.serve) as port, sending(Sender(recording.path, first_id)) as sender:
            sender.to(port)
            await sender.until_sent("logs")
    assert collector.names == ["error.occurred"]


async def test_what_was_pruned_before_it_was_sent_is_counted(recording: Recording) -> None:
    collector = FakeCollector()
    with recording:
        recording.execute("DELETE FROM event WHERE id < 9")
        recording.execute("UPDATE meta SET value = 9 WHERE key = 'oldest_id'")
        recording.write([event("error.occurred", 20, "nova", error_type="reset")])
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port, "logs")
            await collector.until_logged("error.occurred")
    assert sender.signal("logs").dropped == 8
    assert "8 logs were lost: the store removed these events before they could be sent" in sender.sending.health.warning


async def test_what_holds_no_record_is_not_lost_when_it_is_pruned_before_a_restart(recording: Recording) -> None:
    collector = FakeCollector()
    with recording:
        async with raw_server(collector.serve) as port:
            async with sending(Sender(recording.path)) as sender:
                sender.to(port, "logs")
                await sender.until_sent("logs", 12)
                newest_id = recording.write([message(f"m{number}", 20 + number, "nova") for number in range(9)])
            recording.execute("DELETE FROM event WHERE id <= ?", newest_id)
            recording.execute("UPDATE meta SET value = ? WHERE key = 'oldest_id'", newest_id + 1)
            recording.write([event("error.occurred", 30, "nova", error_type="reset")])
            async with sending(Sender(recording.path)) as sender:
                sender.to(port, "logs")
                await sender.until_sent("logs")
    assert sender.signal("logs") == SignalTotals("logs", 1, 0)


async def test_a_page_that_could_not_be_read_to_its_end_is_read_again_from_its_beginning(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector, session = FakeCollector(), "00000000000000a4"
    failed: list[str] = []

    def fail_once(*arguments: Any) -> Iterator[bytes]:
        yield from session_records(*arguments)
        if not failed:
            failed.append("once")
            raise StoreError("the store cannot be read", "")

    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.to(port, "spans")
            recording.write(of(session, *opening(20, "nova")))
            await sender.until_sent("spans", 10)
            sent = len(collector.spans)
            monkeypatch.setattr("wsmon.recorder.otlp_delivery.session_records", fail_once)
            recording.write(of(session, loss(2_000, "nova")))
            await sender.until_sent("spans", sent + 3)
    assert failed
    found = [plain(span.attributes) for span in collector.spans if span.name == "websocket session"]
    parts = [each["wsmon.part"] for each in found if each["websocket.connection_id"] == session]
    assert parts == [1, 2, 3]


async def test_the_end_sends_what_is_left_and_waits_for_nobody(recording: Recording) -> None:
    collector = FakeCollector()
    with recording:
        async with raw_server(collector.serve) as port:
            async with sending(Sender(recording.path)) as sender:
                sender.to(port)
                await sender.until_sent("logs")
                recording.write([event("self.run.ended", 30, "")])
            assert "self.run.ended" in collector.names
            collector.standing = dict.fromkeys((TRACES, LOGS, METRICS), HANG)
            began_s = asyncio.get_running_loop().time()
            async with sending(Sender(recording.path)) as sender:
                sender.to(port)
                await collector.until(METRICS, collector.asked.count(METRICS) + 1)
                recording.write([event("error.occurred", 40, "nova", error_type="reset")])
            assert asyncio.get_running_loop().time() - began_s < SOON_S / 2


async def test_certificates_are_verified(recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, collector = trustme.CA(), FakeCollector()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    with recording:
        async with raw_server(collector.serve, server) as port, sending(Sender(recording.path)) as sender:
            sender.sending.configure(OtlpSpec(Sensitive(f"https://localhost:{port}"), signals=("logs",)))
            await sender.until(lambda: "has an invalid certificate: " in sender.sending.health.warning)
            authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            await collector.until_logged("connection.reconnect.failed")
            await sender.until(lambda: not sender.sending.health.warning)


async def test_without_compression_it_is_plain(recording: Recording) -> None:
    collector = FakeCollector()
    with recording:
        async with raw_server(collector.serve) as port, sending(Sender(recording.path)) as sender:
            sender.sending.configure(
                OtlpSpec(Sensitive(f"http://127.0.0.1:{port}"), signals=("logs",), compression=False)
            )
            await sender.until_sent("logs")
    assert "content-encoding" not in collector.heads[0]


async def test_another_address_gets_what_the_first_did_not_take(recording: Recording) -> None:
    first, second = FakeCollector(), FakeCollector()
    first.standing[LOGS] = answer("503 Busy")
    with recording:
        async with (
            raw_server(first.serve) as port,
            raw_server(second.serve) as other,
            sending(Sender(recording.path)) as sender,
        ):
            sender.to(port, "logs")
            await first.until(LOGS, 2)
            sender.to(other, "logs")
            await second.until_logged("connection.reconnect.failed")
            await sender.until(lambda: not sender.sending.health.warning)
    assert first.logs == []
