"""NATS over WebSocket: operations decoded and paired, subscriptions, errors, pings both ways, wsmon as a client.

NATS confirms nothing but in verbose mode. A server handles operations in their order, so a PONG confirms what went out
before its PING: the login and the subscriptions; so does the first message of a subscription, or
``calls.ACCEPTED_NS`` without an error. A request is a message with a reply subject that this connection subscribed to.
``nats_ops`` has the form on the wire.
Source: the NATS documentation, "Client Protocol"; server/errors.go of nats-server for its errors.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from wsmon.model.events import Direction, Event, Json, Opcode
from wsmon.protocols.base import (
    UNREAD,
    Anatomy,
    ClientOptions,
    Decoded,
    Happening,
    MessageSample,
    Outbox,
    Part,
    Protocol,
    ProtocolClient,
    cut,
)
from wsmon.protocols.calls import (
    NO_ERROR,
    Call,
    Calls,
    CallState,
    Deliveries,
    completed,
    failed,
    ping,
    pong,
    unsubscribed,
)
from wsmon.protocols.credentials import JsonValue
from wsmon.protocols.nats_ops import (
    WITH_PAYLOAD,
    NatsOperation,
    find_end,
    is_secret,
    mask,
    read_members,
    read_operation,
)
from wsmon.protocols.parts import MessageStream

# Subscriptions of a session, pings on their way, and operations that wait for their +OK, that are kept
MAX_KEPT = 4_096
# Key of the CONNECT that carries credentials
_LOGIN = "login"
# Subjects of replies: their names are random, and of one session
_INBOX = "_INBOX."
# Asks a JetStream consumer for messages, which may take as long as it likes
_PULL = ".CONSUMER.MSG.NEXT."
_NO_RESPONDERS = 503

# Errors of the server after which it closes the connection; all of them are refusals of a login that is in flight
_REFUSALS = ("authorization violation", "authorization timeout", "authentication timeout")
_EXPIRIES = ("user authentication expired", "user authentication revoked", "account authentication expired")
# fmt: off
_FATAL = frozenset({
    *_REFUSALS, *_EXPIRIES,
    "unknown protocol operation", "attempted to connect to route port", "invalid client protocol",
    "maximum control line exceeded", "parser error", "secure connection - tls required", "stale connection",
    "maximum connections exceeded", "maximum account active connections exceeded", "slow consumer",
    "maximum payload violation", "maximum subscriptions exceeded", "connection throttling is active",
    "cluster name conflicts", "server shutdown",
})
# fmt: on
_VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"', re.IGNORECASE)


class _Ordered(Call, frozen=True, gc=False):
    """A call and its place among the operations that went out."""

    number: int = 0


class _Subscription(msgspec.Struct, gc=False):
    subject: str
    delivered: int = 0
    limit: int = 0
    """Messages after which it ends; 0 where it does not."""


class NatsState(CallState):
    """What is in flight on one session, and what is subscribed to.

    Calls are the login, requests that wait for a reply, and what waits for a +OK.
    """

    def __init__(self) -> None:
        super().__init__()
        # Whether a CONNECT went out
        self.has_begun = False
        # Operations that went out
        self.sent = 0
        self.subscribing = Calls()
        self.pings = Calls()
        self.deliveries = Deliveries()
        # By their ids
        self.subscriptions: dict[str, _Subscription] = {}
        # In verbose mode: a key of a call and a subject for each operation that waits for its +OK; None in any other
        self.unconfirmed: deque[tuple[str, str]] | None = None
        # Places of the pings that wait for a pong
        self._pinged: deque[int] = deque(maxlen=MAX_KEPT)
        # How many subscriptions there are to each subject
        self._subjects: dict[str, int] = {}
        self._streams: dict[Direction, MessageStream] = {}

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return replies and pongs that did not come in time, and subscribes that met no error."""
        happenings: tuple[Happening, ...] = ()
        for call in self.subscribing.accepted(now_ns):
            happenings += completed(call, reason=NO_ERROR)
        return happenings + super().overdue(now_ns) + self.pings.overdue(now_ns)

    def stream(self, direction: Direction) -> MessageStream:
        """Return the operations of a direction."""
        return self._streams.setdefault(direction, MessageStream(find_end))

    def subscribe(self, identifier: str, subject: str) -> None:
        """Remember a subscription."""
        self.unsubscribe(identifier)
        if len(self.subscriptions) >= MAX_KEPT:
            self.unsubscribe(next(iter(self.subscriptions)))
        self.subscriptions[identifier] = _Subscription(subject)
        self._subjects[subject] = self._subjects.get(subject, 0) + 1

    def unsubscribe(self, identifier: str) -> str:
        """Forget a subscription; return its subject where no other one is to the same."""
        known = self.subscriptions.pop(identifier, None)
        if known is None:
            return ""
        left = self._subjects[known.subject] - 1
        if left:
            self._subjects[known.subject] = left
            return ""
        del self._subjects[known.subject]
        return known.subject

    def subject(self, identifier: str) -> str:
        """Return what a subscription is to; empty where it is unknown."""
        known = self.subscriptions.get(identifier)
        return known.subject if known else ""

    def receives(self, subject: str) -> bool:
        """Whether a subscription of this session gets what is published to a subject."""
        subjects = self._subjects
        if subject in subjects:
            return True
        place = subject.rfind(".")
        if place >= 0 and f"{subject[:place]}.*" in subjects:
            return True
        while place >= 0:
            if f"{subject[:place]}.>" in subjects:
                return True
            place = subject.rfind(".", 0, place)
        return False

    def ping_out(self) -> None:
        """Note that a ping goes out after all that went out until now."""
        self._pinged.append(self.sent)

    def pong_in(self) -> tuple[Happening, ...]:
        """Confirm what went out before the ping that is answered."""
        if not self._pinged:
            return ()
        number = self._pinged.popleft()
        login = self.calls.get(_LOGIN)
        happenings: tuple[Happening, ...] = ()
        if isinstance(login, _Ordered) and login.number <= number:
            happenings += self.accept_login("a PONG followed it")
        for call in list(self.subscribing):
            if isinstance(call, _Ordered) and call.number <= number:
                happenings += self.confirm(call.key, "a PONG followed it")
        return happenings

    def accept_login(self, reason: str) -> tuple[Happening, ...]:
        """End the login where it is in flight, because something shows that it was accepted."""
        login = self.calls.end(_LOGIN)
        return completed(login, reason=reason) if login else ()

    def confirm(self, key: str, reason: str = "") -> tuple[Happening, ...]:
        """End a subscribe where it is in flight, because something shows that it worked."""
        call = self.subscribing.end(key)
        return completed(call, reason=reason) if call else ()

    def await_ok(self, key: str, subject: str = "") -> None:
        """Note that an operation waits for its +OK, where the server sends one; of too many, none is paired."""
        waiting = self.unconfirmed
        if waiting is None:
            return
        waiting.append((key, subject))
        if len(waiting) > MAX_KEPT:
            self.unconfirmed = None

    def forget_ok(self, subject: str) -> None:
        """Expect no +OK for the oldest operation on this subject: an -ERR came instead."""
        waiting = self.unconfirmed or deque()
        refused = next((each for each in waiting if each[1] == subject), None)
        if refused is not None:
            waiting.remove(refused)


def split(direction: Direction, opcode: Opcode, payload: bytes, state: NatsState) -> Sequence[Part] | None:
    """Take a message apart into operations, which may go on in the next one."""
    return state.stream(direction).feed(opcode, payload) if opcode in ("text", "binary") else None


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: NatsState) -> Decoded:
    """Decode one operation."""
    if opcode not in ("text", "binary"):
        return UNREAD
    operation = read_operation(payload)
    if operation is None:
        return Decoded(error_type="nats", error="not a NATS operation")
    read = _READERS.get((direction, operation.name))
    if direction == "out":
        state.sent += 1
    return read(operation, state) if read else Decoded(operation.name)


def _read_info(operation: NatsOperation, state: NatsState) -> Decoded:  # noqa: ARG001 - the signature of _READERS
    members = read_members(operation.text)
    facts = ((name, members.get(name)) for name in _FACTS)
    meta: dict[str, Json] = {
        name: cut(fact) if isinstance(fact, str) else fact for name, fact in facts if isinstance(fact, bool | int | str)
    }
    happenings: tuple[Happening, ...] = ()
    if members.get("ldm") is True:
        error = "the server is about to shut down (lame duck mode)"
        happenings = (Happening("error.occurred", type="INFO", error_type="lame_duck_mode", error=error),)
    return Decoded("INFO", happenings=happenings, meta=meta or None)


# Members of an INFO that say how the server is to be used
_FACTS = ("version", "server_name", "max_payload", "auth_required", "headers", "jetstream", "ldm")


def _read_connect(operation: NatsOperation, state: NatsState) -> Decoded:
    members = read_members(operation.text)
    state.has_begun = True
    state.unconfirmed = deque() if members.get("verbose") is True else None
    secrets: list[JsonValue] = [
        value for name, value in members.items() if isinstance(value, str) and value and is_secret(name)
    ]
    state.credentials.remember(secrets, is_auth=True)
    facts = ((name, members.get(name)) for name in ("verbose", "lang", "version", "name"))
    meta: dict[str, Json] = {
        name: cut(fact) if isinstance(fact, str) else fact for name, fact in facts if isinstance(fact, bool | str)
    }
    state.await_ok(_LOGIN)
    if not (secrets or members.get("user") or members.get("nkey")):
        return Decoded("CONNECT", meta=meta or None)
    login = _Ordered("auth", _LOGIN, state.now_ns, number=state.sent)
    return Decoded("CONNECT", happenings=state.calls.begin_anew(login), meta=meta or None)


def _read_sub(operation: NatsOperation, state: NatsState) -> Decoded:
    subject, identifier = cut(operation.word(0)), cut(operation.words[-1] if len(operation.words) > 1 else "")
    if not identifier:
        return Decoded("SUB", subject, error_type="nats", error="SUB without an id")
    state.subscribe(identifier, subject)
    key = f"sub {identifier}"
    # The ledger outlives the session, and an inbox does not
    topics = () if subject.startswith(_INBOX) else (subject,)
    state.await_ok(key, subject)
    call = _Ordered("subscribe", key, state.now_ns, "SUB", identifier, topics, number=state.sent)
    return Decoded("SUB", subject, identifier, happenings=state.subscribing.begin_anew(call))


def _read_unsub(operation: NatsOperation, state: NatsState) -> Decoded:
    identifier, limit = cut(operation.word(0)), operation.word(1)
    known = state.subscriptions.get(identifier)
    topic = known.subject if known else ""
    state.await_ok("", topic)
    if known is not None and limit.isascii() and limit.isdigit() and len(limit) < 10 and int(limit) > known.delivered:
        known.limit = int(limit)
        return Decoded("UNSUB", topic, identifier, meta={"after": known.limit})
    happenings = state.confirm(f"sub {identifier}", "no error until it was unsubscribed")
    return Decoded("UNSUB", topic, identifier, happenings=happenings + _unsubscribe(identifier, "sent", state))


def _unsubscribe(identifier: str, reason: str, state: NatsState) -> tuple[Happening, ...]:
    subject = state.unsubscribe(identifier)
    return (unsubscribed(subject, identifier, reason),) if subject and not subject.startswith(_INBOX) else ()


def _read_pub(operation: NatsOperation, state: NatsState) -> Decoded:
    """Read what goes out: an answer to a message, a request, or neither."""
    sizes = 1 if operation.name == "PUB" else 2
    subject, reply = cut(operation.word(0)), cut(operation.word(1)) if len(operation.words) > 1 + sizes else ""
    happenings = state.deliveries.answered(subject, operation.name, state.now_ns)
    key = f"reply {reply}"
    is_request = bool(reply) and _PULL not in subject and state.receives(reply)
    if is_request and key not in state.calls:
        call = Call("request", key, state.now_ns, operation.name, reply, (subject,))
        happenings += state.calls.begin(call)
    elif state.unconfirmed is not None and not is_request:
        key = f"ok {state.sent}"
        happenings += state.calls.begin(Call("request", key, state.now_ns, operation.name, topics=(subject,)))
        state.await_ok(key, subject)
        return Decoded(operation.name, subject, reply, happenings=happenings)
    state.await_ok("", subject)
    return Decoded(operation.name, subject, reply, happenings=happenings)


def _read_msg(operation: NatsOperation, state: NatsState) -> Decoded:
    """Read what comes in: it confirms its subscription, and may be the reply to a request."""
    sizes = 1 if operation.name == "MSG" else 2
    subject, identifier = cut(operation.word(0)), cut(operation.word(1))
    reply = cut(operation.word(2)) if len(operation.words) > 2 + sizes else ""
    happenings = state.accept_login("a message came") + state.confirm(f"sub {identifier}", "its first message came")
    call = state.calls.end(f"reply {subject}")
    status = operation.status if operation.name == "HMSG" else None
    if call is not None:
        happenings += _replied(call, status)
    if reply:
        state.deliveries.note(reply, subject, state.now_ns)
    known = state.subscriptions.get(identifier)
    if known is not None:
        known.delivered += 1
        if known.delivered == known.limit:
            happenings += _unsubscribe(identifier, f"after {known.limit} messages, as asked for", state)
    meta: dict[str, Json] | None = None if status is None else {"status": status}
    return Decoded(operation.name, subject, subject if call else reply, happenings=happenings, meta=meta)


def _replied(call: Call, status: int | None) -> tuple[Happening, ...]:
    if status == _NO_RESPONDERS:
        return failed(call, "no_responders", "no responders: nothing is subscribed to this subject")
    if status is not None and status >= 400:
        return failed(call, f"status_{status}", f"the reply has status {status}")
    return completed(call)


def _read_ok(operation: NatsOperation, state: NatsState) -> Decoded:
    """End the oldest operation that is not confirmed yet."""
    if not state.unconfirmed:
        return Decoded(operation.name)
    key, subject = state.unconfirmed.popleft()
    call = state.subscribing.end(key) or state.calls.end(key)
    return Decoded(operation.name, subject, happenings=completed(call) if call else ())


def _read_error(operation: NatsOperation, state: NatsState) -> Decoded:
    text = operation.text.strip().strip("'")
    error = state.credentials.mask(text) or "-ERR without a text"
    name = text.lower()
    if violation := _VIOLATION.match(text):
        return Decoded("-ERR", cut(violation[2]), happenings=_refused(violation, error, state))
    error_type = name.replace(" - ", " ").replace(" ", "_") if name in _FATAL else "nats"
    login = state.calls.end(_LOGIN) if name in _FATAL else None
    if login is not None:
        return Decoded("-ERR", happenings=failed(login, error_type, error))
    if name in _REFUSALS or name in _EXPIRIES:
        refused = Happening("auth.failed", type="-ERR", status="error", error_type=error_type, error=error)
        return Decoded("-ERR", happenings=(refused,))
    return Decoded("-ERR", happenings=(Happening("error.occurred", type="-ERR", error_type=error_type, error=error),))


def _refused(violation: re.Match[str], error: str, state: NatsState) -> tuple[Happening, ...]:
    """End the operation that a permission was missing for; the oldest to that subject, of those that are in flight."""
    is_subscription, subject = violation[1].lower() == "subscription", cut(violation[2])
    if is_subscription:
        call = state.subscribing.find(lambda call: state.subject(call.ref) == subject)
    else:
        call = state.calls.find(lambda call: call.type in ("PUB", "HPUB") and subject in call.topics)
    state.forget_ok(subject)
    if call is None:
        occurred = Happening(
            "error.occurred", type="-ERR", topic=subject, error_type="permissions_violation", error=error
        )
        return (occurred,)
    if is_subscription:
        state.unsubscribe(call.ref)
    (state.subscribing if is_subscription else state.calls).end(call.key)
    return failed(call, "permissions_violation", error)


def _read_ping(direction: Direction) -> Callable[[NatsOperation, NatsState], Decoded]:
    def read(operation: NatsOperation, state: NatsState) -> Decoded:
        if direction == "out":
            state.ping_out()
        return Decoded(operation.name, happenings=ping(state.pings, direction, state.now_ns))

    return read


def _read_pong(direction: Direction) -> Callable[[NatsOperation, NatsState], Decoded]:
    def read(operation: NatsOperation, state: NatsState) -> Decoded:
        confirmed = state.pong_in() if direction == "in" else ()
        return Decoded(operation.name, happenings=pong(state.pings, direction) + confirmed)

    return read


_READERS: Mapping[tuple[Direction, str], Callable[[NatsOperation, NatsState], Decoded]] = MappingProxyType(
    {
        ("in", "INFO"): _read_info,
        ("out", "CONNECT"): _read_connect,
        ("out", "SUB"): _read_sub,
        ("out", "UNSUB"): _read_unsub,
        ("out", "PUB"): _read_pub,
        ("out", "HPUB"): _read_pub,
        ("in", "MSG"): _read_msg,
        ("in", "HMSG"): _read_msg,
        ("in", "+OK"): _read_ok,
        ("in", "-ERR"): _read_error,
        ("in", "PING"): _read_ping("in"),
        ("out", "PING"): _read_ping("out"),
        ("in", "PONG"): _read_pong("in"),
        ("out", "PONG"): _read_pong("out"),
    }
)


# What ``auth`` may have that goes into the CONNECT
_AUTH = ("user", "pass", "auth_token", "jwt", "sig", "nkey", "name")


def opening(options: ClientOptions, state: NatsState) -> Outbox:
    """Return the CONNECT, a SUB for each topic (a subject, maybe a queue after a space), and a PING to confirm them.

    Where ``send`` had a CONNECT, it is not sent again.
    """
    auth = options.reveal_auth()
    connect: dict[str, object] = {
        "verbose": False, "pedantic": False, "lang": "python", "version": "1", "protocol": 1, "headers": True,
        "no_responders": True, "name": "wsmon", **{name: str(auth[name]) for name in _AUTH if name in auth},
    }  # fmt: skip
    subscribes = (
        f"SUB {' '.join(topic.split()[:2])} {number}\r\n"
        for number, topic in enumerate(options.reveal_topics(), 1)
        if topic.split()
    )
    begin = () if state.has_begun else (f"CONNECT {msgspec.json.encode(connect).decode()}\r\n",)
    return (*begin, *subscribes, "PING\r\n")


def answer(decoded: Decoded, options: ClientOptions, _state: NatsState) -> Outbox:
    """Return a PONG to each PING."""
    return ("PONG\r\n",) if options.answers and decoded.type == "PING" else ()


_INFO_LINE = re.compile(rb'INFO[ \t]++\{[^\r\n]*?"server_id"[ \t]*+:')
_CONNECT_LINE = re.compile(rb'CONNECT[ \t]++\{[^\r\n]*?"(?:verbose|lang|protocol|pedantic)"[ \t]*+:')


def _recognise(sample: MessageSample) -> str:
    line = _INFO_LINE if sample.direction == "in" else _CONNECT_LINE
    return "a message is a NATS INFO or CONNECT" if line.match(sample.payload) else ""


_LABELS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("PUB", "HPUB"), ("Subject", "Reply to")),
        **dict.fromkeys(("MSG", "HMSG"), ("Subject", "Subscription", "Reply to")),
        "SUB": ("Subject", "Subscription"),
        "UNSUB": ("Subscription", "After"),
    }
)


def _dissect(event: Event, payload: bytes) -> Anatomy | None:
    operation = read_operation(payload)
    if operation is None or operation.name != event.type:
        return None
    name, words = f"NATS {operation.name}", operation.words
    has_headers = operation.name.startswith("H")
    labels = _LABELS.get(operation.name, ())
    if operation.name in WITH_PAYLOAD:
        words = words[: -2 if has_headers else -1]
    elif len(words) > len(labels):
        labels = ("Subject", "Queue", "Subscription")
    parts = tuple(zip(labels, words, strict=False))
    if not has_headers:
        return Anatomy(name, parts, operation.body if parts else operation.text.encode())
    headers, _, body = operation.body.partition(b"\r\n\r\n")
    return Anatomy(name, (*parts, ("Headers", headers.decode("utf-8", "replace"))), body)


PROTOCOL = Protocol(
    "nats",
    NatsState,
    decode,
    has_binary=True,
    recognise=_recognise,
    dissect=_dissect,
    split=split,
    new_masks=lambda _state: {"in": mask, "out": mask},
    client=ProtocolClient(opening, answer),
)
