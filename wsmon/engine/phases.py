"""What a dial is doing, and how long each phase of it took."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Literal

from wsmon.model.durations import MS_NS
from wsmon.ports import Clock

Phase = Literal["", "dns", "tcp", "proxy", "tls", "upgrade"]


class Phases:
    """The stopwatch of one hop of a dial.

    wsmon's own event loop tells it of DNS and TCP; on another loop the phases before the upgrade stay unknown.
    """

    def __init__(self, clock: Clock, *, secure: bool, tunnel: bool) -> None:
        """``secure``: TLS follows; ``tunnel``: a proxy is asked before that."""
        self._clock = clock
        self._secure = secure
        self._tunnel = tunnel
        self._began_ns = 0
        self._took_ns: dict[Phase, int] = {}
        self.current: Phase = ""
        # under way; empty while unknown

    def begin(self, phase: Phase) -> None:
        """A phase starts; addresses that are tried in turn are one phase."""
        if phase != self.current:
            self.current = phase
            self._began_ns = self._clock.mono_ns()

    def end(self, phase: Phase) -> None:
        """A phase is over; nothing happens where another one is under way."""
        if phase == self.current:
            self._took_ns[phase] = self._clock.mono_ns() - self._began_ns
            self.current = ""

    def tcp_opened(self) -> None:
        """A TCP connection, to the peer or its proxy, is up."""
        if self.current == "tcp":
            self.end("tcp")
            self.begin("proxy" if self._tunnel else "tls" if self._secure else "")

    def tunnel_opened(self) -> None:
        """The proxy has connected us."""
        if self.current == "proxy":
            self.end("proxy")
            self.begin("tls" if self._secure else "")

    def connected(self) -> None:
        """TCP and TLS are up: the upgrade begins."""
        self.end(self.current)
        self.begin("upgrade")

    def upgraded(self) -> None:
        """The WebSocket connection is usable."""
        self.end("upgrade")

    def milliseconds(self) -> dict[str, float]:
        """``{"dns_ms": 1.2, …}`` of the phases that ended, in their order."""
        return {f"{phase}_ms": round(took / MS_NS, 3) for phase, took in self._took_ns.items() if phase}


PHASES: ContextVar[Phases | None] = ContextVar("wsmon_dial_phases", default=None)
# the stopwatch of the dial that the current task works for
