"""The OTLP server: what it stores, what it refuses and how, and what it does while there is no room."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.external_programs import free_port
from tests.support.fake_ports import FakeClock, FaultLog
from tests.support.otlp_requests import TRACE_ID, json_logs, json_span, json_spans, message, post, span, span_request
from wsmon.bus import Bus
from wsmon.config.load import load
from wsmon.config.specs import Configuration, OtlpListenSpec
from wsmon.errors import ConfigError
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.ingest import Ingest, LineIngest
from wsmon.recorder.intake import Intake
from wsmon.recorder.otlp_server import BODIES, BODY_BYTES, OtlpReceiver, OtlpServer
from wsmon.recorder.otlp_wire import JSON, PROTOBUF

SOON_S = 20.0
LOG = json_logs({"body": {"stringValue": "hello"}, "traceId": TRACE_ID})


class Rig:
    """A server over a bus that the test empties."""

    def __init__(self, token: str = "", commit_s: float = SOON_S) -> None:
        self.bus = Bus(lambda: None, low_water_bytes=1_000)
        self.committed_seqs: dict[str, int] = {}
        clock = FakeClock()
        self.ingest = Ingest(LineIngest(self.bus, Intake(clock, "boot"), clock, self.committed_seqs))
        self.faults = FaultLog()
        self.server = OtlpServer(
            "127.0.0.1:0", Sensitive(token), self.ingest, self.faults, request_s=SOON_S, commit_s=commit_s
        )
        self.events: list[Event] = []

    def commit(self) -> None:
        """Take what waits, and say that it is committed."""
        batch = self.bus.take(tick_s=0)
        self.events += [event for event in batch.events if isinstance(event, Event)]
        self.committed_seqs.update((each.client, each.seq) for each in batch.deliveries if each.client)
        self.ingest.committed()

    async def keep_committing(self) -> None:
        while True:
            self.commit()
            await asyncio.sleep(0.001)


@asynccontextmanager
async def serving(token: str = "", *, commits: bool = True, commit_s: float = SOON_S) -> AsyncIterator[Rig]:
    rig = Rig(token, commit_s)
    await rig.server.start()
    try:
        async with asyncio.TaskGroup() as group:
            committing = group.create_task(rig.keep_committing(), name="commits")
            if not commits:
                committing.cancel()
            yield rig
            committing.cancel()
    finally:
        await rig.server.close()
    assert rig.faults.faults == []


async def test_traces_and_logs_are_stored_in_both_formats_packed_or_not() -> None:
    spans = json.dumps(json_spans(json_span())).encode()
    async with serving() as rig:
        port = rig.server.port
        assert (await post(port, "/v1/traces", spans))[::2] == ("200 OK", b"{}")
        assert (await post(port, "/v1/traces", span_request(span()), PROTOBUF))[::2] == ("200 OK", b"")
        packed = gzip.compress(spans, mtime=0)
        assert (await post(port, "/v1/traces", packed, Content_Encoding="gzip"))[::2] == ("200 OK", b"{}")
        status, headers, body = await post(port, "/v1/logs", LOG, f"{JSON}; charset=utf-8")
    assert (status, headers["Content-Type"], body) == ("200 OK", JSON, b"{}")
    names = [event.name for event in rig.events]
    assert names == ["trace.request.start", "trace.request.end"] * 3 + ["trace.log"]
    assert {(event.source.connection, event.source.trace_id) for event in rig.events} == {("shop", TRACE_ID)}
    assert rig.events[-1].payload == b"hello"


async def test_success_comes_after_the_commit() -> None:
    async with serving(commits=False) as rig, asyncio.TaskGroup() as group:
        posting = group.create_task(post(rig.server.port, "/v1/logs", LOG), name="post")
        async with asyncio.timeout(SOON_S):
            while not rig.bus.waiting_events:
                await asyncio.sleep(0.001)
        assert not posting.done()
        rig.commit()
        assert (await posting)[0] == "200 OK"


async def test_what_is_not_committed_in_time_is_to_be_sent_again() -> None:
    async with serving(commits=False, commit_s=0.01) as rig:
        status, headers, body = await post(rig.server.port, "/v1/logs", LOG)
    assert (status, headers["Retry-After"]) == ("503 Service Unavailable", "1")
    assert json.loads(body) == {"message": "the recorder cannot store data at present"}


async def test_what_can_be_stored_of_a_request_is_and_the_rest_is_counted() -> None:
    """A time in the future is refused by the intake, ids by the reader; of a span all lines or none are stored."""
    future = json_span(endTimeUnixNano=str(2**62))
    async with serving() as rig:
        spans = json_spans(json_span(), json_span(spanId="x"), future)
        status, _, body = await post(rig.server.port, "/v1/traces", spans)
        _, _, octets = await post(rig.server.port, "/v1/traces", span_request(span(span_id=(2, b"x"))), PROTOBUF)
    assert status == "200 OK"
    problem = "spanId: must be 16 hex digits, not all zero"
    assert json.loads(body) == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": f"{problem} (and 1 others)"}}
    assert octets == message((1, message((1, 1), (2, problem))))
    assert [event.name for event in rig.events] == ["trace.request.start", "trace.request.end"]


@pytest.mark.parametrize(
    ("path", "body", "kind", "headers", "status", "problem"),
    [
        ("/v1/logs", b"{", JSON, {}, "400 Bad Request", "the body is not JSON"),
        ("/v1/logs", b"\x0a", PROTOBUF, {}, "400 Bad Request", "the body is not protobuf"),
        ("/v1/logs", b"{}", JSON, {"Content_Encoding": "gzip"}, "400 Bad Request", "the body is not gzip"),
        ("/v1/logs", b"{}", JSON, {"Content_Encoding": "zstd"}, "415 Unsupported Media Type", "plain or gzip"),
        ("/v1/logs", b"a=b", "text/plain", {}, "415 Unsupported Media Type", "bodies are application/x-protobuf or"),
        ("/v1/metrics", b"", PROTOBUF, {}, "404 Not Found", "OTEL_METRICS_EXPORTER=none"),
        ("/", b"{}", JSON, {}, "404 Not Found", "use /v1/traces or /v1/logs"),
        ("/v1/logs", b"{}", JSON, {"Origin": "http://localhost:3000"}, "403 Forbidden", "requests from web pages"),
        ("/v1/logs", gzip.compress(b" " * (BODY_BYTES + 1), mtime=0), JSON, {"Content_Encoding": "gzip"},
         "413 Content Too Large", "at most 4,194,304 bytes"),
    ],
)  # fmt: skip
async def test_what_is_refused_is_told_why(
    path: str, body: bytes, kind: str, headers: dict[str, str], status: str, problem: str
) -> None:
    async with serving() as rig:
        got, _, answer = await post(rig.server.port, path, body, kind, **headers)
    assert (got, problem in answer.decode("utf-8", "replace")) == (status, True), answer
    assert rig.events == []


async def test_a_foreign_host_and_a_body_that_is_too_long_are_refused() -> None:
    async with serving() as rig:
        assert (await post(rig.server.port, "/v1/logs", LOG, Host="rebound.example"))[0] == "421 Misdirected Request"
        body = b" " * (BODY_BYTES + 1)
        assert (await post(rig.server.port, "/v1/logs", body))[0] == "413 Content Too Large"
    assert rig.events == []


async def test_with_a_token_those_who_have_it_may_report() -> None:
    async with serving("tok-1") as rig:
        port = rig.server.port
        for wrong in ("", "Bearer", "Bearer tok-2", "Basic tok-1", "tok-1", "Bearer tök"):
            status, headers, _ = await post(port, "/v1/logs", LOG, Authorization=wrong)
            assert (status, headers["WWW-Authenticate"]) == ("401 Unauthorized", "Bearer"), wrong
        for right in ("Bearer tok-1", "bearer tok-1"):
            assert (await post(port, "/v1/logs", LOG, Authorization=right))[0] == "200 OK"
    assert len(rig.events) == 2


async def test_a_full_queue_asks_clients_to_wait() -> None:
    big = json_logs(*({"body": {"stringValue": "x" * 60_000}} for _ in range(30)))
    async with serving(commits=False) as rig, asyncio.TaskGroup() as group:
        posting = group.create_task(post(rig.server.port, "/v1/logs", big), name="post")
        async with asyncio.timeout(SOON_S):
            while rig.ingest.has_room:
                await asyncio.sleep(0.001)
        status, headers, body = await post(rig.server.port, "/v1/logs", LOG, PROTOBUF)
        assert (status, headers["Retry-After"]) == ("429 Too Many Requests", "1")
        assert body == message((2, "the recorder is busy: retry later"))
        while not posting.done():
            rig.commit()
            await asyncio.sleep(0.001)
    assert len(rig.events) == 30


async def test_a_few_bodies_are_read_at_a_time() -> None:
    async with serving() as rig:
        head = f"POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nContent-Length: 9\r\n\r\n{{"
        slow = [await asyncio.open_connection("127.0.0.1", rig.server.port) for _ in range(BODIES)]
        for _, writer in slow:
            writer.write(head.encode())
        async with asyncio.timeout(SOON_S):
            while rig.server.requests < BODIES:
                await asyncio.sleep(0.001)
        assert (await post(rig.server.port, "/v1/logs", LOG))[0] == "429 Too Many Requests"
        for _, writer in slow:
            writer.close()
        async with asyncio.timeout(SOON_S):
            while rig.server.requests:
                await asyncio.sleep(0.001)
        assert (await post(rig.server.port, "/v1/logs", LOG))[0] == "200 OK"


def listening(address: str, token: str = "") -> Configuration:
    return Configuration(None, "", (), otlp_listen=OtlpListenSpec(address, Sensitive(token)))


async def test_a_receiver_listens_where_the_configuration_says() -> None:
    rig = Rig()
    receiver = OtlpReceiver(rig.ingest, rig.faults)
    first, second = free_port(), free_port()
    try:
        await receiver.configure(listening(f"127.0.0.1:{first}"))
        assert (await post(first, "/v1/traces", b"{}"))[0] == "200 OK"
        # The same address with a token
        await receiver.configure(listening(f"127.0.0.1:{first}", "tok"))
        assert (await post(first, "/v1/traces", b"{}"))[0] == "401 Unauthorized"
        await receiver.configure(listening(f"localhost:{second}"))
        assert (await post(second, "/v1/traces", b"{}"))[0] == "200 OK"
        with pytest.raises(ConnectionRefusedError):
            await post(first, "/v1/traces", b"{}")
        await receiver.configure(listening(""))
        with pytest.raises(ConnectionRefusedError):
            await post(second, "/v1/traces", b"{}")
    finally:
        await receiver.close()


async def test_an_address_in_use_is_an_error_of_the_configuration_and_changes_nothing(tmp_path: Path) -> None:
    rig = Rig()
    receiver = OtlpReceiver(rig.ingest, rig.faults)
    port = free_port()
    file = tmp_path / "wsmon.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        file.write_text(f'[wsmon]\n\notlp_listen = "{address}"\n[[connection]]\nname = "a"\nurl = "ws://h"\n')
        configuration = load(file, {}).configuration
        try:
            await receiver.configure(listening(f"127.0.0.1:{port}"))
            with pytest.raises(ConfigError) as error:
                await receiver.configure(configuration)
            assert (await post(port, "/v1/traces", b"{}"))[0] == "200 OK"
        finally:
            await receiver.close()
    assert str(error.value) == (
        f"{file}:3: wsmon.otlp_listen: cannot listen: Address already in use ({address})."
        " stop what listens there, or use another port"
    )
