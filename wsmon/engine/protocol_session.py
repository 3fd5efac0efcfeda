"""The protocol of one session, as configured or found out, at work: what messages mean, what is overdue and to say.

A classifier must not raise. One that does is told as an event, once a session, and its frame is recorded all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import msgspec

from wsmon.config.specs import ConnectionSpec, HeartbeatSpec, ProtocolName
from wsmon.engine.keepalive import Scheduler, Timer
from wsmon.model.events import Direction, Json, Opcode
from wsmon.model.spans import Instant
from wsmon.model.subscriptions import SubscriptionLedger
from wsmon.ports import Clock
from wsmon.protocols.base import UNREAD, ClientOptions, Decoded, Happening
from wsmon.protocols.configured import AuthTexts, ConfiguredTexts, HeartbeatTexts, Outbox
from wsmon.protocols.detect import ProtocolDetector
from wsmon.protocols.registry import ADAPTERS, Adapter, Mask

# How often somebody looks for what is overdue: waits are seconds long
TICK_S = 1.0

OverdueCallback = Callable[[tuple[Happening, ...], Instant], None]


@dataclass(slots=True)
class CarriedState:
    """What a connection remembers from one session to the next."""

    ledger: SubscriptionLedger = field(default_factory=SubscriptionLedger)
    protocol: ProtocolName | Literal[""] = ""
    """Of the newest session; empty before the first."""
    state: Any = None
    """Of that protocol."""


class ProtocolSession:
    """Reads the messages of one session, in their order.

    While ``auto`` has found nothing, messages are read as generic JSON, which most of them are; what is no JSON says
    nothing about itself then.
    """

    def __init__(
        self,
        spec: ConnectionSpec,
        scheduler: Scheduler,
        clock: Clock,
        memory: CarriedState,
        tell_overdue: OverdueCallback,
        adapters: Mapping[ProtocolName, Adapter[Any]] = ADAPTERS,
    ) -> None:
        """``tell_overdue`` is called with every tick, whether something is overdue or not."""
        self._adapters = adapters
        self._scheduler = scheduler
        self._clock = clock
        self._memory = memory
        self._tell_overdue = tell_overdue
        self._on_tick: Callable[[int], None] = _nothing
        self._detector = ProtocolDetector() if spec.protocol == "auto" else None
        # while it looks
        self._configured = configured_of(spec)
        # heartbeats and authentication that it spells out; None where it does not
        self._options = ClientOptions(spec.subscribe, spec.auth if spec.answer else {}, answers=spec.answer)
        self._speaks = spec.answer or bool(spec.subscribe)
        self._timer: Timer | None = None
        self._is_paused = False
        self._has_failed = False
        self._masks: dict[Direction, Mask] = {}
        self._use("json" if spec.protocol == "auto" else spec.protocol)

    def begin(self, url: str, subprotocol: str) -> dict[str, Json]:
        """The connection is usable: what its handshake tells of the protocol, for the event that says so."""
        self._options = replace(self._options, subprotocol=subprotocol)
        about: dict[str, Json] = {}
        if self._detector is None:
            about = {"protocol": self._name}
        elif name := self._detector.of_handshake(url, subprotocol):
            about = {"protocol": name, "protocol_why": self._detector.why}
            self._detector = None
            self._use(name)
        return about

    def start(self, on_tick: Callable[[int], None]) -> None:
        """Look for what is overdue from now on; ``on_tick`` gets the monotonic time after each look."""
        self._on_tick = on_tick
        self._timer = self._scheduler.call_later(TICK_S, self._tick)

    def pause(self) -> None:
        """Reading stands still: what waits in our own socket is not overdue."""
        self._is_paused = True

    def resume(self) -> None:
        """Reading goes on."""
        self._is_paused = False

    def stop(self) -> None:
        """The session is over."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def read(self, direction: Direction, opcode: Opcode, payload: bytes, mono_ns: int) -> Decoded:
        """What a whole message means, as it came."""
        settled: tuple[Happening, ...] = ()
        if self._detector is not None:
            settled = self._detect(self._detector, direction, opcode, payload)
        try:
            self._state.at(mono_ns)
            decoded = self._decode(direction, opcode, payload, self._state)
        except Exception as error:  # noqa: BLE001 - the border: a classifier's mistake is an event, the frame stays
            decoded = self._failed(error)
        if self._detector is not None and decoded.error_type:
            decoded = msgspec.structs.replace(decoded, error_type="", error="")
        further = () if self._configured is None else self._configured.read(direction, payload, decoded, mono_ns)
        if not (settled or further):
            return decoded
        return msgspec.structs.replace(decoded, happenings=(*settled, *decoded.happenings, *further))

    # what is to be said

    def handshake(self, has_credentials: bool, status: int | None) -> tuple[Happening, ...]:
        """What the upgrade itself says happened, where a protocol has no message for it."""
        return self._adapter.handshake(has_credentials, status)

    def opening(self) -> Outbox:
        """What is sent first."""
        self._state.at(self._clock.mono_ns())
        return self._said(lambda: self._adapter.opening(self._options, self._state)) if self._speaks else ()

    def replies(self, decoded: Decoded, payload: bytes) -> Outbox:
        """What is sent after an incoming message was read; a heartbeat is answered once."""
        configured = () if self._configured is None else tuple(map(_as_sent, self._configured.replies(payload)))
        if configured or not self._speaks:
            return configured
        return self._said(lambda: self._adapter.answer(decoded, self._options, self._state))

    def due(self, now_ns: int) -> Outbox:
        """What is sent because it is time."""
        configured = () if self._configured is None else tuple(map(_as_sent, self._configured.due(now_ns)))
        if not self._speaks:
            return configured
        return configured + self._said(lambda: self._adapter.due(now_ns, self._options, self._state))

    @property
    def is_silent(self) -> bool:
        """Whether the peer left a heartbeat of the protocol's own unanswered."""
        return self._options.answers and self._adapter.is_silent(self._state)

    def code_meaning(self, code: int | None) -> str:
        """What a close code means in this protocol; empty where it says nothing of it."""
        return "" if code is None else self._adapter.close_codes.get(code, "")

    def _said(self, say: Callable[[], Outbox]) -> Outbox:
        try:
            return say()
        except Exception as error:  # noqa: BLE001 - the border: what a protocol cannot say is an event, and not sent
            at = Instant(self._clock.wall_ns(), self._clock.mono_ns())
            self._tell_overdue(self._failed(error).happenings, at)
            return ()

    @property
    def masks_received(self) -> bool:
        """Whether ``mask`` may change anything that comes in."""
        return "in" in self._masks

    def mask(self, direction: Direction, opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
        """The message with credentials masked that only its protocol finds, and whether there were any."""
        mask = self._masks.get(direction)
        return mask(opcode, payload) if mask is not None else (payload, False)

    def _detect(
        self, detector: ProtocolDetector, direction: Direction, opcode: Opcode, payload: bytes
    ) -> tuple[Happening, ...]:
        name = detector.of_frame(direction, opcode, payload)
        if not name:
            return ()
        self._detector = None
        if name != "json":  # which it has been until now
            self._use(name)
        return (
            Happening("connection.protocol", type=name, reason=f"{name}: {detector.why}"),
            *self._catch_up(detector.held),
        )

    def _catch_up(self, held: bytes) -> tuple[Happening, ...]:
        """Read what went out before it was known to be the beginning of a packet; it was recorded already."""
        if not held:
            return ()
        self.mask("out", "binary", held)
        try:
            return tuple(self._decode("out", "binary", held, self._state).happenings)
        except Exception as error:  # noqa: BLE001 - the border: a classifier's mistake is an event, the frame stays
            return self._failed(error).happenings

    def _use(self, name: ProtocolName) -> None:
        adapter = self._adapter = self._adapters[name]
        self._name = name
        memory = self._memory
        if adapter.next_state is not None and memory.protocol == name:
            self._state = adapter.next_state(memory.state)
        else:
            self._state = adapter.new_state()
        memory.protocol, memory.state = name, self._state
        self._decode = adapter.decode
        self._masks = {}
        if adapter.new_mask is not None:
            self._masks = {"in": adapter.new_mask(), "out": adapter.new_mask()}
        elif adapter.mask_sent is not None:
            self._masks = {"out": adapter.mask_sent}

    def _tick(self) -> None:
        self._timer = self._scheduler.call_later(TICK_S, self._tick)
        if self._is_paused:
            return
        at = Instant(self._clock.wall_ns(), self._clock.mono_ns())
        try:
            happenings = self._state.overdue(at.mono_ns)
            if self._configured is not None:
                happenings += self._configured.overdue(at.mono_ns)
        except Exception as error:  # noqa: BLE001 - the border: a classifier's mistake is an event
            happenings = self._failed(error).happenings
        self._tell_overdue(happenings, at)
        self._on_tick(at.mono_ns)

    def _failed(self, error: Exception) -> Decoded:
        if self._has_failed:
            return UNREAD
        self._has_failed = True
        sentence = f"{self._name}: {type(error).__name__}: {error}"
        return Decoded(happenings=(Happening("error.occurred", error_type="classifier", error=sentence),))


def configured_of(spec: ConnectionSpec) -> ConfiguredTexts | None:
    """The heartbeats and, with ``answer = true``, the authentication that a configuration spells out."""
    heartbeat = spec.heartbeat
    auth = ClientOptions(auth=spec.auth).reveal_auth() if spec.answer else {}
    has_auth = bool(auth.get("send") or auth.get("refresh"))
    if not (heartbeat.send or heartbeat.reply_to or has_auth):
        return None
    expires_in = auth.get("expires_in", 0.0)
    return ConfiguredTexts(
        HeartbeatTexts(
            heartbeat.send.reveal().encode(),
            heartbeat.every_s,
            heartbeat.expect.reveal().encode(),
            heartbeat.reply_to.reveal().encode(),
            heartbeat.answer.reveal().encode(),
        ),
        AuthTexts(
            _text(auth, "send"),
            _text(auth, "success"),
            _text(auth, "failure"),
            _text(auth, "refresh"),
            expires_in if isinstance(expires_in, int | float) else 0.0,
        ),
    )


def _text(auth: Mapping[str, str | float], name: str) -> bytes:
    return str(auth.get(name, "")).encode()


def _nothing(_now_ns: int) -> None:
    """Before the session is usable, no time passes."""


def _as_sent(message: bytes) -> str | bytes:
    """What a configuration spells out is text."""
    return message.decode()


# What a session sends by itself, when it is usable, when something arrives, and when it is time.
#
# What a peer wants to be said is said at once, after the message that asks for it was told.

Send = Callable[[str | bytes], None]


class OutgoingMessages(Protocol):
    """What an interpreter knows to say."""

    def opening(self) -> Outbox:
        """What is sent first."""
        ...

    def replies(self, decoded: Decoded, payload: bytes) -> Outbox:
        """What is sent after an incoming message was read."""
        ...

    def due(self, now_ns: int) -> Outbox:
        """What is sent because it is time."""
        ...

    @property
    def is_silent(self) -> bool:
        """Whether the peer left a heartbeat unanswered, so that a client gives up."""
        ...


class ProtocolSender:
    """Says what the protocol and the configuration want said; silent before ``start`` and after ``stop``."""

    def __init__(self, heartbeat: HeartbeatSpec, words: OutgoingMessages, scheduler: Scheduler) -> None:
        self._heartbeat = heartbeat
        self._words = words
        self._scheduler = scheduler
        self._send: Send | None = None
        self._give_up: Callable[[], None] | None = None
        # both while it may speak
        self._timer: Timer | None = None
        self._is_paused = False

    def start(self, send: Send, give_up: Callable[[], None]) -> None:
        """The session is usable, and what the configuration sends was sent; ``give_up`` ends it for its silence."""
        self._send, self._give_up = send, give_up
        self._say(self._words.opening())
        if self._heartbeat.send:
            self._schedule()

    def stop(self) -> None:
        """The session is over, or ending."""
        self._send = self._give_up = None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def pause(self) -> None:
        """Reading stands still: what waits in our own socket is not missing, and heartbeats wait with it."""
        self._is_paused = True

    def resume(self) -> None:
        """Reading goes on."""
        self._is_paused = False

    def react(self, decoded: Decoded, payload: bytes) -> None:
        """Reply to an incoming message that was read and told."""
        if self._send is not None:
            self._say(self._words.replies(decoded, payload))

    def tick(self, now_ns: int) -> None:
        """Say what is due by the monotonic time ``now_ns``."""
        if self._send is None or self._is_paused:
            return
        if self._words.is_silent and self._give_up is not None:
            self._give_up()
            return
        self._say(self._words.due(now_ns))

    def _schedule(self) -> None:
        self._timer = self._scheduler.call_later(self._heartbeat.every_s, self._beat)

    def _beat(self) -> None:
        self._schedule()
        if not self._is_paused:
            self._say((self._heartbeat.send.reveal(),))

    def _say(self, messages: Iterable[str | bytes]) -> None:
        for message in messages:
            if self._send is not None:
                self._send(message)
