"""What a scripted server counted: exact, so that a test can compare it with what a store holds."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from wsmon.demo.steps import Cycle

MOST_KEPT = 1_000
# handshakes and messages of clients kept for a look; what is counted is counted all the same


@dataclass(slots=True)
class Tally:
    """Messages, and bytes of their payloads (no frame headers, nothing compressed)."""

    messages: int = 0
    size_bytes: int = 0

    def add(self, payload: bytes) -> None:
        """Count one message."""
        self.messages += 1
        self.size_bytes += len(payload)

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Tally:
        """All of them together."""
        total = cls()
        for tally in tallies:
            total.messages += tally.messages
            total.size_bytes += tally.size_bytes
        return total


@dataclass(frozen=True, slots=True)
class Received:
    """One message of a client."""

    session: int
    opcode: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class CloseReceived:
    """The close frame of a client; ``code`` is 1005 where it held none."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class HandshakeSeen:
    """One request for an upgrade, with what it was answered."""

    path: str
    headers: tuple[tuple[str, str], ...]
    # in the order of the request
    status: int
    # 0 = never answered, or answered with no HTTP

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(slots=True)
class SessionTally:
    """One accepted session, from the upgrade to its end; messages sent are numbered 1 … ``sent.messages``."""

    session: int
    # 1, 2, … on its server
    subprotocol: str | None = None
    sent: Tally = field(default_factory=Tally)
    received: Tally = field(default_factory=Tally)
    pings: int = 0
    # pings of the client
    close_received: CloseReceived | None = None
    is_open: bool = True
    is_script_done: bool = False
    # the script was played to its end, the session still open


class Record:
    """All that one server saw and did; the server's sessions write it, everybody may read it."""

    def __init__(self) -> None:
        self.connections = 0
        # TCP connections, upgraded or not
        self.tallies: list[SessionTally] = []
        self.received: deque[Received] = deque(maxlen=MOST_KEPT)
        self.handshakes: deque[HandshakeSeen] = deque(maxlen=MOST_KEPT)
        self.turns: Counter[Cycle] = Counter()
        # how often each cycle was reached, over all sessions
        self.failures: list[BaseException] = []
        # mistakes of ours in a session
        self._changed = asyncio.Event()

    def accept(self, subprotocol: str | None) -> SessionTally:
        """The tally of a session that begins."""
        tally = SessionTally(len(self.tallies) + 1, subprotocol)
        self.tallies.append(tally)
        self.changed()
        return tally

    def changed(self) -> None:
        """Look again at what is waited for."""
        self._changed.set()

    async def until(self, condition: Callable[[], bool], within_s: float) -> None:
        """Return when ``condition`` holds; looked at after each change. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
