"""Socket.IO over Engine.IO: heartbeats, namespaces, events, acknowledgements, attachments, and what wsmon sends."""

from __future__ import annotations

import pytest

from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.protocols.base import MAX_NAME_CHARS, UNREAD, ClientOptions, Decoded, HandshakeUrl, Happening
from wsmon.protocols.calls import WAIT_S
from wsmon.protocols.socketio import MAX_NAMESPACES, PROTOCOL, SocketIoState, answer, decode, due

SECOND_NS = 1_000_000_000
WAIT_NS = int(WAIT_S) * SECOND_NS
OPEN = b'0{"sid":"hush","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


def read(state: SocketIoState, direction: Direction, packet: bytes) -> Decoded:
    """The reading of one text frame."""
    return decode(direction, "text", packet, state)


def attachment(state: SocketIoState, direction: Direction = "in") -> Decoded:
    """The reading of one binary frame."""
    return decode(direction, "binary", b"\x00\x01", state)


def connected(namespace: bytes = b"") -> SocketIoState:
    """A state in which a namespace is usable."""
    state = SocketIoState()
    read(state, "out", b"40" + namespace)
    read(state, "in", b"40" + namespace + b'{"sid":"hush"}')
    return state


def subscribe(phase: str, namespace: str = "/", error: str = "") -> Happening:
    """Start or end of the connect to a namespace."""
    if phase == "start":
        return Happening(
            "subscription.subscribe.started", "subscribe", "start", f"{namespace} {namespace}", topic=namespace
        )
    return Happening(
        "subscription.subscribe.completed", "subscribe", "end", f"{namespace} {namespace}", topic=namespace,
        status="error" if error else "ok", error_type="refused" if error else "", error=error,
    )  # fmt: skip


def test_the_server_pings_and_the_client_answers() -> None:
    state = SocketIoState()
    assert read(state, "in", OPEN) == Decoded("open")
    received = Happening("heartbeat.received", "heartbeat", "start", "in")
    responded = Happening("heartbeat.responded", "heartbeat", "end", "in", status="ok")
    assert read(state, "in", b"2") == Decoded("ping", happenings=(received,))
    assert read(state, "out", b"3") == Decoded("pong", happenings=(responded,))


def test_a_server_that_stops_pinging_is_missed_once() -> None:
    state = SocketIoState()
    state.at(SECOND_NS)
    read(state, "in", OPEN)
    missed = Happening(
        "heartbeat.timeout", "heartbeat", error_type="timeout", error="no ping from the server within 45 s"
    )
    assert state.overdue(46 * SECOND_NS - 1) == ()
    assert state.overdue(46 * SECOND_NS) == (missed,)
    assert state.overdue(500 * SECOND_NS) == ()


def test_a_pong_that_we_do_not_send_is_missed_after_the_time_the_server_named() -> None:
    state = SocketIoState()
    read(state, "in", b'0{"sid":"x","pingInterval":25000,"pingTimeout":5000}')
    read(state, "in", b"2")
    state.at(SECOND_NS)
    assert read(state, "in", b"2").happenings == (Happening("heartbeat.received", "heartbeat"),)
    missed = Happening(
        "heartbeat.timeout", "heartbeat", "end", "in", status="error", error_type="timeout",
        error="no answer within 5 s",
    )  # fmt: skip
    assert state.overdue(5 * SECOND_NS) == (missed,)


def test_in_the_older_revision_the_client_pings_and_no_ping_of_the_server_is_missed() -> None:
    state = SocketIoState()
    read(state, "in", OPEN)
    sent = Happening("heartbeat.sent", "heartbeat", "start", "out")
    responded = Happening("heartbeat.responded", "heartbeat", "end", "out", status="ok")
    assert read(state, "out", b"2").happenings == (sent,)
    assert read(state, "in", b"3").happenings == (responded,)
    assert state.overdue(10**15) == ()


def test_a_probe_is_no_heartbeat() -> None:
    state = SocketIoState()
    steps: list[tuple[Direction, bytes]] = [("out", b"2probe"), ("in", b"3probe"), ("out", b"5"), ("in", b"6")]
    assert [read(state, direction, packet) for direction, packet in steps] == [
        Decoded("probe"),
        Decoded("probe"),
        Decoded("upgrade"),
        Decoded("noop"),
    ]


@pytest.mark.parametrize("interval", [b"-1", b"0"])
def test_without_a_sound_interval_only_the_pong_is_awaited(interval: bytes) -> None:
    state = SocketIoState()
    read(state, "in", b'0{"pingInterval":' + interval + b',"pingTimeout":' + interval + b"}")
    read(state, "in", b"2")
    assert [happening.error for happening in state.overdue(10**18)] == ["no answer within 20 s"]


@pytest.mark.parametrize("interval", [b"1e300", b"99999999999999999999"])
def test_no_interval_is_longer_than_a_day(interval: bytes) -> None:
    state = SocketIoState()
    read(state, "in", b'0{"pingInterval":' + interval + b',"pingTimeout":' + interval + b"}")
    assert [happening.error for happening in state.overdue(2 * 86_400 * SECOND_NS)] == [
        "no ping from the server within 172800 s"
    ]


@pytest.mark.parametrize(("packet", "namespace"), [(b"40", "/"), (b"40/admin,", "/admin"), (b"40/admin", "/admin")])
def test_a_namespace_is_subscribed_to_by_a_connect(packet: bytes, namespace: str) -> None:
    state = SocketIoState()
    assert read(state, "out", packet) == Decoded("connect", namespace, happenings=(subscribe("start", namespace),))
    granted = packet.rstrip(b",") + (b',{"sid":"x"}' if namespace != "/" else b'{"sid":"x"}')
    assert read(state, "in", granted) == Decoded("connect", namespace, happenings=(subscribe("end", namespace),))
    left = Happening(
        "subscription.unsubscribe.completed", "unsubscribe", topic=namespace, status="ok",
        reason="disconnected by the peer",
    )  # fmt: skip
    bye = packet.replace(b"40", b"41")
    assert read(state, "in", bye) == Decoded("disconnect", namespace, happenings=(left,))
    assert read(state, "in", bye) == Decoded("disconnect", namespace)


def test_a_connect_that_nobody_asked_for_is_one_of_an_older_server() -> None:
    granted = Happening("subscription.subscribe.completed", "subscribe", topic="/", status="ok")
    assert read(SocketIoState(), "in", b"40") == Decoded("connect", "/", happenings=(granted,))


def test_our_own_disconnect_says_so() -> None:
    decoded = read(connected(b"/admin,"), "out", b"41/admin,")
    assert [happening.reason for happening in decoded.happenings] == ["disconnected by wsmon"]


def test_credentials_in_a_connect_are_authentication_and_are_not_repeated() -> None:
    state = SocketIoState()
    started = Happening("auth.started", "auth", "start", "/admin /admin", topic="/admin")
    asked = read(state, "out", b'40/admin,{"token":"hush"}')
    assert asked == Decoded("connect", "/admin", happenings=(started, subscribe("start", "/admin")))
    completed = Happening("auth.completed", "auth", "end", "/admin /admin", topic="/admin", status="ok")
    granted = read(state, "in", b'40/admin,{"sid":"x"}')
    assert granted == Decoded("connect", "/admin", happenings=(completed, subscribe("end", "/admin")))


def test_credentials_in_the_query_of_a_namespace_are_authentication_and_are_not_repeated() -> None:
    state = SocketIoState()
    asked = read(state, "out", b"40/admin?token=hush%20hush,")
    assert asked.topic == "/admin"
    assert [each.name for each in asked.happenings] == ["auth.started", "subscription.subscribe.started"]
    (failed, _) = read(state, "in", b'44/admin,"no hush hush here"').happenings
    assert (failed.name, failed.error) == ("auth.failed", "no [FILTERED] here")


@pytest.mark.parametrize(
    ("packet", "masked"),
    [
        (b"40/admin?token=hush,", b"40/admin?token=[FILTERED],"),
        (b"40/admin?a=b&pass=c%20d", b"40/admin?a=[FILTERED]&pass=[FILTERED]"),
        (b"40/admin?" + b"a=b&" * 101, b"40/admin?[FILTERED]"),
        (b"40/admin?,", b"40/admin?,"),
        (b"40/admin,{}", b"40/admin,{}"),
        (b'42/admin?x=y,["e"]', b'42/admin?x=y,["e"]'),
    ],
)
def test_credentials_in_the_query_of_a_namespace_are_masked(packet: bytes, masked: bytes) -> None:
    assert PROTOCOL.new_masks(SocketIoState())["out"]("text", packet) == (masked, masked != packet)


def test_p4_in_the_third_revision_credentials_are_the_query_of_a_namespace() -> None:
    state = revision_3()
    options = ClientOptions((Sensitive("/admin"),), {"password": Sensitive("a b,c")}, answers=True)
    assert answer(read(state, "in", OPEN_3), options, state) == ("40/admin?password=a%20b%2Cc,",)


def test_an_attachment_in_base64_is_one() -> None:
    state = SocketIoState()
    read(state, "in", b'451-["picture",{"_placeholder":true,"num":0}]')
    assert read(state, "in", b"b4YWJj") == Decoded("picture", "/")


@pytest.mark.parametrize("body", [b'{"message":"Not authorized","data":{"code":1}}', b'"Not authorized"'])
def test_a_connect_error_refuses_the_namespace_and_the_credentials(body: bytes) -> None:
    state = SocketIoState()
    read(state, "out", b'40/admin,{"token":"hush"}')
    failed = Happening(
        "auth.failed", "auth", "end", "/admin /admin", topic="/admin", status="error", error_type="refused",
        error="Not authorized",
    )  # fmt: skip
    refused = subscribe("end", "/admin", "Not authorized")
    assert read(state, "in", b"44/admin," + body) == Decoded("connect_error", "/admin", happenings=(failed, refused))
    occurred = Happening("error.occurred", topic="/admin", error_type="refused", error="Not authorized")
    assert read(state, "in", b"44/admin," + body).happenings == (occurred,)


def test_a_refusal_that_repeats_a_credential_is_told_without_it() -> None:
    state = SocketIoState()
    read(state, "out", b'40{"who":"hush-4711"}')
    decoded = read(state, "in", b'44{"message":"hush-4711 is unknown"}')
    assert [happening.error for happening in decoded.happenings] == ["[FILTERED] is unknown"] * 2


def test_w4_a_refused_connect_of_the_main_namespace_is_a_refused_login_without_credentials_too() -> None:
    state = SocketIoState()
    read(state, "out", b"40")
    refused = Happening(
        "auth.failed", topic="/", status="error", error_type="refused", error="refused without a message"
    )
    assert read(state, "in", b"44").happenings == (refused, subscribe("end", error="refused without a message"))


def test_a_refused_connect_of_another_namespace_without_credentials_is_a_refused_subscription() -> None:
    state = SocketIoState()
    read(state, "out", b"40/admin,")
    assert read(state, "in", b'44/admin,{"message":"no"}').happenings == (subscribe("end", "/admin", "no"),)


def test_a_connect_without_an_answer_is_overdue() -> None:
    state = SocketIoState()
    read(state, "out", b'40{"token":"hush"}')
    assert [(happening.name, happening.error_type) for happening in state.overdue(WAIT_NS)] == [
        ("auth.failed", "timeout"),
        ("subscription.subscribe.completed", "timeout"),
    ]


@pytest.mark.parametrize(
    ("packet", "decoded"),
    [
        (b'42["tick",{"price":1}]', Decoded("tick", "/")),
        (b'42/admin,["kick"]', Decoded("kick", "/admin")),
        (b"42[7]", Decoded("7", "/")),
        (b'42["' + b"x" * 999 + b'"]', Decoded("x" * (MAX_NAME_CHARS - 1) + "…", "/")),
    ],
)
def test_an_event_is_read_by_its_name_and_namespace(packet: bytes, decoded: Decoded) -> None:
    assert read(SocketIoState(), "in", packet) == decoded


@pytest.mark.parametrize(("asker", "other"), [("out", "in"), ("in", "out")])
def test_an_acknowledgement_answers_its_event(asker: Direction, other: Direction) -> None:
    state = SocketIoState()
    key = f"{asker}:/admin:12 /admin"
    started = Happening("message.process.started", "request", "start", key, "save", "/admin", "12")
    completed = Happening("message.process.completed", "request", "end", key, "save", "/admin", "12", "ok")
    assert read(state, asker, b'42/admin,12["save"]') == Decoded("save", "/admin", "12", happenings=(started,))
    assert read(state, other, b"43/admin,12[]") == Decoded("ack", "/admin", "12", happenings=(completed,))


def test_both_sides_number_their_events_alike_and_are_kept_apart() -> None:
    state = SocketIoState()
    read(state, "out", b'420["ours"]')
    read(state, "in", b'420["theirs"]')
    read(state, "in", b'42/admin,0["elsewhere"]')
    assert [happening.type for happening in read(state, "in", b"430[]").happenings] == ["ours"]
    assert [happening.type for happening in read(state, "out", b"430[]").happenings] == ["theirs"]


def test_an_acknowledgement_of_nothing_is_an_end_without_a_start() -> None:
    happenings = read(SocketIoState(), "in", b"437[]").happenings
    assert [(happening.name, happening.phase, happening.ref, happening.error_type) for happening in happenings] == [
        ("message.process.completed", "end", "7", "unmatched")
    ]


def test_an_event_without_its_acknowledgement_is_overdue() -> None:
    state = SocketIoState()
    read(state, "out", b'420["save"]')
    assert [(happening.name, happening.type, happening.error_type) for happening in state.overdue(WAIT_NS)] == [
        ("message.process.completed", "save", "timeout"),
        ("error.occurred", "save", "timeout"),
    ]


def test_attachments_are_counted_to_the_event_that_announced_them() -> None:
    state = connected()
    assert read(state, "in", b'452-["upload",{"_placeholder":true,"num":0}]') == Decoded("upload", "/")
    assert read(state, "in", b"2").type == "ping"
    assert [attachment(state) for _ in range(3)] == [
        Decoded("upload", "/"),
        Decoded("upload", "/"),
        Decoded("binary", error_type="socketio", error="an unexpected attachment: no packet announced it"),
    ]


def test_a_request_is_over_with_the_last_attachment_of_its_acknowledgement() -> None:
    state = connected()
    key = "out:/:5 /"
    started = Happening("message.process.started", "request", "start", key, "get", "/", "5")
    completed = Happening("message.process.completed", "request", "end", key, "get", "/", "5", "ok")
    assert read(state, "out", b'451-5["get",{"_placeholder":true,"num":0}]') == Decoded(
        "get", "/", "5", happenings=(started,)
    )
    assert attachment(state, "out") == Decoded("get", "/", "5")
    assert read(state, "in", b'462-5[{"_placeholder":true,"num":0}]') == Decoded("ack", "/", "5")
    assert attachment(state) == Decoded("ack", "/", "5")
    assert attachment(state) == Decoded("ack", "/", "5", happenings=(completed,))


def test_attachments_that_do_not_come_are_told_with_the_packet_that_comes_instead() -> None:
    state = connected()
    read(state, "in", b'453-["upload",{"_placeholder":true,"num":0}]')
    attachment(state)
    missing = Decoded("tick", "/", "", "socketio", "2 attachments of upload are missing")
    assert read(state, "in", b'42["tick"]') == missing
    assert read(state, "in", b'42["tick"]') == Decoded("tick", "/")


def test_binary_messages_of_another_encoding_are_no_error() -> None:
    assert attachment(SocketIoState()) == Decoded("binary")


@pytest.mark.parametrize(
    ("packet", "decoded"),
    [
        (b"", Decoded(error_type="socketio", error="not an Engine.IO packet")),
        (b"9", Decoded(error_type="socketio", error="not an Engine.IO packet")),
        (b"\xb2", Decoded(error_type="socketio", error="not an Engine.IO packet")),
        (b"hello", Decoded(error_type="socketio", error="not an Engine.IO packet")),
        (b"4", Decoded("message", error_type="socketio", error="not a Socket.IO packet")),
        (b"4hello", Decoded("message", error_type="socketio", error="not a Socket.IO packet")),
        (b'421-["a"]', Decoded("message", error_type="socketio", error="not a Socket.IO packet")),
        (b'45["a"]', Decoded("message", error_type="socketio", error="not a Socket.IO packet")),
        (b"42", Decoded("message", error_type="json", error="Input data was truncated")),
        (b"42[]", Decoded("message", error_type="socketio", error="an event without a name")),
        (b'42{"a":1}', Decoded("message", error_type="socketio", error="Expected `array`, got `object`")),
        (b"42" + b"[" * 100_000, Decoded("message", error_type="json", error="nested too deep")),
        (b"0", Decoded("open", error_type="json", error="Input data was truncated")),
        (b"44[]", Decoded("message", error_type="socketio", error="Expected `str | object`, got `array`")),
    ],
)
def test_what_cannot_be_read_says_why(packet: bytes, decoded: Decoded) -> None:
    assert read(SocketIoState(), "in", packet) == decoded


def test_control_frames_of_the_websocket_are_not_read() -> None:
    assert decode("in", "ping", b"2", SocketIoState()) is UNREAD


def test_namespaces_are_forgotten_before_memory_grows() -> None:
    state = SocketIoState()
    for number in range(MAX_NAMESPACES + 1):
        read(state, "in", b"40/%d," % number)
    assert len(state.connected) == MAX_NAMESPACES


def test_wsmon_answers_pings_of_the_server_alone() -> None:
    state = SocketIoState()
    assert answer(read(state, "in", b"2"), ClientOptions(answers=True), state) == ("3",)
    assert answer(read(state, "in", b"2"), ClientOptions(answers=True), state) == ("3",)
    assert answer(read(state, "out", b"2"), ClientOptions(answers=True), state) == ()
    assert answer(read(state, "in", b"2probe"), ClientOptions(answers=True), state) == ()


@pytest.mark.parametrize(
    ("topics", "connects"),
    [
        ((), ("40",)),
        (("/admin", "/news"), ("40/admin,", "40/news,")),
        (("/admin", "/"), ("40/admin,", "40")),
        (("/admin", '["join","room"]'), ("40", "40/admin,")),
    ],
)
def test_wsmon_connects_to_the_wanted_namespaces_when_the_server_opens(
    topics: tuple[str, ...], connects: tuple[str, ...]
) -> None:
    assert answer(Decoded("open"), ClientOptions(tuple(map(Sensitive, topics))), SocketIoState()) == connects


def revision_3() -> SocketIoState:
    """A session that asked for Engine.IO 3."""
    state = SocketIoState()
    url = HandshakeUrl.parse("ws://h/socket.io/?EIO=3&transport=websocket")
    PROTOCOL.prepare(state, ClientOptions(), url)
    return state


OPEN_3 = b'0{"sid":"x","upgrades":[],"pingInterval":3000,"pingTimeout":2000}'


def test_p4_in_the_third_revision_no_ping_of_the_server_is_awaited() -> None:
    state = revision_3()
    read(state, "in", OPEN_3)
    assert state.overdue(60 * SECOND_NS) == ()


def test_p4_in_the_third_revision_the_client_pings_in_time() -> None:
    state, options = revision_3(), ClientOptions(answers=True)
    read(state, "in", OPEN_3)
    pings = [at_s for at_s in range(12) if due(at_s * SECOND_NS, options, state) == ("2",)]
    assert pings == [2, 4, 6, 8, 10]
    assert [due(at_s * SECOND_NS, ClientOptions(), state) for at_s in (20, 30)] == [(), ()]
    sent, answered = read(state, "out", b"2").happenings, read(state, "in", b"3").happenings
    assert [each.name for each in (*sent, *answered)] == ["heartbeat.sent", "heartbeat.responded"]


def test_in_the_fourth_revision_the_client_does_not_ping() -> None:
    state = SocketIoState()
    PROTOCOL.prepare(state, ClientOptions(), HandshakeUrl.parse("ws://h/socket.io/?EIO=4"))
    read(state, "in", OPEN_3)
    assert due(60 * SECOND_NS, ClientOptions(answers=True), state) == ()


@pytest.mark.parametrize(
    ("topics", "connects"), [((), ()), (("/admin",), ("40/admin,",)), (("/admin", "/", '["join"]'), ("40/admin,",))]
)
def test_p4_in_the_third_revision_the_server_joins_the_main_namespace(
    topics: tuple[str, ...], connects: tuple[str, ...]
) -> None:
    options = ClientOptions(tuple(map(Sensitive, topics)), answers=True)
    assert answer(Decoded("open"), options, revision_3()) == connects


def test_p4_the_wanted_events_are_emitted_once() -> None:
    options, state = ClientOptions((Sensitive('["join","room"]'),), answers=True), revision_3()
    assert answer(read(state, "in", b"40"), options, state) == ('42["join","room"]',)
    assert answer(read(state, "in", b"40"), options, state) == ()


def test_p2_half_of_a_surrogate_pair_in_an_event_is_read() -> None:
    assert read(SocketIoState(), "in", b'42["chat","party \\ud83d"]') == Decoded("chat", "/")


def test_wsmon_connects_with_the_credentials() -> None:
    options = ClientOptions((Sensitive("/admin"),), {"token": Sensitive("hush", "[FILTERED]")})
    assert answer(Decoded("open"), options, SocketIoState()) == ('40/admin,{"token":"hush"}',)


def test_wsmon_emits_the_wanted_events_once_the_main_namespace_is_usable() -> None:
    options = ClientOptions(tuple(map(Sensitive, ("/admin", '["join","room"]', "hello"))))
    state = SocketIoState()
    assert answer(read(state, "out", b"40"), options, state) == ()
    assert answer(read(state, "in", b"40/admin,"), options, state) == ()
    assert answer(read(state, "in", b'40{"sid":"x"}'), options, state) == ('42["join","room"]', '42["hello"]')


def test_namespaces_are_connected_to_once_however_often_the_server_opens() -> None:
    state = SocketIoState()
    options = ClientOptions((Sensitive("/admin"),))
    opened = [answer(read(state, "in", OPEN), options, state) for _ in range(3)]
    assert opened == [("40/admin,",), (), ()]
