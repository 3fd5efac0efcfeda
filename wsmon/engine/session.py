"""Session: one WebSocket connection from dial to end, as lifecycle events.

In: a ``ConnectionSpec`` and ``close``, from the ``Connection`` that makes one session after another
(engine/connection.py); the upgrade and faults, from its tap (engine/tap.py). Out: lifecycle events from
``connection.started`` to the end, through ``Reporter`` (engine/reporter.py), and a ``SessionResult`` for the retry.
Frames go from the tap straight to ``FramePath`` (engine/frames.py) and ``MessagePath`` (engine/messages.py), which the
session composes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from wsmon.config.specs import ConnectionSpec
from wsmon.engine.dial import Dial, describe_tls
from wsmon.engine.frames import FramePath, decoding_of
from wsmon.engine.keepalive import Keepalive
from wsmon.engine.messages import capture_of, has_credentials, message_path
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.retry import Failure, OpenTimeoutError, classify_dial, classify_fault, classify_loss, internal
from wsmon.engine.services import EngineServices
from wsmon.engine.standstill import NewestStandstill, ReadingPause, Standstill
from wsmon.engine.tap import CloseDeadline, Tap
from wsmon.model.events import CloseBy, Json
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.request_secrets import request_secrets
from wsmon.model.units import SECOND_NS

# Code and reason of a close frame; the code is 1005 where the frame has none
CloseFrame: TypeAlias = tuple[int, str]

NORMAL_CLOSE = 1000
KEEPALIVE_CODE = 1011
KEEPALIVE_REASON = "keepalive ping timeout"
# As phoenix.js closes
SILENCE_REASON = "heartbeat timeout"
# Error of a close frame that is taken as it is meant
INVALID_REASON = "the reason is not valid UTF-8, � replaces the invalid bytes"
# HTTP statuses of upgrades that are refused because of missing credentials or rights
_REFUSED_LOGIN = (401, 403)
_WITHHELD = (
    "a message with secrets was not sent, because a redirect led to another origin; further ones are not sent either"
)


class Session:
    """Dials, follows the connection, and emits its lifecycle from ``connection.started`` to its end.

    ``run`` raises nothing but cancellation: an error that has no explanation is an event of type ``internal``.
    """

    def __init__(
        self,
        spec: ConnectionSpec,
        reporter: Reporter,
        services: EngineServices,
        carried: CarriedState,
        attempt: int,
        on_usable: Callable[[], None],
    ) -> None:
        """``reporter.source`` is this session's already; ``attempt`` counts from 1 in its series of attempts."""
        self._spec = spec
        self._reporter = reporter
        clock = self._clock = services.clock
        self._random = services.random
        self._attempt = attempt
        self._on_usable = on_usable
        self._messages = message_path(
            spec, reporter, services.sink, clock, services.ticker, carried, self._random.randbytes, services.protocols
        )
        self._frames = FramePath(
            reporter.source,
            capture_of(spec),
            reporter.redactor,
            services.sink,
            clock,
            self._pause,
            self._messages,
            decoding_of(spec, services.decoders),
        )
        self._dial = Dial(spec, clock, services.contexts, self, self._frames, services.protocols)
        self._keepalive = Keepalive(spec.ping, asyncio.get_running_loop(), clock, self._ping, self._give_up)
        # None until the upgrade
        self._tap: Tap | None = None
        # Of the dial; None before and after it
        self._deadline: asyncio.Timeout | None = None
        self._started_ns = clock.mono_ns()
        self._opened_ns: int | None = None
        timers = (self._keepalive,) if self._messages is None else (self._keepalive, self._messages)
        self._reading = ReadingPause(self, services.paused, clock, timers, self._messages)
        self._standstill = NewestStandstill()
        # Credentials in URLs of redirects, which the peer may repeat
        self._redirect_secrets: tuple[str, ...] = ()
        # Why we closed it; None where we did not
        self._close_reason: str | None = None
        self._missed_pong_s: float | None = None
        # The peer did not answer a heartbeat of the protocol
        self._has_silent_peer = False
        # A message that holds secrets was not sent
        self._has_withheld = False
        self._crash: Exception | None = None

    async def run(self) -> SessionResult:
        """Dial, and follow the connection to its end; its last event is emitted before this returns or is cancelled."""
        url = self._reporter.redactor.url(self._spec.url.masked)
        self._reporter.emit("connection.started", "connecting", {"attempt": self._attempt, "url": url})
        failure: Failure | None = None
        try:
            failure = await self._open()
            if self._tap is not None:
                await self._tap.wait_closed()
        except asyncio.CancelledError:
            self._close_reason = self._close_reason or "wsmon stopped"
            if self._tap is not None:
                self._tap.abort()
            raise
        except Exception as error:  # noqa: BLE001 - the border: an error in a session is an event and ends that session alone
            self._crash = error
            if self._tap is not None:
                self._tap.abort()
        finally:
            self._keepalive.stop()
            self._reading.close()
            self._report_end(failure)
        return SessionResult(self._open_ns(), failure if self._close_reason is None else None)

    def close(self, reason: str, deadline: CloseDeadline) -> None:
        """Send a close frame, whose answer is awaited until ``deadline``; or end the dial at once."""
        if self._close_reason is None:
            self._close_reason = reason
        self._keepalive.stop()
        self._stop_messages()
        if self._tap is not None:
            self._tap.start_closing(NORMAL_CLOSE, reason, deadline)
        elif self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(0.0)

    def resume_reading(self) -> None:
        """Read from the socket again: the sink has room."""
        pause = self._reading.end()
        if pause is None:
            return
        if self._tap is not None:
            self._tap.resume_reading()
        self._reporter.emit("self.backpressure", meta=pause)

    def stood_still(self, standstill: Standstill) -> None:
        """Read what waits in the socket before any timer judges the peer: the recorder stood still until now."""
        self._standstill.add(standstill, self._clock.mono_ns())
        self._reading.hold()

    def use_redactor(self, redactor: Redactor) -> None:
        """Mask other values from now on, and always the credentials in URLs that the peer redirected to."""
        redactor = self._reporter.redactor = redactor.knowing(self._redirect_secrets)
        self._frames.use_redactor(redactor)
        if self._messages is not None:
            self._messages.use_redactor(redactor)

    def use_capture(self, spec: ConnectionSpec) -> None:
        """Keep of each frame what ``spec`` says from now on."""
        capture = capture_of(spec)
        self._frames.use_capture(capture)
        if self._messages is not None:
            self._messages.use_capture(capture)

    def on_connected(self, tap: Tap) -> None:
        """Emit ``connection.open``: TCP and TLS are up. Once, for the first hop."""
        self._dial.phases.connected()
        if self._reporter.status != "connecting":
            return
        meta: dict[str, Json] = {
            **self._dial.phases.milliseconds(),
            "peer": socket_address(tap.remote_address),
            "local": socket_address(tap.local_address),
        }
        tls = tap.transport.get_extra_info("ssl_object")
        if tls is not None:
            meta["tls"] = describe_tls(tls, self._dial.server_name, is_verified=self._spec.tls.verify)
        if self._dial.proxy:
            spec = self._spec.proxy
            meta["proxy"] = self._reporter.redactor.url(self._dial.proxy if spec.reveal() == "env" else spec.masked)
        self._reporter.emit("connection.open", "connected", meta, duration_ns=self._age_ns())

    def on_upgraded(self, tap: Tap) -> None:
        """Emit ``connection.completed``: the connection is usable."""
        self._dial.phases.upgraded()
        self._tap = tap
        self._opened_ns = self._clock.mono_ns()
        self._learn_redirects()
        reporter = self._reporter
        meta: dict[str, Json] = {**self._dial.phases.milliseconds(), "extensions": [*tap.extension_names]}
        if tap.subprotocol is not None:
            meta["subprotocol"] = reporter.redactor.subprotocol(tap.subprotocol)
        if tap.request is not None and tap.response is not None:
            meta["request_headers"] = reporter.headers(tap.request.headers.raw_items())
            meta["response_headers"] = reporter.headers(tap.response.headers.raw_items())
        if self._dial.redirects:
            meta["redirects"] = [reporter.redactor.url(url) for url in self._dial.redirects]
            meta["peer"] = socket_address(tap.remote_address)
        if self._messages is not None:
            meta |= self._messages.begin(self._spec.url.reveal(), tap.subprotocol or "")
        reporter.emit("connection.completed", "websocket_connected", meta, duration_ns=self._age_ns(), status=101)
        self._on_usable()
        self._frames.keepalive = self._keepalive
        # The same bytes may hold frames: they come after the event of the upgrade
        if self._messages is not None:
            self._messages.start(self._frames.now())
        self._keepalive.start()
        # Before the frames in the same bytes, which may be answered at once
        self._send_configured(tap)
        if self._messages is not None:
            self._messages.start_sending(self._send, self._give_up_silent)

    def on_fault(self, fault: Exception) -> None:
        """Emit ``error.occurred``: the peer broke a rule. The end of the session follows."""
        failure = classify_fault(fault)
        self._reporter.emit(
            "error.occurred",
            meta=response_meta(self._reporter, failure),
            status=failure.status,
            error_type=failure.error_type,
            error=failure.error,
        )

    async def _open(self) -> Failure | None:
        """Dial; return why it failed, None where the connection became usable, however briefly."""
        error: Exception
        try:
            async with asyncio.timeout(self._spec.open_timeout_s) as self._deadline:
                await self._dial.run()
        except TimeoutError as caught:
            error = OpenTimeoutError("not open in time") if self._deadline_expired() else caught
        except Exception as caught:  # noqa: BLE001 - the border: classify_dial takes any error, an unknown one is "internal"
            error = caught
        else:
            return None
        finally:
            self._deadline = None
        # The upgrade won the race against the deadline: this is an open session that ends
        if self._tap is not None:
            self._tap.abort()
            return None
        return classify_dial(error, self._dial.progress())

    def _deadline_expired(self) -> bool:
        return self._deadline is not None and self._deadline.expired()

    def _send_configured(self, tap: Tap) -> None:
        for text in self._spec.send:
            if not self._withholds(text.reveal(), is_secret=text.is_secret):
                tap.send_message(text.reveal())

    def _send(self, message: str | bytes) -> None:
        """Send what the protocol asks for; where the connection is closing, its end is reported anyway."""
        if self._tap is not None and not self._withholds(message):
            self._tap.send_message(message)

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._tap is not None and self._tap.is_open

    def send_by_hand(self, message: str | bytes) -> str:
        """Send a message of the user; its event says so. Return why it was not sent; empty where it was."""
        if self._tap is None or not self._tap.is_open:
            return "it is not open"
        if self._withholds(message):
            return "the text contains secrets, and a redirect led to another origin"
        self._frames.is_by_hand = True
        try:
            self._tap.send_message(message)
        finally:
            self._frames.is_by_hand = False
        return ""

    def _withholds(self, message: str | bytes, *, is_secret: bool = False) -> bool:
        """Return whether a message holds secrets of the configuration and the peer is none that they are meant for.

        That is so where a redirect led to another origin. The first such message is reported.
        """
        if not self._dial.has_left_origin:
            return False
        payload = message.encode() if isinstance(message, str) else message
        is_secret = is_secret or self._reporter.redactor.payload(payload)[1]
        if not is_secret and self._messages is not None:
            is_secret = self._messages.holds_secrets("text" if isinstance(message, str) else "binary", payload)
        if is_secret and not self._has_withheld:
            self._has_withheld = True
            self._reporter.emit("error.occurred", error_type="secrets_withheld", error=_WITHHELD)
        return is_secret

    def _stop_messages(self) -> None:
        """Send nothing more, and read no more of what comes, unless that is needed to mask credentials in it."""
        if self._messages is not None:
            self._messages.stop_sending()
            if not self._messages.masks_received:
                self._frames.stop_interpreting()

    def _ping(self) -> bytes:
        payload = self._random.randbytes(4).hex().encode()
        if self._tap is not None:
            self._tap.send_ping(payload)
        return payload

    def _give_up(self) -> None:
        """Fail the connection: our ping was not answered in time."""
        if self._tap is None or not self._tap.is_open:
            return
        self._missed_pong_s = self._spec.ping.timeout_s
        self._frames.emit_timeout(int(self._missed_pong_s * SECOND_NS))
        self._tap.fail(KEEPALIVE_CODE, KEEPALIVE_REASON)

    def _give_up_silent(self) -> None:
        """Fail the connection: a heartbeat of the protocol was not answered in time, which was emitted."""
        if self._tap is not None and self._tap.is_open:
            self._has_silent_peer = True
            self._tap.fail(KEEPALIVE_CODE, SILENCE_REASON)

    def _pause(self) -> None:
        """Stop reading from the socket: the sink is full because our own store is slow."""
        if self._tap is not None and self._reading.begin():
            self._tap.pause_reading()

    def _report_end(self, failure: Failure | None) -> None:
        self.resume_reading()
        if self._messages is not None:
            self._messages.end(self._frames.now(), is_ours=self._close_reason is not None)
        if self._tap is None:
            self._report_unopened(failure)
        else:
            self._report_lost(self._tap)

    def _learn_redirects(self) -> None:
        """Mask the credentials in the URLs of redirects wherever the peer repeats them."""
        if self._dial.redirects:
            redactor = self._reporter.redactor
            self._redirect_secrets = _secrets_of(redactor, self._dial.redirects)
            self.use_redactor(redactor)

    def _report_unopened(self, failure: Failure | None) -> None:
        """Emit the end of a session that never became usable."""
        self._learn_redirects()
        reporter = self._reporter
        meta: dict[str, Json] = {"attempt": self._attempt, "open": False, **self._dial.phases.milliseconds()}
        if self._dial.redirects:
            meta["redirects"] = [reporter.redactor.url(url) for url in self._dial.redirects]
        if self._close_reason is not None:
            reporter.emit("connection.disconnected", "closed", meta, close_by="us", reason=self._close_reason)
            return
        failure = failure or internal(self._crash or RuntimeError("the session ended without a reason"))
        meta |= response_meta(self._reporter, failure)
        if self._dial.phases.has_reached_upgrade:
            meta["offered_subprotocols"] = self._offered_subprotocols()
        reporter.emit(
            "connection.disconnected" if self._attempt == 1 else "connection.reconnect.failed",
            "disconnected",
            meta,
            status=failure.status,
            close_by=failure.close_by,
            error_type=failure.error_type,
            error=failure.error,
        )
        emit_refused_login(reporter, failure, had_credentials=has_credentials(self._spec))

    def _offered_subprotocols(self) -> list[Json]:
        return [*self._reporter.redactor.subprotocols([each.masked for each in self._dial.subprotocols])]

    def _report_lost(self, tap: Tap) -> None:
        """Emit the end of a session that was usable."""
        received, sent, received_first = tap.close_frames
        facts = CloseFacts(
            self._redact(received),
            self._redact(sent),
            received_first,
            malformed=self._redact(tap.malformed_close),
            fault=tap.fault,
            crash=self._crash or tap.crash,
            loss=tap.loss,
            is_ours=self._close_reason is not None,
            missed_pong_s=self._missed_pong_s,
            has_silent_peer=self._has_silent_peer,
        )
        ending = CloseSummary.of(facts)
        open_ns = self._open_ns()
        meta: dict[str, Json] = {
            "attempt": self._attempt,
            "open": True,
            **close_meta(facts),
            **self._frames.ages_ms(self._clock.mono_ns()),
        }
        meta |= self._standstill.meta(self._frames.last_in_ns or 0, self._clock.mono_ns())
        if self._messages is not None:
            meta |= self._messages.close_meta(ending.close_code)
        if tap.subprotocol is None:
            meta["offered_subprotocols"] = self._offered_subprotocols()
        if tap.fault is not None:
            meta |= response_meta(self._reporter, classify_fault(tap.fault))
        self._reporter.emit(
            "connection.disconnected",
            "disconnected" if self._close_reason is None else "closed",
            meta,
            duration_ns=open_ns,
            close_code=ending.close_code,
            close_by=ending.close_by,
            reason=ending.reason or (self._close_reason or "" if ending.close_by == "us" else ""),
            error_type=ending.error_type,
            error=ending.error,
        )

    def _redact(self, frame: CloseFrame | None) -> CloseFrame | None:
        return None if frame is None else (frame[0], self._reporter.redactor.text(frame[1]))

    def _age_ns(self) -> int:
        return self._clock.mono_ns() - self._started_ns

    def _open_ns(self) -> int | None:
        return None if self._opened_ns is None else self._clock.mono_ns() - self._opened_ns


def _secrets_of(redactor: Redactor, urls: Iterable[str]) -> tuple[str, ...]:
    """Return the credentials in URLs that a peer redirects to."""
    return tuple(dict.fromkeys(secret for url in urls for secret in request_secrets(redactor, url, ())))


def response_meta(reporter: Reporter, failure: Failure) -> dict[str, Json]:
    """Return the HTTP response of a failure, masked, for ``meta``."""
    meta: dict[str, Json] = {}
    if failure.status_line:
        meta["status_line"] = reporter.redactor.text(failure.status_line)
    if failure.headers:
        meta["response_headers"] = reporter.headers(failure.headers)
    if failure.body:
        # The page of a redirect says where it leads, as a path
        locations = (value for name, value in failure.headers or () if name.lower() == "location")
        redactor = reporter.redactor.knowing(_secrets_of(reporter.redactor, locations))
        meta["body"] = redactor.text(failure.body.decode("utf-8", "replace"))
    return meta


def emit_refused_login(reporter: Reporter, failure: Failure, *, had_credentials: bool) -> None:
    """Emit ``auth.failed`` where an upgrade was refused for a lack of rights, and the request carried credentials."""
    if failure.status not in _REFUSED_LOGIN or not had_credentials:
        return
    sentence = "the upgrade was refused: likely the credentials or their permissions"
    reason = f"HTTP {failure.status}"
    reporter.emit("auth.failed", status=failure.status, error_type="upgrade_refused", reason=reason, error=sentence)


def socket_address(address: object) -> str:
    """Return ``ip:port`` of the address of a socket, IPv6 in brackets; empty for other kinds of sockets."""
    match address:
        case (str() as host, int() as port, *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return ""


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What the retry of a connection needs to know about a session that is over."""

    open_ns: int | None
    """How long it was usable, in nanoseconds; None where it never was."""
    failure: Failure | None
    """Why it did not open; None where it did, or where we ended it ourselves."""


@dataclass(frozen=True, slots=True)
class CloseFacts:
    """What both sides know about the end of an open session, once its TCP connection is gone."""

    received: CloseFrame | None = None
    sent: CloseFrame | None = None
    received_first: bool | None = None
    """Whether the peer's close frame came before ours; None unless there were two."""
    malformed: CloseFrame | None = None
    """The peer's close frame that broke the protocol: a forbidden code, or a reason that is not UTF-8."""
    fault: Exception | None = None
    """The violation for which we failed the connection."""
    crash: Exception | None = None
    """An exception in our own code."""
    loss: BaseException | None = None
    """The error of the operating system or of TLS."""
    is_ours: bool = False
    """Closed for a command of the user, a new configuration, or the end of the recorder."""
    missed_pong_s: float | None = None
    """How long our keepalive waited for the pong that did not come; None where it did not give up."""
    has_silent_peer: bool = False
    """The peer did not answer a heartbeat of the protocol."""


@dataclass(frozen=True, slots=True)
class CloseSummary:
    """How an open session ended, in the fields of its last event."""

    close_code: int | None
    """The code of the close frame received, else of ours; None where there was no close frame at all."""
    close_by: CloseBy
    reason: str
    error_type: str
    error: str

    @classmethod
    def of(cls, facts: CloseFacts) -> CloseSummary:
        """Decide who ended the session; the more certain facts come first."""
        code, reason = facts.received or facts.sent or (None, "")
        if facts.received is not None and facts.received_first is not False and facts.fault is None:
            return cls(code, "peer", reason, "", "")
        if facts.malformed is not None and isinstance(facts.fault, UnicodeDecodeError):
            return cls(facts.malformed[0], "peer", facts.malformed[1], "", INVALID_REASON)
        if facts.crash is not None:
            return cls._failed(code, reason, internal(facts.crash))
        if facts.missed_pong_s is not None:
            sentence = f"closed by wsmon: no pong for {facts.missed_pong_s:g} s"
            return cls(code, "heartbeat", reason, "heartbeat_timeout", sentence)
        if facts.has_silent_peer:
            sentence = "closed by wsmon: no answer to the protocol's heartbeat"
            return cls(code, "heartbeat", reason, "heartbeat_timeout", sentence)
        if facts.fault is not None:
            return cls._failed(code, reason, classify_fault(facts.fault))
        if facts.is_ours:
            return cls(code, "us", reason, "", "")
        return cls._failed(code, reason, classify_loss(facts.loss))

    @classmethod
    def _failed(cls, code: int | None, reason: str, failure: Failure) -> CloseSummary:
        return cls(code, failure.close_by, reason, failure.error_type, failure.error)


def close_meta(facts: CloseFacts) -> dict[str, Json]:
    """Return both close frames, and which came first, as ``meta`` of the last event."""
    meta: dict[str, Json] = {}
    for key, frame in (("received", facts.received or facts.malformed), ("sent", facts.sent)):
        if frame is not None:
            meta[key] = {"code": frame[0], "reason": frame[1]}
    if facts.received_first is not None:
        meta["first"] = "received" if facts.received_first else "sent"
    elif meta:
        meta["first"] = next(iter(meta))
    return meta
