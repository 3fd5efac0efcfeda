"""The protocol of a session at work: chosen or found out, and never the end of the session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.support.fake_ports import FakeClock
from tests.support.mqtt_packets import USER_AND_PASSWORD, connect, text
from tests.support.schedulers import Scheduler
from wsmon.config.specs import ConnectionSpec, HeartbeatSpec, ProtocolName
from wsmon.engine.protocol_session import UNDECIDED_S, CarriedState, ProtocolSession
from wsmon.engine.ticker import TICK_S, Ticker
from wsmon.model.events import Direction, Opcode
from wsmon.model.redact.masking import Sensitive
from wsmon.model.spans import Instant
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import UNREAD, ClientOptions, Decoded, Happening, Outbox, Protocol, ProtocolClient
from wsmon.protocols.registry import PROTOCOLS

RPC = b'{"jsonrpc":"2.0","id":1,"method":"m"}'
LATE = Happening("error.occurred", error_type="timeout")


class State:
    """Says that everything is late, and counts the messages."""

    def __init__(self, messages: int = 0) -> None:
        self.messages = messages
        self.times: list[int] = []

    def at(self, now_ns: int) -> None:
        self.times.append(now_ns)

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        return (LATE,)


def count(_direction: Direction, _opcode: Opcode, _payload: bytes, state: State) -> Decoded:
    """A classifier that counts."""
    state.messages += 1
    return Decoded("counted", ref=str(state.messages))


def break_down(_direction: Direction, _opcode: Opcode, _payload: bytes, _state: State) -> Decoded:
    """A classifier that must not be."""
    raise ZeroDivisionError("oh no")


Decode = Callable[[Direction, Opcode, bytes, State], Decoded]


def every(decode: Decode, **fields: Any) -> dict[ProtocolName, Protocol[Any]]:
    """Protocols that are recognised as ever, and decode in this way."""
    bare: dict[str, Any] = {"next_state": None, "new_masks": lambda _state: {}, "split": None, "client": None}
    fields = {**bare, "new_state": State, "decode": decode, **fields}
    return {name: replace(protocol, **fields) for name, protocol in PROTOCOLS.items()}


def take(session: ProtocolSession, direction: Direction, opcode: Opcode, payload: bytes, mono_ns: int) -> Decoded:
    """The way of a whole message through a session."""
    if session.splits:
        assert session.split(direction, opcode, payload) is None
    return session.read(direction, opcode, payload, mono_ns)


class Rig:
    """A session over fakes."""

    def __init__(
        self,
        protocol: ProtocolName,
        protocols: Mapping[ProtocolName, Protocol[Any]] = PROTOCOLS,
        carried: CarriedState | None = None,
        **fields: Any,
    ) -> None:
        self.overdue: list[tuple[Happening, ...]] = []
        self.scheduler = Scheduler()
        self.carried = carried or CarriedState()
        spec = replace(ConnectionSpec("feed", Sensitive("ws://a/")), protocol=protocol, **fields)
        self.ticks: list[int] = []
        self.session = ProtocolSession(
            spec, Ticker(self.scheduler), FakeClock(), self.carried, self._tell_overdue, protocols
        )

    def read(self, payload: bytes = b"x", opcode: Opcode = "text") -> Decoded:
        return take(self.session, "in", opcode, payload, 5)

    def _tell_overdue(self, happenings: tuple[Happening, ...], at: Instant) -> None:
        self.overdue.append(happenings)


def test_a_configured_protocol_reads_from_the_first_message() -> None:
    rig = Rig("json", every(count))
    assert rig.session.begin("ws://h/socket/websocket?vsn=2.0.0", "mqtt") == {"protocol": "json"}
    assert [rig.read(RPC), rig.read()] == [Decoded("counted", ref="1"), Decoded("counted", ref="2")]
    assert rig.carried.state.times == [5, 5]


def test_a_handshake_can_tell_the_protocol() -> None:
    rig = Rig("auto", every(count))
    told = rig.session.begin("ws://h/socket/websocket?vsn=2.0.0", "")
    assert told == {
        "protocol": "phoenix",
        "protocol_why": "the path ends in /websocket and the query has vsn=2.0.0",
    }
    assert rig.read(RPC) == Decoded("counted", ref="1")


def test_messages_can_tell_the_protocol_once() -> None:
    rig = Rig("auto", every(count))
    assert rig.session.begin("ws://h/", "") == {}
    chosen = Happening("connection.protocol", type="jsonrpc", reason='jsonrpc: a message has "jsonrpc": "2.0"')
    assert [rig.read(RPC), rig.read(RPC)] == [
        Decoded("counted", ref="1", happenings=(chosen,)),
        Decoded("counted", ref="2"),
    ]


def test_while_nothing_is_found_json_is_read_and_other_text_is_no_fault() -> None:
    rig = Rig("auto")
    assert rig.read(b'{"type":"trade"}').type == "trade"
    assert rig.read(b'{"cut') == UNREAD


def test_without_a_sign_it_is_json_or_raw_in_the_end() -> None:
    for payload, name in ((b'{"type":"trade"}', "json"), (b"hello", "raw")):
        rig = Rig("auto")
        happenings = [happening for _ in range(20) for happening in rig.read(payload).happenings]
        assert [(happening.name, happening.type) for happening in happenings] == [("connection.protocol", name)]


def test_p4_a_protocol_that_does_not_fit_is_revised_and_not_detected_again() -> None:
    rig = Rig("auto")
    rig.session.begin("ws://a/", "")
    frames = [rig.read(RPC), *(rig.read(b"hello") for _ in range(20))]
    named = [
        (happening.type, happening.reason)
        for decoded in frames
        for happening in decoded.happenings
        if happening.name == "connection.protocol"
    ]
    assert named == [
        ("jsonrpc", 'jsonrpc: a message has "jsonrpc": "2.0"'),
        ("raw", "raw: 3 of the last 4 messages cannot be parsed as jsonrpc"),
    ]
    assert [bool(decoded.error_type) for decoded in frames] == [False] * 21
    again = Rig("auto", carried=rig.carried)
    again.session.begin("ws://a/", "")
    assert [bool(again.read(RPC).happenings) for _ in range(8)] == [False] * 7 + [True]


def test_a_configured_protocol_is_never_revised() -> None:
    rig = Rig("jsonrpc")
    rig.session.begin("ws://a/", "")
    assert [rig.read(b"hello").error_type for _ in range(30)] == ["json"] * 30


def test_p4_a_protocol_is_told_the_url_and_whether_wsmon_answers() -> None:
    rig = Rig("socketio", answer=True)
    rig.session.begin("ws://a/socket.io/?EIO=3", "")
    assert rig.carried.state.is_revision_3
    rig = Rig("auto")
    rig.session.begin("ws://a/socket.io/?EIO=3", "")
    assert rig.carried.state.is_revision_3
    for answers in (False, True):
        rig = Rig("json", answer=answers)
        rig.session.begin("ws://a/", "")
        assert rig.carried.state.answers is answers


def test_p1_a_renewal_that_looks_like_a_login_and_is_not_answered_is_a_renewal() -> None:
    login, renewal = '{"type":"auth","token":"a"}', '{"type":"auth","token":"b"}'
    auth = {"send": Sensitive(login), "refresh": Sensitive(renewal), "expires_in": Sensitive("10s")}
    rig = Rig("json", auth=auth, answer=True)
    rig.session.begin("ws://a/", "")
    rig.session.start(rig.ticks.append)
    take(rig.session, "out", "text", login.encode(), 5)
    rig.read(b'{"type":"auth_ok"}')
    assert rig.session.due(7 * 10**9) == ()
    assert rig.session.due(9 * 10**9) == (renewal,)
    (started,) = take(rig.session, "out", "text", renewal.encode(), 9 * 10**9).happenings
    assert started.name == "auth.refresh.started"


def test_a_classifier_that_raises_is_told_once_a_session() -> None:
    rig = Rig("json", every(break_down))
    fault = Happening("error.occurred", error_type="classifier", error="json: ZeroDivisionError: oh no")
    assert [rig.read(), rig.read()] == [Decoded(happenings=(fault,)), UNREAD]


def test_what_is_overdue_is_looked_for_every_second_and_never_with_a_message() -> None:
    rig = Rig("json", every(count))
    rig.session.start(rig.ticks.append)
    for _ in range(50):
        rig.read()
    assert [delay for delay, _ in rig.scheduler.calls] == [TICK_S]
    rig.scheduler.calls[-1][1].callback()
    assert (rig.overdue, len(rig.scheduler.calls)) == ([(LATE,)], 2)


def test_while_reading_stands_still_nothing_is_overdue() -> None:
    rig = Rig("json", every(count))
    rig.session.start(rig.ticks.append)
    rig.session.pause()
    rig.scheduler.calls[-1][1].callback()
    assert rig.overdue == []
    rig.session.resume()
    rig.scheduler.calls[-1][1].callback()
    assert rig.overdue == [(LATE,)]


def test_nobody_looks_after_the_end() -> None:
    rig = Rig("json", every(count))
    rig.session.start(rig.ticks.append)
    rig.session.stop()
    assert [call.is_cancelled for _, call in rig.scheduler.calls] == [True]


def test_a_session_goes_on_where_the_one_before_stopped_if_the_protocol_says_so() -> None:
    protocols = every(count, next_state=lambda state: State(state.messages))
    carried = CarriedState()
    assert [Rig("json", protocols, carried).read().ref for _ in range(2)] == ["1", "2"]
    assert Rig("nexus", protocols, carried).read().ref == "1"


@pytest.mark.parametrize("direction", ["in", "out"])
def test_each_direction_has_a_mask_of_its_own(direction: Direction) -> None:
    masks: list[list[bytes]] = []

    def new_mask() -> Callable[[Opcode, bytes], tuple[bytes, bool]]:
        seen: list[bytes] = []
        masks.append(seen)

        def mask(_opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
            seen.append(payload)
            return b"masked", True

        return mask

    rig = Rig("mqtt", every(count, new_masks=lambda _state: {"in": new_mask(), "out": new_mask()}))
    assert rig.session.mask(direction, "binary", b"secret") == (b"masked", True)
    assert masks == ([[b"secret"], []] if direction == "in" else [[], [b"secret"]])


@pytest.mark.parametrize("size", range(1, 20))
def test_a_connect_in_pieces_is_masked_and_read_before_its_protocol_is_known(size: int) -> None:
    rig = Rig("auto")
    password = bytes(range(0x80, 0xA0))
    message = connect(USER_AND_PASSWORD, text(b"user"), text(password))
    recorded, names = b"", list[str]()
    for at in range(0, len(message), size):
        piece = message[at : at + size]
        names += [happening.name for happening in take(rig.session, "out", "binary", piece, 5).happenings]
        recorded += rig.session.mask("out", "binary", piece)[0]
    assert names == ["connection.protocol", "auth.started"]
    assert recorded.startswith(message[:8])
    assert not set(password) & set(recorded)


def test_a_classifier_that_raises_over_what_was_held_is_told() -> None:
    rig = Rig("auto", {**PROTOCOLS, "mqtt": every(break_down)["mqtt"]})
    message = connect(0x02)
    take(rig.session, "out", "binary", message[:5], 5)
    assert [
        happening.error_type or happening.name
        for happening in take(rig.session, "out", "binary", message[5:], 5).happenings
    ] == [
        "connection.protocol",
        "classifier",
    ]


def speak(_options: ClientOptions, _state: State) -> Outbox:
    return ("hello",)


def answer(decoded: Decoded, options: ClientOptions, _state: State) -> Outbox:
    return (f"{decoded.type} {options.subprotocol} {options.answers}",)


def stay_silent(*_arguments: Any) -> Outbox:
    raise ZeroDivisionError("lost for words")


TALKATIVE = every(count, client=ProtocolClient(speak, answer, lambda now_ns, _options, _state: (str(now_ns),)))


def test_a_protocol_speaks_only_where_it_may() -> None:
    for fields in ({"answer": True}, {"subscribe": (Sensitive("a"),)}):
        rig = Rig("json", TALKATIVE, **fields)
        rig.session.begin("ws://a/", "sub")
        said = rig.session.opening(), rig.session.replies(rig.read(), b"x"), rig.session.due(7)
        assert said == (("hello",), (f"counted sub {'answer' in fields}",), ("7",))
    rig = Rig("json", TALKATIVE)
    assert (rig.session.opening(), rig.session.replies(rig.read(), b"x"), rig.session.due(7)) == (
        (),
        (),
        (),
    )


def test_credentials_are_for_protocols_that_may_answer() -> None:
    seen: list[ClientOptions] = []

    def keep(options: ClientOptions, _state: State) -> Outbox:
        seen.append(options)
        return ()

    auth = {"send": Sensitive("let me in")}
    for answers in (False, True):
        Rig(
            "json", every(count, client=ProtocolClient(keep)), auth=auth, subscribe=(Sensitive("a"),), answer=answers
        ).session.opening()
    assert [dict(options.auth) for options in seen] == [{}, auth]


def test_a_protocol_that_cannot_speak_is_told_once() -> None:
    rig = Rig("json", every(count, client=ProtocolClient(stay_silent, stay_silent, stay_silent)), answer=True)
    assert (rig.session.opening(), rig.session.replies(UNREAD, b""), rig.session.due(0)) == ((), (), ())
    told = [happening.error for happenings in rig.overdue for happening in happenings]
    assert told == ["json: ZeroDivisionError: lost for words"]


def test_a_heartbeat_is_answered_once() -> None:
    heartbeat = HeartbeatSpec(reply_to=Sensitive("ping"), answer=Sensitive("PONG"))
    rig = Rig("json", TALKATIVE, answer=True, heartbeat=heartbeat)
    assert rig.session.replies(rig.read(b"ping 7"), b"ping 7") == ("PONG",)
    assert rig.session.replies(rig.read(b"data"), b"data") == ("counted  True",)
    assert [happening.name for happening in rig.read(b"ping 8").happenings] == ["heartbeat.received"]


def test_what_a_tick_is_for_follows_what_is_overdue() -> None:
    rig = Rig("json", TALKATIVE)
    rig.session.start(rig.ticks.append)
    rig.scheduler.calls[-1][1].callback()
    assert (len(rig.overdue), rig.ticks) == (1, [FakeClock().mono_ns()])


def undecided(**fields: Any) -> tuple[ProtocolSession, FakeClock]:
    """A session of ``auto`` that subscribes, after its start; and its clock."""
    clock = FakeClock()
    spec = replace(ConnectionSpec("x", Sensitive("ws://x/")), subscribe=(Sensitive("lobby"),), **fields)
    session = ProtocolSession(spec, Ticker(Scheduler()), clock, CarriedState(), lambda _happenings, _at: None)
    session.begin("ws://x/", "")
    session.start(lambda _now_ns: None)
    return session, clock


def heard(session: ProtocolSession, payload: bytes) -> Outbox:
    return session.replies(take(session, "in", "text", payload, 0), payload)


def test_h6_topics_wait_until_the_protocol_is_known() -> None:
    session, clock = undecided()
    assert (session.opening(), session.due(clock.mono_ns())) == ((), ())
    assert heard(session, b'{"welcome":1}') == ()
    (asked,) = heard(session, RPC)
    assert b'"jsonrpc"' in (asked if isinstance(asked, bytes) else asked.encode())
    assert "lobby" in str(asked)
    assert heard(session, RPC) == ()


def test_h6_topics_go_out_as_json_where_the_protocol_stays_unknown() -> None:
    session, clock = undecided()
    assert session.opening() == ()
    late_ns = clock.mono_ns() + int(UNDECIDED_S * SECOND_NS)
    assert session.due(late_ns - 1) == ()
    assert session.due(late_ns) == ('{"type":"subscribe","channel":"lobby"}',)
    assert session.due(late_ns) == ()


def test_h6_topics_go_out_at_once_where_the_protocol_settles_as_json() -> None:
    session, _ = undecided()
    sent = [each for number in range(8) for each in heard(session, b'{"n":%d}' % number)]
    assert sent == ['{"type":"subscribe","channel":"lobby"}']


def test_h6_a_login_is_not_sent_twice() -> None:
    auth = {"send": Sensitive('{"login":1}'), "success": Sensitive("welcome")}
    session, _ = undecided(answer=True, auth=auth)
    assert session.opening() == ('{"login":1}',)
    take(session, "out", "text", b'{"login":1}', 0)
    assert heard(session, RPC) == ()
    (asked,) = heard(session, b'{"jsonrpc":"2.0","method":"welcome"}')
    assert "lobby" in str(asked)


def test_h6_a_protocol_in_the_url_needs_no_waiting() -> None:
    clock = FakeClock()
    spec = replace(ConnectionSpec("x", Sensitive("ws://x/")), subscribe=(Sensitive("room:lobby"),))
    session = ProtocolSession(spec, Ticker(Scheduler()), clock, CarriedState(), lambda _happenings, _at: None)
    session.begin("ws://x/socket/websocket?vsn=2.0.0", "")
    assert "phx_join" in str(session.opening())
