"""NATS: operations named and paired, subscriptions, errors, pings both ways, wsmon as a client."""

from __future__ import annotations

import pytest

from tests.support.builders import message
from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import UNREAD, Anatomy, ClientOptions, Decoded, Happening, MessageSample
from wsmon.protocols.calls import ACCEPTED_NS, NO_ERROR
from wsmon.protocols.nats import MAX_KEPT, PROTOCOL, NatsState, answer, decode, opening, split

CONNECT = 'CONNECT {"user":"me","pass":"hunter2"}'


class Connection:
    """A session that is told operation by operation; returns what each means, a line each."""

    def __init__(self, *sent: str) -> None:
        self.state = NatsState()
        self.now_ns = 0
        for operation in sent:
            self.out(operation)

    def out(self, operation: str, after_s: int = 0) -> list[str]:
        """Return what an operation of ours means."""
        return lines(self.read("out", operation, after_s).happenings)

    def into(self, operation: str, after_s: int = 0) -> list[str]:
        """Return what an operation of the server means."""
        return lines(self.read("in", operation, after_s).happenings)

    def read(self, direction: Direction, operation: str, after_s: int = 0) -> Decoded:
        """Return an operation, decoded."""
        self.now_ns += after_s * SECOND_NS
        self.state.at(self.now_ns)
        return decode(direction, "binary", operation.encode() + b"\r\n", self.state)

    def overdue(self, after_s: float) -> list[str]:
        """Return what is overdue after that time."""
        self.now_ns += round(after_s * SECOND_NS)
        return lines(self.state.overdue(self.now_ns))


def lines(happenings: tuple[Happening, ...]) -> list[str]:
    """Name, topic, ref, status, reason, error type and error of each, in a line."""
    return [
        " ".join(
            str(text)
            for text in (one.name, one.topic, one.ref, one.status, one.reason, one.error_type, one.error)
            if text
        )
        for one in happenings
    ]


@pytest.mark.parametrize(
    ("direction", "operation", "decoded"),
    [
        ("out", "PUB a 2\r\nhi", Decoded("PUB", "a")),
        ("out", "HPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi", Decoded("HPUB", "a", "r")),
        ("in", "MSG a.b 1 2\r\nhi", Decoded("MSG", "a.b")),
        ("in", "MSG a.b 1 r 2\r\nhi", Decoded("MSG", "a.b", "r")),
        ("in", "HMSG a 1 16 16\r\nNATS/1.0 408\r\n\r\n", Decoded("HMSG", "a", meta={"status": 408})),
        ("in", "+OK", Decoded("+OK")),
        ("in", "BOGUS", Decoded(error_type="nats", error="not a NATS operation")),
        ("out", "SUB a", Decoded("SUB", "a", error_type="nats", error="SUB without an id")),
        ("out", "UNSUB", Decoded("UNSUB")),
        ("in", "SUB a 1", Decoded("SUB")),
        ("in", "MSG", Decoded("MSG")),
        ("in", 'INFO {"version":"2.9.10","auth_required":true,"max_payload":9,"client_ip":"x"}',
         Decoded("INFO", meta={"version": "2.9.10", "max_payload": 9, "auth_required": True})),
        ("out", 'CONNECT {"verbose":false,"pass":""}', Decoded("CONNECT", meta={"verbose": False})),
    ],
)  # fmt: skip
def test_an_operation_has_its_name_subject_and_reply(direction: Direction, operation: str, decoded: Decoded) -> None:
    assert Connection().read(direction, operation) == decoded


def test_control_frames_of_the_websocket_are_not_read() -> None:
    assert decode("in", "ping", b"PING\r\n", NatsState()) is UNREAD
    assert split("in", "ping", b"PING\r\n", NatsState()) is None


def test_a_login_is_accepted_by_the_pong_to_a_ping_that_followed_it_or_by_a_message() -> None:
    connection = Connection("PING")
    assert connection.out(CONNECT) == ["auth.started"]
    connection.out("PING")
    assert connection.into("PONG") == ["heartbeat.responded ok"]
    assert connection.into("PONG") == ["heartbeat.received", "auth.completed ok a PONG followed it"]
    assert Connection(CONNECT).into("MSG a 1 0\r\n") == ["auth.completed ok a message came"]


@pytest.mark.parametrize(
    ("text", "error_type"),
    [
        ("Authorization Violation", "authorization_violation"),
        ("maximum connections exceeded", "maximum_connections_exceeded"),
        ("Secure Connection - TLS Required", "secure_connection_tls_required"),
    ],
)
def test_an_error_that_ends_the_connection_refuses_the_login(text: str, error_type: str) -> None:
    assert Connection(CONNECT).into(f"-ERR '{text}'") == [f"auth.failed error {error_type} {text}"]


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("Authorization Violation", "auth.failed error authorization_violation Authorization Violation"),
        ("User Authentication Expired", "auth.failed error user_authentication_expired User Authentication Expired"),
        ("Stale Connection", "error.occurred stale_connection Stale Connection"),
        ("Slow Consumer", "error.occurred slow_consumer Slow Consumer"),
        ("Invalid Subject", "error.occurred nats Invalid Subject"),
        ("who is hunter2", "error.occurred nats who is [FILTERED]"),
    ],
)
def test_an_error_without_a_login_in_flight_stands_for_itself(text: str, event: str) -> None:
    connection = Connection(CONNECT, "PING")
    connection.into("PONG")
    assert connection.into(f"-ERR '{text}'") == [event]


def test_a_server_in_lame_duck_mode_is_about_to_shut_down() -> None:
    assert Connection().into('INFO {"ldm":true}') == [
        "error.occurred lame_duck_mode the server is about to shut down (lame duck mode)"
    ]


def test_a_subscription_is_confirmed_by_a_pong_a_message_or_the_absence_of_an_error() -> None:
    connection = Connection()
    assert connection.out("SUB a 1") == ["subscription.subscribe.started a 1"]
    connection.out("PING")
    connection.out("SUB b queue 2")
    connection.out("SUB c 3")
    assert connection.into("PONG") == [
        "heartbeat.responded ok",
        "subscription.subscribe.completed a 1 ok a PONG followed it",
    ]
    assert connection.into("MSG b 2 0\r\n") == ["subscription.subscribe.completed b 2 ok its first message came"]
    assert connection.overdue(ACCEPTED_NS / SECOND_NS) == [f"subscription.subscribe.completed c 3 ok {NO_ERROR}"]


def test_a_missing_permission_ends_what_it_was_missing_for() -> None:
    connection = Connection("SUB a 1", "SUB b 2")
    refused = connection.read("in", "-ERR 'Permissions Violation for Subscription to \"b\"'")
    assert refused.topic == "b"
    text = 'Permissions Violation for Subscription to "b"'
    assert lines(refused.happenings) == [f"subscription.subscribe.completed b 2 error permissions_violation {text}"]
    connection = Connection("SUB r.* 1", "PUB b r.1 0\r\n")
    text = 'Permissions Violation for Publish to "b"'
    assert connection.into(f"-ERR '{text}'") == [
        f"message.process.completed b r.1 error permissions_violation {text}",
        f"error.occurred r.1 permissions_violation {text}",
    ]
    assert connection.into(f"-ERR '{text}'") == [f"error.occurred b permissions_violation {text}"]


def test_an_unsubscribe_ends_the_last_subscription_to_a_subject_at_once_or_after_messages() -> None:
    connection = Connection("SUB a 1", "SUB a 2", "PING")
    connection.into("PONG")
    assert connection.out("UNSUB 1") == []
    assert connection.read("out", "UNSUB 2 2") == Decoded("UNSUB", "a", "2", meta={"after": 2})
    assert connection.into("MSG a 2 0\r\n") == []
    assert connection.into("MSG a 2 0\r\n") == [
        "subscription.unsubscribe.completed a 2 ok after 2 messages, as asked for"
    ]
    assert Connection("SUB a 1").out("UNSUB 1") == [
        "subscription.subscribe.completed a 1 ok no error until it was unsubscribed",
        "subscription.unsubscribe.completed a 1 ok sent",
    ]


def test_inboxes_are_no_topics_of_the_ledger() -> None:
    connection = Connection()
    assert connection.out("SUB _INBOX.x.* 1") == ["subscription.subscribe.started 1"]
    assert connection.out("UNSUB 1") == ["subscription.subscribe.completed 1 ok no error until it was unsubscribed"]


@pytest.mark.parametrize("inbox", ["_INBOX.x.1", "_INBOX.x.*", "_INBOX.>"])
def test_a_message_with_a_reply_that_we_subscribed_to_is_a_request(inbox: str) -> None:
    connection = Connection(f"SUB {inbox} 1", "PING")
    connection.into("PONG")
    assert connection.out("PUB time _INBOX.x.1 0\r\n") == ["message.process.started time _INBOX.x.1"]
    assert connection.out("PUB time _INBOX.x.1 0\r\n") == []
    reply = connection.read("in", "MSG _INBOX.x.1 1 2\r\nhi", after_s=1)
    assert (reply.ref, lines(reply.happenings)) == (
        "_INBOX.x.1",
        ["message.process.completed time _INBOX.x.1 ok"],
    )
    assert connection.into("MSG _INBOX.x.1 1 2\r\nhi") == connection.overdue(60) == []


@pytest.mark.parametrize("sent", ["PUB time elsewhere 0\r\n", "PUB $JS.API.CONSUMER.MSG.NEXT.s.c _INBOX.x.1 0\r\n"])
def test_a_reply_that_goes_elsewhere_and_a_pull_are_not_awaited(sent: str) -> None:
    connection = Connection("SUB _INBOX.x.* 1", "PING")
    connection.into("PONG")
    assert connection.out(sent) == connection.overdue(19) == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (503, "no_responders no responders: nothing is subscribed to this subject"),
        (404, "status_404 the reply has status 404"),
    ],
)
def test_a_status_may_refuse_a_request(status: int, error: str) -> None:
    connection = Connection("SUB _INBOX.x.* 1", "PUB time _INBOX.x.1 0\r\n")
    assert connection.into(f"HMSG _INBOX.x.1 1 16 16\r\nNATS/1.0 {status}\r\n\r\n")[1:] == [
        f"message.process.completed time _INBOX.x.1 error {error}",
        f"error.occurred _INBOX.x.1 {error}",
    ]


def test_what_we_answer_has_a_duration_and_what_we_do_not_is_no_fault() -> None:
    connection = Connection()
    for reply in ("r.1", "r.2"):
        assert connection.into(f"MSG jobs 1 {reply} 0\r\n") == []
    (answered,) = connection.read("out", "PUB r.1 2\r\nhi", after_s=3).happenings
    assert (answered.name, answered.topic, answered.ref, answered.duration_ns) == (
        "message.process.completed",
        "jobs",
        "r.1",
        3 * SECOND_NS,
    )
    assert connection.overdue(100) == []


def test_in_verbose_mode_each_ok_confirms_the_oldest_operation_that_was_not_refused() -> None:
    connection = Connection(
        'CONNECT {"verbose":true,"pass":"hunter2"}', "SUB a 1", "PUB b 0\r\n", "PUB c 0\r\n", "UNSUB 1"
    )
    assert connection.into("+OK") == ["auth.completed ok"]
    assert connection.into("+OK") == []  # the UNSUB has ended it
    assert connection.into("-ERR 'Permissions Violation for Publish to \"b\"'")[0].startswith(
        "message.process.completed b error"
    )
    assert connection.into("+OK") == ["message.process.completed c ok"]
    assert connection.into("+OK") == connection.into("+OK") == []


def test_pings_are_awaited_both_ways() -> None:
    connection = Connection()
    assert connection.into("PING") == ["heartbeat.received"]
    assert connection.out("PONG") == ["heartbeat.responded ok"]
    connection.out("PING")
    assert connection.overdue(30) == ["heartbeat.timeout error timeout no answer within 30 s"]


def test_what_is_kept_is_bounded() -> None:
    connection = Connection('CONNECT {"verbose":true}')
    for number in range(MAX_KEPT + 5):
        connection.out(f"SUB a{number} {number}")
    state = connection.state
    assert (len(state.subscriptions), state.unconfirmed) == (MAX_KEPT, None)
    assert state.receives(f"a{MAX_KEPT}")
    assert not state.receives("a0")


def test_a_client_logs_in_and_subscribes() -> None:
    auth = {"user": Sensitive("me"), "pass": Sensitive("pw"), "success": Sensitive("x")}
    options = ClientOptions((Sensitive("a.>"), Sensitive("jobs workers")), auth, answers=True)
    assert opening(options, NatsState()) == (
        (
            'CONNECT {"verbose":false,"pedantic":false,"lang":"python","version":"1","protocol":1,"headers":true,'
            '"no_responders":true,"name":"wsmon","user":"me","pass":"pw"}\r\n'
        ),
        "SUB a.> 1\r\n",
        "SUB jobs workers 2\r\n",
        "PING\r\n",
    )
    assert answer(Decoded("PING"), options, NatsState()) == ("PONG\r\n",)
    assert answer(Decoded("PING"), ClientOptions(), NatsState()) == answer(Decoded("MSG"), options, NatsState()) == ()


def test_a_connect_that_went_out_before_is_not_sent_again() -> None:
    connection = Connection(CONNECT)
    assert opening(ClientOptions((Sensitive("a"),)), connection.state) == ("SUB a 1\r\n", "PING\r\n")


@pytest.mark.parametrize(
    ("direction", "payload", "is_nats"),
    [
        ("in", b'INFO {"server_id":"N","version":"2"}\r\n', True),
        ("out", b'CONNECT {"verbose":false}\r\n', True),
        ("in", b"INFO all is well\r\n", False),
        ("out", b"CONNECT\nversion:1\n\n\0", False),
        ("in", b"PING\r\n", False),
    ],
)
def test_it_is_recognised_by_its_first_operations(direction: Direction, payload: bytes, is_nats: bool) -> None:
    assert bool(PROTOCOL.recognise(MessageSample(direction, "binary", payload))) == is_nats


@pytest.mark.parametrize(
    ("payload", "anatomy"),
    [
        ("PUB a r 2\r\nhi\r\n", Anatomy("NATS PUB", (("Subject", "a"), ("Reply to", "r")), b"hi")),
        ("MSG a 1 2\r\nhi\r\n", Anatomy("NATS MSG", (("Subject", "a"), ("Subscription", "1")), b"hi")),
        (
            "HPUB a 16 18\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n",
            Anatomy("NATS HPUB", (("Subject", "a"), ("Headers", "NATS/1.0\r\nA: b")), b"hi"),
        ),
        ("SUB a q 1\r\n", Anatomy("NATS SUB", (("Subject", "a"), ("Queue", "q"), ("Subscription", "1")), b"")),
        ("SUB a 1\r\n", Anatomy("NATS SUB", (("Subject", "a"), ("Subscription", "1")), b"")),
        ("-ERR 'Stale Connection'\r\n", Anatomy("NATS -ERR", (), b"'Stale Connection'")),
    ],
)
def test_a_stored_operation_is_taken_apart(payload: str, anatomy: Anatomy) -> None:
    event = message(payload, type=payload.split()[0])
    assert PROTOCOL.dissect is not None
    assert PROTOCOL.dissect(event, payload.encode()) == anatomy
    assert PROTOCOL.dissect(message(payload, type="INFO"), payload.encode()) is None
