"""Handshakes and steps: what the keys of a scenario file become on the wire."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from wsmon.demo.steps import (
    Close,
    DurationRange,
    Garble,
    HexBytes,
    Ping,
    Raw,
    Redirect,
    Refuse,
    Send,
    Sizes,
    Templates,
)

PAD = Templates.parse("$pad")
TEXT = Templates.parse("a")
SIZE = Sizes((9,))


def test_a_duration_range_goes_from_low_to_high() -> None:
    assert [DurationRange((2.0, 6.0)).at(roll) for roll in (0.0, 0.25, 0.5)] == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("written", "expected"),
    [("1500ms", (1.5, 1.5)), (2, (2.0, 2.0)), (["1s", "1m"], (1.0, 60.0)), ([0, 0.5], (0, 0.5))],
)
def test_durations_are_read_as_the_configuration_writes_them(written: object, expected: tuple[float, float]) -> None:
    assert DurationRange.parse(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"), [("4KiB", (4096,)), (7, (7,)), (["1kB", 7, "2B"], (1000, 7, 2)), ([], ())]
)
def test_sizes_are_one_or_many(written: object, expected: tuple[int, ...]) -> None:
    assert Sizes.parse(written) == expected


@pytest.mark.parametrize(
    ("send", "opcode"),
    [
        (Send(TEXT), 1),
        (Send(TEXT, frame_type="binary"), 2),
        (Send(hex=HexBytes(b"x")), 2),
        (Send(hex=HexBytes(b"x"), frame_type="text"), 1),
        (Send(hex=HexBytes(b"x"), frame_type=0), 0),
        (Send(hex=HexBytes(b"x"), frame_type=11), 11),
        (Send(sizes_bytes=SIZE), 2),
    ],
)
def test_the_opcode_of_a_message(send: Send, opcode: int) -> None:
    assert send.opcode == opcode


@pytest.mark.parametrize(
    ("send", "limit"),
    [
        (Send(TEXT), 1),
        (Send(TEXT, count=0), 0),
        (Send(TEXT, count=5, duration_s=DurationRange((1.0, 1.0))), 5),
        (Send(TEXT, rate_per_s=0.0), None),
        (Send(TEXT, rate_per_s=9.0), None),
        (Send(TEXT, duration_s=DurationRange((1.0, 1.0))), None),
    ],
)
def test_one_message_is_sent_where_neither_count_nor_rate_nor_duration_is_set(send: Send, limit: int | None) -> None:
    assert send.limit == limit


@pytest.mark.parametrize("fields", [{"texts": TEXT, "sizes_bytes": SIZE}, {"texts": PAD}, {}])
def test_a_size_is_refused_where_nothing_is_filled_up_to_it_and_required_where_something_is(
    fields: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match="belong together"):
        Send(**fields)


def test_bytes_in_hexadecimal_take_the_place_of_text() -> None:
    ff = HexBytes(b"\xff")
    octets = [
        Refuse(body="ü").body_octets,
        Refuse(body="ü", body_hex=ff).body_octets,
        Garble(text="hi").response,
        Garble(hex=ff).response,
        Raw(text="x").octets,
        Raw(hex=ff).octets,
        Close(1000, "bye").reason_octets,
        Close(1000, reason_hex=ff).reason_octets,
    ]
    assert octets == ["ü".encode(), ff, b"hi", ff, b"x", ff, b"bye", ff]


def test_a_redirect_is_a_refusal_with_a_location() -> None:
    delay_s = DurationRange((1.0, 2.0))
    redirect = Redirect("/x", 307, {"X-A": "1"}, delay_s)
    assert redirect.refusal == Refuse(307, headers={"Location": "/x", "X-A": "1"}, delay_s=delay_s)


def test_a_ping_holds_no_more_than_a_control_frame_may() -> None:
    assert Ping("x" * 200).payload == b"x" * 125


def test_steps_can_be_counted_by_value() -> None:
    """A cycle is counted over all sessions, so that equal steps must be one key."""
    assert len({Send(TEXT), Send(TEXT), msgspec.structs.replace(Send(TEXT), count=2)}) == 2
