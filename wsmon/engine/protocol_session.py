"""ProtocolSession: the protocol of one session, configured or detected: decodes, masks, and finds overdue answers.

In: each data message, and the upgrade, from ``MessagePath`` (engine/messages.py), and a tick each second. Out: what the
message means (``Decoded``), what is overdue, and, through ``ProtocolSender`` (engine/protocol_sender.py), the messages
that the protocol or the configuration sends by itself. The protocols themselves are in wsmon/protocols/.

A decoder must not raise. An exception becomes an event, once a session, and the frame is recorded all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from wsmon.config.specs import (
    DECLARABLE,
    NOTHING,
    AuthValue,
    ConnectionSpec,
    MessageCondition,
    MessagesSpec,
    ProtocolName,
)
from wsmon.engine.held_errors import HeldErrors
from wsmon.engine.ticker import Ticker
from wsmon.model.block import PlainReading
from wsmon.model.events import Direction, Json, Opcode
from wsmon.model.redact.masking import EMPTY, Sensitive
from wsmon.model.spans import Instant
from wsmon.model.subscriptions import SubscriptionLedger
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.protocols import json
from wsmon.protocols.base import (
    UNREAD,
    ClientOptions,
    Decoded,
    HandshakeUrl,
    Happening,
    Mask,
    MessageSample,
    Outbox,
    Part,
    Protocol,
    ProtocolClose,
    with_happenings,
)
from wsmon.protocols.configured import (
    AuthTexts,
    ConfiguredTexts,
    HeartbeatTexts,
    grant_life_s,
    is_auth_over,
    waits_for_auth,
)
from wsmon.protocols.declared import DeclaredMessages
from wsmon.protocols.detect import DetectionReview, ProtocolDetector
from wsmon.protocols.parts import MAX_PARTS, TOO_MANY_PARTS
from wsmon.protocols.registry import PROTOCOLS

# How long topics wait for ``auto`` to know the protocol. Servers that speak first do so at once; others, such as many
# JSON feeds, wait for a subscription themselves.
UNDECIDED_S = 3.0


OverdueCallback = Callable[[tuple[Happening, ...], Instant], None]


@dataclass(slots=True)
class CarriedState:
    """State of a connection that is carried over from one session to the next."""

    ledger: SubscriptionLedger = field(default_factory=SubscriptionLedger)
    protocol: ProtocolName = ""
    """The protocol of the newest session; empty before the first."""
    state: Any = None
    """The state of that protocol, which decides itself what of it survives a new session."""
    misfits: set[ProtocolName] = field(default_factory=set)
    """Protocols that were detected in earlier sessions, and then revised."""
    inner: CarriedState | None = None
    """Of the protocol in the envelopes of another; None before there is one."""


class ProtocolSession:
    """Decodes the messages of one session, in their order.

    While ``auto`` has not detected a protocol, messages are decoded as generic JSON, which most of them are; other
    messages have no type, topic or error until then.
    """

    def __init__(
        self,
        spec: ConnectionSpec,
        ticker: Ticker,
        clock: Clock,
        carried: CarriedState,
        on_overdue: OverdueCallback,
        protocols: Mapping[ProtocolName, Protocol[Any]] = PROTOCOLS,
        *,
        within: ProtocolName = "",
    ) -> None:
        """``on_overdue`` is called with every tick, whether something is overdue or not.

        ``within``: the protocol in whose envelopes the messages come; empty where they come in none.
        """
        self._spec = spec
        self._protocols = protocols
        self._within = f" in {within}" if within else ""
        # The session of the protocol in the envelopes of this one; None where it has none
        self._inner: ProtocolSession | None = None
        # Whether the inner protocol may be spoken
        self._is_inner_open = False
        self._is_started = False
        self._ticker = ticker
        self._clock = clock
        self._carried = carried
        self._on_overdue = on_overdue
        self._on_tick: Callable[[int], None] = _nothing
        # None once the protocol is known
        self._detector = ProtocolDetector(protocols.values(), carried.misfits) if spec.protocol == "auto" else None
        # None unless a protocol was detected that may turn out not to fit
        self._review: DetectionReview | None = None
        self._held_errors = HeldErrors()
        # Whether messages showed the protocol: then others between them may belong to something else
        self._is_by_messages = False
        # The protocol that the handshake named
        self._named: tuple[Happening, ...] = ()
        self._url: HandshakeUrl | None = None
        # Heartbeats and authentication that the configuration spells out; None where it does not
        self._configured = configured_of(spec)
        # What the configuration says of the messages of a private protocol; None where it does not
        self._declared = declared_of(spec)
        # Topics that wait until the protocol is known
        self._held_topics = spec.subscribe if spec.protocol == "auto" else ()
        topics = () if self._held_topics else spec.subscribe
        self._options = ClientOptions(
            topics,
            spec.auth if spec.answer else {},
            answers=spec.answer,
            is_measured=bool(spec.sequence.path or spec.latency.path),
        )
        self._secrets = _secrets(spec)
        # Monotonic; None before the start
        self._undecided_until_ns: int | None = None
        # The protocol was found after the start: its opening is still to be sent
        self._opens_late = False
        self._is_auth_over = False
        self._speaks = spec.answer or bool(spec.subscribe)
        self._is_paused = False
        self._has_failed = False
        # What the newest message showed of the protocol itself; its event follows that of the message
        self._settled: tuple[Happening, ...] = ()
        self.splits = True
        """Whether WebSocket messages go through ``split``: they may hold several messages, or show the protocol."""
        self._masks: Mapping[Direction, Mask] = {}
        self._use("json" if spec.protocol == "auto" else spec.protocol)

    def begin(self, url: str, subprotocol: str) -> dict[str, Json]:
        """Take note of the upgrade; return what it says about the protocol, for its event."""
        self._options = replace(self._options, subprotocol=subprotocol)
        self._url = HandshakeUrl.parse(url)
        about: dict[str, Json] = {}
        if self._spec.protocol not in ("auto", "raw") and (outer := self._envelope_of(self._url)):
            self._use(outer)
            self._review = DetectionReview(outer)
        if self._detector is not None and (name := self._detector.of_handshake(url, subprotocol)):
            about = {"protocol": name, "protocol_why": self._detector.why}
            self._named = (Happening("connection.protocol", type=name, reason=f"{name}: {self._detector.why}"),)
            self._detector = None
            self._release_topics()
            self._use(name)
            self._review = DetectionReview(name)
        else:
            if self._detector is None:
                about = {"protocol": self._name}
            self._protocol.prepare(self._state, self._options, self._url)
        return about

    def start(self, on_tick: Callable[[int], None]) -> None:
        """Search for overdue answers from now on; ``on_tick`` gets the monotonic time of each search."""
        self._on_tick = on_tick
        self._undecided_until_ns = self._clock.mono_ns() + int(UNDECIDED_S * SECOND_NS)
        self._ticker.add(self._tick)
        self._is_started = True
        if self._inner is not None:
            self._inner.start(_nothing)

    def pause(self) -> None:
        """Stop searching: reading from the socket was paused, so an answer may wait in our own buffer."""
        self._is_paused = True
        if self._inner is not None:
            self._inner.pause()

    def resume(self) -> None:
        """Search again."""
        self._is_paused = False
        if self._inner is not None:
            self._inner.resume()

    def stop(self) -> None:
        """Search no more: the session is over."""
        self._ticker.remove(self._tick)
        if self._inner is not None:
            self._inner.stop()

    def split(self, direction: Direction, opcode: Opcode, payload: bytes) -> Sequence[Part] | None:
        """Take a WebSocket message, whole as it came, apart; None where it is one message of the protocol itself."""
        if self._detector is not None:
            self._settled += self._detect(self._detector, direction, opcode, payload)
        try:
            if self._protocol.split is not None:
                parts = self._protocol.split(direction, opcode, payload, self._state) or None
                return parts if parts is None or self._inner is None else self._inner.split_parts(direction, parts)
            return None if self._declared is None else self._declared.split(opcode, payload)
        except Exception as error:  # noqa: BLE001 - the border: an exception of a protocol is an event, the frame stays
            self._settled += self._failed(error).happenings
            return None

    def split_parts(self, direction: Direction, parts: Sequence[Part]) -> Sequence[Part]:
        """Take messages apart that came in envelopes; pieces of such messages stay as they are.

        Of more than ``MAX_PARTS`` messages in all, those of the envelopes that follow are not read.
        """
        found: list[Part] = []
        for part in parts:
            if len(found) > MAX_PARTS:
                found.append(part._replace(error=TOO_MANY_PARTS, is_hidden=True))
                continue
            is_whole = self.splits and not (part.is_partial or part.error)
            inner = self.split(direction, part.opcode, part.payload) if is_whole else None
            found += (part,) if inner is None else inner
        return found

    def read_partial(self, part: Part) -> Decoded:
        """Return what is known of a part that is not decoded."""
        settled, self._settled = self._settled, ()
        if self._inner is not None:
            settled += self._inner.read_partial(part).happenings
        return Decoded(error_type="too_large" if part.error else "", error=part.error, happenings=settled)

    def read(
        self, direction: Direction, opcode: Opcode, payload: bytes, mono_ns: int, *, is_part: bool = False
    ) -> Decoded:
        """Decode a whole message, not yet masked, that came in or went out at this monotonic time.

        Where ``splits``, ``split`` comes first; ``is_part``: it returned the message.
        """
        settled: tuple[Happening, ...] = ()
        if self._settled:
            settled, self._settled = self._settled, ()
        if is_part and self._inner is not None:
            decoded = self._inner.read(direction, opcode, payload, mono_ns)
            return decoded if not settled else with_happenings(decoded, (*settled, *decoded.happenings))
        try:
            self._state.at(mono_ns)
            decoded = self._decode(direction, opcode, payload, self._state)
            if self._declared is not None:
                decoded = self._declared.read(direction, payload, decoded, mono_ns)
        except Exception as error:  # noqa: BLE001 - the border: an exception of a decoder is an event, the frame stays
            decoded = self._failed(error)
        if self._detector is not None and decoded.error_type:
            decoded = msgspec.structs.replace(decoded, error_type="", error="")
        review = self._review
        if review is not None and (decoded.error_type or review.is_counting):
            decoded, found = self._reviewed(review, decoded, direction, opcode, payload)
            settled += found
        happenings = decoded.happenings
        if self._configured is not None:
            happenings = self._configured.read(direction, payload, decoded, mono_ns)
        if settled:
            happenings = (*settled, *happenings)
        return decoded if happenings is decoded.happenings else with_happenings(decoded, happenings)

    @property
    def has_binary(self) -> bool:
        """Whether binary messages are the protocol's own, whatever they begin with."""
        return self._protocol.has_binary

    @property
    def reads_plain(self) -> bool:
        """Whether incoming messages may be read several at once: what is plain among them needs nothing else."""
        return (
            self._protocol.read_plain is not None
            and self._detector is None
            and self._configured is None
            and self._declared is None
            and "in" not in self._masks
            and not (self._review is not None and self._review.is_counting)
        )

    def read_plain(self, payloads: Sequence[bytes]) -> PlainReading | None:
        """Read incoming text messages, where ``reads_plain``; None where that failed: each is to be read by itself."""
        if self._protocol.read_plain is None:
            return None
        try:
            return self._protocol.read_plain(payloads)
        except Exception:  # noqa: BLE001 - the border: read one by one, the message that caused it makes an event
            return None

    def handshake(self, has_credentials: bool, status: int | None) -> tuple[Happening, ...]:
        """Return what the upgrade itself means: the protocol that it names, and what that has no message for."""
        return (*self._named, *self._protocol.handshake(has_credentials, status))

    def opening(self) -> Outbox:
        """Return what is sent first."""
        # Of a protocol that was found before, too
        self._opens_late = False
        self._state.at(self._clock.mono_ns())
        client = self._client
        return () if client is None else self._guarded(lambda: client.opening(self._options, self._state))

    def wrap(self, message: str | bytes) -> str | bytes:
        """Return a message as it is sent: in the envelope of the protocol, where it has one."""
        envelope = self._protocol.envelope
        return message if envelope is None else envelope.wrap(message)

    def _inner_replies(self, inner: ProtocolSession, decoded: Decoded, payload: bytes, *, is_part: bool) -> Outbox:
        sent: Outbox = ()
        envelope = self._protocol.envelope
        # A server that sends messages has opened, before the envelope was known
        if not self._is_inner_open and envelope is not None and (is_part or envelope.opens(decoded)):
            self._is_inner_open = True
            sent = inner.opening()
        if is_part:
            sent += inner.replies(decoded, payload)
        return tuple(map(self.wrap, sent))

    def replies(self, decoded: Decoded, payload: bytes, *, is_part: bool = False) -> Outbox:
        """Return what is sent after an incoming message was decoded; a heartbeat is answered once."""
        if self._inner is not None:
            return self._inner_replies(self._inner, decoded, payload, is_part=is_part)
        self._is_auth_over = self._is_auth_over or is_auth_over(decoded)
        late = self._late_opening()
        configured = () if self._configured is None else tuple(map(_as_sent, self._configured.replies(payload)))
        client = self._client
        if configured or client is None:
            return late + configured
        return late + self._guarded(lambda: client.answer(decoded, self._options, self._state))

    def due(self, now_ns: int) -> Outbox:
        """Return what is sent by the clock at this monotonic time."""
        if self._inner is not None:
            return tuple(map(self.wrap, self._inner.due(now_ns))) if self._is_inner_open else ()
        # Most sessions send nothing, and each is asked once a second
        if self._client is None and self._configured is None and not self._held_topics:
            return ()
        if self._held_topics and self._undecided_until_ns is not None and now_ns >= self._undecided_until_ns:
            self._release_topics()
            self._opens_late = True
        late = self._late_opening()
        configured = () if self._configured is None else tuple(map(_as_sent, self._configured.due(now_ns)))
        client = self._client
        if client is None:
            return late + configured
        return late + configured + self._guarded(lambda: client.due(now_ns, self._options, self._state))

    def _release_topics(self) -> None:
        if self._held_topics:
            self._options = replace(self._options, topics=self._held_topics)
            self._held_topics = ()

    def _late_opening(self) -> Outbox:
        """Return the opening of a protocol that was found after the start, without the login that was sent then."""
        client = self._client
        if not self._opens_late or client is None:
            return ()
        self._opens_late = False
        # The protocol sends the topics itself when the login is over
        if waits_for_auth(self._options) and not self._is_auth_over:
            return ()
        auth = {name: value for name, value in self._options.auth.items() if name != "send"}
        return self._guarded(lambda: client.opening(replace(self._options, auth=auth), self._state))

    @property
    def is_silent(self) -> bool:
        """Whether the peer did not answer a heartbeat that the protocol defines."""
        if self._inner is not None:
            return self._inner.is_silent
        client = self._client
        return self._options.answers and client is not None and not self._is_guess and client.is_silent(self._state)

    @property
    def _is_guess(self) -> bool:
        """Whether the protocol was detected by JSON that others send as well, and no messages confirmed it yet."""
        return self._review is not None and not self._review.is_proven

    def code_meaning(self, code: int | None) -> str:
        """Return what a close code means in this protocol; empty where it defines none."""
        meaning = "" if code is None else self._protocol.close_codes.get(code, "")
        return meaning or ("" if self._inner is None else self._inner.code_meaning(code))

    @property
    def closed(self) -> ProtocolClose | None:
        """How the peer closed the connection inside messages; None where it did not."""
        envelope = self._protocol.envelope
        return None if envelope is None else envelope.closed(self._state)

    def _guarded(self, messages: Callable[[], Outbox]) -> Outbox:
        try:
            return messages()
        except Exception as error:  # noqa: BLE001 - the border: a failure of the protocol is an event, and nothing is sent
            at = Instant(self._clock.wall_ns(), self._clock.mono_ns())
            self._on_overdue(self._failed(error).happenings, at)
            return ()

    @property
    def masks_received(self) -> bool:
        """Whether ``mask`` may change incoming messages."""
        return "in" in self._masks or (self._inner is not None and self._inner.masks_received)

    def mask(
        self, direction: Direction, opcode: Opcode, payload: bytes, *, is_part: bool = False
    ) -> tuple[bytes, bool]:
        """Mask the credentials that only the protocol finds; return the message, and whether there were any."""
        if is_part and self._inner is not None:
            return self._inner.mask(direction, opcode, payload)
        mask = self._masks.get(direction)
        return mask(opcode, payload) if mask is not None else (payload, False)

    def holds_secrets(self, opcode: Opcode, message: bytes) -> bool:
        """Whether a message for the peer holds credentials: those of ``auth``, a secret topic, or what is masked.

        It may never be sent, so the masks of the session, which follow the stream of what is, do not see it.
        """
        protocol = self._protocol
        parts = None if protocol.split is None else protocol.split("out", opcode, message, protocol.new_state())
        mask = protocol.new_masks(self._state).get("out")
        for one in (Part(opcode, message), *(parts or ())):
            if mask is not None and mask(one.opcode, one.payload)[1]:
                return True
            if any(secret in one.payload for secret in self._secrets):
                return True
        inner = self._inner
        return inner is not None and any(inner.holds_secrets(each.opcode, each.payload) for each in parts or ())

    def _detect(
        self, detector: ProtocolDetector, direction: Direction, opcode: Opcode, payload: bytes
    ) -> tuple[Happening, ...]:
        name = detector.of_frame(direction, opcode, payload)
        if not name:
            return ()
        self._detector = None
        # A client whose own message shows the protocol has opened it already
        is_new = direction == "in" and name not in ("json", "raw")
        self._opens_late = self._speaks and (bool(self._held_topics) or is_new)
        self._release_topics()
        # Messages were decoded as JSON until now
        if name == "json":
            self._note_split()
        else:
            self._use(name)
        is_certain, is_proven = detector.is_certain, detector.is_proven
        self._review = DetectionReview(name, is_certain=is_certain, is_proven=is_proven) if name != "raw" else None
        self._is_by_messages = True
        return (
            Happening("connection.protocol", type=name, reason=f"{name}{self._within}: {detector.why}"),
            *self._catch_up(detector.held),
        )

    def _reviewed(
        self, review: DetectionReview, decoded: Decoded, direction: Direction, opcode: Opcode, payload: bytes
    ) -> tuple[Decoded, tuple[Happening, ...]]:
        """Return a message without an error that is not known to be one, and what follows for the protocol."""
        is_guess = not review.is_confirmed
        found = self._revise(review, decoded, direction, opcode, payload)
        is_unread = self._is_by_messages and decoded.error_type not in ("", "too_large")
        if is_unread and self._is_of_another(MessageSample(direction, opcode, payload)):
            decoded = json.named(direction, opcode, payload)
        if review is not self._review:
            self._held_errors.release()
            return msgspec.structs.replace(decoded, error_type="", error="") if is_guess else decoded, found
        if is_guess:
            decoded = self._held_errors.hold(decoded)
        if is_guess and review.is_confirmed:
            found += self._held_errors.release()
        return decoded, found

    def _is_of_another(self, sample: MessageSample) -> bool:
        """Whether a message that cannot be decoded is sound, but of no protocol that messages showed.

        Between JSON, that is a text which does not even begin as JSON, unless it is a page of a proxy.
        """
        if self._name == "json":
            return sample.payload.lstrip()[:1] not in (b"{", b"[", b"<")
        return sample.json is not None and not self._protocol.recognise(sample)

    def finish(self) -> tuple[Happening, ...]:
        """Return what was held back, where the protocol that was guessed is likely: the session is over."""
        held = self._held_errors.release()
        if self._review is not None and not self._review.is_likely:
            held = ()
        return held if self._inner is None else (*held, *self._inner.finish())

    def _revise(
        self, review: DetectionReview, decoded: Decoded, direction: Direction, opcode: Opcode, payload: bytes
    ) -> tuple[Happening, ...]:
        """Use another protocol where most messages cannot be decoded by the one that was detected."""
        name = review.note(decoded, direction, opcode, payload)
        if not name:
            return ()
        self._carried.misfits.add(self._name)
        # Only the envelope of a configured protocol was a guess
        name = name if self._spec.protocol == "auto" else self._spec.protocol
        self._use(name)
        self._review = DetectionReview(name) if name != "raw" else None
        return (Happening("connection.protocol", type=name, reason=f"{name}{self._within}: {review.why}"),)

    def _catch_up(self, held: bytes) -> tuple[Happening, ...]:
        """Decode what went out before it was known to be the beginning of a packet; it was recorded already."""
        if not held:
            return ()
        self.mask("out", "binary", held)
        try:
            return tuple(self._decode("out", "binary", held, self._state).happenings)
        except Exception as error:  # noqa: BLE001 - the border: an exception of a decoder is an event, the frame stays
            return self._failed(error).happenings

    def _use(self, name: ProtocolName) -> None:
        protocol = self._protocol = self._protocols[name]
        self._name = name
        carried = self._carried
        if protocol.next_state is not None and carried.protocol == name:
            self._state = protocol.next_state(carried.state)
        else:
            self._state = protocol.new_state()
        carried.protocol, carried.state = name, self._state
        protocol.prepare(self._state, self._options, self._url)
        self._decode = protocol.decode
        self._masks = protocol.new_masks(self._state)
        self._client = protocol.client if self._speaks else None
        if self._inner is not None:
            self._inner.stop()
            self._inner, self._configured, self._declared = None, configured_of(self._spec), declared_of(self._spec)
        if protocol.envelope is not None:
            # The inner session looks for what the configuration spells out
            self._inner, self._configured, self._declared = self._new_inner(name), None, None
        self._note_split()

    def _note_split(self) -> None:
        is_declared = self._declared is not None and self._declared.splits
        self.splits = self._detector is not None or self._protocol.split is not None or is_declared

    def _envelope_of(self, url: HandshakeUrl | None) -> ProtocolName:
        """Return the protocol in whose envelopes the configured one comes, as the URL shows; empty for none."""
        if url is None or self._protocol.envelope is not None:
            return ""
        named = (name for name, of in self._protocols.items() if of.envelope is not None and of.recognise_url(url))
        return next((name for name in named if name not in self._carried.misfits), "")

    def _new_inner(self, name: ProtocolName) -> ProtocolSession:
        """Return the session of the protocol in the envelopes of this one: as configured, else to be detected."""
        carried = self._carried.inner = self._carried.inner or CarriedState()
        is_named = self._spec.protocol not in ("auto", name)
        inner = ProtocolSession(
            self._spec if is_named else replace(self._spec, protocol="auto"),
            self._ticker,
            self._clock,
            carried,
            self._on_overdue,
            {each: of for each, of in self._protocols.items() if of.envelope is None},
            within=name,
        )
        inner.begin("", "")
        if self._is_started:
            inner.start(_nothing)
        return inner

    def _tick(self) -> None:
        if self._is_paused:
            return
        at = Instant(self._clock.wall_ns(), self._clock.mono_ns())
        try:
            happenings = self._state.overdue(at.mono_ns)
            if self._is_guess:
                happenings = tuple(each for each in happenings if not (each.error_type or each.error))
            if self._declared is not None:
                happenings = (*happenings, *self._declared.overdue(at.mono_ns))
            if self._configured is not None:
                happenings = self._configured.revise(happenings) + self._configured.overdue(at.mono_ns)
        except Exception as error:  # noqa: BLE001 - the border: an exception of a decoder is an event
            happenings = self._failed(error).happenings
        self._on_overdue(happenings, at)
        self._on_tick(at.mono_ns)

    def _failed(self, error: Exception) -> Decoded:
        if self._has_failed:
            return UNREAD
        self._has_failed = True
        sentence = f"{self._name}: {type(error).__name__}: {error}"
        return Decoded(happenings=(Happening("error.occurred", error_type="classifier", error=sentence),))


def declared_of(spec: ConnectionSpec) -> DeclaredMessages | None:
    """Return the reader of the messages that a configuration describes; None where it describes none."""
    if spec.messages == MessagesSpec() or spec.protocol not in DECLARABLE:
        return None
    return DeclaredMessages(spec.messages, is_measured=bool(spec.sequence.path or spec.latency.path))


def configured_of(spec: ConnectionSpec) -> ConfiguredTexts | None:
    """Return the heartbeats and, with ``answer = true``, the authentication of a configuration; None without either."""
    heartbeat = spec.heartbeat
    wanted = spec.auth if spec.answer else NOTHING
    auth = ClientOptions(auth=wanted).reveal_auth()
    has_auth = bool(auth.get("send") or auth.get("refresh"))
    if not (heartbeat.send or heartbeat.reply_to or has_auth):
        return None
    return ConfiguredTexts(
        HeartbeatTexts(
            heartbeat.send.reveal().encode(),
            heartbeat.every_s,
            _wanted(heartbeat.expect),
            _wanted(heartbeat.reply_to),
            heartbeat.answer.reveal().encode(),
        ),
        AuthTexts(
            _text(auth, "send"),
            _wanted(wanted.get("success", EMPTY)),
            _wanted(wanted.get("failure", EMPTY)),
            _text(auth, "refresh"),
            grant_life_s(auth.get("expires_in", 0.0)),
        ),
    )


# What ``auth`` says of a login beside its credentials
_PLAIN_AUTH = frozenset({"success", "failure", "scope", "version", "expires_in", "realm"})


def _secrets(spec: ConnectionSpec) -> tuple[bytes, ...]:
    """Return the texts of a configuration that hold secrets and go into messages."""
    heartbeat = spec.heartbeat
    auth = (text for name, text in spec.auth.items() if name not in _PLAIN_AUTH and isinstance(text, Sensitive))
    texts = (*spec.subscribe, *auth, heartbeat.send, heartbeat.answer)
    return tuple(text.reveal().encode() for text in texts if text.is_secret)


def _wanted(value: AuthValue) -> bytes | MessageCondition:
    """Return what a message of the peer is recognised by."""
    match value:
        case MessageCondition():
            return value
        case Sensitive():
            return value.reveal().encode()
    return str(value).encode()


def _text(auth: Mapping[str, str | float], name: str) -> bytes:
    return str(auth.get(name, "")).encode()


def _nothing(_now_ns: int) -> None:
    """Do nothing: before the session is usable there is nothing to send."""


def _as_sent(message: bytes) -> str | bytes:
    """Return a message of the configuration as what is sent: it is text."""
    return message.decode()
