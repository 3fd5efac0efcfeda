"""Whatever is sent to the OTLP server as a request: records, reasons, or one of two errors, and nothing else raises."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.applications import idle_ingest
from tests.support.fake_ports import FakeClock, FaultLog
from tests.support.otlp_requests import json_log_keys, json_span, json_spans, message, post, span, span_request
from tests.support.thoroughness import times
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.intake import LINE_ERRORS, Intake, Reporting
from wsmon.recorder.otlp_records import records
from wsmon.recorder.otlp_server import OtlpServer
from wsmon.recorder.otlp_wire import JSON, PROTOBUF, Signal, TooLargeError, UnreadableError, read_request, unpacked

SIGNALS = st.sampled_from(["traces", "logs"])
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(json_log_keys()), inner, max_size=6),
    max_leaves=30,
)
# A request that is right but for a part of it
_SPANS = st.tuples(st.sampled_from(sorted(json_span())), _ANY).map(lambda of: json_spans(json_span(**{of[0]: of[1]})))
_WIRE = st.recursive(
    st.binary(max_size=40) | st.text(max_size=20),
    lambda inner: st.lists(st.tuples(st.integers(1, 16), st.integers() | st.floats() | inner), max_size=5).map(
        lambda fields: message(*fields)
    ),
    max_leaves=20,
)


def stored(signal: Signal, kind: str, body: bytes) -> None:
    """Read a body as the server does, and make events of what is in it."""
    try:
        found = list(records(signal, read_request(signal, kind, body)))
    except (UnreadableError, TooLargeError):
        return
    intake, reporting = Intake(FakeClock(), "boot"), Reporting()
    for each in found:
        for line in () if isinstance(each, str) else each:
            with suppress(*LINE_ERRORS):
                intake.event(line, reporting)


@given(SIGNALS, st.binary(max_size=300) | _WIRE.map(lambda of: of if isinstance(of, bytes) else of.encode()))
def test_any_bytes_as_protobuf(signal: Signal, body: bytes) -> None:
    stored(signal, PROTOBUF, body)


@given(st.integers(1, 200), st.integers(0, 255))
def test_a_request_with_one_byte_changed(at: int, octet: int) -> None:
    body = bytearray(span_request(span(attributes=(9, message((1, "k"), (2, message((3, 5))))))))
    body[at % len(body)] = octet
    stored("traces", PROTOBUF, bytes(body))


@given(SIGNALS, _ANY | _SPANS)
def test_any_values_as_json(signal: Signal, value: Any) -> None:
    stored(signal, JSON, json.dumps(value).encode("utf-8", "surrogatepass"))


@given(SIGNALS, st.binary(max_size=200))
def test_any_bytes_as_json(signal: Signal, body: bytes) -> None:
    stored(signal, JSON, body)


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda octets: b"\x1f\x8b\x08\0\0\0\0\0\0\3" + octets))
def test_any_bytes_as_gzip(body: bytes) -> None:
    try:
        assert len(unpacked(body, 1_000)) <= 1_000
    except (UnreadableError, TooLargeError):
        return


def _http_requests() -> st.SearchStrategy[bytes]:
    line = st.binary(max_size=60) | st.sampled_from(
        [
            b"POST /v1/logs HTTP/1.1", b"POST /v1/traces HTTP/1.0", b"GET /v1/logs HTTP/1.1", b"Host: localhost",
            b"Content-Type: application/json", b"Content-Type: application/x-protobuf", b"Content-Encoding: gzip",
            b"Transfer-Encoding: chunked", b"Content-Length: 2", b"Content-Length: 9999999999", b"Content-Length: x",
            b"Authorization: Bearer \xff", b"Origin: null", b"Expect: 100-continue", b"Connection: close",
        ]
    )  # fmt: skip
    body = st.binary(max_size=60) | st.sampled_from([b"{}", b"2\r\n{}\r\n0\r\n\r\n", b"-1\r\n", b"0\r\n\r\n", b"[]"])
    whole = st.tuples(st.lists(line, max_size=8), body).map(lambda of: b"\r\n".join([*of[0], b"", b""]) + of[1])
    return whole | st.binary(max_size=200)


@settings(max_examples=times(30))
@given(st.lists(_http_requests(), min_size=1, max_size=20))
def test_odd_clients_are_answered_or_hung_up_on_and_the_next_one_is_served(requests: list[bytes]) -> None:
    async def main() -> None:
        faults = FaultLog()
        server = OtlpServer("127.0.0.1:0", Sensitive(""), idle_ingest(), faults, request_s=0.5, commit_s=0.01)
        await server.start()
        try:
            for request in requests:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(request)
                writer.write_eof()
                async with asyncio.timeout(20):
                    with suppress(ConnectionError):
                        await reader.read()
                writer.close()
            assert (await post(server.port, "/v1/logs", b"{}"))[::2] == ("200 OK", b"{}")
        finally:
            await server.close()
        assert faults.faults == []

    asyncio.run(main())
