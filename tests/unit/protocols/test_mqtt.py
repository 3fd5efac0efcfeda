"""What wsmon says as an MQTT client: read back by its own classifier, and byte by byte where it matters."""

from __future__ import annotations

import pytest

from tests.support.mqtt_packets import connect, granted, publish, subscribe, text
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import ClientOptions
from wsmon.protocols.calls import MAX_TOPICS
from wsmon.protocols.mqtt import KEEP_ALIVE_S, answer, decode, due, opening
from wsmon.protocols.mqtt_session import MqttState

NOTHING = ClientOptions(answers=True)
LOGIN = ClientOptions(
    (Sensitive("a/#"), Sensitive("b")),
    {"client_id": Sensitive("client"), "username": Sensitive("user"), "password": Sensitive("hunter2", "***")},
    answers=True,
)
ACCEPTED = b"\x20\x02\x00\x00"


def opened(
    options: ClientOptions = NOTHING, now_ns: int = 0, answer_: bytes = ACCEPTED
) -> tuple[MqttState, tuple[bytes, ...]]:
    """A session whose CONNECT was answered, and what wsmon says to that."""
    state = MqttState()
    (message,) = opening(options, state)
    state.at(now_ns)
    assert not decode("out", "binary", message, state).error_type
    return state, answer(decode("in", "binary", answer_, state), options, state)


def test_a_session_is_asked_for_as_configured() -> None:
    assert opening(LOGIN, MqttState()) == (connect(0xC2, text(b"user"), text(b"hunter2")),)


def test_without_a_configuration_the_server_names_the_client() -> None:
    assert opening(NOTHING, MqttState()) == (b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",)


@pytest.mark.parametrize(
    ("options", "head"),
    [
        (
            ClientOptions(auth={"version": 5, "keepalive": 10}, answers=True),
            b"\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00",
        ),
        (ClientOptions(subprotocol="mqttv3.1", answers=True), b"\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00"),
        (ClientOptions(auth={"keepalive": 1e9}, answers=True), b"\x00\x04MQTT\x04\x02\xff\xff\x00\x00"),
        (ClientOptions(auth={"password": Sensitive("p")}, answers=True), b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"),
        (
            ClientOptions(auth={"password": Sensitive("p"), "version": 5}, answers=True),
            b"\x00\x04MQTT\x05\x42\x00\x3c\x00\x00\x00\x00\x01p",
        ),
    ],
)
def test_versions_differ_in_what_a_connect_has(options: ClientOptions, head: bytes) -> None:
    assert opening(options, MqttState()) == (bytes([0x10, len(head)]) + head,)


def test_topics_are_asked_for_once_the_session_is_accepted() -> None:
    assert opened(LOGIN)[1] == (subscribe(1, b"a/#", b"b"),)
    assert opened(LOGIN, answer_=b"\x20\x02\x00\x05")[1] == ()
    version_5 = ClientOptions(LOGIN.topics, {"version": 5}, answers=True)
    assert opened(version_5, answer_=b"\x20\x03\x00\x00\x00")[1] == (subscribe(1, b"a/#", b"b", version=5),)
    assert opened()[1] == ()


def test_many_topics_take_several_packets() -> None:
    names = [f"topic/{number}" for number in range(MAX_TOPICS + 1)]
    state, messages = opened(ClientOptions(tuple(map(Sensitive, names)), answers=True))
    happenings = [happening for message in messages for happening in decode("out", "binary", message, state).happenings]
    assert len(messages) == 2
    assert [happening.topic for happening in happenings] == names


def test_messages_that_want_it_are_acknowledged_once() -> None:
    state, _ = opened()
    message = publish(b"a", identifier=7, qos=1) + publish(b"b") + publish(b"c", identifier=300, qos=1)
    decoded = decode("in", "binary", message, state)
    assert answer(decoded, NOTHING, state) == (b"\x40\x02\x00\x07", b"\x40\x02\x01\x2c")
    assert answer(decoded, NOTHING, state) == ()
    assert answer(decode("in", "binary", granted(9, 0), state), NOTHING, state) == ()


def test_a_ping_is_due_in_half_the_keep_alive_time() -> None:
    state, _ = opened(now_ns=5 * SECOND_NS)
    half_ns = KEEP_ALIVE_S * SECOND_NS // 2
    times = [
        5 * SECOND_NS + half_ns - 1,
        5 * SECOND_NS + half_ns,
        5 * SECOND_NS + half_ns + 1,
        6 * SECOND_NS + 2 * half_ns,
    ]
    assert [due(now_ns, NOTHING, state) for now_ns in times] == [(), (b"\xc0\x00",), (), (b"\xc0\x00",)]


def test_a_server_of_version_5_decides_how_often() -> None:
    options = ClientOptions(auth={"version": 5}, answers=True)
    state, _ = opened(options, answer_=b"\x20\x06\x00\x00\x03\x13\x00\x04")
    assert [due(seconds * SECOND_NS, options, state) for seconds in (1, 2)] == [(), (b"\xc0\x00",)]


def test_nothing_is_due_before_the_session_is_accepted_or_without_keep_alive() -> None:
    assert due(2**62, NOTHING, MqttState()) == ()
    refused, _ = opened(answer_=b"\x20\x02\x00\x05")
    assert due(2**62, NOTHING, refused) == ()
    options = ClientOptions(auth={"keepalive": 0}, answers=True)
    assert due(2**62, options, opened(options)[0]) == ()


def test_without_leave_to_answer_nothing_is_promised() -> None:
    options = ClientOptions((Sensitive("a/#"),))
    assert opening(options, MqttState()) == (b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",)  # no keep alive
    state, messages = opened(options)
    assert messages == (b"\x82\x08\x00\x01\x00\x03a/#\x00",)  # quality of service 0
    assert due(2**62, options, state) == ()
