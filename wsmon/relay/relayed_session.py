"""RelayedSession: one relayed connection, from the application's request to the end of both legs, as events.

In: what the byte path (relay/path.py) tells a ``RelayListener``. Out: lifecycle events through ``Reporter``
(engine/reporter.py); messages and heartbeats through the engine's frame and message paths, which only read here:
wsmon sends nothing. Both legs are one session; ``in`` is what comes from the server, ``meta.leg`` says which end
something is about where the direction does not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from websockets.exceptions import InvalidHandshake

from wsmon.engine.dial import describe_tls
from wsmon.engine.frames import FramePath, decoding_of
from wsmon.engine.http_head import ResponseHead
from wsmon.engine.loop import Phases
from wsmon.engine.messages import SWITCHING_PROTOCOLS, capture_of, has_credentials, message_path
from wsmon.engine.reporter import Reporter
from wsmon.engine.retry import DialProgress, Failure, classify_dial, classify_fault, classify_loss
from wsmon.engine.session import (
    INVALID_REASON,
    CloseFacts,
    CloseFrame,
    close_meta,
    emit_refused_login,
    response_meta,
    socket_address,
)
from wsmon.engine.standstill import NewestStandstill, ReadingPause, Standstill
from wsmon.model.events import CloseBy, Json, Source
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.request_secrets import request_secrets
from wsmon.model.statuses import Status
from wsmon.model.verdict.application_ends import BAD_ANSWER
from wsmon.relay.frame_reader import FrameReader, ReadClose
from wsmon.relay.inflater import agreed_extensions
from wsmon.relay.leg_frames import LegFrames, RecordingGap, leg_meta
from wsmon.relay.listener import Leg, ServerConnection
from wsmon.relay.relays import Recorded
from wsmon.relay.request_head import RequestHead

# Of an event that says why a connection is recorded no further
MISTAKE: Final = "internal"
_GAVE_UP: Final = "the application ended its connection before the server had answered the upgrade"
LEGS: Final[tuple[Leg, Leg]] = ("application", "server")


class _FirstEnd(NamedTuple):
    """The leg that ended first, and how."""

    leg: Leg
    close: CloseFrame | None
    """Its close frame; None where the stream or the TCP connection ended without one."""
    loss: BaseException | None = None
    """The error of the operating system or of TLS."""
    error: str = ""
    """What was wrong with the close frame."""


class RelayedSession:
    """Records one connection; a ``RelayListener``."""

    def __init__(self, recorded: Recorded) -> None:
        spec, services = recorded.spec, recorded.services
        self._spec = spec
        self._clock = clock = services.clock
        self._path = recorded.path
        self._fails_closed = recorded.relay.fail == "closed"
        carried = recorded.carried
        session_id = services.random.randbytes(8).hex()
        source = Source(spec.name, spec.group, spec.trace_id or carried.trace_id, session_id)
        sink = services.sink
        self._reporter = reporter = Reporter(source, recorded.redactor, sink, clock, recorded.row.status)
        self._messages = message_path(
            spec, reporter, sink, clock, services.ticker, carried.state, services.random.randbytes, services.protocols
        )
        self._frames = FramePath(
            source,
            capture_of(spec),
            recorded.redactor,
            sink,
            clock,
            self._on_full,
            self._messages,
            decoding_of(spec, services.decoders),
        )
        self._frames.control_meta = {"in": leg_meta("server"), "out": leg_meta("application")}
        self._gap = RecordingGap(reporter)
        self._legs: dict[Leg, LegFrames] = {
            leg: LegFrames(leg, self._frames, self._gap, sink, reporter, self) for leg in LEGS
        }
        # A pong is matched with the pings of the other leg
        self._frames.keepalive = self._legs["application"].pings
        self._frames.peer_pings = self._legs["server"].pings
        # None until the server has switched protocols
        self._readers: dict[Leg, FrameReader] = {}
        self._request: RequestHead | None = None
        # Credentials of the request, which the server may repeat
        self._secrets: tuple[str, ...] = ()
        self._url = ""
        # Address of the application
        self._application = ""
        self._phases: Phases | None = None
        self._started_ns = clock.mono_ns()
        self._opened_ns: int | None = None
        self._has_subprotocol = False
        timers = () if self._messages is None else (self._messages,)
        self._reading = ReadingPause(self, services.paused, clock, timers, self._messages)
        self._standstill = NewestStandstill()
        self._closes: dict[Leg, CloseFrame] = {}
        self._first_close: Leg | None = None
        self._first_end: _FirstEnd | None = None
        # What a client has to refuse in the answer of the server; empty where there is nothing
        self._bad_answer = ""
        # Why wsmon ended both legs; None where it did not
        self._closing_reason: str | None = None
        self._mistake: Exception | None = None
        self._is_over = False

    def begin(self, request: RequestHead, application: str, upstream: str) -> None:
        """Emit ``connection.started``."""
        self._request, self._application, self._url = request, application, upstream
        reporter = self._reporter
        self._secrets = request_secrets(reporter.redactor, upstream, request.headers)
        self.use_redactor(reporter.redactor)
        meta: dict[str, Json] = {
            "attempt": 1,
            "url": reporter.redactor.url(upstream),
            "application": application,
            "request_headers": reporter.headers(request.headers),
        }
        reporter.emit("connection.started", "connecting", meta)

    def on_connected(self, server: ServerConnection) -> None:
        """Emit ``connection.open``: TCP and TLS towards the server are up."""
        self._phases = server.phases
        transport = server.transport
        meta: dict[str, Json] = {
            **server.phases.milliseconds(),
            **leg_meta("server"),
            "peer": socket_address(transport.get_extra_info("peername")),
            "local": socket_address(transport.get_extra_info("sockname")),
        }
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            meta["tls"] = describe_tls(tls, server.server_name, is_verified=server.is_verified)
        if server.proxy:
            meta["proxy"] = self._reporter.redactor.url(server.proxy)
        self._reporter.emit("connection.open", "connected", meta, duration_ns=self._age_ns())

    def on_failed(self, error: BaseException, progress: DialProgress) -> None:
        """Emit the end of a connection that the server did not accept."""
        # What ended the dial is reported at the end
        if self._closing_reason is not None or (self._first_end is not None and self._first_end.leg == "application"):
            return
        failure = classify_dial(error, progress)
        meta = self._unopened_meta() | leg_meta("server") | response_meta(self._reporter, failure)
        self._emit_unopened(failure, "disconnected", meta)
        emit_refused_login(self._reporter, failure, had_credentials=self._has_credentials())

    def on_response(self, head: ResponseHead) -> None:
        """Emit ``connection.completed``: the server switched protocols, and frames follow."""
        self._opened_ns = self._clock.mono_ns()
        reporter = self._reporter
        extensions = agreed_extensions(head.values("Sec-WebSocket-Extensions"))
        subprotocol = next(iter(head.values("Sec-WebSocket-Protocol")), "")
        meta: dict[str, Json] = {"application": self._application, "extensions": [*extensions.names]}
        if self._phases is not None:
            meta = {**self._phases.milliseconds(), **meta}
        unknown = reporter.redactor.text(extensions.unknown)
        if unknown:
            meta["unread"] = f"frames are counted, payloads of messages are not read: extension {unknown}"
        asked = () if self._request is None else self._request.headers
        self._has_subprotocol = bool(subprotocol)
        if subprotocol:
            meta["subprotocol"] = reporter.redactor.subprotocol(subprotocol, asked)
        if self._request is not None:
            meta["request_headers"] = reporter.headers(asked)
        meta["response_headers"] = reporter.headers(head.headers, asked)
        if self._messages is not None:
            meta |= self._messages.begin(self._url, subprotocol)
        for leg in LEGS:
            self._readers[leg] = FrameReader(
                self._legs[leg],
                is_masked=leg == "application",
                limit_bytes=self._spec.max_message_bytes,
                inflater=extensions.server if leg == "server" else extensions.application,
                unknown_extension=unknown,
            )
        reporter.emit(
            "connection.completed", "websocket_connected", meta, duration_ns=self._age_ns(), status=SWITCHING_PROTOCOLS
        )
        self._check_answer(head)
        if self._messages is not None:
            self._messages.start(self._frames.now())

    def on_bytes(self, leg: Leg, data: bytes) -> None:
        """Read what was passed on."""
        reader = self._readers.get(leg)
        if reader is None:
            return
        if leg == "server":
            self._frames.on_chunk()
        reader.feed(data)
        self._frames.on_chunk_end()

    def on_eof(self, leg: Leg) -> None:
        """Take note of the leg whose stream ended first."""
        self._end_reading(leg)
        self._take_end(leg, None)

    def on_lost(self, leg: Leg, error: BaseException | None) -> None:
        """Take note of the leg whose TCP connection was lost first."""
        self._end_reading(leg)
        self._take_end(leg, error)

    def on_close(self, leg: Leg, close: ReadClose) -> None:
        """Take note of a close frame; the first one is the end."""
        reason = self._reporter.redactor.text(close.reason)
        frame = self._closes[leg] = (close.code, reason)
        if leg == "server":
            self._frames.on_close(is_alone=close.is_alone)
        self._first_close = self._first_close or leg
        if self._first_end is None and self._closing_reason is None:
            self._first_end = _FirstEnd(leg, frame)

    def on_fault(self, leg: Leg, fault: Exception) -> None:
        """Emit that the bytes of a leg break the protocol: they are passed on, and not read any more."""
        failure = classify_fault(fault)
        first = self._first_end
        if isinstance(fault, UnicodeDecodeError) and first is not None and first.leg == leg and first.close:
            self._first_end = first._replace(error=INVALID_REASON)
        said = failure.error.replace("the peer broke", f"the {leg} broke")
        if f"the {leg}" not in said:
            said = f"the {leg} sent {said}"
        self._reporter.emit(
            "error.occurred",
            meta=leg_meta(leg) | response_meta(self._reporter, failure),
            status=failure.status,
            error_type=failure.error_type,
            error=f"{said}; its bytes are passed on as they are, and not read from here on",
        )

    def on_closing(self, reason: str) -> None:
        """Take note that wsmon ends the connection."""
        if self._first_end is None and self._closing_reason is None:
            self._closing_reason = reason

    def stop_reading(self) -> None:
        """Read no more: the sink takes nothing."""
        self._on_full()

    def resume_reading(self) -> None:
        """Record and read again: the sink has room."""
        if self._gap.is_open:
            self._gap.close()
        self._resume_path()

    def stood_still(self, standstill: Standstill) -> None:
        """Read what waits in the sockets before any timer judges an end: the recorder stood still until now."""
        self._standstill.add(standstill, self._clock.mono_ns())
        self._reading.hold()

    def use_redactor(self, redactor: Redactor) -> None:
        """Mask other values from now on, and always those that the application sent as its credentials."""
        redactor = redactor.knowing(self._secrets)
        self._reporter.redactor = redactor
        self._frames.use_redactor(redactor)
        if self._messages is not None:
            self._messages.use_redactor(redactor)

    def on_mistake(self, error: Exception) -> None:
        """Emit that the connection is recorded no further; it is relayed on."""
        self._mistake = error
        self._resume_path()
        sentence = f"wsmon stopped recording this connection, and relays it on: {type(error).__name__}: {error}"
        self._reporter.emit("error.occurred", error_type=MISTAKE, error=sentence)

    def end(self) -> Status:
        """Emit the end, and return the status in which it leaves the row."""
        self._reading.close()
        self._resume_path()
        for leg in self._readers:
            self._end_reading(leg)
        self._gap.close()
        if not self._is_over:
            if self._opened_ns is None:
                self._report_unopened()
            else:
                self._report_lost(self._opened_ns)
        return self._reporter.status

    def _check_answer(self, head: ResponseHead) -> None:
        """Emit what is wrong with an answer that switches protocols: the application likely ends the connection."""
        if self._request is None:
            return
        try:
            self._request.check(head)
        except InvalidHandshake as error:
            said = self._bad_answer = self._reporter.redactor.text(str(error))
            sentence = f"bad answer to the upgrade: {said}; RFC 6455 tells clients to end the connection"
            self._reporter.emit("error.occurred", meta=leg_meta("server"), error_type="handshake", error=sentence)

    def _take_end(self, leg: Leg, loss: BaseException | None) -> None:
        if self._first_end is None and self._closing_reason is None:
            self._first_end = _FirstEnd(leg, None, loss)

    def _end_reading(self, leg: Leg) -> None:
        if self._mistake is None and (reader := self._readers.get(leg)) is not None:
            reader.end()

    def _on_full(self) -> None:
        """Stop recording, or reading: the sink is full because our own store is slow."""
        if not self._fails_closed:
            self._gap.is_open = True
        elif self._reading.begin():
            self._path.pause()

    def _resume_path(self) -> None:
        pause = self._reading.end()
        if pause is not None:
            self._path.resume()
            self._reporter.emit("self.backpressure", meta=pause)

    def _has_credentials(self) -> bool:
        """Whether the upgrade carried credentials: of the configuration, or of the application."""
        request = self._request
        is_there = request is not None and bool(request.values("Authorization") or request.values("Cookie"))
        return is_there or has_credentials(self._spec)

    def _unopened_meta(self) -> dict[str, Json]:
        phases = {} if self._phases is None else self._phases.milliseconds()
        return {"attempt": 1, "open": False, **phases, **self._offered()}

    def _offered(self) -> dict[str, Json]:
        """Return the subprotocols that the application offered, for ``meta``: a server may end for lack of one."""
        values = [] if self._request is None else self._request.values("Sec-WebSocket-Protocol")
        names = [name.strip() for name in ",".join(values).split(",") if name.strip()]
        return {"offered_subprotocols": [*self._reporter.redactor.subprotocols(names)]}

    def _report_unopened(self) -> None:
        """Emit the end of a connection that ended before the answer of the server, and not by the server."""
        meta = self._unopened_meta()
        first = self._first_end
        if self._closing_reason is not None or self._mistake is not None:
            failure = Failure("" if self._mistake is None else MISTAKE, "", "us")
            self._emit_unopened(failure, "closed", meta, reason=self._closing_reason or "")
            return
        loss = classify_loss(None if first is None else first.loss)
        failure = Failure(loss.error_type, _GAVE_UP, "application")
        self._emit_unopened(failure, "closed", meta | leg_meta("application"))

    def _emit_unopened(self, failure: Failure, to: Status, meta: dict[str, Json], reason: str = "") -> None:
        self._is_over = True
        self._reporter.emit(
            "connection.disconnected",
            to,
            meta,
            status=failure.status,
            close_by=failure.close_by,
            reason=reason,
            error_type=failure.error_type,
            error=failure.error,
        )

    def _report_lost(self, opened_ns: int) -> None:
        """Emit the end of a session that was open: who closed first, and how."""
        self._is_over = True
        first, now_ns = self._first_end, self._clock.mono_ns()
        is_ours = first is None
        is_wanted = first is None or first.leg == "application"
        if self._messages is not None and self._mistake is None:
            self._messages.end(self._frames.now(), is_ours=is_wanted)
        close_by: CloseBy = "us"
        code, reason, failure = None, self._closing_reason or "", Failure("", "", "us")
        if self._mistake is not None:
            failure = Failure(MISTAKE, "recorded only in part: how it ended is not known", "us")
        elif first is not None:
            close_by, code, reason, failure = _how_it_ended(first)
        meta: dict[str, Json] = {
            "attempt": 1,
            "open": True,
            **({} if first is None else leg_meta(first.leg)),
            **close_meta(self._close_facts()),
            **self._frames.ages_ms(now_ns),
            **self._standstill.meta(self._frames.last_in_ns or 0, now_ns),
            **self._unread(),
        }
        if self._bad_answer and self._frames.last_out_ns is None:
            meta[BAD_ANSWER] = self._bad_answer
        if self._messages is not None:
            meta |= self._messages.close_meta(code)
        if not self._has_subprotocol:
            meta |= self._offered()
        self._reporter.emit(
            "connection.disconnected",
            "closed" if is_ours or is_wanted else "disconnected",
            meta,
            duration_ns=now_ns - opened_ns,
            close_code=code,
            close_by=close_by,
            reason=reason,
            error_type=failure.error_type,
            error=failure.error,
        )

    def _close_facts(self) -> CloseFacts:
        """Return both close frames: the server's was received, the application's sent."""
        received, sent = self._closes.get("server"), self._closes.get("application")
        facts = CloseFacts(received, sent)
        return (
            facts if received is None or sent is None else replace(facts, received_first=self._first_close == "server")
        )

    def _unread(self) -> dict[str, Json]:
        """Return how many bytes of each leg were passed on without being read, where there were any."""
        counts: dict[str, Json] = {leg: each.unread_bytes for leg, each in self._readers.items() if each.unread_bytes}
        return {"unread_bytes": counts} if counts else {}

    def _age_ns(self) -> int:
        return self._clock.mono_ns() - self._started_ns


def _how_it_ended(first: _FirstEnd) -> tuple[CloseBy, int | None, str, Failure]:
    """Return who ended an open session, with which code and reason, and what else is known."""
    is_application = first.leg == "application"
    if first.close is not None:
        code, reason = first.close
        by: CloseBy = "application" if is_application else "peer"
        return by, code, reason, Failure("", first.error, by)
    failure = classify_loss(first.loss)
    if is_application:
        sentence = failure.error.replace("the TCP connection", "the TCP connection of the application")
        return "application", None, "", replace(failure, error=sentence)
    sentence = failure.error.replace("the TCP connection", "the TCP connection of the server")
    return failure.close_by, None, "", replace(failure, error=sentence)
