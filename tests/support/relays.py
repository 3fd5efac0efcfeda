"""A listener of the relay that keeps what it is told."""

from __future__ import annotations

from typing import Any

from wsmon.engine.http_head import ResponseHead
from wsmon.engine.retry import DialProgress, classify_dial
from wsmon.engine.standstill import Standstill
from wsmon.model.redact.redactor import Redactor
from wsmon.model.statuses import Status
from wsmon.relay.listener import Leg, ServerConnection
from wsmon.relay.request_head import RequestHead


class FakeListener:
    """Keeps the calls in ``calls``, and the bytes of each leg; ``mistakes`` are raised by the calls of these names."""

    def __init__(self, **mistakes: Exception) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.received: dict[Leg, bytes] = {"application": b"", "server": b""}
        self.request: RequestHead | None = None
        self.server: ServerConnection | None = None
        self._mistakes = mistakes

    @property
    def names(self) -> list[str]:
        """The names of the calls, those of bytes once in a row."""
        found = [call[0] for call in self.calls]
        return [name for at, name in enumerate(found) if name != "on_bytes" or found[at - 1] != name]

    def begin(self, request: RequestHead, application: str, upstream: str) -> None:
        self.request = request
        self._keep("begin", application, upstream)

    def on_connected(self, server: ServerConnection) -> None:
        self.server = server
        self._keep("on_connected")

    def on_failed(self, error: BaseException, progress: DialProgress) -> None:
        failure = classify_dial(error, progress)
        self._keep("on_failed", failure.error_type, failure.status)

    def on_response(self, head: ResponseHead) -> None:
        self._keep("on_response", head.status)

    def on_bytes(self, leg: Leg, data: bytes) -> None:
        self.received[leg] += data
        self._keep("on_bytes", leg, data)

    def on_eof(self, leg: Leg) -> None:
        self._keep("on_eof", leg)

    def on_lost(self, leg: Leg, error: BaseException | None) -> None:
        self._keep("on_lost", leg, type(error).__name__ if error else "")

    def on_closing(self, reason: str) -> None:
        self._keep("on_closing", reason)

    def resume_reading(self) -> None:
        self._keep("resume_reading")

    def stood_still(self, standstill: Standstill) -> None:
        self._keep("stood_still", standstill)

    def use_redactor(self, redactor: Redactor) -> None:
        self._keep("use_redactor", redactor)

    def on_mistake(self, error: Exception) -> None:
        self._keep("on_mistake", type(error).__name__)

    def end(self) -> Status:
        self._keep("end")
        return "closed"

    def _keep(self, name: str, *arguments: Any) -> None:
        self.calls.append((name, *arguments))
        if name in self._mistakes:
            raise self._mistakes[name]
