"""MQTT: packets in messages, and what they begin and end."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

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
from wsmon.model.events import Direction, Json
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import UNREAD, Decoded, Happening
from wsmon.protocols.calls import MAX_TOPICS, WAIT_S
from wsmon.protocols.mqtt import decode
from wsmon.protocols.mqtt_packets import MAX_KEPT_BYTES, MAX_PACKETS
from wsmon.protocols.mqtt_session import MAX_ALIASES, PING_WAIT_S, MqttState

LOGIN = connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"))
PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"
ABOUT: dict[str, Json] = {"version": "3.1.1", "keep_alive_s": 60}


class Session:
    """One session at work."""

    def __init__(self, version: int = 4) -> None:
        self.state = MqttState()
        if version >= 5:
            self.out(connect(0x02, version=version))

    def out(self, message: bytes) -> Decoded:
        return decode("out", "binary", message, self.state)

    def into(self, message: bytes) -> Decoded:
        return decode("in", "binary", message, self.state)


def told(happenings: Iterable[Happening]) -> list[tuple[str, str, str, str]]:
    """Name, phase, topic, and how it went."""
    return [
        (happening.name, happening.phase, happening.topic, happening.error_type or str(happening.status or ""))
        for happening in happenings
    ]


@pytest.mark.parametrize(
    ("message", "decoded"),
    [
        (b"\x20\x02\x00\x00", Decoded("CONNACK")),
        (b"\x20\x02\x01\x00", Decoded("CONNACK", meta={"session_present": True})),
        (publish(b"a/b"), Decoded("PUBLISH", "a/b")),
        (publish(b"a/b", flags=0b1), Decoded("PUBLISH", "a/b", meta={"retain": True})),
        (publish("café".encode(), b"x" * 300), Decoded("PUBLISH", "café")),
        (b"\x62\x02\x00\x07", Decoded("PUBREL", "", "7")),
        (subscribe(256, b"a/#"), Decoded("SUBSCRIBE", "", "256")),
        (b"\xe0\x00", Decoded("DISCONNECT")),
        (b"\x00\x00", Decoded(error_type="mqtt", error="not an MQTT packet: type 0 is reserved")),
        (b"", Decoded(error_type="mqtt", error="not an MQTT packet")),
        (b"\x30\xff\xff\xff\xff\x01", Decoded(error_type="mqtt", error="not an MQTT packet")),
        (b"\x40\x01\x00", Decoded("PUBACK", error_type="mqtt", error="the packet is too short for its type")),
        (b"\x30\x05\x00\x09abc", Decoded("PUBLISH", error_type="mqtt", error="the packet is too short for its type")),
    ],
)
def test_a_packet_of_the_server_is_named(message: bytes, decoded: Decoded) -> None:
    assert Session().into(message) == decoded


def test_mqtt_knows_binary_messages_only() -> None:
    assert decode("in", "text", PINGREQ, MqttState()) == Decoded(error_type="mqtt", error="MQTT in a text frame")
    assert decode("in", "ping", PINGREQ, MqttState()) is UNREAD


# sessions


def test_a_connect_with_a_password_is_a_login() -> None:
    session = Session()
    asked, answered = session.out(LOGIN), session.into(b"\x20\x02\x00\x00")
    assert asked == Decoded("CONNECT", happenings=(Happening("auth.started", "auth", "start", "connect"),), meta=ABOUT)
    assert answered == Decoded(
        "CONNACK", happenings=(Happening("auth.completed", "auth", "end", "connect", status="ok"),)
    )


def test_a_connect_without_credentials_is_none() -> None:
    session = Session()
    assert session.out(connect(0x02)) == Decoded("CONNECT", meta=ABOUT)
    assert session.into(b"\x20\x02\x00\x00") == Decoded("CONNACK")


def test_a_refused_login_says_why() -> None:
    session = Session()
    session.out(LOGIN)
    (happening,) = session.into(b"\x20\x02\x00\x04").happenings
    assert happening == Happening(
        "auth.failed", "auth", "end", "connect", status="error",
        error_type="bad_user_name_or_password", error="bad user name or password", meta={"code": 4},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "name", "error_type"),
    [
        (5, "auth.failed", "not_authorized"),
        (3, "error.occurred", "server_unavailable"),
        (77, "error.occurred", "code_77"),
    ],
)
def test_a_refused_connect_without_credentials_is_told(code: int, name: str, error_type: str) -> None:
    session = Session()
    session.out(connect(0x02))
    assert told(session.into(bytes([0x20, 2, 0, code])).happenings) == [(name, "", "", error_type)]


def test_version_5_gives_reasons_in_words_that_repeat_no_password() -> None:
    session = Session()
    session.out(connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"), version=5))
    reason = b"\x1f" + text(b"hunter2 is wrong")
    (happening,) = session.into(packet(0x20, b"\x00\x86" + bytes([len(reason)]) + reason)).happenings
    assert (happening.error_type, happening.error, happening.meta) == (
        "bad_user_name_or_password",
        "[FILTERED] is wrong",
        {"code": 0x86},
    )


def test_a_login_that_is_not_answered_fails_in_time() -> None:
    session = Session()
    session.out(LOGIN)
    assert told(session.state.overdue(round(WAIT_S * SECOND_NS))) == [("auth.failed", "end", "", "timeout")]


def test_a_second_login_replaces_the_first() -> None:
    session = Session()
    session.out(LOGIN)
    assert told(session.out(LOGIN).happenings) == [
        ("auth.failed", "end", "", "replaced"),
        ("auth.started", "start", "", ""),
    ]


def test_version_5_renews_its_authentication() -> None:
    session = Session(5)
    assert told(session.out(b"\xf0\x02\x19\x00").happenings) == [("auth.refresh.started", "start", "", "")]
    assert session.into(b"\xf0\x02\x18\x00").happenings == ()
    assert told(session.into(b"\xf0\x00").happenings) == [("auth.refresh.completed", "end", "", "ok")]


def test_a_server_of_version_5_says_why_it_goes() -> None:
    session = Session(5)
    reason = b"\x1f" + text(b"restart")
    (happening,) = session.into(packet(0xE0, b"\x8b" + bytes([len(reason)]) + reason)).happenings
    assert happening == Happening(
        "error.occurred", type="DISCONNECT", error_type="server_shutting_down", error="restart", meta={"code": 0x8B}
    )
    assert session.into(b"\xe0\x02\x00\x00") == Decoded("DISCONNECT")
    assert session.out(b"\xe0\x01\x82").meta == {"code": 0x82, "reason": "protocol_error"}


# subscriptions


@pytest.mark.parametrize("version", [4, 5])
def test_each_topic_is_granted_or_refused_on_its_own(version: int) -> None:
    session = Session(version)
    asked = session.out(subscribe(7, b"a/#", b"b", b"c", version=version))
    assert (asked.type, asked.topic, asked.ref) == ("SUBSCRIBE", "", "7")
    assert told(asked.happenings) == [
        ("subscription.subscribe.started", "start", topic, "") for topic in ("a/#", "b", "c")
    ]
    answered = session.into(granted(7, 1, 0x87, version=version))
    assert told(answered.happenings) == [
        ("subscription.subscribe.completed", "end", "a/#", "ok"),
        ("subscription.subscribe.completed", "end", "b", "not_authorized"),
        ("subscription.subscribe.completed", "end", "c", "not_confirmed"),
    ]
    assert [happening.meta for happening in answered.happenings] == [{"qos": 1}, {"code": 0x87}, None]
    assert {happening.status for happening in answered.happenings[1:]} == {"error"}


def test_one_topic_names_the_message_and_its_answer() -> None:
    session = Session()
    assert session.out(subscribe(7, b"a/b")).topic == "a/b"
    assert session.into(granted(7, 0x80)).topic == "a/b"


def test_a_topic_asked_for_twice_in_a_packet_is_one() -> None:
    session = Session()
    assert len(session.out(subscribe(7, b"a", b"a", b"b")).happenings) == 2
    assert told(session.into(granted(7, 0x80, 1, 2)).happenings) == [
        ("subscription.subscribe.completed", "end", "a", "ok"),
        ("subscription.subscribe.completed", "end", "b", "ok"),
    ]


def test_an_identifier_in_flight_and_one_never_seen_are_told() -> None:
    session = Session()
    session.out(subscribe(7, b"a"))
    assert told(session.out(subscribe(7, b"b")).happenings) == [("error.occurred", "", "", "duplicate_id")]
    assert told(session.into(granted(8, 0)).happenings) == [
        ("subscription.subscribe.completed", "end", "", "unmatched")
    ]


def test_more_topics_than_are_followed_are_told() -> None:
    session = Session()
    happenings = session.out(subscribe(7, *(b"%d" % number for number in range(MAX_TOPICS + 1)))).happenings
    assert (happenings[0].error_type, len(happenings)) == ("too_many_topics", MAX_TOPICS + 1)
    assert len(session.into(granted(7, *[0] * (MAX_TOPICS + 1))).happenings) == MAX_TOPICS


def test_a_cut_subscribe_begins_nothing() -> None:
    session = Session()
    assert session.out(packet(0x82, b"\x00\x07" + text(b"a") + b"\x01\x00\x09b")).error_type == "mqtt"
    assert session.state.overdue(2**62) == ()


def test_topics_are_given_up_together_or_in_version_5_one_by_one() -> None:
    session = Session()
    session.out(unsubscribe(7, b"a", b"b"))
    assert told(session.into(granted(7, first=0xB0)).happenings) == [
        ("subscription.unsubscribe.completed", "end", topic, "ok") for topic in ("a", "b")
    ]
    session = Session(5)
    session.out(unsubscribe(7, b"a", b"b", version=5))
    assert told(session.into(granted(7, 0x11, 0x87, version=5, first=0xB0)).happenings) == [
        ("subscription.unsubscribe.completed", "end", "a", "ok"),
        ("subscription.unsubscribe.completed", "end", "b", "not_authorized"),
    ]


# heartbeats


def test_a_ping_is_answered_or_late() -> None:
    session = Session()
    assert told(session.out(PINGREQ).happenings) == [("heartbeat.sent", "start", "", "")]
    assert told(session.out(PINGREQ).happenings) == [("heartbeat.sent", "", "", "")]
    assert told(session.into(PINGRESP).happenings) == [("heartbeat.responded", "end", "", "ok")]
    assert told(session.into(PINGRESP).happenings) == [("heartbeat.responded", "end", "", "unmatched")]
    session.out(PINGREQ)
    assert told(session.state.overdue(round(PING_WAIT_S * SECOND_NS))) == [("heartbeat.timeout", "end", "", "timeout")]
    assert session.state.overdue(2**62) == ()


# messages


@pytest.mark.parametrize(("asker", "answerer"), [("in", "out"), ("out", "in")])
def test_a_message_that_is_acknowledged_is_a_request(asker: Direction, answerer: Direction) -> None:
    state = MqttState()
    asked = decode(asker, "binary", publish(b"a/b", identifier=7, qos=1), state)
    answered = decode(answerer, "binary", b"\x40\x02\x00\x07", state)
    assert asked == Decoded(
        "PUBLISH", "a/b", "7", meta={"qos": 1},
        happenings=(Happening("message.process.started", "request", "start", f"{asker} 7 a/b", "PUBLISH", "a/b", "7"),),
    )  # fmt: skip
    assert answered == Decoded(
        "PUBACK", "a/b", "7",
        happenings=(
            Happening("message.process.completed", "request", "end", f"{asker} 7 a/b", "PUBLISH", "a/b", "7", "ok"),
        ),
    )  # fmt: skip


def test_quality_of_service_2_ends_with_its_fourth_packet() -> None:
    session = Session()
    steps = [
        session.out(publish(b"a", identifier=7, qos=2)),
        session.into(b"\x50\x02\x00\x07"),
        session.out(b"\x62\x02\x00\x07"),
        session.into(b"\x70\x02\x00\x07"),
    ]
    assert [(step.type, len(step.happenings)) for step in steps] == [
        ("PUBLISH", 1), ("PUBREC", 0), ("PUBREL", 0), ("PUBCOMP", 1),
    ]  # fmt: skip
    assert told(steps[-1].happenings) == [("message.process.completed", "end", "a", "ok")]


def test_identifiers_of_both_sides_are_kept_apart() -> None:
    session = Session()
    session.out(publish(b"ours", identifier=7, qos=1))
    session.into(publish(b"theirs", identifier=7, qos=1))
    assert session.out(b"\x40\x02\x00\x07").topic == "theirs"
    assert session.into(b"\x40\x02\x00\x07").topic == "ours"
    assert told(session.into(b"\x40\x02\x00\x07").happenings) == [("message.process.completed", "end", "", "unmatched")]


@pytest.mark.parametrize("first", [0x40, 0x50])
def test_version_5_can_refuse_a_message(first: int) -> None:
    session = Session(5)
    session.out(packet(0x32, text(b"a") + b"\x00\x07\x00x"))
    refused = session.into(bytes([first, 3, 0, 7, 0x97]))
    assert told(refused.happenings) == [
        ("message.process.completed", "end", "a", "quota_exceeded"),
        ("error.occurred", "", "", "quota_exceeded"),
    ]


def test_a_message_that_is_sent_again_is_the_same_one() -> None:
    session = Session()
    session.into(publish(b"a", identifier=7, qos=1))
    again = session.into(publish(b"a", identifier=7, qos=1, flags=0b1000))
    assert (again.happenings, again.meta) == ((), {"qos": 1, "dup": True})
    other = session.into(publish(b"a", identifier=7, qos=1))
    assert told(other.happenings) == [("error.occurred", "", "", "duplicate_id")]


def test_a_message_without_an_acknowledgement_is_told() -> None:
    session = Session()
    session.into(publish(b"a", identifier=7, qos=1))
    assert told(session.state.overdue(round(WAIT_S * SECOND_NS))) == [
        ("message.process.completed", "end", "a", "timeout"),
        ("error.occurred", "", "", "timeout"),
    ]


def test_an_alias_stands_for_the_topic_it_came_with() -> None:
    session = Session(5)
    named = packet(0x30, text(b"a/b") + b"\x03\x23\x00\x05" + b"x")
    aliased = packet(0x30, text(b"") + b"\x03\x23\x00\x05" + b"x")
    assert [session.into(message).topic for message in (aliased, named, aliased)] == ["", "a/b", "a/b"]
    assert session.out(aliased).topic == ""
    for number in range(MAX_ALIASES):
        session.into(packet(0x30, text(b"t") + b"\x03\x23" + (1000 + number).to_bytes(2, "big")))
    assert session.into(aliased).topic == ""


# packets and messages


def test_every_packet_of_a_message_is_read() -> None:
    session = Session()
    decoded = session.into(publish(b"a") + PINGRESP + publish(b"b", identifier=1, qos=1) + b"\x00\x00")
    assert (decoded.type, decoded.topic, decoded.error_type, decoded.meta) == ("PUBLISH", "a", "mqtt", {"packets": 4})
    assert told(decoded.happenings) == [
        ("heartbeat.responded", "end", "", "unmatched"),
        ("message.process.started", "start", "b", ""),
    ]


def test_no_more_packets_are_read_than_can_be() -> None:
    session = Session()
    assert session.into(PINGRESP * MAX_PACKETS).error_type == ""
    decoded = session.into(PINGRESP * (MAX_PACKETS + 1))
    assert (decoded.error_type, decoded.meta) == ("too_large", {"packets": MAX_PACKETS})
    assert len(decoded.happenings) == MAX_PACKETS
    assert session.into(b"\xe0\x00") == Decoded("DISCONNECT")


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_a_session_reads_the_same_in_pieces(size: int) -> None:
    stream = publish(b"a", b"x" * 200) + publish(b"b", identifier=7, qos=1) + PINGRESP
    whole, pieces = Session(), Session()
    messages = [pieces.into(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert tuple(happening for decoded in messages for happening in decoded.happenings) == whole.into(stream).happenings
    assert {decoded.error_type for decoded in messages} == {""}
    assert {decoded.type for decoded in messages[:-2]} == {"PUBLISH"}


def test_a_packet_that_goes_on_keeps_its_name_in_its_direction() -> None:
    state = MqttState()
    message = publish(b"a/b", b"x" * 100)
    steps: list[tuple[Direction, bytes]] = [("in", message[:50]), ("out", b"\xe0\x00"), ("in", message[50:])]
    assert [decode(direction, "binary", piece, state) for direction, piece in steps] == [
        Decoded("PUBLISH", "a/b"),
        Decoded("DISCONNECT"),
        Decoded("PUBLISH", "a/b"),
    ]


def test_a_packet_too_long_to_be_kept_is_read_by_its_beginning() -> None:
    session = Session()
    message = publish(b"a/b", b"x" * (2 * MAX_KEPT_BYTES), identifier=7, qos=1)
    half = MAX_KEPT_BYTES + 10
    begun = session.into(message[:half])
    assert (begun.topic, told(begun.happenings)) == ("a/b", [("message.process.started", "start", "a/b", "")])
    assert session.into(message[half:-10]) == Decoded("PUBLISH")
    assert session.into(message[-10:] + b"\xe0\x00") == Decoded("PUBLISH", meta={"packets": 2})
    assert session.into(b"\xe0\x00") == Decoded("DISCONNECT")


def test_a_long_packet_that_needs_its_end_is_not_read() -> None:
    message = subscribe(7, *(b"t" * 60_000,) * 3)
    session = Session()
    assert session.out(message[:100_000]) == Decoded(
        "SUBSCRIBE", error_type="too_large", error="180011 bytes in fragments: only the beginning is available"
    )
    assert session.out(message[100_000:]) == Decoded("SUBSCRIBE")
