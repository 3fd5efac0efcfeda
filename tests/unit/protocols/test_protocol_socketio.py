"""Socket.IO over Engine.IO: heartbeats, namespaces, events, acknowledgements, attachments, and what wsmon sends."""

from __future__ import annotations

import pytest

from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.protocols.base import MAX_NAME_CHARS, UNREAD, WAIT_S, Note, Reading, Wanted
from wsmon.protocols.socketio import MAX_NAMESPACES, State, answer, classify

SECOND_NS = 1_000_000_000
WAIT_NS = int(WAIT_S) * SECOND_NS
OPEN = b'0{"sid":"hush","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


def read(state: State, direction: Direction, packet: bytes) -> Reading:
    """The reading of one text frame."""
    return classify(direction, "text", packet, state)


def attachment(state: State, direction: Direction = "in") -> Reading:
    """The reading of one binary frame."""
    return classify(direction, "binary", b"\x00\x01", state)


def connected(namespace: bytes = b"") -> State:
    """A state in which a namespace is usable."""
    state = State()
    read(state, "out", b"40" + namespace)
    read(state, "in", b"40" + namespace + b'{"sid":"hush"}')
    return state


def subscribe(phase: str, namespace: str = "/", error: str = "") -> Note:
    """Start or end of the connect to a namespace."""
    if phase == "start":
        return Note("subscription.subscribe.started", "subscribe", "start", f"{namespace} {namespace}", topic=namespace)
    return Note(
        "subscription.subscribe.completed", "subscribe", "end", f"{namespace} {namespace}", topic=namespace,
        status="error" if error else "ok", error_type="refused" if error else "", error=error,
    )  # fmt: skip


def test_the_server_pings_and_the_client_answers() -> None:
    state = State()
    assert read(state, "in", OPEN) == Reading("open")
    received = Note("heartbeat.received", "heartbeat", "start", "in")
    responded = Note("heartbeat.responded", "heartbeat", "end", "in", status="ok")
    assert read(state, "in", b"2") == Reading("ping", notes=(received,))
    assert read(state, "out", b"3") == Reading("pong", notes=(responded,))


def test_a_server_that_stops_pinging_is_missed_once() -> None:
    state = State()
    state.at(SECOND_NS)
    read(state, "in", OPEN)
    missed = Note("heartbeat.timeout", "heartbeat", error_type="timeout", error="no ping of the server within 45 s")
    assert state.overdue(46 * SECOND_NS - 1) == ()
    assert state.overdue(46 * SECOND_NS) == (missed,)
    assert state.overdue(500 * SECOND_NS) == ()


def test_a_pong_that_we_do_not_send_is_missed_after_the_time_the_server_named() -> None:
    state = State()
    read(state, "in", b'0{"sid":"x","pingInterval":25000,"pingTimeout":5000}')
    read(state, "in", b"2")
    state.at(SECOND_NS)
    assert read(state, "in", b"2").notes == (Note("heartbeat.received", "heartbeat"),)
    missed = Note(
        "heartbeat.timeout", "heartbeat", "end", "in", status="error", error_type="timeout",
        error="no answer within 5 s",
    )  # fmt: skip
    assert state.overdue(5 * SECOND_NS) == (missed,)


def test_in_the_older_revision_the_client_pings_and_no_ping_of_the_server_is_missed() -> None:
    state = State()
    read(state, "in", OPEN)
    sent = Note("heartbeat.sent", "heartbeat", "start", "out")
    responded = Note("heartbeat.responded", "heartbeat", "end", "out", status="ok")
    assert read(state, "out", b"2").notes == (sent,)
    assert read(state, "in", b"3").notes == (responded,)
    assert state.overdue(10**15) == ()


def test_a_probe_is_no_heartbeat() -> None:
    state = State()
    steps: list[tuple[Direction, bytes]] = [("out", b"2probe"), ("in", b"3probe"), ("out", b"5"), ("in", b"6")]
    assert [read(state, direction, packet) for direction, packet in steps] == [
        Reading("probe"),
        Reading("probe"),
        Reading("upgrade"),
        Reading("noop"),
    ]


@pytest.mark.parametrize("interval", [b"-1", b"0"])
def test_without_a_sound_interval_only_the_pong_is_awaited(interval: bytes) -> None:
    state = State()
    read(state, "in", b'0{"pingInterval":' + interval + b',"pingTimeout":' + interval + b"}")
    read(state, "in", b"2")
    assert [note.error for note in state.overdue(10**18)] == ["no answer within 20 s"]


@pytest.mark.parametrize("interval", [b"1e300", b"99999999999999999999"])
def test_no_interval_is_longer_than_a_day(interval: bytes) -> None:
    state = State()
    read(state, "in", b'0{"pingInterval":' + interval + b',"pingTimeout":' + interval + b"}")
    assert [note.error for note in state.overdue(2 * 86_400 * SECOND_NS)] == ["no ping of the server within 172800 s"]


@pytest.mark.parametrize(("packet", "namespace"), [(b"40", "/"), (b"40/admin,", "/admin"), (b"40/admin", "/admin")])
def test_a_namespace_is_subscribed_to_by_a_connect(packet: bytes, namespace: str) -> None:
    state = State()
    assert read(state, "out", packet) == Reading("connect", namespace, notes=(subscribe("start", namespace),))
    granted = packet.rstrip(b",") + (b',{"sid":"x"}' if namespace != "/" else b'{"sid":"x"}')
    assert read(state, "in", granted) == Reading("connect", namespace, notes=(subscribe("end", namespace),))
    left = Note(
        "subscription.unsubscribe.completed", "unsubscribe", topic=namespace, status="ok",
        reason="disconnected by the peer",
    )  # fmt: skip
    bye = packet.replace(b"40", b"41")
    assert read(state, "in", bye) == Reading("disconnect", namespace, notes=(left,))
    assert read(state, "in", bye) == Reading("disconnect", namespace)


def test_a_connect_that_nobody_asked_for_is_one_of_an_older_server() -> None:
    granted = Note("subscription.subscribe.completed", "subscribe", topic="/", status="ok")
    assert read(State(), "in", b"40") == Reading("connect", "/", notes=(granted,))


def test_our_own_disconnect_says_so() -> None:
    reading = read(connected(b"/admin,"), "out", b"41/admin,")
    assert [note.reason for note in reading.notes] == ["disconnected by us"]


def test_credentials_in_a_connect_are_authentication_and_are_not_repeated() -> None:
    state = State()
    started = Note("auth.started", "auth", "start", "/admin /admin", topic="/admin")
    asked = read(state, "out", b'40/admin,{"token":"hush"}')
    assert asked == Reading("connect", "/admin", notes=(started, subscribe("start", "/admin")))
    completed = Note("auth.completed", "auth", "end", "/admin /admin", topic="/admin", status="ok")
    granted = read(state, "in", b'40/admin,{"sid":"x"}')
    assert granted == Reading("connect", "/admin", notes=(completed, subscribe("end", "/admin")))


def test_credentials_in_the_query_of_a_namespace_are_not_repeated() -> None:
    assert read(State(), "out", b"40/admin?token=hush,").topic == "/admin"


@pytest.mark.parametrize("body", [b'{"message":"Not authorized","data":{"code":1}}', b'"Not authorized"'])
def test_a_connect_error_refuses_the_namespace_and_the_credentials(body: bytes) -> None:
    state = State()
    read(state, "out", b'40/admin,{"token":"hush"}')
    failed = Note(
        "auth.failed", "auth", "end", "/admin /admin", topic="/admin", status="error", error_type="refused",
        error="Not authorized",
    )  # fmt: skip
    refused = subscribe("end", "/admin", "Not authorized")
    assert read(state, "in", b"44/admin," + body) == Reading("connect_error", "/admin", notes=(failed, refused))
    occurred = Note("error.occurred", topic="/admin", error_type="refused", error="Not authorized")
    assert read(state, "in", b"44/admin," + body).notes == (occurred,)


def test_a_refusal_that_repeats_a_credential_is_told_without_it() -> None:
    state = State()
    read(state, "out", b'40{"who":"hush-4711"}')
    reading = read(state, "in", b'44{"message":"hush-4711 is unknown"}')
    assert [note.error for note in reading.notes] == ["[FILTERED] is unknown"] * 2


def test_a_connect_without_credentials_is_refused_without_authentication() -> None:
    state = State()
    read(state, "out", b"40")
    assert read(state, "in", b"44").notes == (subscribe("end", error="refused without a message"),)


def test_a_connect_without_an_answer_is_overdue() -> None:
    state = State()
    read(state, "out", b'40{"token":"hush"}')
    assert [(note.name, note.error_type) for note in state.overdue(WAIT_NS)] == [
        ("auth.failed", "timeout"),
        ("subscription.subscribe.completed", "timeout"),
    ]


@pytest.mark.parametrize(
    ("packet", "reading"),
    [
        (b'42["tick",{"price":1}]', Reading("tick", "/")),
        (b'42/admin,["kick"]', Reading("kick", "/admin")),
        (b"42[7]", Reading("7", "/")),
        (b'42["' + b"x" * 999 + b'"]', Reading("x" * (MAX_NAME_CHARS - 1) + "…", "/")),
    ],
)
def test_an_event_is_read_by_its_name_and_namespace(packet: bytes, reading: Reading) -> None:
    assert read(State(), "in", packet) == reading


@pytest.mark.parametrize(("asker", "other"), [("out", "in"), ("in", "out")])
def test_an_acknowledgement_answers_its_event(asker: Direction, other: Direction) -> None:
    state = State()
    key = f"{asker}:/admin:12 /admin"
    started = Note("message.process.started", "request", "start", key, "save", "/admin", "12")
    completed = Note("message.process.completed", "request", "end", key, "save", "/admin", "12", "ok")
    assert read(state, asker, b'42/admin,12["save"]') == Reading("save", "/admin", "12", notes=(started,))
    assert read(state, other, b"43/admin,12[]") == Reading("ack", "/admin", "12", notes=(completed,))


def test_both_sides_number_their_events_alike_and_are_kept_apart() -> None:
    state = State()
    read(state, "out", b'420["ours"]')
    read(state, "in", b'420["theirs"]')
    read(state, "in", b'42/admin,0["elsewhere"]')
    assert [note.type for note in read(state, "in", b"430[]").notes] == ["ours"]
    assert [note.type for note in read(state, "out", b"430[]").notes] == ["theirs"]


def test_an_acknowledgement_of_nothing_is_an_end_without_a_start() -> None:
    notes = read(State(), "in", b"437[]").notes
    assert [(note.name, note.phase, note.ref, note.error_type) for note in notes] == [
        ("message.process.completed", "end", "7", "unmatched")
    ]


def test_an_event_without_its_acknowledgement_is_overdue() -> None:
    state = State()
    read(state, "out", b'420["save"]')
    assert [(note.name, note.type, note.error_type) for note in state.overdue(WAIT_NS)] == [
        ("message.process.completed", "save", "timeout"),
        ("error.occurred", "save", "timeout"),
    ]


def test_attachments_are_counted_to_the_event_that_announced_them() -> None:
    state = connected()
    assert read(state, "in", b'452-["upload",{"_placeholder":true,"num":0}]') == Reading("upload", "/")
    assert read(state, "in", b"2").type == "ping"
    assert [attachment(state) for _ in range(3)] == [
        Reading("upload", "/"),
        Reading("upload", "/"),
        Reading("binary", error_type="socketio", error="an attachment that no packet announced"),
    ]


def test_a_request_is_over_with_the_last_attachment_of_its_acknowledgement() -> None:
    state = connected()
    key = "out:/:5 /"
    started = Note("message.process.started", "request", "start", key, "get", "/", "5")
    completed = Note("message.process.completed", "request", "end", key, "get", "/", "5", "ok")
    assert read(state, "out", b'451-5["get",{"_placeholder":true,"num":0}]') == Reading(
        "get", "/", "5", notes=(started,)
    )
    assert attachment(state, "out") == Reading("get", "/", "5")
    assert read(state, "in", b'462-5[{"_placeholder":true,"num":0}]') == Reading("ack", "/", "5")
    assert attachment(state) == Reading("ack", "/", "5")
    assert attachment(state) == Reading("ack", "/", "5", notes=(completed,))


def test_attachments_that_do_not_come_are_told_with_the_packet_that_comes_instead() -> None:
    state = connected()
    read(state, "in", b'453-["upload",{"_placeholder":true,"num":0}]')
    attachment(state)
    missing = Reading("tick", "/", "", "socketio", "2 attachments of upload did not come")
    assert read(state, "in", b'42["tick"]') == missing
    assert read(state, "in", b'42["tick"]') == Reading("tick", "/")


def test_binary_messages_of_another_encoding_are_no_error() -> None:
    assert attachment(State()) == Reading("binary")


@pytest.mark.parametrize(
    ("packet", "reading"),
    [
        (b"", Reading(error_type="socketio", error="no Engine.IO packet")),
        (b"9", Reading(error_type="socketio", error="no Engine.IO packet")),
        (b"\xb2", Reading(error_type="socketio", error="no Engine.IO packet")),
        (b"hello", Reading(error_type="socketio", error="no Engine.IO packet")),
        (b"4", Reading("message", error_type="socketio", error="no Socket.IO packet")),
        (b"4hello", Reading("message", error_type="socketio", error="no Socket.IO packet")),
        (b'421-["a"]', Reading("message", error_type="socketio", error="no Socket.IO packet")),
        (b'45["a"]', Reading("message", error_type="socketio", error="no Socket.IO packet")),
        (b"42", Reading("message", error_type="json", error="Input data was truncated")),
        (b"42[]", Reading("message", error_type="socketio", error="an event without a name")),
        (b'42{"a":1}', Reading("message", error_type="socketio", error="Expected `array`, got `object`")),
        (b"42" + b"[" * 100_000, Reading("message", error_type="json", error="nested too deep")),
        (b"0", Reading("open", error_type="json", error="Input data was truncated")),
        (b"44[]", Reading("message", error_type="socketio", error="Expected `str | object`, got `array`")),
    ],
)
def test_what_cannot_be_read_says_why(packet: bytes, reading: Reading) -> None:
    assert read(State(), "in", packet) == reading


def test_control_frames_of_the_websocket_are_not_read() -> None:
    assert classify("in", "ping", b"2", State()) is UNREAD


def test_namespaces_are_forgotten_before_memory_grows() -> None:
    state = State()
    for number in range(MAX_NAMESPACES + 1):
        read(state, "in", b"40/%d," % number)
    assert len(state.connected) == MAX_NAMESPACES


def test_wsmon_answers_pings_of_the_server_alone() -> None:
    state = State()
    assert answer(read(state, "in", b"2"), Wanted(answers=True)) == ("3",)
    assert answer(read(state, "in", b"2"), Wanted(answers=True)) == ("3",)
    assert answer(read(state, "out", b"2"), Wanted(answers=True)) == ()
    assert answer(read(state, "in", b"2probe"), Wanted(answers=True)) == ()


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
    assert answer(Reading("open"), Wanted(tuple(map(Sensitive, topics)))) == connects


def test_wsmon_connects_with_the_credentials() -> None:
    wanted = Wanted((Sensitive("/admin"),), {"token": Sensitive("hush", "[FILTERED]")})
    assert answer(Reading("open"), wanted) == ('40/admin,{"token":"hush"}',)


def test_wsmon_emits_the_wanted_events_once_the_main_namespace_is_usable() -> None:
    wanted = Wanted(tuple(map(Sensitive, ("/admin", '["join","room"]', "hello"))))
    state = State()
    assert answer(read(state, "out", b"40"), wanted) == ()
    assert answer(read(state, "in", b"40/admin,"), wanted) == ()
    assert answer(read(state, "in", b'40{"sid":"x"}'), wanted) == ('42["join","room"]', '42["hello"]')
