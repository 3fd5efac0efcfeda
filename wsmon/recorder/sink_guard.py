"""Sink guard: a fault in monitoring, alerts or control becomes an event and a warning, and ends no recording.

Sinks read what other programs answer and ask: collectors, webhooks, Prometheus, clients of the control socket. Each
handles the faults that it knows; this is the border for all others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from wsmon.errors import WsmonError
from wsmon.model.events import Meta
from wsmon.model.redact.masking import mask_secrets
from wsmon.model.sanitize import sanitize
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.recorder.run import EmitSelfEvent

# Pause before a sink that failed runs again
RESTART_S: Final = 5.0
# Between two events about one sink: it may fail with every request
EVENT_GAP_NS: Final = 60 * SECOND_NS
# How long a failure is shown in the header
WARNED_NS: Final = 600 * SECOND_NS
# Of the text of an exception, which may quote what a peer sent
TEXT_LIMIT_CHARS: Final = 300
ERROR_TYPE: Final = "sink"

_LOG = logging.getLogger("wsmon.recorder")


class SinkGuard:
    """Runs sinks, and reports their faults. Use it on the event loop; ``warning`` may be read on any thread."""

    def __init__(
        self,
        emit: EmitSelfEvent,
        clock: Clock,
        secrets: Callable[[], tuple[str, ...]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``secrets`` are masked in what is reported."""
        self._emit = emit
        self._clock = clock
        self._secrets = secrets
        self._sleep = sleep
        # Faults since the last event, by sink
        self._unreported: Counter[str] = Counter()
        # Monotonic time of the last event, by sink
        self._reported_ns: dict[str, int] = {}
        self._sentence = ""
        self._failed_ns = 0

    @property
    def warning(self) -> str:
        """The newest fault, as a sentence; empty where it is ten minutes old."""
        is_new = self._clock.mono_ns() - self._failed_ns <= WARNED_NS
        return self._sentence if is_new else ""

    async def keep(self, sink: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run ``work`` until it returns or this is cancelled; after a fault it runs again."""
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - the border of the sink: the recording goes on without it
                self.failed(sink, error)
            else:
                return
            await self._sleep(RESTART_S)

    def failed(self, sink: str, error: Exception) -> None:
        """Report a fault: as a warning, and as an event at most once a minute for each sink."""
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        now_ns = self._clock.mono_ns()
        why = sanitize(mask_secrets(_text(error), self._secrets()), TEXT_LIMIT_CHARS)
        self._sentence, self._failed_ns = f"{sink} failed: {why}; recording continues", now_ns
        self._unreported[sink] += 1
        reported_ns = self._reported_ns.get(sink)
        if reported_ns is not None and now_ns - reported_ns < EVENT_GAP_NS:
            return
        self._reported_ns[sink] = now_ns
        # The place of a fault of ours is needed once, not with every request; that of one of the system is in its text
        _LOG.error("%s failed: %s", sink, why, exc_info=None if isinstance(error, WsmonError | OSError) else error)
        meta: Meta = {"sink": sink, "count": self._unreported.pop(sink)}
        self._emit(
            "self.sink.failed", status="error", reason=self._sentence, error_type=ERROR_TYPE, error=why, meta=meta
        )


def _text(error: Exception) -> str:
    """What failed, with the type of the exception where it is none of ours: its text alone may mean nothing."""
    if isinstance(error, WsmonError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}"
