"""Messages on their way to the record, whatever their protocol: none lost, none changed but for its credentials."""

from __future__ import annotations

import asyncio
import base64
import gzip
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest

from tests.support.engines import RecordingSink, spec
from tests.support.fake_ports import FakeClock
from tests.support.json_corpus import HOLDS_SECRET, corpus
from tests.support.recordings import recorded
from wsmon.clock import SystemClock
from wsmon.config.specs import BuiltInProtocol, CaptureSpec, HeartbeatSpec, LatencySpec, ProtocolName, SequenceSpec
from wsmon.engine.frame_scan import DataOpcode
from wsmon.engine.frames import FramePath, decoding_of
from wsmon.engine.messages import capture_of, message_path
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.ticker import Ticker
from wsmon.model.events import Event, Source
from wsmon.model.redact.masking import Sensitive
from wsmon.model.redact.redactor import Redactor
from wsmon.model.spans import Instant
from wsmon.protocols.registry import PROTOCOLS as REGISTRY
from wsmon.store.reader import Reader

MIB = 2**20
PROTOCOLS: tuple[ProtocolName, ...] = get_args(BuiltInProtocol)
PAYLOADS = tuple((entry.id, entry.payload) for entry in corpus())


async def told(protocol: ProtocolName, payloads: list[bytes], limit_bytes: int = 4 * MIB, **fields: Any) -> list[Event]:
    """The messages that a session tells of payloads that come in and go out."""
    sink, clock = RecordingSink(), SystemClock()
    of = spec(1, protocol=protocol, capture=CaptureSpec(payload_limit_bytes=limit_bytes), **fields)
    reporter = Reporter(Source("feed", trace_id="t" * 32, connection_id="c" * 16), Redactor(), sink, clock)
    messages = message_path(
        of, reporter, sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(), Random(7).randbytes
    )
    frames = FramePath(reporter.source, capture_of(of), reporter.redactor, sink, clock, lambda: None, messages)
    if messages is not None:
        messages.begin("ws://127.0.0.1/", "")
        messages.start(frames.now())
    for payload in payloads:
        opcode: DataOpcode = "text" if is_utf8(payload) else "binary"
        frames.on_message(opcode, payload, len(payload) + 4, 1)
        frames.on_sent(opcode, payload, len(payload) + 4)
    if messages is not None:
        messages.end(frames.now())
    return [event for event in sink.events if event.name in ("message.received", "message.sent")]


def is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name == "auto" or REGISTRY[name].split is None])
async def test_the_corpus_is_recorded_byte_for_byte_whatever_the_protocol(
    protocol: ProtocolName, tmp_path: Path
) -> None:
    events = await told(protocol, [payload for _, payload in PAYLOADS])
    kept = [event for event in stored(tmp_path / "store.db", events) if event.name.startswith("message.")]
    assert len(kept) == 2 * len(PAYLOADS) == 698
    for (name, payload), received, sent in zip(PAYLOADS, kept[::2], kept[1::2], strict=True):
        assert received.payload == sent.payload
        assert (received.size, received.truncated) == (len(payload), False)
        if name in HOLDS_SECRET:
            assert b"s3cr3t" not in (received.payload or b""), name
        else:
            assert received.payload == payload, name


@pytest.mark.parametrize("protocol", [name for name, of in REGISTRY.items() if of.split is not None])
async def test_no_secret_of_the_corpus_is_recorded_where_frames_are_taken_apart(protocol: ProtocolName) -> None:
    events = await told(protocol, [payload for _, payload in PAYLOADS])
    assert len(events) >= 2 * len(PAYLOADS)
    assert [event.payload for event in events if b"s3cr3t" in (event.payload or b"")] == []


def stored(path: Path, events: list[Event]) -> tuple[Event, ...]:
    """The events as a store gives them back."""
    reader = Reader(recorded(path, events, "feed"), SystemClock())
    try:
        return reader.events_after(0, 10 * len(events))
    finally:
        reader.close()


JSON_BASED: tuple[ProtocolName, ...] = ("json", "jsonrpc", "deribit", "phoenix", "graphql-ws", "nexus")
NESTED = b'{"a":' * 60_000
HUGE = b'{"a":"' + b"x" * (2 * MIB) + b'"}'


@pytest.mark.parametrize("protocol", JSON_BASED)
@pytest.mark.parametrize("payload", [b'{"a": [1, 2', NESTED, b"[" * 100_000], ids=["truncated", "nested", "arrays"])
async def test_what_cannot_be_read_is_recorded_and_says_why(protocol: ProtocolName, payload: bytes) -> None:
    received, _ = await told(protocol, [payload], limit_bytes=1_000)
    assert received.error_type
    assert received.error
    assert (received.size, received.payload) == (len(payload), payload[:1_000])


@pytest.mark.parametrize("protocol", ["json", "jsonrpc", "deribit", "phoenix", "nexus"])
async def test_what_is_too_large_to_be_read_is_recorded_and_says_so(protocol: ProtocolName) -> None:
    received, _ = await told(protocol, [HUGE], limit_bytes=1_000)
    assert (received.error_type, received.size, received.truncated) == ("too_large", len(HUGE), True)


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff\xfe", b"{}", b"no protocol at all"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_no_message_is_lost_whatever_it_is(protocol: ProtocolName, payload: bytes) -> None:
    events = await told(protocol, [payload])
    assert [(event.direction, event.payload, event.size) for event in events] == [
        ("in", payload, len(payload)),
        ("out", payload, len(payload)),
    ]


@pytest.mark.parametrize(
    ("fields", "is_read"),
    [
        ({}, False),
        ({"send": (Sensitive("hello"),)}, False),
        ({"sequence": SequenceSpec(path="$.seq")}, True),
        ({"latency": LatencySpec(path="$.ts")}, True),
        ({"subscribe": (Sensitive("trades"),)}, True),
        ({"heartbeat": HeartbeatSpec(send=Sensitive("ping"))}, True),
    ],
)
async def test_raw_messages_are_read_only_to_measure_or_send(fields: dict[str, Any], is_read: bool) -> None:
    sink, clock = RecordingSink(), SystemClock()
    reporter = Reporter(Source("feed"), Redactor(), sink, clock)
    raw = spec(1, protocol="raw", **fields)
    path = message_path(
        raw, reporter, sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(), Random(7).randbytes
    )
    assert (path is not None) is is_read


async def all_told(payloads: list[bytes], **fields: Any) -> list[Event]:
    """All events of a session that receives payloads of JSON."""
    sink, clock = RecordingSink(), SystemClock()
    of = spec(1, protocol="json", **fields)
    reporter = Reporter(Source("feed", connection_id="c" * 16), Redactor(), sink, clock)
    messages = message_path(
        of, reporter, sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(), Random(7).randbytes
    )
    assert messages is not None
    messages.begin("ws://127.0.0.1/", "")
    messages.start(Instant(clock.wall_ns(), clock.mono_ns()))
    for payload in payloads:
        messages.emit("message.received", "in", "text", payload, len(payload), 1, clock.wall_ns(), clock.mono_ns())
    return sink.events


async def test_p3_a_time_of_sending_that_cannot_be_read_is_an_event_once_a_session() -> None:
    events = await all_told([b'{"type":"a","T":"now"}'] * 3, latency=LatencySpec("$.T"))
    assert [(event.name, event.error_type) for event in events] == [
        ("message.received", ""),
        ("error.occurred", "latency_unreadable"),
        ("message.received", ""),
        ("message.received", ""),
    ]
    assert events[1].error.startswith("'now' at $.T is not a send time")


async def test_p2_each_text_of_a_frame_has_its_number_in_meta() -> None:
    payload = b'{"type":"tick","seq":1}\n{"type":"heartbeat","seq":1}\n{"type":"tick","seq":2,"p":NaN}'
    sequence = SequenceSpec("$.seq", types=("tick", "heartbeat"))
    first, *_ = await all_told([payload], sequence=sequence)
    assert (first.type, first.error_type) == ("tick", "")
    assert first.meta == {
        "texts": 3,
        "seq": 2,
        "seqs": [["", 1, None, ""], ["", 1, None, "heartbeat"], ["", 2, None, ""]],
    }


async def test_d2_messages_that_may_have_waited_while_wsmon_did_not_read_have_no_feed_latency() -> None:
    sink, clock = RecordingSink(), FakeClock()
    of = spec(1, sequence=SequenceSpec("$.n"), latency=LatencySpec("$.t", "ns"))
    reporter = Reporter(Source("feed", trace_id="t" * 32, connection_id="c" * 16), Redactor(), sink, clock)
    messages = message_path(
        of, reporter, sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(), Random(7).randbytes
    )
    assert messages is not None
    messages.read_late(clock.mono_ns(), clock.mono_ns() + 1_000_000_000)
    sent_ns = clock.wall_ns()
    for number in (1, 2):
        payload = b'{"n":%d,"t":%d}' % (number, sent_ns)
        messages.emit("message.received", "in", "text", payload, len(payload), 1, clock.wall_ns(), clock.mono_ns())
        clock.advance(6)
    assert [event.meta for event in sink.events if event.name == "message.received"] == [
        {"seq": 1, "read_late": True},
        {"seq": 2, "latency_ms": 6_000.0},
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_message_that_is_too_much_to_read_says_that_its_rest_was_masked(protocol: ProtocolName) -> None:
    payload = b"[" + b'{"token":"a"},' * 4_000 + b"1]"
    for event in await told(protocol, [payload]):
        assert (event.redacted, (event.meta or {}).get("masked"), b'"a"' in (event.payload or b"")) == (
            True,
            "budget",
            False,
        )
    plain = await told(protocol, [b'[{"token":"a"}]'])
    assert ["masked" in (event.meta or {}) for event in plain] == [False, False]


P5_MESSAGES = (
    b'CONNECT {"user":"app","pass":"SECRETa1x"}\r\n',
    b'{"pass":"SECRETa2x"}',
    b'{"janus":"create","apisecret":"SECRETa3x"}',
    b'[5,"SECRETa4x",{}]',
    b"PASS oauth:SECRETa5x\r\n",
    b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHVzZXIAU0VDUkVUYTZ4</auth>",
    b'{"password":"SECRETa7x"}',
    b'{"action":"auth","params":"SECRETa8x"}',
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_p5_the_credentials_of_a_login_are_masked_whatever_the_protocol(protocol: ProtocolName) -> None:
    events = await told(protocol, list(P5_MESSAGES))
    kept = [
        (event.payload or b"", str((event.type, event.topic, event.ref, event.error, event.meta))) for event in events
    ]
    assert [text for payload, text in kept if b"SECRET" in payload or b"U0VDUkVU" in payload or "SECRET" in text] == []
    assert [event.redacted for event in events] == [True] * 2 * len(P5_MESSAGES)


async def decoded(protocol: ProtocolName, payloads: list[bytes], *decode: str) -> list[Event]:
    """The messages that a session tells of compressed payloads that come in; the bytes are kept."""
    sink, clock = RecordingSink(), SystemClock()
    of = spec(1, protocol=protocol, decode=decode, capture=CaptureSpec(raw=True))
    reporter = Reporter(Source("feed", connection_id="c" * 16), Redactor(), sink, clock)
    messages = message_path(
        of, reporter, sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(), Random(7).randbytes
    )
    assert messages is not None
    frames = FramePath(
        reporter.source, of.capture, reporter.redactor, sink, clock, lambda: None, messages, decoding_of(of)
    )
    messages.begin("ws://127.0.0.1/", "")
    messages.start(frames.now())
    for payload in payloads:
        frames.on_message("binary", payload, len(payload) + 4, 1)
    messages.end(frames.now())
    return [event for event in sink.events if event.name == "message.received"]


async def test_a_decoded_message_is_understood_and_its_bytes_are_kept_where_nothing_is_masked() -> None:
    clean, secret = (
        gzip.compress(b'{"type":"trade","channel":"btc","id":7}', mtime=0),
        gzip.compress(b'{"type":"login","token":"abcdefgh"}', mtime=0),
    )
    first, second = await decoded("json", [clean, secret], "gzip")
    assert (first.type, first.topic, first.ref, first.opcode, first.size) == ("trade", "btc", "7", "binary", len(clean))
    assert first.meta == {"encoding": "gzip", "raw_base64": base64.b64encode(clean).decode()}
    assert (second.payload, second.redacted) == (b'{"type":"login","token":"[FILTERED]"}', True)
    assert second.meta == {"encoding": "gzip"}


async def test_several_messages_in_one_that_was_decoded_share_its_size() -> None:
    handshake = gzip.compress(b"{}\x1e", mtime=0)
    payload = gzip.compress(b'{"type":6}\x1e{"type":1,"target":"tick","arguments":[1]}\x1e', mtime=0)
    events = await decoded("signalr", [handshake, payload], "gzip")
    assert [(event.payload, event.size, (event.meta or {}).get("part")) for event in events[1:]] == [
        (b'{"type":6}\x1e', len(payload), 1),
        (b'{"type":1,"target":"tick","arguments":[1]}\x1e', 0, 2),
    ]
    assert {event.encoding for event in events} == {"gzip"}
    assert all("raw_base64" not in (event.meta or {}) for event in events[1:])


async def test_what_a_protocol_decodes_of_a_decoded_message_comes_after_it() -> None:
    handshake = gzip.compress(b'{"protocol":"messagepack","version":1}\x1e', mtime=0)
    _, ping = await decoded("signalr", [handshake, gzip.compress(b"\x02\x91\x06", mtime=0)], "gzip")
    assert (ping.payload, ping.encoding) == (b"[6]", "gzip+msgpack")
