"""Whatever a client of the control socket, a collector, a webhook or a scraper sends: no exception but the expected."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.applications import idle_ingest
from tests.support.engines import raw_server
from tests.support.fake_ports import FakeClock, FaultLog
from tests.support.thoroughness import times
from wsmon.config.specs import OtlpSpec
from wsmon.control.client import command_once
from wsmon.control.lock import decode_info
from wsmon.control.messages import LINE_LIMIT_BYTES, PROTOCOL, Command, Hello, Reply, Sample, decode, encode
from wsmon.errors import StoreError, WsmonError
from wsmon.model.http import retry_after_s
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.alert_channels import AlertFailedError, WebhookChannel
from wsmon.recorder.http_server import HttpResponse
from wsmon.recorder.monitoring import wants_open_metrics
from wsmon.recorder.otlp_delivery import Accepted, Collector, Rejected, RetryLater
from wsmon.recorder.prometheus_server import PrometheusServer
from wsmon.recorder.server import ControlServer

HELLO = Hello(PROTOCOL, "0.1.0", 1, run=3, pid=2, last_id=10)
SAMPLE = Sample(1, 2, 3.5, 4, is_paused=False, warning="", digest="abc")
SOON_S = 5.0

# Numbers without end and values nested without end are where parsers of JSON fail otherwise than they say
_DIGITS = st.integers(1, 6_000).map(lambda count: "9" * count)
_NESTED = st.tuples(st.sampled_from(["[", '{"a":', '[{"a":']), st.integers(1, 20_000)).map(lambda of: of[0] * of[1])
_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
).map(lambda value: msgspec.json.encode(value, enc_hook=str).decode() if _is_encodable(value) else "{}")
JSON_TEXTS = _JSON_VALUES | _NESTED | _DIGITS | st.text()
MESSAGES = (
    st.binary(max_size=300)
    | JSON_TEXTS.map(lambda text: text.encode("utf-8", "replace"))
    | st.tuples(
        st.sampled_from(["hello", "wake", "health", "command", "reply"]),
        st.sampled_from(["ref", "pid", "last_id", "protocol", "action", "ok"]),
        JSON_TEXTS,
    ).map(lambda of: f'{{"type":"{of[0]}","action":"stop","{of[1]}":{of[2]}}}'.encode("utf-8", "replace"))
)


def _is_encodable(value: object) -> bool:
    try:
        msgspec.json.encode(value, enc_hook=str)
    except (OverflowError, UnicodeEncodeError):
        return False
    return True


@given(MESSAGES)
def test_a2_any_line_is_a_message_or_an_error(line: bytes) -> None:
    try:
        message = decode(line)
    except WsmonError:
        return
    # What was read can be answered
    encode(Reply(message.ref, ok=True) if isinstance(message, Command) else message)


@given(MESSAGES)
def test_d11_any_lock_is_an_entry_or_an_error(octets: bytes) -> None:
    try:
        decode_info(octets)
    except StoreError:
        return


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,7} \d\d:\d\d:\d\d [-+]?\w{1,6}") | _DIGITS)
def test_a2_any_retry_after_is_a_bounded_pause_or_none(value: str) -> None:
    found = retry_after_s(value, 1_700_000_000)
    assert found is None or 0 <= found <= 3_600


@given(st.text() | st.from_regex(r"(application/openmetrics-text|text/plain)(;q=.{0,6}){0,3}(,.{0,20}){0,3}"))
def test_a2_any_accept_is_answered(accept: str) -> None:
    assert wants_open_metrics(accept) in (True, False)


def _requests() -> st.SearchStrategy[bytes]:
    line = st.binary(max_size=60) | st.sampled_from(
        [
            b"GET /metrics HTTP/1.1", b"HEAD /-/healthy HTTP/1.0", b"POST /metrics HTTP/1.1", b"Host: localhost",
            b"Host: [::1", b"Host: ]:9", b"Content-Length: -1", b"Transfer-Encoding: chunked", b"Accept: \xff;q=\xff",
            b"Connection: close", b"GET http://[/ HTTP/1.1", b" folded", b"GET  /metrics HTTP/1.1",
        ]
    )  # fmt: skip
    return st.lists(line, max_size=8).map(lambda lines: b"\r\n".join([*lines, b"", b""])) | st.binary(max_size=200)


def _answers() -> st.SearchStrategy[bytes]:
    status = st.sampled_from(
        [
            b"HTTP/1.1 200 OK",
            b"HTTP/1.1 2_0 X",
            b"HTTP/1.1 +20 X",
            b"HTTP/1.1 \xb2\xb2\xb2",
            b"HTTP/1.1 100 C",
            b"HTTP/1.1",
        ]
    ) | st.binary(max_size=30)
    headers = st.lists(
        st.binary(max_size=40)
        | _DIGITS.map(lambda digits: f"Content-Length: {digits}".encode())
        | st.text(max_size=9).map(lambda text: f"Retry-After: {text}".encode("utf-8", "replace")),
        max_size=4,
    )
    body = st.binary(max_size=60) | JSON_TEXTS.map(
        lambda text: f'{{"partialSuccess":{{"rejectedSpans":{text}}}}}'.encode("utf-8", "replace")
    )
    whole = st.tuples(status, headers, body).map(
        lambda of: b"\r\n".join([of[0], *of[1], b"Content-Length: %d" % len(of[2]), b"", b""]) + of[2]
    )
    return whole | st.binary(max_size=100)


@settings(max_examples=times(30))
@given(st.lists(_requests(), min_size=1, max_size=20))
def test_a2_odd_scrapers_are_answered_or_hung_up_on_and_the_next_one_is_served(requests: list[bytes]) -> None:
    async def main() -> None:
        async def metrics(_accept: str) -> HttpResponse:
            return HttpResponse(b"x 1\n", "text/plain")

        faults = FaultLog()
        server = PrometheusServer("127.0.0.1:0", metrics, faults, request_s=0.5)
        await server.start()
        try:
            for request in (*requests, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"):
                answer = await _exchange(await asyncio.open_connection("127.0.0.1", server.port), request)
            assert answer.endswith(b"x 1\n")
        finally:
            await server.close()
        assert faults.faults == []

    asyncio.run(main())


@settings(max_examples=times(30))
@given(st.lists(MESSAGES.filter(lambda line: len(line) < 2 * LINE_LIMIT_BYTES), min_size=1, max_size=20))
def test_a2_odd_clients_of_the_control_socket_leave_it_to_the_others(lines: list[bytes]) -> None:
    async def main() -> None:
        async def execute(command: Command) -> str:
            return f"{command.action} done"

        faults = FaultLog()
        with tempfile.TemporaryDirectory(prefix="wsmon-") as folder:
            path = Path(folder) / "r.sock"
            server = ControlServer(path, lambda: HELLO, lambda: SAMPLE, execute, faults, idle_ingest())
            await server.start()
            try:
                for line in lines:
                    # As the greeting, and behind one
                    await _exchange(await asyncio.open_unix_connection(str(path)), line + b"\n")
                    await _exchange(await asyncio.open_unix_connection(str(path)), encode(HELLO) + line + b"\n")
                assert await command_once(path, HELLO, "reload") == "reload done"
            finally:
                await server.close()
        assert faults.faults == []

    asyncio.run(main())


@settings(max_examples=times(30))
@given(st.lists(_answers(), min_size=1, max_size=20))
def test_a2_odd_answers_of_collectors_and_webhooks_are_outcomes(answers: list[bytes]) -> None:
    async def main() -> None:
        reply = b""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply)
            writer.write_eof()

        async def no_pause(_seconds: float) -> None:
            pass

        async with raw_server(serve) as port:
            url = Sensitive(f"http://127.0.0.1:{port}")
            collector = Collector(OtlpSpec(url), {}, FakeClock(), request_s=2.0)
            webhook = WebhookChannel(url, FakeClock(), try_s=2.0, sleep=no_pause)
            for reply in answers:  # noqa: B007 - ``serve`` sends it
                outcome = await collector.send("spans", b"{}")
                assert isinstance(outcome, Accepted | Rejected | RetryLater)
                assert not isinstance(outcome, Accepted) or 0 <= outcome.rejected < 3 * 10**19
                try:
                    await webhook.deliver(b"{}")
                except AlertFailedError:
                    continue

    asyncio.run(main())


async def _exchange(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], octets: bytes) -> bytes:
    """Send, hang up the sending side, and read to the end."""
    reader, writer = streams
    try:
        writer.write(octets)
        writer.write_eof()
        async with asyncio.timeout(SOON_S):
            return await reader.read()
    except OSError:
        return b""
    finally:
        writer.transport.abort()
