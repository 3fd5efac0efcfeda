"""Sessions and refused attempts of a recorded connection as they are served: surveyed once, then read page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from wsmon.errors import UsageError
from wsmon.export.selection import Selection
from wsmon.export.sessions import ExportedSession, sessions
from wsmon.model.ends import NO_CODE
from wsmon.model.events import Event, Json
from wsmon.model.units import SECOND_NS
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.serve.faults import ServedEnd
from wsmon.serve.mqtt_pairing import SUBPROTOCOLS, MqttRequests, MqttServerStream, mqtt_reply_to
from wsmon.serve.request_pairing import PairedRequest, replied_id, reply_to, request_of
from wsmon.serve.wire_messages import SOCKJS, ServedCounts, WireMessage, WireMessages

# Requests of a session whose replies are looked for: 50 MiB at most; replies to further ones are sent at their time
MOST_REQUESTS: Final = 100_000
# Requests of a session that wait for their reply
_MOST_WAITING: Final = 4_096
_NAMES: Final = FieldTerm(
    "name",
    (
        Exact("message.received"),
        Exact("message.sent"),
        Exact("message.batch_processed"),
        Exact("heartbeat.received"),
        Exact("connection.protocol"),
    ),
)
# What a server adds of its own where the recording has no end of the session
_RECORDING_ENDS: Final = ServedEnd("close", 1001, "the recording ends here")
# Refusals: the headers that change what a client does next
_KEPT_HEADERS: Final = frozenset({"content-type", "location", "retry-after", "www-authenticate"})
# Of a close reason (RFC 6455, section 5.5)
_REASON_BYTES: Final = 123


class RecordedReply(NamedTuple):
    """A reply, and how long the server took for it."""

    event_id: int
    delay_ns: int
    packet: bytes = b""
    """Of MQTT: the reply itself, which is a part of its message; empty: the whole message is."""


@dataclass(slots=True)
class ServedSession:
    """An open session: what its server sent, and how it ended."""

    session: ExportedSession
    subprotocol: str
    is_compressed: bool
    start_ns: int
    """Monotonic time from which messages are timed: the upgrade, or where the selection begins."""
    end_ns: int
    """Monotonic time of the end."""
    end: ServedEnd
    counts: ServedCounts = field(default_factory=ServedCounts)
    sockjs_from_id: int | None = None
    replies: dict[tuple[str, bytes | None], list[RecordedReply]] = field(default_factory=dict)
    """By kind and arguments, and by kind alone (None), in their order."""
    reply_ids: set[int] = field(default_factory=set)
    """Ids of the messages that are replies; of MQTT, places among all packets that may be replies, from 0."""
    is_mqtt: bool = False

    @property
    def waits_for_opening(self) -> bool:
        """Whether the server sent nothing before the reply to the first packet of its client."""
        return any(kind.startswith("CONNECT ") for kind, _ in self.replies) if self.is_mqtt else False

    def new_request_reader(self) -> Callable[[bytes], tuple[PairedRequest, ...]]:
        """Return what reads the requests of one live client out of its messages."""
        return MqttRequests() if self.is_mqtt else _requests_of

    def answered(self, reply: bytes, request: PairedRequest) -> bytes:
        """Return a recorded reply with the id of a live request."""
        return mqtt_reply_to(reply, request) if self.is_mqtt else reply_to(reply, request)

    def reply(self, request: PairedRequest, asked: dict[tuple[str, bytes | None], int]) -> RecordedReply | None:
        """Return the recorded reply for a live request, the last one again where there are no more; None = none is.

        ``asked`` counts how often each was given in a live session.
        """
        keys: tuple[tuple[str, bytes | None], ...] = ((request.kind, request.arguments), (request.kind, None))
        for key in keys:
            if found := self.replies.get(key):
                turn = asked.get(key, 0)
                asked[key] = turn + 1
                return found[min(turn, len(found) - 1)]
        return None


@dataclass(frozen=True, slots=True)
class ServedRefusal:
    """An attempt that the server answered with an HTTP status other than 101."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


ServedStep: TypeAlias = "ServedSession | ServedRefusal"


@dataclass(frozen=True, slots=True)
class ServedConnection:
    """A recorded connection: what its server did from attempt to attempt."""

    name: str
    steps: tuple[ServedStep, ...]
    unanswered: int
    """Attempts that failed without an answer of the server: a client here cannot be given them."""

    @property
    def sessions(self) -> tuple[ServedSession, ...]:
        """The sessions among its steps."""
        return tuple(step for step in self.steps if isinstance(step, ServedSession))

    @property
    def counts(self) -> ServedCounts:
        """The counts of all its sessions."""
        total = ServedCounts()
        for session in self.sessions:
            total.add(session.counts)
        return total


def served_connections(
    view: StoreView, first_id: int, last_id: int, connection: str | None = None
) -> tuple[ServedConnection, ...]:
    """Survey the connections in a range of ids, or one of them; raises ``UsageError`` where there is no session."""
    query = Query(() if connection is None else (FieldTerm("connection", (Exact(connection),)),))
    selection = Selection(view, query, first_id, last_id)
    found: dict[str, list[ExportedSession]] = {}
    for session in sessions(selection):
        if session is not None and (connection is None or session.source.connection == connection):
            found.setdefault(session.source.connection, []).append(session)
    served = [_served(view, name, each, first_id) for name, each in sorted(found.items())]
    playable = tuple(one for one in served if one.steps)
    if not playable:
        of = f" of {connection}" if connection else ""
        bounds = view.bounds()
        within = "" if first_id <= bounds.oldest_id and last_id >= bounds.last_id else " in this period"
        raise UsageError(f"the recording has no session{of} to serve{within}", "`wsmon stats` lists its connections")
    return playable


def _served(view: StoreView, name: str, found: list[ExportedSession], first_id: int) -> ServedConnection:
    found.sort(key=lambda session: session.first_id)
    steps: list[ServedStep] = []
    unanswered = 0
    for session in found:
        ended = session.ended
        if session.completed is None and ended is not None and not (ended.meta or {}).get("open"):
            if ended.http_status is not None:
                steps.append(_refusal(ended))
            else:
                unanswered += 1
        elif (surveyed := _surveyed(view, session, first_id)) is not None:
            steps.append(surveyed)
    return ServedConnection(name, tuple(steps), unanswered)


def _refusal(ended: Event) -> ServedRefusal:
    meta = ended.meta or {}
    headers, body = meta.get("response_headers"), meta.get("body")
    pairs = [(str(pair[0]), str(pair[1])) for pair in headers if isinstance(pair, list) and len(pair) == 2] if (
        isinstance(headers, list)
    ) else []  # fmt: skip
    kept = tuple((name, value) for name, value in pairs if name.lower() in _KEPT_HEADERS and value.isprintable())
    return ServedRefusal(ended.http_status or 0, kept, body if isinstance(body, str) else "")


def _surveyed(view: StoreView, session: ExportedSession, first_id: int) -> ServedSession | None:
    """Read a session once: what it counts, and which of its messages are replies; None for one that never opened."""
    completed = session.completed
    if completed is None and session.started is not None:
        return None
    subprotocol, extensions = session.meta_value("subprotocol"), session.meta_value("extensions")
    sockjs_from_id = 0 if session.meta_value("protocol") == SOCKJS else None
    wire = WireMessages(sockjs_from_id)
    served = ServedSession(
        session,
        subprotocol if isinstance(subprotocol, str) else "",
        isinstance(extensions, list) and any("permessage-deflate" in str(each) for each in extensions),
        -1 if completed is None or completed.id < first_id else completed.mono_ns,
        0,
        _end_of(session.ended),
        is_mqtt=subprotocol in SUBPROTOCOLS or session.meta_value("protocol") == "mqtt",
    )
    replies = (_MqttReplies if served.is_mqtt else _Replies)(served)
    last_ns = served.start_ns
    for page in _pages(view, session, first_id):
        for event in page:
            last_ns = event.mono_ns
            if served.start_ns < 0:
                served.start_ns = event.mono_ns
            if event.name == "message.sent":
                replies.sent(event)
            elif event.name == "message.received":
                replies.received(event)
            for message in wire.feed((event,)):
                replies.on_wire(message)
    for _ in wire.end():
        pass
    if served.start_ns < 0:
        served.start_ns = last_ns = 0 if session.ended is None else session.ended.mono_ns
    served.end_ns = last_ns if session.ended is None else session.ended.mono_ns
    served.counts, served.sockjs_from_id = wire.counts, wire.sockjs_from_id
    if served.sockjs_from_id is not None:
        # Requests come in envelopes there: all that was received is sent at its time
        served.replies.clear()
        served.reply_ids.clear()
    return served


class _Replies:
    """Finds the replies of a session as its events come, in JSON-RPC and Phoenix, where each is a message."""

    def __init__(self, served: ServedSession) -> None:
        self.served = served
        # Requests without a reply yet, and their times
        self._waiting: dict[bytes, tuple[PairedRequest, int]] = {}
        self._requests = 0

    def sent(self, event: Event) -> None:
        """A message of the recorded client."""
        if _is_alone(event):
            self.ask(_requests_of(event.payload or b""), event.mono_ns)

    def received(self, event: Event) -> None:
        """A message of the recorded server."""
        if self._waiting and _is_alone(event):
            self.take(replied_id(event.payload or b""), event.id, event.id, event.mono_ns)

    def on_wire(self, message: WireMessage) -> None:
        """A message of the recorded server as it is sent again."""

    def ask(self, requests: tuple[PairedRequest, ...], at_ns: int) -> None:
        """Wait for the replies to requests."""
        for request in requests:
            if self._requests < MOST_REQUESTS and len(self._waiting) < _MOST_WAITING:
                self._requests += 1
                self._waiting[request.id] = (request, at_ns)

    def take(self, reply_id: bytes, place: int, event_id: int, at_ns: int, packet: bytes = b"") -> None:
        """Note a reply, where it answers a request that waits."""
        asked = self._waiting.pop(reply_id, None)
        if asked is None:
            return
        request, asked_ns = asked
        reply = RecordedReply(event_id, max(0, at_ns - asked_ns), packet)
        self.served.reply_ids.add(place)
        for arguments in (request.arguments, None):
            self.served.replies.setdefault((request.kind, arguments), []).append(reply)


class _MqttReplies(_Replies):
    """The same in MQTT, where a message may hold several packets, or a part of one."""

    def __init__(self, served: ServedSession) -> None:
        super().__init__(served)
        self._read = MqttRequests()
        self._stream = MqttServerStream()
        self._place = 0

    def sent(self, event: Event) -> None:
        """A message of the recorded client."""
        self.ask(self._read.stored(event.payload, event.size, is_masked=event.redacted), event.mono_ns)

    def received(self, event: Event) -> None:
        """Nothing: replies are looked for in the bytes that are sent again."""

    def on_wire(self, message: WireMessage) -> None:
        """A message of the recorded server as it is sent again."""
        if message.opcode != "binary":
            return
        for piece in self._stream.feed(message.payload, message.size):
            if piece.reply_id:
                self.take(piece.reply_id, self._place, message.event_id, message.mono_ns, piece.content)
                self._place += 1


class _WithoutReplies:
    """Takes the replies out of the messages of a recorded server of MQTT."""

    def __init__(self, served: ServedSession) -> None:
        self._reply_places = served.reply_ids
        self._stream = MqttServerStream()
        self._place = 0

    def rest(self, message: WireMessage) -> WireMessage:
        """Return a message without the replies in it, which leaves none of some."""
        if message.opcode != "binary":
            return message
        kept = []
        for piece in self._stream.feed(message.payload, message.size):
            if not piece.reply_id or self._place not in self._reply_places:
                kept.append(piece.content)
            self._place += bool(piece.reply_id)
        return message._replace(payload=b"".join(kept))


def _requests_of(payload: bytes) -> tuple[PairedRequest, ...]:
    request = request_of(payload)
    return () if request is None else (request,)


def _is_alone(event: Event) -> bool:
    """Whether a message went over the socket as it is stored: not encoded, and no part of another."""
    return (
        event.payload is not None and not event.truncated and not event.encoding and "parts" not in (event.meta or {})
    )


def messages_of(view: StoreView, served: ServedSession, first_id: int) -> Iterator[list[WireMessage]]:
    """Iterate over what the server sent by itself, page by page: everything but the replies to requests."""
    wire = WireMessages(served.sockjs_from_id)
    without = _WithoutReplies(served) if served.is_mqtt else None
    for page in _pages(view, served.session, first_id):
        if without is None:
            yield [message for message in wire.feed(page) if message.event_id not in served.reply_ids]
        else:
            rests = map(without.rest, wire.feed(page))
            yield [message for message in rests if message.payload or message.opcode == "ping"]
    yield list(wire.end())


def reply_payload(view: StoreView, reply: RecordedReply, sockjs_from_id: int | None) -> WireMessage | None:
    """Read a recorded reply; None where retention has removed it meanwhile."""
    if reply.packet:
        return WireMessage(reply.event_id, 0, "binary", reply.packet)
    wire = WireMessages(sockjs_from_id)
    return next(iter((*wire.feed(view.events_by_id((reply.event_id,))), *wire.end())), None)


def _pages(view: StoreView, session: ExportedSession, first_id: int) -> Iterator[tuple[Event, ...]]:
    ids = (max(first_id, session.first.id if session.first else session.first_id), session.last_id)
    selection = Selection(view, Query((*session.of_session, _NAMES)), *ids)
    for page in selection.pages():
        if page:
            yield page


def _end_of(ended: Event | None) -> ServedEnd:
    """Return how the server ended a session; one that the recorder or the selection ended is closed with 1001.

    So is one that the application of a relay ended: the server had no part in that.
    """
    if ended is None or ended.close_by == "application" or (ended.close_by == "us" and not ended.error_type):
        return _RECORDING_ENDS
    if ended.close_by == "peer" and ended.error_type not in ("eof", "reset"):
        return ServedEnd("close", _sent_code(ended), _shortened(ended.reason))
    return ServedEnd("reset" if ended.error_type == "reset" else "eof")


def _sent_code(ended: Event) -> int | None:
    """The code in the close frame; 1005 stands for a frame without one."""
    received: Json = (ended.meta or {}).get("received")
    code = received.get("code") if isinstance(received, dict) else ended.close_code
    return code if isinstance(code, int) and code != NO_CODE else None


def _shortened(reason: str) -> str:
    return reason.encode("utf-8", "replace")[:_REASON_BYTES].decode("utf-8", "ignore")


def played_s(served: ServedSession, mono_ns: int, speed: float) -> float:
    """Return when a moment of a session is played, in seconds after the live upgrade."""
    return max(0, mono_ns - served.start_ns) / SECOND_NS / speed
