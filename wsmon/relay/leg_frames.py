"""Leg frames: what was read on the legs of a relayed connection, as events; what the sink has no room for, as counts.

In: the calls of two ``FrameReader`` (relay/frame_reader.py). Out: calls of the engine's frame path
(engine/frames.py), and of the session for faults and close frames. The traffic itself never waits here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from wsmon.engine.frame_scan import DataOpcode
from wsmon.engine.frames import FramePath
from wsmon.engine.keepalive import SentPings
from wsmon.engine.reporter import Reporter
from wsmon.model.ends import LEG
from wsmon.model.events import Direction, Event, EventName, Json, Opcode
from wsmon.ports import EventSink
from wsmon.relay.frame_reader import ReadClose
from wsmon.relay.listener import Leg

DIRECTIONS: Final[Mapping[Leg, Direction]] = MappingProxyType({"server": "in", "application": "out"})
# Key of ``meta``: why the payload of a message was not read
UNREAD: Final = "unread"
_MESSAGES: Final[Mapping[Leg, EventName]] = MappingProxyType(
    {"server": "message.received", "application": "message.sent"}
)


class LegEnds(Protocol):
    """Takes what ends a leg, or the reading of it."""

    def on_close(self, leg: Leg, close: ReadClose) -> None:
        """A close frame was read."""
        ...

    def on_fault(self, leg: Leg, fault: Exception) -> None:
        """The bytes of the leg break the protocol."""
        ...


class RecordingGap:
    """Counts what is not recorded while the sink has no room, so that the traffic need not wait for it."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.is_open = False
        """Whether messages and heartbeats are counted instead of recorded."""
        # Number and bytes, by name
        self._missing: dict[EventName, tuple[int, int]] = {}

    def count(self, name: EventName, events: int, size_bytes: int) -> None:
        """Count events that are not recorded."""
        before, before_bytes = self._missing.get(name, (0, 0))
        self._missing[name] = before + events, before_bytes + size_bytes

    def close(self) -> None:
        """Emit what is missing, and record again."""
        self.is_open = False
        missing, self._missing = self._missing, {}
        for name, (events, size_bytes) in missing.items():
            self._reporter.emit(
                "self.shed",
                meta={"name": name, "events": events, "size_bytes": size_bytes},
                reason=f'{events:,} {name} not recorded: the store was too slow, and fail = "open" lets traffic pass',
            )


class LegFrames:
    """The ``FrameConsumer`` of one leg."""

    def __init__(
        self, leg: Leg, frames: FramePath, gap: RecordingGap, sink: EventSink, reporter: Reporter, ends: LegEnds
    ) -> None:
        self.leg: Leg = leg
        self._is_server = leg == "server"
        self._frames = frames
        self._gap = gap
        self._sink = sink
        self._reporter = reporter
        self._ends = ends
        # Of this leg, until the other one answers
        self.pings = SentPings()

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        if self._gap.is_open:
            self._gap.count(_MESSAGES[self.leg], 1, len(payload))
        elif self._is_server:
            self._frames.on_message(opcode, payload, wire_size, fragments)
        else:
            self._frames.on_sent(opcode, payload, wire_size, fragments)

    def on_messages(self, opcode: DataOpcode, payloads: list[bytes], wire_sizes: list[int]) -> None:
        if self._gap.is_open:
            self._gap.count(_MESSAGES[self.leg], len(payloads), sum(map(len, payloads)))
        elif self._is_server:
            self._frames.on_messages(opcode, payloads, wire_sizes)
        else:
            for payload, wire_size in zip(payloads, wire_sizes, strict=True):
                self._frames.on_sent(opcode, payload, wire_size)

    def on_unread(self, opcode: DataOpcode, size: int, wire_size: int, fragments: int, why: str) -> None:
        if self._gap.is_open:
            self._gap.count(_MESSAGES[self.leg], 1, size)
            return
        at = self._frames.now()
        if not self._is_server:
            self._frames.last_out_ns = at.mono_ns
        meta: dict[str, Json] = {UNREAD: why}
        if fragments > 1:
            meta["fragments"] = fragments
        self._sink.emit_message(
            Event(
                self._reporter.source,
                _MESSAGES[self.leg],
                at.ts_ns,
                at.mono_ns,
                DIRECTIONS[self.leg],
                opcode,
                size,
                wire_size,
                meta=meta,
            )
        )

    def on_ping(self, payload: bytes, wire_size: int) -> None:
        self.pings.sent(payload, self._frames.now().mono_ns)
        self._on_control("ping", "heartbeat.received" if self._is_server else "heartbeat.sent", payload, wire_size)

    def on_pong(self, payload: bytes, wire_size: int) -> None:
        self._on_control("pong", "heartbeat.responded", payload, wire_size)

    def on_close(self, close: ReadClose) -> None:
        self._ends.on_close(self.leg, close)

    def on_fault(self, fault: Exception) -> None:
        self._ends.on_fault(self.leg, fault)

    def _on_control(self, opcode: Opcode, name: EventName, payload: bytes, wire_size: int) -> None:
        if self._gap.is_open:
            self._gap.count(name, 1, len(payload))
        elif not self._is_server:
            self._frames.on_sent(opcode, payload, wire_size)
        elif opcode == "ping":
            self._frames.on_ping(payload, wire_size)
        else:
            self._frames.on_pong(payload, wire_size)


def leg_meta(leg: Leg) -> dict[str, Json]:
    """Return what ``meta`` says of a leg."""
    return {LEG: leg}
