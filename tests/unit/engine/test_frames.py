"""Frames become events: times, limits, and what is kept of a payload."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock
from wsmon.config.specs import CaptureSpec
from wsmon.engine.frames import FramePath
from wsmon.engine.tap import DataOpcode
from wsmon.model.block import PlainReading
from wsmon.model.events import Event, Json, Source
from wsmon.model.redact.redactor import Redactor

SOURCE = Source("feed", connection_id="s")


class Rig:
    """A frame path over a sink and a clock that the test moves."""

    def __init__(self, **capture: object) -> None:
        self.sink = RecordingSink()
        self.clock = FakeClock()
        self.full = 0
        redactor = Redactor(secrets=("hunter2hunter2",))
        spec = CaptureSpec(**capture)  # type: ignore[arg-type]  # names are the record's
        self.frames = FramePath(SOURCE, spec, redactor, self.sink, self.clock, self._on_full)

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

    def emit(self, *arguments: object, is_by_hand: bool = False) -> None:
        self.given.append((*arguments, "by hand") if is_by_hand else arguments)

    def read_plain(self, payloads: Sequence[bytes]) -> PlainReading | None:
        raise AssertionError(f"it reads one by one: {payloads}")


def understood() -> tuple[FramePath, KeptMessages, RecordingSink, FakeClock]:
    """A frame path of a session whose protocol is read."""
    sink, clock, messages = RecordingSink(), FakeClock(), KeptMessages()
    frames = FramePath(SOURCE, CaptureSpec(), Redactor(), sink, clock, lambda: None, messages)
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
