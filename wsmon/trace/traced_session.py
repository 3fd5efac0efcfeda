"""TracedSession: one WebSocket connection of an application, from dial to end, recorded as the engine records its own.

In: what an ``Observer`` (observer.py) sees, and the errors of a dial. Out: the events of the engine's frame and message
paths, and the lifecycle with the engine's explanations of ends, to a ``Sink``.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Sequence
from typing import Final

from websockets.asyncio.connection import Connection
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from wsmon.config.specs import ConnectionSpec
from wsmon.engine.dial import describe_tls
from wsmon.engine.frames import FramePath, decoding_of
from wsmon.engine.http_head import ResponseHead
from wsmon.engine.keepalive import SentPings
from wsmon.engine.loop import Phases
from wsmon.engine.messages import SWITCHING_PROTOCOLS, capture_of, has_credentials, message_path
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.retry import DialProgress, Failure, OpenTimeoutError, classify_dial, classify_fault, classify_loss
from wsmon.engine.rows import Row
from wsmon.engine.session import (
    KEEPALIVE_CODE,
    KEEPALIVE_REASON,
    CloseFacts,
    CloseFrame,
    CloseSummary,
    close_meta,
    emit_refused_login,
    response_meta,
    socket_address,
)
from wsmon.engine.tap import InvalidUtf8Error
from wsmon.engine.ticker import Ticker
from wsmon.engine.upgrade import UpgradeRefusedError
from wsmon.model.events import Json, Opcode, Source
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.request_secrets import request_secrets
from wsmon.model.statuses import Status
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.trace.handling import Handling
from wsmon.trace.sink import Sink
from wsmon.trace.spans import TRACEPARENT, only_value, parse_traceparent
from wsmon.trace.traced_events import TracedEvents

# Of an event that says why a connection is recorded no further
MISTAKE: Final = "internal"
# What asks the application to end, instead of being an error
_CANCELLED: Final = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)


class TracedSession:
    """Records one connection; a ``ConnectionWatcher``."""

    def __init__(
        self,
        spec: ConnectionSpec,
        row: Row,
        sink: Sink,
        clock: Clock,
        redactor: Redactor,
        carried: CarriedState,
        attempt: int = 1,
        *,
        parent_id: str = "",
        is_served: bool = False,
    ) -> None:
        """``attempt`` counts from 1 in a series of sessions of which each ended by itself.

        ``parent_id`` is the span that opens the connection; the upgrade request of one that ``is_served`` may name it.
        """
        self._spec = spec
        self._row = row
        self._clock = clock
        self._attempt = attempt
        source = Source(row.name, spec.group, spec.trace_id, os.urandom(8).hex())
        self.handling = Handling(sink, source, clock)
        events = self._events = TracedEvents(sink, self.handling, parent_id, is_held=is_served)
        self._reporter = Reporter(source, redactor, events, clock, row.status)
        self._messages = message_path(
            spec, self._reporter, events, clock, Ticker(asyncio.get_running_loop()), carried, os.urandom
        )
        self._frames = FramePath(
            source, capture_of(spec), redactor, events, clock, _never, self._messages, decoding_of(spec)
        )
        self._frames.keepalive = self._pings = SentPings()
        # Of the dial; a server has none
        self.phases = Phases(clock, secure=False, tunnel=False)
        self._url = ""
        # Credentials of the requests, which the peer may repeat
        self._secrets: set[str] = set()
        self._redirects: list[str] = []
        self._started_ns = clock.mono_ns()
        self._opened_ns: int | None = None
        self._ping_timeout_s: float | None = None
        self._missed_pong_s: float | None = None
        self._fault: Exception | None = None
        # The answer with which the application refused, as a server
        self._refusal: Response | None = None
        self._is_over = False

    @property
    def has_failed(self) -> bool:
        """Whether it ended, and not by the application."""
        return self._is_over and self._reporter.status == "disconnected"

    @property
    def was_open(self) -> bool:
        """Whether it became usable."""
        return self._opened_ns is not None

    def begin(self, url: str = "") -> None:
        """Emit ``connection.started``; a server does not know the URL yet."""
        self._url = url
        reporter = self._reporter
        offered = ", ".join(subprotocol.reveal() for subprotocol in self._spec.subprotocols)
        headers = [(name, value.reveal()) for name, value in self._spec.headers]
        self._know(url, [*headers, ("Sec-WebSocket-Protocol", offered)] if offered else headers)
        if self._attempt > 1 and reporter.status == "disconnected":
            reporter.emit("connection.reconnect.attempt", "reconnecting", {"attempt": self._attempt})
        meta: dict[str, Json] = {"attempt": self._attempt}
        if url:
            meta["url"] = reporter.redactor.url(url)
        reporter.emit("connection.started", "connecting", meta)

    def redirected(self, url: str) -> None:
        """Take note of a redirect that is followed."""
        self._url = url
        self._redirects.append(url)
        self._know(url)

    def fail(self, error: BaseException, progress: DialProgress) -> None:
        """Emit the end of a dial that failed."""
        if isinstance(error, _CANCELLED):
            self._report_unopened(Failure("", "", "us"), "closed", reason="cancelled by the application")
        else:
            self._report_unopened(classify_dial(_of_engine(error), progress), "disconnected")

    def on_connected(self, connection: Connection, transport: asyncio.BaseTransport) -> None:
        """Emit ``connection.open``; once, for the first hop."""
        self.phases.connected()
        self._ping_timeout_s = connection.ping_timeout
        if self._reporter.status != "connecting":
            return
        meta: dict[str, Json] = {
            **self.phases.milliseconds(),
            "peer": socket_address(transport.get_extra_info("peername")),
            "local": socket_address(transport.get_extra_info("sockname")),
        }
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            is_verified = tls.context.verify_mode is not ssl.CERT_NONE
            meta["tls"] = describe_tls(tls, tls.server_hostname or "", is_verified=is_verified)
        self._reporter.emit("connection.open", "connected", meta, duration_ns=self._age_ns())

    def on_upgraded(self, connection: Connection, response: Response) -> None:
        """Emit ``connection.completed``: the connection is usable."""
        self._join(connection)
        self.phases.upgraded()
        self._opened_ns = self._clock.mono_ns()
        reporter, protocol, request = self._reporter, connection.protocol, connection.request
        names: list[Json] = [extension.name for extension in protocol.extensions]
        meta: dict[str, Json] = {**self.phases.milliseconds(), "extensions": names}
        asked = () if request is None else tuple(request.headers.raw_items())
        if protocol.subprotocol is not None:
            meta["subprotocol"] = reporter.redactor.subprotocol(protocol.subprotocol, asked)
        if request is not None:
            meta["request_headers"] = reporter.headers(asked)
            meta["response_headers"] = reporter.headers(response.headers.raw_items(), asked)
            if not self._url:
                self._url = f"ws://{request.headers.get('Host', '')}{request.path}"
                meta["url"] = reporter.redactor.url(self._url)
        if self._redirects:
            meta["redirects"] = [reporter.redactor.url(url) for url in self._redirects]
            meta["peer"] = socket_address(connection.remote_address)
        if self._messages is not None:
            meta |= self._messages.begin(self._url, protocol.subprotocol or "")
        reporter.emit(
            "connection.completed", "websocket_connected", meta, duration_ns=self._age_ns(), status=SWITCHING_PROTOCOLS
        )
        if self._attempt > 1:
            reporter.emit("connection.reconnect.success", meta={"attempts": self._attempt - 1})
        if self._messages is not None:
            self._messages.start(self._frames.now())

    def on_refused(self, connection: Connection, response: Response) -> None:
        """Keep the answer, for the end."""
        self._join(connection)
        self._refusal = response

    def on_received(self, opcode: Opcode, payload: bytes, wire_size: int, fragments: int) -> None:
        """Emit a message, ping or pong that came in."""
        frames = self._frames
        frames.on_chunk()
        match opcode:
            case "ping":
                frames.on_ping(payload, wire_size)
            case "pong":
                frames.on_pong(payload, wire_size)
            case "close":
                frames.on_close(is_alone=True)
            case "text" | "binary":
                if opcode == "binary" or payload.isascii() or self._is_utf8(payload):
                    frames.on_message(opcode, payload, wire_size, fragments)
        frames.on_chunk_end()

    def on_sent(self, opcode: Opcode, payload: bytes, wire_size: int) -> None:
        """Emit what goes out."""
        if opcode == "ping":
            self._pings.sent(payload, self._clock.mono_ns())
        elif opcode == "close" and payload == _GIVEN_UP and self._ping_timeout_s is not None:
            self._missed_pong_s = self._ping_timeout_s
            self._frames.emit_timeout(int(self._missed_pong_s * SECOND_NS))
        self._frames.on_sent(opcode, payload, wire_size)

    def on_lost(self, connection: Connection, error: Exception | None) -> None:
        """Emit the end. That of a dial is emitted by ``fail``, which knows the reason."""
        self._events.join(None)
        if self._opened_ns is not None:
            self._report_lost(connection, error)
        elif self._refusal is not None:
            status = self._refusal.status_code
            sentence = f"this server refused the upgrade with HTTP {status}"
            self._report_unopened(Failure("upgrade_refused", sentence, "us", status=status), "disconnected")
        elif not self._url:
            self._report_unopened(classify_loss(error), "disconnected")

    def on_mistake(self, error: Exception) -> None:
        """Emit that frames are recorded no more."""
        self._events.join(None)
        sentence = f"wsmon stopped recording the frames of this connection: {type(error).__name__}: {error}"
        self._reporter.emit("error.occurred", error_type=MISTAKE, error=sentence)

    def _join(self, connection: Connection) -> None:
        """Belong to the trace that the upgrade request names, as a server; else to one of one's own."""
        request = connection.request
        text = "" if request is None else only_value(request.headers.get_all(TRACEPARENT))
        self._events.join(parse_traceparent(text))
        if request is not None:
            self._know(request.path, tuple(request.headers.raw_items()))

    def _know(self, url: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Mask what is a credential in a request wherever the peer repeats it."""
        found = request_secrets(self._reporter.redactor, url, headers)
        if found := tuple(secret for secret in found if secret not in self._secrets):
            self._secrets |= {*found}
            redactor = self._reporter.redactor = self._reporter.redactor.knowing(found)
            self._frames.use_redactor(redactor)
            if self._messages is not None:
                self._messages.use_redactor(redactor)

    def _is_utf8(self, payload: bytes) -> bool:
        """Whether a text is valid; the library fails the connection where not, once the application receives it."""
        try:
            payload.decode()
        except UnicodeDecodeError as error:
            self._report_fault(InvalidUtf8Error(error))
            return False
        return True

    def _report_fault(self, fault: Exception) -> None:
        if self._fault is None:
            self._fault = fault
            failure = classify_fault(fault)
            self._reporter.emit("error.occurred", error_type=failure.error_type, error=failure.error)

    def _report_unopened(self, failure: Failure, to: Status, *, reason: str = "") -> None:
        if self._is_over:
            return
        reporter = self._reporter
        meta: dict[str, Json] = {"attempt": self._attempt, "open": False, **self.phases.milliseconds()}
        if self._redirects:
            meta["redirects"] = [reporter.redactor.url(url) for url in self._redirects]
        meta |= response_meta(reporter, failure)
        reporter.emit(
            "connection.disconnected" if self._attempt == 1 or to == "closed" else "connection.reconnect.failed",
            to,
            meta,
            status=failure.status,
            close_by=failure.close_by,
            reason=reason,
            error_type=failure.error_type,
            error=failure.error,
        )
        # A server that refuses an upgrade does not fail to log in itself
        if failure.close_by == "refusal":
            emit_refused_login(reporter, failure, had_credentials=has_credentials(self._spec))
        self._end()

    def _report_lost(self, connection: Connection, error: Exception | None) -> None:
        """Emit the end of a session that was usable."""
        if self._is_over:
            return
        self.handling.end()
        protocol = connection.protocol
        if protocol.parser_exc is not None and not isinstance(protocol.parser_exc, EOFError):
            self._report_fault(protocol.parser_exc)
        received, sent = protocol.close_rcvd, protocol.close_sent
        # The application closed it, where nothing made the library do so
        is_ours = (sent is not None and received is None) or protocol.close_rcvd_then_sent is False
        is_ours = is_ours and self._fault is None and self._missed_pong_s is None
        facts = CloseFacts(
            self._redact(None if received is None else (int(received.code), received.reason)),
            self._redact(None if sent is None else (int(sent.code), sent.reason)),
            protocol.close_rcvd_then_sent,
            fault=self._fault,
            loss=error,
            is_ours=is_ours,
            missed_pong_s=self._missed_pong_s,
        )
        if self._messages is not None:
            self._messages.end(self._frames.now(), is_ours=is_ours)
        ending = CloseSummary.of(facts)
        meta: dict[str, Json] = {
            "attempt": self._attempt,
            "open": True,
            **close_meta(facts),
            **self._frames.ages_ms(self._clock.mono_ns()),
        }
        if self._messages is not None:
            meta |= self._messages.close_meta(ending.close_code)
        self._reporter.emit(
            "connection.disconnected",
            "closed" if is_ours else "disconnected",
            meta,
            duration_ns=self._clock.mono_ns() - (self._opened_ns or 0),
            close_code=ending.close_code,
            close_by=ending.close_by,
            reason=ending.reason,
            error_type=ending.error_type,
            error=ending.error,
        )
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._row.release(self._reporter.status)

    def _redact(self, frame: CloseFrame | None) -> CloseFrame | None:
        return None if frame is None else (frame[0], self._reporter.redactor.text(frame[1]))

    def _age_ns(self) -> int:
        return self._clock.mono_ns() - self._started_ns


# Payload of the close frame with which the library gives up a peer that does not answer its pings
_GIVEN_UP: Final = KEEPALIVE_CODE.to_bytes(2, "big") + KEEPALIVE_REASON.encode()


def _of_engine(error: BaseException) -> BaseException:
    """Return an error of the library's ``connect`` as the engine's dial raises it."""
    match error:
        case InvalidStatus():
            response = error.response
            headers = tuple(response.headers.raw_items())
            head = ResponseHead("HTTP/1.1", response.status_code, response.reason_phrase, headers)
            return UpgradeRefusedError(head, bytes(response.body or b""))
        case TimeoutError() if not error.errno:
            return OpenTimeoutError("not open in time")
    return error


def _never() -> None:
    """Do nothing, and never be called: the sink is never full."""
