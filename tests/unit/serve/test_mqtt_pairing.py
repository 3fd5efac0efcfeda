"""MQTT in a recording that is served: requests, replies in a stream of bytes, identifiers of live clients."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.mqtt_packets import (
    USER_AND_PASSWORD,
    connect,
    granted,
    packet,
    publish,
    subscribe,
    text,
    unsubscribe,
)
from wsmon.serve.mqtt_pairing import MqttRequests, MqttServerStream, mqtt_reply_to
from wsmon.serve.request_pairing import PairedRequest

CONNACK, PINGRESP = packet(0x20, b"\x00\x00"), packet(0xD0, b"")
PUBACK, PUBCOMP = packet(0x40, b"\x00\x05"), packet(0x70, b"\x00\x06")
LONG = publish(b"feed/1", b"x" * 300)


@pytest.mark.parametrize(
    ("payload", "request_"),
    [
        (connect(0), PairedRequest(b"\x02", "CONNECT 4", is_opening=True)),
        (connect(0, version=5), PairedRequest(b"\x02", "CONNECT 5", is_opening=True)),
        (
            subscribe(258, b"a", b"b/#"),
            PairedRequest(b"\x09\x01\x02", "SUBSCRIBE 2", text(b"a") + b"\x01" + text(b"b/#") + b"\x01"),
        ),
        (unsubscribe(7, b"a"), PairedRequest(b"\x0b\x00\x07", "UNSUBSCRIBE 1", text(b"a"))),
        (publish(b"own", identifier=5, qos=1), PairedRequest(b"\x04\x00\x05", "PUBLISH 1", b"own")),
        (publish(b"own", identifier=6, qos=2), PairedRequest(b"\x05\x00\x06", "PUBLISH 2", b"own")),
        (packet(0x62, b"\x00\x06"), PairedRequest(b"\x07\x00\x06", "PUBREL")),
        (packet(0x50, b"\x00\x09"), PairedRequest(b"\x06\x00\x09", "PUBREC")),
        (packet(0xC0, b""), PairedRequest(b"\x0d", "PINGREQ")),
    ],
)
def test_a_packet_that_is_answered(payload: bytes, request_: PairedRequest) -> None:
    read = MqttRequests()
    # In pieces of a byte, as some clients write their headers
    assert [each for at in range(len(payload)) for each in read(payload[at : at + 1])] == [request_]


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x00", publish(b"own"), packet(0x40, b"\x00\x01"), packet(0xE0, b""), packet(0x82, b"\x00"),
     packet(0x10, b"\x00"), packet(0x32, b"\x00\x03own"), b'{"id":1,"method":"get"}', b"\xff" * 40],
)  # fmt: skip
def test_no_request(payload: bytes) -> None:
    assert MqttRequests()(payload) == ()


def test_topics_of_version_5_are_read_behind_the_properties() -> None:
    (opening, asked) = MqttRequests()(connect(0, version=5) + subscribe(1, b"a", version=5))
    assert (opening.kind, asked.kind, asked.arguments) == ("CONNECT 5", "SUBSCRIBE 1", text(b"a") + b"\x01")


def test_what_the_recording_lacks_of_a_message_ends_with_it() -> None:
    read, login = MqttRequests(), connect(USER_AND_PASSWORD, text(b"me"), text(b"correct horse"))
    masked = login.replace(b"correct horse", b"[FILTERED]")
    assert [each.kind for each in read.stored(masked, len(login), is_masked=True)] == ["CONNECT 4"]
    asked = login + subscribe(1, b"a")
    both = [*read.stored(masked + subscribe(1, b"a"), len(asked), is_masked=True), *read(b"\xc0\x00")]
    assert [each.kind for each in both] == ["CONNECT 4", "PINGREQ"]
    # The password alone, as some clients write it
    pieces = [(login[:-15], False), (login[-15:-13], False), (b"[FILTERED]", True)]
    sizes = (len(login) - 15, 2, 13)
    found = [
        read.stored(each, size, is_masked=is_masked) for (each, is_masked), size in zip(pieces, sizes, strict=True)
    ]
    assert [each.kind for requests in found for each in requests] == ["CONNECT 4"]
    long = publish(b"own", b"x" * 500, identifier=5, qos=1)
    assert [each.kind for each in read.stored(long[:40], len(long), is_masked=False)] == ["PUBLISH 1"]
    assert read.stored(None, 12, is_masked=False) == ()
    assert [each.kind for each in read.stored(b"\xc0\x00", 2, is_masked=False)] == ["PINGREQ"]


def kept_and_replies(*messages: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """What is left of a server's stream, and its replies."""
    stream = MqttServerStream()
    pieces = [piece for each in messages for piece in stream.feed(each, len(each))]
    rest = b"".join(piece.content for piece in pieces if not piece.reply_id)
    return rest, [(piece.reply_id, piece.content) for piece in pieces if piece.reply_id]


@given(st.lists(st.integers(0, 400), max_size=6))
def test_replies_are_found_wherever_the_messages_are_cut(cuts: list[int]) -> None:
    granting = granted(1, 1)
    replies = [
        (b"\x02", CONNACK),
        (b"\x09\x00\x01", granting),
        (b"\x04\x00\x05", PUBACK),
        (b"\x07\x00\x06", PUBCOMP),
    ]
    sent = CONNACK + granting + LONG + PUBACK + publish(b"feed/2", b"y", identifier=3, qos=1) + PUBCOMP + PINGRESP
    places = sorted({0, len(sent), *(min(cut, len(sent)) for cut in cuts)})
    messages = [sent[begin:end] for begin, end in pairwise(places)]
    assert kept_and_replies(*messages) == (
        LONG + publish(b"feed/2", b"y", identifier=3, qos=1),
        [*replies, (b"\x0d", PINGRESP)],
    )


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_stay_what_they_are(messages: list[bytes]) -> None:
    stream = MqttServerStream()
    made = b"".join(piece.content for each in messages for piece in stream.feed(each, len(each)))
    # What is missing is the beginning of a packet that is not complete
    assert b"".join(messages).startswith(made)


def test_a_packet_that_is_masked_or_cut_gets_the_length_that_it_has() -> None:
    stream = MqttServerStream()
    masked = LONG.replace(b"x" * 300, b"[FILTERED]")
    assert [piece.content for piece in stream.feed(masked, len(LONG))] == [publish(b"feed/1", b"[FILTERED]")]
    assert [piece.content for piece in stream.feed(LONG[:50], len(LONG))] == [publish(b"feed/1", b"x" * 39)]
    # Several packets: which of them is shorter is not known
    assert [piece.content for piece in stream.feed(masked + PUBACK, len(LONG + PUBACK))] == [masked + PUBACK]
    assert [piece.reply_id for piece in stream.feed(PUBACK, 4)] == [b"\x04\x00\x05"]


def test_a_packet_in_several_messages_keeps_its_length_where_it_is_masked_or_cut() -> None:
    for first in (3, 20):
        stream = MqttServerStream()
        head, rest = LONG[:first], LONG[first:]
        # Cut, at the end of the packet and before another one
        sent = [*stream.feed(head, first), *stream.feed(rest[:50], len(rest)), *stream.feed(PUBACK, 4)]
        whole = b"".join(piece.content for piece in sent)
        assert whole == (head + rest[:50]).ljust(len(LONG)) + PUBACK
        # Masked, and the end of another one behind it
        masked = rest.replace(b"x" * 30, b"[FILTERED]", 1)
        sent = [*stream.feed(head, first), *stream.feed(masked + PUBACK, len(rest) + 4)]
        assert [piece.content for piece in sent] == [head, masked.ljust(len(rest)), PUBACK]
        # Longer than it was
        masked = rest.replace(b"x", b"[FILTERED]", 1)
        sent = [*stream.feed(head, first), *stream.feed(masked, len(rest)), *stream.feed(PUBACK, 4)]
        assert b"".join(piece.content for piece in sent) == head + masked[: len(rest)] + PUBACK
    # The beginning of a packet is cut, and its end is whole
    stream = MqttServerStream()
    sent = [*stream.feed(LONG[:20], 100), *stream.feed(LONG[100:], len(LONG) - 100), *stream.feed(PUBACK, 4)]
    assert b"".join(piece.content for piece in sent) == LONG[:20].ljust(100) + LONG[100:] + PUBACK


def test_a_reply_has_the_identifier_of_the_live_request_and_all_else_byte_for_byte() -> None:
    (live,) = MqttRequests()(subscribe(0xABCD, b"a"))
    assert mqtt_reply_to(granted(1, 1), live) == granted(0xABCD, 1)
    (ping,) = MqttRequests()(b"\xc0\x00")
    assert mqtt_reply_to(PINGRESP, ping) == PINGRESP
