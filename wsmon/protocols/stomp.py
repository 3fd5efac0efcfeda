"""STOMP 1.0 to 1.2: frames decoded and paired, subscriptions, heart-beats both ways, wsmon as a client.

What asks for a receipt is a request. A SUBSCRIBE without one is confirmed by its first message, or by
``calls.ACCEPTED_NS`` without an ERROR. A message of a subscription that acknowledges is an operation that ends with its
ACK or NACK, and so is a transaction. ``stomp_frames`` has the form on the wire.
Source: STOMP 1.2, "Client Frames", "Server Frames" and "Heart-beating".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from wsmon.model.events import Direction, Event, Json, Opcode
from wsmon.model.units import SECOND_NS
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
    PeerSilence,
    completed,
    duplicate,
    failed,
    keep_newest,
    unmatched,
    unsubscribed,
)
from wsmon.protocols.parts import MessageStream
from wsmon.protocols.stomp_frames import (
    HEADERS_BYTES,
    NEWEST,
    VERSIONS,
    StompFrame,
    find_end,
    is_secret,
    mask,
    read_frame,
    write_frame,
)

# Subscriptions of a session, and receipts that came after a message had confirmed their subscription, that are kept
MAX_KEPT = 1_000
# Silence after which a heart-beat is missing, in intervals: "take a margin for error" (section "Heart-beating")
_MARGIN = 2
# Beginning of an ERROR in which destinations are looked for
_MAX_READ_CHARS = 1_000
# Key of the CONNECT that carries credentials
_LOGIN = "login"


class _Subscription(NamedTuple):
    topic: str
    key: str
    """Of the call that subscribes."""
    receipt: str
    acknowledges: bool


class StompState(CallState):
    """What is in flight on one session, what is subscribed to, and when the next heart-beats are due.

    Calls are the login, and what waits for a receipt.
    """

    def __init__(self) -> None:
        super().__init__()
        self.version = NEWEST
        # Whether a CONNECT went out, and a CONNECTED came in
        self.has_begun = self.is_accepted = False
        # As the server calls itself; empty until it does
        self.server = ""
        # Subscribes without a receipt
        self.subscribing = Calls()
        self.subscriptions: dict[str, _Subscription] = {}
        # Receipts of subscriptions that a message confirmed before
        self.confirmed: dict[str, None] = {}
        self.messages = Deliveries()
        self.transactions = Deliveries()
        self.heartbeats = StompHeartbeats()
        # When the newest ERROR without a receipt came: what began before it may be what it is about
        self.error_ns = -1
        self._streams: dict[Direction, MessageStream] = {}

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return receipts and heart-beats that did not come in time, and subscribes that met no error."""
        happenings: tuple[Happening, ...] = ()
        for call in self.subscribing.accepted(now_ns):
            if call.at_ns <= self.error_ns:
                happenings += failed(call, "not_confirmed", "an ERROR came before anything confirmed it")
            else:
                happenings += completed(call, reason=NO_ERROR)
        return happenings + super().overdue(now_ns) + self.heartbeats.overdue(now_ns)

    def stream(self, direction: Direction) -> MessageStream:
        """Return the frames of a direction."""
        return self._streams.setdefault(direction, MessageStream(find_end))

    def keep(self, identifier: str, subscription: _Subscription) -> None:
        """Remember a subscription."""
        keep_newest(self.subscriptions, identifier, subscription, MAX_KEPT)

    def confirm(self, subscription: _Subscription, reason: str) -> tuple[Happening, ...]:
        """End the subscribe where it is in flight, because something else than a receipt shows that it worked."""
        call = self.subscribing.end(subscription.key) or self.calls.end(subscription.key)
        if call is None:
            return ()
        if subscription.receipt:
            keep_newest(self.confirmed, subscription.receipt, None, MAX_KEPT)
        return completed(call, reason=reason)


class StompHeartbeats:
    """Heart-beats of one session, as CONNECT and CONNECTED agree; any frame counts as one.

    Each direction is late once, until the next frame goes that way.
    """

    def __init__(self) -> None:
        # What wsmon can send, and wants to get
        self._offered_ns = (0, 0)
        self._in_ns = self._out_ns = 0
        self._sent_ns = 0
        self._received, self._sent = PeerSilence(), PeerSilence()

    def offer(self, connect: StompFrame, now_ns: int) -> None:
        """Take the wishes of the client."""
        self._offered_ns = connect.interval_ns(0), connect.interval_ns(1)
        self._agree(0, 0, now_ns)

    def agree(self, connected: StompFrame, now_ns: int) -> None:
        """Take the answer of the server."""
        sends, wants = connected.interval_ns(0), connected.interval_ns(1)
        can, wanted = self._offered_ns
        self._agree(max(sends, wanted) if sends and wanted else 0, max(can, wants) if can and wants else 0, now_ns)

    def _agree(self, in_ns: int, out_ns: int, now_ns: int) -> None:
        self._in_ns, self._out_ns, self._sent_ns = in_ns, out_ns, now_ns
        self._received.limit(_MARGIN * in_ns, now_ns)
        self._sent.limit(_MARGIN * out_ns, now_ns)

    def note(self, direction: Direction, now_ns: int) -> None:
        """Note that something went that way."""
        if direction == "in":
            self._received.heard(now_ns)
        else:
            self._sent.heard(now_ns)
            self._sent_ns = now_ns

    def meta(self) -> dict[str, Json]:
        """Return the intervals that were agreed, in seconds; those there are."""
        intervals = (("heartbeat_in_s", self._in_ns), ("heartbeat_out_s", self._out_ns))
        return {name: every_ns / SECOND_NS for name, every_ns in intervals if every_ns}

    def is_due(self, now_ns: int) -> bool:
        """Whether wsmon has to send one: half of the interval is over."""
        return bool(self._out_ns) and now_ns - self._sent_ns >= self._out_ns // 2

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return the heart-beats that are late."""
        happenings = self._received.overdue(now_ns)
        if self._sent.overdue(now_ns):
            error = f"no heartbeat sent within {_MARGIN * self._out_ns / SECOND_NS:g} s, as was agreed"
            fault = Happening("error.occurred", "heartbeat", error_type="heartbeat_not_sent", error=error)
            happenings += (fault,)
        return happenings


def split(direction: Direction, opcode: Opcode, payload: bytes, state: StompState) -> Sequence[Part] | None:
    """Take a message apart into frames, which may go on in the next one."""
    return state.stream(direction).feed(opcode, payload) if opcode in ("text", "binary") else None


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: StompState) -> Decoded:
    """Decode one frame."""
    if opcode not in ("text", "binary"):
        return UNREAD
    state.heartbeats.note(direction, state.now_ns)
    if not payload.strip(b"\r\n"):
        if not payload:
            return Decoded(error_type="stomp", error="empty message")
        beat = Happening("heartbeat.received" if direction == "in" else "heartbeat.sent", "heartbeat")
        return Decoded("heartbeat", happenings=(beat,))
    frame = read_frame(payload, state.version)
    if frame is None:
        return Decoded(error_type="stomp", error="not a STOMP frame")
    ref = cut(next((frame.headers[name] for name in _REFS if name in frame.headers), ""))
    topic = frame.name("destination") or _topic_of(frame, state)
    read = _sent if direction == "out" else _received
    happenings, meta = read(frame, topic, ref, state)
    return Decoded(frame.command, topic, ref, happenings=happenings, meta=meta)


# Headers that name a message or pair two frames; the first one present counts
_REFS = ("message-id", "receipt", "receipt-id", "id", "transaction")

_Read = tuple[tuple[Happening, ...], dict[str, Json] | None]


def _topic_of(frame: StompFrame, state: StompState) -> str:
    """Return the destination that a frame is about which does not name it."""
    if frame.command in ("UNSUBSCRIBE", "MESSAGE"):
        known = state.subscriptions.get(frame.name("id" if frame.command == "UNSUBSCRIBE" else "subscription"))
        return known.topic if known else ""
    if frame.command in ("RECEIPT", "ERROR"):
        call = state.calls.get(_receipt_key(frame.name("receipt-id")))
        return call.topics[0] if call and call.topics else ""
    return ""


def _receipt_key(receipt: str) -> str:
    return f"receipt {receipt}"


def _sent(frame: StompFrame, topic: str, ref: str, state: StompState) -> _Read:
    match frame.command:
        case "CONNECT" | "STOMP":
            return _connect(frame, state), None
        case "SUBSCRIBE":
            return _subscribe(frame, topic, ref, state), None
        case "UNSUBSCRIBE":
            return _unsubscribe(frame, topic, ref, state), None
    happenings = _ask(Call("request", "", state.now_ns, frame.command, ref, (topic,) if topic else ()), frame, state)
    transaction = frame.name("transaction")
    match frame.command:
        case "ACK" | "NACK":
            status = "ok" if frame.command == "ACK" else "rejected"
            key = frame.name("id") or frame.name("message-id")
            happenings += state.messages.answered(key, frame.command, state.now_ns, status)
        case "BEGIN":
            state.transactions.note(transaction, "", state.now_ns)
        case "COMMIT" | "ABORT":
            status = "ok" if frame.command == "COMMIT" else "aborted"
            happenings += state.transactions.answered(transaction, frame.command, state.now_ns, status)
    return happenings, None


def _connect(frame: StompFrame, state: StompState) -> tuple[Happening, ...]:
    state.has_begun = True
    state.heartbeats.offer(frame, state.now_ns)
    secrets: list[str] = [value for name, value in frame.headers.items() if is_secret(name)]
    state.credentials.remember([*secrets], is_auth=True)
    if not (secrets or frame.header("login")):
        return ()
    return state.calls.begin_anew(Call("auth", _LOGIN, state.now_ns))


def _ask(call: Call, frame: StompFrame, state: StompState) -> tuple[Happening, ...]:
    """Begin a call that a receipt ends; nothing where the frame asks for none."""
    receipt = frame.name("receipt")
    if not receipt:
        return ()
    key = _receipt_key(receipt)
    if key in state.calls:
        return (duplicate(call.operation, call.type, receipt),)
    return state.calls.begin(Call(call.operation, key, call.at_ns, call.type, call.ref, call.topics))


def _subscribe(frame: StompFrame, topic: str, ref: str, state: StompState) -> tuple[Happening, ...]:
    identifier = frame.name("id") or topic
    receipt = frame.name("receipt")
    key = _receipt_key(receipt) if receipt else f"subscribe {identifier}"
    acknowledges = frame.header("ack") in ("client", "client-individual")
    state.keep(identifier, _Subscription(topic, key, receipt, acknowledges))
    call = Call("subscribe", key, state.now_ns, "SUBSCRIBE", ref, (topic,) if topic else ())
    return _ask(call, frame, state) if receipt else state.subscribing.begin_anew(call)


def _unsubscribe(frame: StompFrame, topic: str, ref: str, state: StompState) -> tuple[Happening, ...]:
    known = state.subscriptions.pop(frame.name("id") or topic, None)
    happenings = state.confirm(known, "no error until it was unsubscribed") if known else ()
    # The ledger knows topics: another subscription to this one goes on
    is_last = all(other.topic != topic for other in state.subscriptions.values())
    if frame.name("receipt"):
        topics = (topic,) if topic and is_last else ()
        call = Call("unsubscribe", "", state.now_ns, "UNSUBSCRIBE", ref, topics)
        return happenings + _ask(call, frame, state)
    return (*happenings, unsubscribed(topic, ref, "sent; no receipt was asked for")) if is_last else happenings


def _received(frame: StompFrame, topic: str, ref: str, state: StompState) -> _Read:
    match frame.command:
        case "CONNECTED":
            return _connected(frame, state)
        case "MESSAGE":
            return _message(frame, topic, state), None
        case "RECEIPT":
            return _receipt(frame, state), None
        case "ERROR":
            return _error(frame, topic, ref, state), None
    return (), None


def _connected(frame: StompFrame, state: StompState) -> _Read:
    version = frame.name("version") or VERSIONS[0]
    state.version = version if version in VERSIONS else NEWEST
    state.is_accepted = True
    state.server = frame.name("server")
    state.heartbeats.agree(frame, state.now_ns)
    login = state.calls.end(_LOGIN)
    meta: dict[str, Json] = {"version": version}
    if state.server:
        meta["server"] = state.server
    return completed(login) if login else (), meta | state.heartbeats.meta()


def _message(frame: StompFrame, topic: str, state: StompState) -> tuple[Happening, ...]:
    # A server of version 1.0 may name no subscription
    known = state.subscriptions.get(frame.name("subscription") or topic)
    if known is None:
        return ()
    if known.acknowledges:
        state.messages.note(frame.name("ack") or frame.name("message-id"), topic, state.now_ns)
    return state.confirm(known, "its first message came")


def _receipt(frame: StompFrame, state: StompState) -> tuple[Happening, ...]:
    receipt = frame.name("receipt-id")
    key = _receipt_key(receipt)
    if call := state.calls.end(key):
        return completed(call)
    if receipt in state.confirmed:
        del state.confirmed[receipt]
        return ()
    return (unmatched("request", key, "RECEIPT", ref=receipt),)


def _error(frame: StompFrame, topic: str, ref: str, state: StompState) -> tuple[Happening, ...]:
    """Read an ERROR: about what asked for the receipt that it names, else about the login, else about anything.

    RabbitMQ names no receipt, but quotes the destination.
    """
    text = error_text(frame)
    error = state.credentials.mask(text)
    receipt = frame.name("receipt-id")
    call = (state.calls.end(_receipt_key(receipt)) if receipt else None) or state.calls.end(_LOGIN)
    if call is None and not receipt:
        call = _quoted(text, state.calls) or _quoted(text, state.subscribing)
    if call is not None:
        return failed(call, "stomp", error)
    state.error_ns = state.now_ns
    return (Happening("error.occurred", type="ERROR", topic=topic, ref=ref, error_type="stomp", error=error),)


def _quoted(text: str, calls: Calls) -> Call | None:
    """Take the oldest call whose destination is quoted in a text out of flight, and return it."""
    shown = text[:_MAX_READ_CHARS]
    found = next(
        (call for call in islice(calls, MAX_KEPT) if any(f"'{topic}'" in shown for topic in call.topics)), None
    )
    return calls.end(found.key) if found else None


def error_text(frame: StompFrame) -> str:
    """Return what an ERROR says: its header ``message``, and its body where that says more."""
    message = frame.header("message").strip()
    body = frame.body.decode("utf-8", "replace").strip()
    if not body or body == message:
        return message or "ERROR without a message"
    return f"{message}: {body}" if message else body


HEARTBEAT_S = 10.0
# A session looks once a second whether one is due
_MIN_HEARTBEAT_S, _MAX_HEARTBEAT_S = 2.0, 3_600.0
# Servers that answer receipts, by the beginning of what they call themselves. Others, such as Spring's simple broker
# and stomp-broker-js, leave that of a SUBSCRIBE unanswered
_ANSWERS_RECEIPTS = ("RabbitMQ/", "ActiveMQ", "apache-apollo/")
# What ``auth`` may have that is no header of the CONNECT
_NO_HEADERS = frozenset({"send", "success", "failure", "refresh", "expires_in", "heartbeat"})


def opening(options: ClientOptions, state: StompState) -> Outbox:
    """Return the CONNECT; where ``send`` had one, the subscriptions alone, once it is accepted.

    What ``auth`` has beside ``heartbeat`` in seconds is a header of it, as ``login``.

    Without ``auth.host`` it names no host: RabbitMQ takes that for a virtual host, and refuses those it does not know.
    """
    if state.has_begun:
        return _subscriptions(options, state) if state.is_accepted else ()
    auth = options.reveal_auth()
    every_ms = _heartbeat_ms(auth.get("heartbeat", HEARTBEAT_S)) if options.answers else 0
    headers = {"accept-version": ",".join(VERSIONS), "heart-beat": f"{every_ms},{every_ms}"}
    headers |= {name: str(value) for name, value in auth.items() if name not in _NO_HEADERS}
    return (write_frame("CONNECT", headers),)


def _heartbeat_ms(value: str | float) -> int:
    every_s = value if isinstance(value, int | float) else HEARTBEAT_S
    return round(min(max(every_s, _MIN_HEARTBEAT_S), _MAX_HEARTBEAT_S) * 1_000) if every_s > 0 else 0


def answer(decoded: Decoded, options: ClientOptions, state: StompState) -> Outbox:
    """Return the subscriptions once the server has accepted the connection."""
    return _subscriptions(options, state) if decoded.type == "CONNECTED" else ()


def _subscriptions(options: ClientOptions, state: StompState) -> Outbox:
    """Return the subscriptions, once."""
    asks = state.server.startswith(_ANSWERS_RECEIPTS)
    return tuple(
        write_frame("SUBSCRIBE", _subscription_headers(f"wsmon-{number}", topic, asks=asks))
        for number, topic in enumerate(state.wanted.take(options), 1)
    )


def _subscription_headers(identifier: str, topic: str, *, asks: bool) -> Mapping[str, str]:
    headers = {"id": identifier, "destination": topic, "ack": "auto"}
    return {**headers, "receipt": identifier} if asks else headers


def due(now_ns: int, options: ClientOptions, state: StompState) -> Outbox:
    """Return a heart-beat after half of the interval that was agreed."""
    if not (options.answers and state.heartbeats.is_due(now_ns)):
        return ()
    state.heartbeats.note("out", now_ns)
    return ("\n",)


_FIRST_FRAME = re.compile(rb"[\r\n]*+(?:CONNECT|STOMP|CONNECTED)\r?\n[^:\r\n\0]++:")
_DISSECTED_END = re.compile(rb"\r?\n\r?\n")


def _recognise(sample: MessageSample) -> str:
    return "a message is a STOMP CONNECT or CONNECTED" if _FIRST_FRAME.match(sample.payload) else ""


def _dissect(event: Event, payload: bytes) -> Anatomy | None:
    frame = payload.lstrip(b"\r\n")
    if not event.type.isupper() or not frame.startswith(event.type.encode()):
        return None
    end = _DISSECTED_END.search(frame, 0, HEADERS_BYTES)
    if end is None:
        return None
    command, *lines = frame[: end.start()].decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    if command != event.type:
        return None
    headers = tuple((name, value) for name, _, value in (line.partition(":") for line in lines))
    return Anatomy(f"STOMP {command}", headers, frame[end.end() :].rstrip(b"\r\n").removesuffix(b"\0"))


PROTOCOL = Protocol(
    "stomp",
    StompState,
    decode,
    has_binary=True,
    subprotocols=("v10.stomp", "v11.stomp", "v12.stomp"),
    offered_subprotocols=("v12.stomp", "v11.stomp", "v10.stomp"),
    recognise=_recognise,
    dissect=_dissect,
    split=split,
    new_masks=lambda _state: {"in": mask, "out": mask},
    client=ProtocolClient(opening, answer, due),
)
