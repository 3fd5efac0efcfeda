"""STOMP: frames named and paired, subscriptions, acknowledgements, heart-beats, wsmon as a client."""

from __future__ import annotations

import pytest

from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import MAX_NAME_CHARS, UNREAD, ClientOptions, Decoded, Happening
from wsmon.protocols.calls import ACCEPTED_NS, NO_ERROR
from wsmon.protocols.stomp import MAX_KEPT, StompState, answer, decode, due, opening, split


class Session:
    """A session that is told frame by frame; returns what is told of each, a line each."""

    def __init__(self) -> None:
        self.state = StompState()
        self.now_s = 0.0

    def out(self, frame: str, after_s: float = 0.0) -> list[str]:
        return self._say("out", frame, after_s)

    def into(self, frame: str, after_s: float = 0.0) -> list[str]:
        return self._say("in", frame, after_s)

    def _say(self, direction: Direction, frame: str, after_s: float) -> list[str]:
        self.now_s += after_s
        self.state.at(round(self.now_s * SECOND_NS))
        decoded = decode(direction, "text", frame.encode(), self.state)
        assert not decoded.error_type
        return lines(decoded.happenings)

    def overdue(self, after_s: float) -> list[str]:
        self.now_s += after_s
        return lines(self.state.overdue(round(self.now_s * SECOND_NS)))


def lines(happenings: tuple[Happening, ...]) -> list[str]:
    """Name, topic, ref, status, reason and error of each, in a line."""
    return [
        " ".join(str(text) for text in (one.name, one.topic, one.ref, one.status, one.reason, one.error) if text)
        for one in happenings
    ]


def connected(heart_beat: str = "0,0", server: str = "RabbitMQ/3.10.8") -> Session:
    """A session that is open."""
    session = Session()
    session.out(f"CONNECT\naccept-version:1.2\nheart-beat:{heart_beat}\n\n\0")
    session.into(f"CONNECTED\nversion:1.2\nheart-beat:{heart_beat}\nserver:{server}\n\n\0")
    return session


@pytest.mark.parametrize(
    ("frame", "decoded"),
    [
        (b"SEND\ndestination:/queue/a\n\nhello\0", Decoded("SEND", "/queue/a")),
        (
            b"MESSAGE\nsubscription:0\nmessage-id:007\ndestination:/topic/b\n\nx\0",
            Decoded("MESSAGE", "/topic/b", "007"),
        ),
        (b"SEND\ndestination:/q/a\\cb\\\\n\ndestination:/second\n\n\0", Decoded("SEND", "/q/a:b\\n")),
        (b"BEGIN\ntransaction:t1\n\n\0", Decoded("BEGIN", "", "t1")),
        (b"", Decoded(error_type="stomp", error="empty message")),
        (b"GET / HTTP/1.1\r\n", Decoded(error_type="stomp", error="not a STOMP frame")),
        (b"\xff\xfe", Decoded(error_type="stomp", error="not a STOMP frame")),
    ],
)
def test_a_frame_is_named_by_its_command_destination_and_id(frame: bytes, decoded: Decoded) -> None:
    assert decode("in", "text", frame, StompState()) == decoded
    assert decode("out", "binary", frame, StompState()) == decoded


def test_control_frames_of_the_websocket_are_not_read() -> None:
    assert decode("in", "ping", b"CONNECT\n\n\0", StompState()) is UNREAD
    assert split("in", "ping", b"CONNECT\n\n\0", StompState()) is None


def test_a_long_destination_is_cut() -> None:
    decoded = decode("in", "text", b"SEND\ndestination:" + b"x" * 999 + b"\n\n\0", StompState())
    assert decoded == Decoded("SEND", "x" * (MAX_NAME_CHARS - 1) + "…")


def test_a_login_is_accepted_or_refused_with_the_text_of_the_server_without_the_credentials() -> None:
    session = Session()
    connect = "CONNECT\nlogin:me\npasscode:hunter2\n\n\0"
    assert session.out(connect) == ["auth.started"]
    assert session.into("CONNECTED\nversion:1.1\n\n\0") == ["auth.completed ok"]
    session.out(connect)
    assert session.into("ERROR\nmessage:Bad CONNECT\n\nno hunter2 for me\n\0") == [
        "auth.failed error Bad CONNECT: no [FILTERED] for me"
    ]


def test_a_connected_says_what_was_agreed() -> None:
    session = Session()
    session.out("CONNECT\nheart-beat:5000,2000\n\n\0")
    decoded = decode("in", "text", b"CONNECTED\nserver:x/1\nheart-beat:4000,9000\n\n\0", session.state)
    assert decoded.meta == {"version": "1.0", "server": "x/1", "heartbeat_in_s": 4.0, "heartbeat_out_s": 9.0}
    assert session.state.version == "1.0"


@pytest.mark.parametrize("command", ["SEND\ndestination:/q", "DISCONNECT", "BEGIN\ntransaction:t", "ACK\nid:9"])
def test_a_receipt_answers_the_frame_that_asked_for_it(command: str) -> None:
    session = connected()
    topic = "/q " if command.startswith("SEND") else ""
    assert session.out(f"{command}\nreceipt:r\n\n\0") == [f"message.process.started {topic}r"]
    assert session.into("RECEIPT\nreceipt-id:r\n\n\0") == [f"message.process.completed {topic}r ok"]
    assert session.into("RECEIPT\nreceipt-id:r\n\n\0") == ["message.process.completed r matches no request in flight"]


def test_a_receipt_that_does_not_come_is_overdue_and_an_id_in_use_is_an_error() -> None:
    session = connected()
    session.out("SEND\ndestination:/q\nreceipt:r\n\n\0")
    assert session.out("SEND\ndestination:/q\nreceipt:r\n\n\0") == ["error.occurred r id r is already in flight"]
    assert session.overdue(30) == [
        "message.process.completed /q r error no answer within 30 s",
        "error.occurred r no answer within 30 s",
    ]


def test_an_error_about_a_receipt_ends_what_asked_for_it_and_any_other_stands_for_itself() -> None:
    session = connected()
    session.out("SUBSCRIBE\nid:1\ndestination:/no\nreceipt:r\n\n\0")
    assert session.into("ERROR\nreceipt-id:r\nmessage:denied\n\n\0") == [
        "subscription.subscribe.completed /no r error denied"
    ]
    assert session.into("ERROR\nmessage:gone\n\ngone\0") == ["error.occurred gone"]
    assert session.into("ERROR\n\n\0") == ["error.occurred ERROR without a message"]
    assert session.into("ERROR\n\n two\nlines \0") == ["error.occurred two\nlines"]


def test_an_error_that_quotes_a_destination_is_about_what_waits_for_that() -> None:
    session = connected()
    session.out("SUBSCRIBE\nid:1\ndestination:/bad/t\nreceipt:r\n\n\0")
    session.out("SUBSCRIBE\nid:2\ndestination:/bad/u\n\n\0")
    for topic, ref in (("/bad/t", "r"), ("/bad/u", "2")):
        error = f"Unknown destination: '{topic}' is not valid"
        assert session.into(f"ERROR\nmessage:Unknown destination\n\n'{topic}' is not valid\0") == [
            f"subscription.subscribe.completed {topic} {ref} error {error}"
        ]
    assert session.overdue(60) == []


def test_a_subscription_is_confirmed_by_its_receipt() -> None:
    session = connected()
    assert session.out("SUBSCRIBE\nid:1\ndestination:/t\nreceipt:r\n\n\0") == ["subscription.subscribe.started /t r"]
    assert session.into("RECEIPT\nreceipt-id:r\n\n\0") == ["subscription.subscribe.completed /t r ok"]


def test_a_subscription_is_confirmed_by_its_first_message_and_the_receipt_that_follows_is_no_surprise() -> None:
    session = connected()
    session.out("SUBSCRIBE\nid:1\ndestination:/t\nreceipt:r\n\n\0")
    message = "MESSAGE\nsubscription:1\ndestination:/t\nmessage-id:m\n\nx\0"
    assert session.into(message) == ["subscription.subscribe.completed /t r ok its first message came"]
    assert session.into(message) == session.into("RECEIPT\nreceipt-id:r\n\n\0") == []


def test_a_subscription_without_a_receipt_is_confirmed_by_the_absence_of_an_error() -> None:
    session = connected()
    session.out("SUBSCRIBE\nid:1\ndestination:/t\n\n\0")
    assert session.overdue(ACCEPTED_NS / SECOND_NS) == [f"subscription.subscribe.completed /t 1 ok {NO_ERROR}"]


def test_an_error_leaves_open_whether_a_subscription_before_it_worked() -> None:
    session = connected()
    session.out("SUBSCRIBE\nid:1\ndestination:/t\n\n\0")
    session.into("ERROR\nmessage:denied\n\n\0")
    session.out("SUBSCRIBE\nid:2\ndestination:/u\n\n\0", after_s=1)
    assert session.overdue(20) == [
        "subscription.subscribe.completed /t 1 error an ERROR came before anything confirmed it",
        f"subscription.subscribe.completed /u 2 ok {NO_ERROR}",
    ]


def test_an_unsubscribe_ends_the_last_subscription_to_a_destination() -> None:
    session = connected()
    for number in (1, 2, 3):
        session.out(f"SUBSCRIBE\nid:{number}\ndestination:/t\n\n\0")
        session.into(f"MESSAGE\nsubscription:{number}\ndestination:/t\n\nx\0")
    assert session.out("UNSUBSCRIBE\nid:1\n\n\0") == []
    assert session.out("UNSUBSCRIBE\nid:2\nreceipt:r\n\n\0") == ["subscription.unsubscribe.started r"]
    assert session.out("UNSUBSCRIBE\nid:3\n\n\0") == [
        "subscription.unsubscribe.completed /t 3 ok sent; no receipt was asked for"
    ]
    session.out("SUBSCRIBE\nid:4\ndestination:/u\n\n\0")
    assert session.out("UNSUBSCRIBE\nid:4\nreceipt:s\n\n\0") == [
        "subscription.subscribe.completed /u 4 ok no error until it was unsubscribed",
        "subscription.unsubscribe.started /u s",
    ]


def test_an_acknowledgement_ends_the_message_and_a_missing_one_is_no_fault() -> None:
    session = connected()
    session.out("SUBSCRIBE\nid:1\ndestination:/t\nack:client-individual\n\n\0")
    for number in (1, 2, 3):
        session.into(f"MESSAGE\nsubscription:1\ndestination:/t\nmessage-id:m{number}\nack:a{number}\n\nx\0")
    assert session.out("ACK\nid:a1\n\n\0", after_s=2) == ["message.process.completed /t a1 ok"]
    assert session.out("NACK\nid:a2\n\n\0") == ["message.process.completed /t a2 rejected"]
    assert session.out("ACK\nid:a1\n\n\0") == session.overdue(100) == []


def test_a_transaction_lasts_until_it_is_committed_or_aborted() -> None:
    session = connected()
    for command, status in (("COMMIT", "ok"), ("ABORT", "aborted")):
        assert session.out("BEGIN\ntransaction:t\n\n\0") == []
        state = session.state
        state.at(round((session.now_s + 3) * SECOND_NS))
        (ended,) = decode("out", "text", f"{command}\ntransaction:t\n\n\0".encode(), state).happenings
        assert (ended.status, ended.duration_ns, ended.phase) == (status, 3 * SECOND_NS, "whole")


def test_any_frame_is_a_heart_beat_and_a_missing_one_is_late_once() -> None:
    session = connected("3000,3000")
    assert session.into("\n", after_s=5) == ["heartbeat.received"]
    assert session.out("\n") == ["heartbeat.sent"]
    assert session.overdue(5.9) == []
    assert session.overdue(0.1) == [
        "heartbeat.timeout no heartbeat of the peer within 6 s",
        "error.occurred no heartbeat sent within 6 s, as was agreed",
    ]
    assert session.overdue(60) == []
    session.into("MESSAGE\ndestination:/t\n\nx\0")
    assert session.overdue(6) == ["heartbeat.timeout no heartbeat of the peer within 6 s"]


def test_without_an_agreement_no_heart_beat_is_missed() -> None:
    session = connected("0,0")
    assert session.overdue(10**6) == []


def test_what_is_kept_is_bounded() -> None:
    session = connected()
    for number in range(MAX_KEPT + 5):
        session.out(f"SUBSCRIBE\nid:{number}\ndestination:/t{number}\n\n\0")
    assert len(session.state.subscriptions) == MAX_KEPT


TOPICS = (Sensitive("/topic/a"), Sensitive("/topic/b"))


def test_a_client_logs_in_offers_heart_beats_and_subscribes_once_it_is_connected() -> None:
    auth: dict[str, Sensitive | float] = {
        "login": Sensitive("me"),
        "passcode": Sensitive("pw"),
        "X-Tenant": Sensitive("t"),
        "heartbeat": 5.0,
    }
    options = ClientOptions(TOPICS, auth, answers=True)
    session = Session()
    assert opening(options, session.state) == (
        "CONNECT\naccept-version:1.0,1.1,1.2\nheart-beat:5000,5000\nlogin:me\npasscode:pw\nX-Tenant:t\n\n\0",
    )
    assert answer(Decoded("MESSAGE"), options, session.state) == ()
    state = connected().state
    assert answer(Decoded("CONNECTED"), options, state) == (
        "SUBSCRIBE\nid:wsmon-1\ndestination:/topic/a\nack:auto\nreceipt:wsmon-1\n\n\0",
        "SUBSCRIBE\nid:wsmon-2\ndestination:/topic/b\nack:auto\nreceipt:wsmon-2\n\n\0",
    )


def test_a_server_that_may_not_answer_receipts_is_asked_for_none() -> None:
    state = connected(server="").state
    assert answer(Decoded("CONNECTED"), ClientOptions(TOPICS[:1]), state) == (
        "SUBSCRIBE\nid:wsmon-1\ndestination:/topic/a\nack:auto\n\n\0",
    )


def test_a_client_that_only_subscribes_offers_no_heart_beat() -> None:
    (connect,) = opening(ClientOptions(TOPICS), StompState())
    assert connect == "CONNECT\naccept-version:1.0,1.1,1.2\nheart-beat:0,0\n\n\0"


def test_a_heart_beat_is_sent_after_half_of_the_interval() -> None:
    session = connected("10000,10000")
    options = ClientOptions(answers=True)
    assert due(5 * SECOND_NS - 1, options, session.state) == ()
    assert due(5 * SECOND_NS, ClientOptions(), session.state) == ()
    assert due(5 * SECOND_NS, options, session.state) == ("\n",)
    assert due(9 * SECOND_NS, options, session.state) == ()
    assert due(10**15, options, connected().state) == ()


def test_a_connect_that_went_out_before_is_not_sent_again() -> None:
    session = Session()
    session.out("CONNECT\naccept-version:1.2\n\n\0")
    assert opening(ClientOptions(TOPICS), session.state) == ()
    session.into("CONNECTED\nversion:1.2\n\n\0")
    assert opening(ClientOptions(TOPICS[:1]), session.state) == (
        "SUBSCRIBE\nid:wsmon-1\ndestination:/topic/a\nack:auto\n\n\0",
    )
    assert answer(Decoded("CONNECTED"), ClientOptions(TOPICS[:1]), session.state) == ()


@pytest.mark.parametrize(("value", "beats"), [(0.0, "0,0"), (0.5, "2000,2000"), (1e9, "3600000,3600000")])
def test_a_client_offers_heart_beats_that_it_can_keep(value: float, beats: str) -> None:
    (connect,) = opening(ClientOptions((), {"heartbeat": value}, answers=True), StompState())
    assert f"\nheart-beat:{beats}\n" in connect
