"""Finds bursts of errors: many at once, and more than a trifle of the traffic."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from wsmon.model.detectors.detector import IncidentDetector, counted
from wsmon.model.detectors.watched import Traffic
from wsmon.model.durations import SECOND_NS
from wsmon.model.events import RECORDER, Json, Source

WINDOW_NS = 10 * SECOND_NS
FIRST_ERRORS = 10
LEAST_SHARE = 0.01
# of all messages: ten refused orders among a hundred thousand ticks wake nobody
MOST_TYPES = 20
# of errors, told apart
LAST_ERRORS = 2
CALM_NS = 30 * SECOND_NS
# without more than the last errors in a window: bursts that come every ten seconds are one incident


@dataclass(slots=True)
class _Window:
    """What a connection had in the last ten seconds."""

    source: Source = RECORDER
    problem_id: int = 0
    seconds: deque[tuple[int, int, int]] = field(default_factory=deque)
    # monotonic second, errors, messages
    errors: int = 0
    messages: int = 0
    types: dict[str, int] = field(default_factory=dict)
    # errors by type since there were none for a window
    busy_ns: int = 0
    # monotonic: when there were last more errors than ends it

    def add(self, second: int, errors: int, messages: int) -> None:
        if self.seconds and self.seconds[-1][0] == second:
            _, errors_before, messages_before = self.seconds.pop()
            self.seconds.append((second, errors_before + errors, messages_before + messages))
        else:
            self.seconds.append((second, errors, messages))
        self.errors += errors
        self.messages += messages

    def drop_old(self, now_ns: int) -> None:
        while self.seconds and now_ns - self.seconds[0][0] * SECOND_NS > WINDOW_NS + SECOND_NS:
            _, errors, messages = self.seconds.popleft()
            self.errors -= errors
            self.messages -= messages


class ErrorsDetector(IncidentDetector):
    """Opens ``errors`` at ten in 10 s that are 1 % of the messages; half a minute with hardly any ends it."""

    kind = "errors"
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[str, _Window] = {}
        # of connections that had errors lately

    def _see_traffic(self, traffic: Traffic) -> None:
        connection = traffic.source.connection
        window = self._windows.get(connection)
        if window is None:
            if not traffic.errors:
                return
            window = self._windows[connection] = _Window()
        for kind, number in traffic.error_types.items():
            if kind in window.types or len(window.types) < MOST_TYPES:
                window.types[kind] = window.types.get(kind, 0) + number
        window.source = traffic.source
        window.problem_id = traffic.problem_id
        window.add(traffic.at_ns // SECOND_NS, traffic.errors, traffic.messages)

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        for connection, window in list(self._windows.items()):
            window.drop_old(mono_ns)
            if window.errors > LAST_ERRORS:
                window.busy_ns = mono_ns
            share = window.errors / max(1, window.errors + window.messages)
            if connection in self.incidents:
                if mono_ns - window.busy_ns >= CALM_NS:
                    self.incidents.close(connection, "hardly any for half a minute")
            elif window.errors >= FIRST_ERRORS and share >= LEAST_SHARE and self._is_watched(connection):
                facts: dict[str, Json] = {
                    "errors": window.errors,
                    "messages": window.messages,
                    "types": {**window.types},
                }
                self.incidents.open(window.source, _sentence(window), [window.problem_id], facts)
            elif not window.errors:
                del self._windows[connection]


def _sentence(window: _Window) -> str:
    """``12 errors in 10 s (mostly dns), among 90 messages``."""
    said = f"{counted(window.errors, 'error')} in 10 s"
    if window.types:
        most = max(window.types, key=lambda kind: window.types[kind])
        said += f" ({most})" if len(window.types) == 1 else f" (mostly {most})"
    return f"{said}, among {counted(window.messages, 'message')}" if window.messages else f"{said}, and no message"
