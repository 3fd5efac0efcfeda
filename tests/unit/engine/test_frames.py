"""Frames become events: times, limits, and what is kept of a payload."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Sequence

import pytest

from tests.support.engines import RecordingSink, spec
from tests.support.fake_ports import FakeClock
from wsmon.config.specs import CaptureSpec
from wsmon.decoders.session import AUTO, PayloadDecoding
from wsmon.engine.frame_scan import DataOpcode
from wsmon.engine.frames import FramePath, WireForm, decoding_of
from wsmon.engine.keepalive import SentPings
from wsmon.model.block import PlainReading
from wsmon.model.events import Event, Json, Source
from wsmon.model.redact.redactor import Redactor

SOURCE = Source("feed", connection_id="s")


class Rig:
    """A frame path over a sink and a clock that the test moves."""

    def __init__(self, decode: tuple[str, ...] = (), **capture: object) -> None:
        self.sink = RecordingSink()
        self.clock = FakeClock()
        self.full = 0
        redactor = Redactor(secrets=("hunter2hunter2",))
        kept = CaptureSpec(**capture)  # type: ignore[arg-type]  # names are the record's
        decoding = PayloadDecoding(decode, 2**20) if decode else None
        self.frames = FramePath(SOURCE, kept, redactor, self.sink, self.clock, self._on_full, None, decoding)

    def _on_full(self) -> None:
        self.full += 1


def test_all_that_arrives_together_has_one_time() -> None:
    rig = Rig()
    arrived = (rig.clock.wall_ns(), rig.clock.mono_ns())
    rig.frames.on_chunk()
    rig.clock.advance(1.0)
    rig.frames.on_message("text", b"a", 3, 1)
    rig.frames.on_ping(b"", 2)
    rig.frames.on_sent("pong", b"", 6)
    rig.frames.on_chunk_end()
    rig.frames.on_sent("ping", b"later", 11)
    assert [(event.ts_ns, event.mono_ns) for event in rig.sink.events[:3]] == [arrived] * 3
    assert rig.sink.events[3].mono_ns == arrived[1] + 1_000_000_000
    assert (rig.frames.last_in_ns, rig.frames.last_out_ns) == (arrived[1], arrived[1] + 1_000_000_000)


def test_a_message_is_told_whole() -> None:
    rig = Rig()
    rig.frames.on_chunk()
    rig.frames.on_message("text", b"hunter2hunter2!", 17, 1)
    clock = FakeClock()
    assert rig.sink.events == [
        Event(
            SOURCE,
            "message.received",
            clock.wall_ns(),
            clock.mono_ns(),
            "in",
            "text",
            15,
            17,
            b"[FILTERED]!",
            False,
            True,
        )
    ]


@pytest.mark.parametrize(
    ("opcode", "payload", "kept"),
    [
        ("text", b"12345", b"12345"),
        ("text", b"123456", b"12345"),
        ("text", "1234ü".encode(), b"1234"),
        ("text", "12ü€".encode(), "12ü".encode()),
        ("text", "€€€".encode(), "€".encode()),
        ("text", "123ü4".encode(), "123ü".encode()),
        ("binary", "1234ü".encode(), b"1234\xc3"),
    ],
)
@pytest.mark.parametrize("fragments", [1, 2])
def test_payload_limit(opcode: DataOpcode, payload: bytes, kept: bytes, fragments: int) -> None:
    rig = Rig(payload_limit_bytes=5)
    rig.frames.on_message(opcode, payload, 99, fragments)
    event = rig.sink.events[0]
    assert (event.payload, event.truncated, event.size) == (kept, kept != payload, len(payload))


def test_a_secret_is_masked_before_the_payload_is_cut() -> None:
    rig = Rig(payload_limit_bytes=12)
    rig.frames.on_message("text", b"hunter2hunter2", 99, 1)
    rig.frames.on_message("text", b"..hunter2hunter2..", 99, 1)
    assert [(event.payload, event.redacted, event.truncated) for event in rig.sink.events] == [
        (b"[FILTERED]", True, False),
        (b"..[FILTERED]", True, True),
    ]


def test_without_payloads_only_sizes_are_kept() -> None:
    rig = Rig(payloads=False)
    rig.frames.on_message("text", b"hunter2hunter2", 16, 1)
    event = rig.sink.events[0]
    assert (event.payload, event.truncated, event.redacted, event.size) == (None, False, False, 14)


def test_payload_limit_zero_keeps_an_empty_payload() -> None:
    rig = Rig(payload_limit_bytes=0)
    rig.frames.on_message("text", b"x", 3, 1)
    assert (rig.sink.events[0].payload, rig.sink.events[0].truncated) == (b"", True)


def test_a_full_sink_is_noticed_when_all_that_came_was_told() -> None:
    rig = Rig()
    rig.sink.is_full = True
    rig.frames.on_chunk()
    rig.frames.on_message("text", b"x", 3, 1)
    before = rig.full
    rig.frames.on_chunk_end()
    assert (before, rig.full) == (0, 1)


def test_close_frames_are_told_with_the_end() -> None:
    rig = Rig()
    rig.frames.on_sent("close", b"\x03\xe8", 8)
    assert rig.sink.events == []


def test_a_close_frame_does_not_count_as_the_last_frame_sent() -> None:
    rig = Rig()
    rig.frames.on_sent("ping", b"x", 7)
    sent_ns = rig.clock.mono_ns()
    rig.clock.advance(20)
    rig.frames.on_sent("close", b"\x03\xf3", 8)
    assert rig.frames.last_out_ns == sent_ns


@pytest.mark.parametrize(("is_alone", "arrived_s"), [(True, 0), (False, 5)])
def test_a_close_frame_does_not_count_as_the_last_frame_received(is_alone: bool, arrived_s: int) -> None:
    rig = Rig()
    began_ns = rig.clock.mono_ns()
    rig.frames.on_chunk()
    rig.frames.on_chunk_end()
    rig.clock.advance(5.0)
    rig.frames.on_chunk()
    rig.frames.on_close(is_alone=is_alone)
    rig.frames.on_chunk_end()
    assert rig.frames.last_in_ns == began_ns + arrived_s * 1_000_000_000


def test_what_is_kept_can_change_between_two_messages() -> None:
    rig = Rig()
    rig.frames.on_message("text", b"kept", 6, 1)
    rig.frames.use_capture(CaptureSpec(payloads=False))
    rig.frames.on_message("text", b"not", 5, 1)
    rig.frames.use_capture(CaptureSpec(payload_limit_bytes=2))
    rig.frames.on_message("text", b"cut", 5, 1)
    assert [(event.size, event.payload) for event in rig.sink.events] == [(4, b"kept"), (3, None), (3, b"cu")]


class KeptMessages:
    """A message path that keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[object, ...]] = []

    reads_plain = False
    has_binary = False

    def emit(self, *arguments: object, is_by_hand: bool = False, wire: WireForm | None = None) -> None:
        self.given.append((*arguments, *(["by hand"] if is_by_hand else []), *([wire] if wire else [])))

    def read_plain(self, payloads: Sequence[bytes]) -> PlainReading | None:
        raise AssertionError(f"it reads one by one: {payloads}")


def understood(*decode: str) -> tuple[FramePath, KeptMessages, RecordingSink, FakeClock]:
    """A frame path of a session whose protocol is read."""
    sink, clock, messages = RecordingSink(), FakeClock(), KeptMessages()
    decoding = PayloadDecoding(decode, 2**20) if decode else None
    frames = FramePath(SOURCE, CaptureSpec(raw=True), Redactor(), sink, clock, lambda: None, messages, decoding)
    return frames, messages, sink, clock


def test_where_a_protocol_is_read_data_messages_go_to_its_path_with_the_time_of_their_chunk() -> None:
    frames, messages, sink, clock = understood()
    frames.on_chunk()
    time = (clock.wall_ns(), clock.mono_ns())
    clock.advance(1)
    frames.on_message("text", b"in", 4, 3)
    frames.on_ping(b"", 2)
    frames.on_sent("binary", b"out", 9)
    assert messages.given == [
        ("message.received", "in", "text", b"in", 4, 3, *time),
        ("message.sent", "out", "binary", b"out", 9, 1, *time),
    ]
    assert [event.name for event in sink.events] == ["heartbeat.received"]


def test_a_closing_session_records_what_still_comes_without_reading_it() -> None:
    frames, messages, sink, _ = understood()
    frames.stop_interpreting()
    frames.on_message("text", b"late", 6, 1)
    frames.on_sent("text", b"goodbye", 13)
    assert [(event.name, event.payload) for event in sink.events] == [("message.received", b"late")]
    assert [given[0] for given in messages.given] == ["message.sent"]


@pytest.mark.parametrize(("fragments", "meta"), [(1, {"masked": "budget"}), (2, {"fragments": 2, "masked": "budget"})])
@pytest.mark.parametrize("limit_bytes", [1024, 1024 * 1024])
def test_a_message_that_is_too_much_to_read_says_that_its_rest_was_masked(
    fragments: int, meta: dict[str, Json], limit_bytes: int
) -> None:
    rig = Rig(payload_limit_bytes=limit_bytes)
    rig.frames.on_message("text", b'{"token":"a"}' * 4_000, 99, fragments)
    rig.frames.on_message("text", b'{"token":"a"}', 17, 1)
    first, second = rig.sink.events
    assert (first.redacted, first.meta, second.meta) == (True, meta, None)
    assert (first.payload or b"").startswith(b'{"token":"[FILTERED]"}' * 40)
    assert b'"a"' not in (first.payload or b"")


TEXT = b'{"type":"trade","price":64123.5}'
ZIPPED = gzip.compress(TEXT, mtime=0)


def test_what_was_decoded_is_the_payload_and_sizes_are_those_of_what_came() -> None:
    rig = Rig(("gzip",))
    rig.frames.on_message("binary", ZIPPED, 60, 2)
    (event,) = rig.sink.events
    assert (event.opcode, event.payload, event.size, event.wire_size) == ("binary", TEXT, len(ZIPPED), 60)
    assert event.meta == {"encoding": "gzip", "fragments": 2}
    assert (event.encoding, event.holds_text) == ("gzip", True)


def test_the_bytes_that_came_are_kept_where_that_is_configured() -> None:
    rig = Rig(("gzip",), raw=True)
    rig.frames.on_message("binary", ZIPPED, 60, 1)
    rig.frames.use_capture(CaptureSpec(raw=True, payload_limit_bytes=len(ZIPPED) - 1))
    rig.frames.on_message("binary", ZIPPED, 60, 1)
    rig.frames.use_capture(CaptureSpec(raw=True, payloads=False))
    rig.frames.on_message("binary", ZIPPED, 60, 1)
    rig.frames.use_capture(CaptureSpec())
    rig.frames.on_message("binary", ZIPPED, 60, 1)
    raw = base64.b64encode(ZIPPED).decode()
    assert [event.meta for event in rig.sink.events] == [
        {"encoding": "gzip", "raw_base64": raw},
        *[{"encoding": "gzip"}] * 3,
    ]


@pytest.mark.parametrize(
    "payload",
    [
        gzip.compress(b'{"token":"abcdefgh"}', mtime=0),
        gzip.compress(b"it is hunter2hunter2", mtime=0),
        # The name of a file, in the head of gzip
        b"\x1f\x8b\x08\x08\0\0\0\0\0\x03hunter2hunter2\0" + gzip.compress(b"{}", mtime=0)[10:],
    ],
    ids=["by its key", "by its value", "beside the content"],
)
def test_the_bytes_that_came_are_not_kept_where_they_hold_a_secret(payload: bytes) -> None:
    rig = Rig(("gzip",), raw=True)
    rig.frames.on_message("binary", payload, len(payload) + 2, 1)
    (event,) = rig.sink.events
    assert event.meta == {"encoding": "gzip"}
    assert b"hunter2" not in (event.payload or b"")


def test_a_decoded_text_is_cut_between_two_characters() -> None:
    rig = Rig(("gzip",), payload_limit_bytes=5)
    rig.frames.on_message("binary", gzip.compress("1234ü".encode(), mtime=0), 40, 1)
    (event,) = rig.sink.events
    assert (event.payload, event.truncated, event.holds_text) == (b"1234", True, True)


def test_content_that_is_no_text_is_binary() -> None:
    rig = Rig(("gzip",))
    rig.frames.on_message("binary", gzip.compress(b"\xff\xfe", mtime=0), 40, 1)
    (event,) = rig.sink.events
    assert (event.payload, event.encoding, event.holds_text) == (b"\xff\xfe", "gzip", False)


def test_trouble_is_an_event_behind_the_message_which_stays_as_it_came() -> None:
    rig = Rig(AUTO, raw=True)
    bomb = gzip.compress(bytes(2**21), mtime=0)
    rig.frames.on_message("binary", bomb, 9, 1)
    rig.frames.on_message("binary", bomb, 9, 1)
    assert [(event.name, event.error_type, event.meta) for event in rig.sink.events] == [
        ("message.received", "", None),
        ("error.occurred", "decode_refused", None),
        ("message.received", "", None),
    ]
    assert [event.payload for event in rig.sink.events] == [bomb, None, bomb]


def test_a_message_that_continues_has_its_content_in_the_last_piece() -> None:
    frames, messages, sink, clock = understood("zlib-stream")
    compressor = zlib.compressobj()
    payload = compressor.compress(TEXT) + compressor.flush(zlib.Z_SYNC_FLUSH)
    frames.on_message("binary", payload[:20], 22, 1)
    frames.on_message("binary", payload[20:], 25, 1)
    (first,) = sink.events
    assert (first.payload, first.size, first.meta) == (b"", 20, {"encoding": "zlib-stream", "continues": True})
    wire = WireForm("binary", len(payload) - 20, "zlib-stream", None)
    times = (clock.wall_ns(), clock.mono_ns())
    assert messages.given == [("message.received", "in", "text", TEXT, 25, 1, *times, wire)]


def test_a_protocol_reads_the_decoded_text_of_both_directions() -> None:
    frames, messages, _, clock = understood(*AUTO)
    encoded = base64.b64encode(ZIPPED)
    frames.on_message("text", encoded, 90, 1)
    frames.on_sent("binary", ZIPPED, 60)
    frames.on_message("text", b"He said", 9, 1)
    times = (clock.wall_ns(), clock.mono_ns())
    assert messages.given == [
        ("message.received", "in", "text", TEXT, 90, 1, *times, WireForm("text", len(encoded), "base64+gzip", encoded)),
        ("message.sent", "out", "text", TEXT, 60, 1, *times, WireForm("binary", len(ZIPPED), "gzip", ZIPPED)),
        ("message.received", "in", "text", b"He said", 9, 1, *times),
    ]


def test_a_closing_session_decodes_what_still_comes_so_that_it_is_masked() -> None:
    frames, _, sink, _ = understood(*AUTO)
    frames.stop_interpreting()
    frames.on_message("binary", gzip.compress(b'{"token":"abcdefgh"}', mtime=0), 60, 1)
    assert [event.payload for event in sink.events] == [b'{"token":"[FILTERED]"}']


def test_texts_are_decoded_one_by_one_where_base64_is_configured() -> None:
    rig = Rig(("base64",))
    rig.frames.on_messages("text", [base64.b64encode(TEXT)] * 4, [50] * 4)
    assert [event.payload for event in rig.sink.events] == [TEXT] * 4
    assert rig.sink.blocks == []


def test_texts_are_blocks_where_payloads_are_decoded_by_default() -> None:
    rig = Rig(AUTO)
    rig.frames.on_messages("text", [TEXT] * 4, [50] * 4)
    assert [block.count for block in rig.sink.blocks] == [4]


@pytest.mark.parametrize(
    ("decode", "protocol", "is_decoded"),
    [
        (AUTO, "auto", True),
        (AUTO, "json", True),
        (AUTO, "raw", False),
        (("gzip",), "raw", True),
        ((), "auto", False),
    ],
)
def test_raw_decodes_what_is_named_alone(decode: tuple[str, ...], protocol: str, is_decoded: bool) -> None:
    assert (decoding_of(spec(1, decode=decode, protocol=protocol)) is not None) is is_decoded


def test_binary_messages_of_a_protocol_that_has_some_are_decoded_only_where_that_is_configured() -> None:
    for decode, is_decoded in ((AUTO, False), (("gzip",), True)):
        frames, messages, _, _ = understood(*decode)
        messages.has_binary = True
        frames.on_message("binary", ZIPPED, 60, 1)
        assert [given[3] for given in messages.given] == [TEXT if is_decoded else ZIPPED]


def test_pings_of_both_sides_have_their_round_trips_and_what_is_said_of_control_frames() -> None:
    rig = Rig()
    from_server, from_application = SentPings(), SentPings()
    rig.frames.peer_pings, rig.frames.keepalive = from_server, from_application
    rig.frames.control_meta = {"in": {"leg": "server"}, "out": {"leg": "application"}}
    from_server.sent(b"s", rig.clock.mono_ns())
    rig.frames.on_ping(b"s", 3)
    from_application.sent(b"a", rig.clock.mono_ns())
    rig.frames.on_sent("ping", b"a", 7)
    rig.clock.advance(0.25)
    rig.frames.on_sent("pong", b"s", 7)
    rig.frames.on_chunk()
    rig.frames.on_pong(b"a", 3)
    assert [(event.name, event.direction, event.duration_ns, event.meta) for event in rig.sink.events] == [
        ("heartbeat.received", "in", None, {"leg": "server"}),
        ("heartbeat.sent", "out", None, {"leg": "application"}),
        ("heartbeat.responded", "out", 250_000_000, {"leg": "application"}),
        ("heartbeat.responded", "in", 250_000_000, {"leg": "server"}),
    ]


def test_a_message_that_an_application_sends_in_fragments_says_how_many() -> None:
    rig = Rig()
    rig.frames.on_sent("text", b"abc", 21, 3)
    assert [(event.name, event.wire_size, event.meta) for event in rig.sink.events] == [
        ("message.sent", 21, {"fragments": 3})
    ]
