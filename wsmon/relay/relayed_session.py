"""RelayedSession: one relayed connection as lifecycle events."""

from __future__ import annotations

import os

from wsmon.engine.http_head import ResponseHead
from wsmon.engine.reporter import Reporter
from wsmon.engine.retry import DialProgress, classify_dial
from wsmon.engine.session import response_meta, socket_address
from wsmon.engine.standstill import Standstill
from wsmon.model.events import Source
from wsmon.model.redact.redactor import Redactor
from wsmon.model.statuses import Status
from wsmon.relay.listener import Leg, ServerConnection
from wsmon.relay.relays import Recorded
from wsmon.relay.request_head import RequestHead


class RelayedSession:
    """Records one connection; a ``RelayListener``."""

    def __init__(self, recorded: Recorded) -> None:
        spec, services = recorded.spec, recorded.services
        source = Source(spec.name, spec.group, spec.trace_id or os.urandom(16).hex(), os.urandom(8).hex())
        self._reporter = Reporter(source, recorded.redactor, services.sink, services.clock, recorded.row.status)

    def begin(self, request: RequestHead, application: str, upstream: str) -> None:
        url = self._reporter.redactor.url(upstream)
        self._reporter.emit("connection.started", "connecting", {"url": url, "application": application, "attempt": 1})

    def on_connected(self, server: ServerConnection) -> None:
        peer = socket_address(server.transport.get_extra_info("peername"))
        self._reporter.emit("connection.open", "connected", {**server.phases.milliseconds(), "peer": peer})

    def on_failed(self, error: BaseException, progress: DialProgress) -> None:
        failure = classify_dial(error, progress)
        self._reporter.emit(
            "connection.disconnected",
            "disconnected",
            {"attempt": 1, "open": False, **response_meta(self._reporter, failure)},
            status=failure.status,
            close_by=failure.close_by,
            error_type=failure.error_type,
            error=failure.error,
        )

    def on_response(self, head: ResponseHead) -> None:
        meta = {"response_headers": self._reporter.headers(head.headers)}
        self._reporter.emit("connection.completed", "websocket_connected", meta, status=101)

    def on_bytes(self, leg: Leg, data: bytes) -> None:
        pass

    def on_eof(self, leg: Leg) -> None:
        pass

    def on_lost(self, leg: Leg, error: BaseException | None) -> None:
        pass

    def on_closing(self, reason: str) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def stood_still(self, standstill: Standstill) -> None:
        pass

    def use_redactor(self, redactor: Redactor) -> None:
        self._reporter.redactor = redactor

    def on_mistake(self, error: Exception) -> None:
        pass

    def end(self) -> Status:
        if self._reporter.status == "websocket_connected":
            self._reporter.emit("connection.disconnected", "closed", {"attempt": 1, "open": True}, close_by="peer")
        return self._reporter.status
