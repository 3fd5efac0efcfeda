"""What the layers ask of each other: protocols only."""

from __future__ import annotations

from typing import Protocol

from wsmon.model.events import Event


class Clock(Protocol):
    """Time: wall for showing, monotonic for measuring."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC; may step."""
        ...

    def mono_ns(self) -> int:
        """Nanoseconds of a clock that never steps back."""
        ...


class EventSink(Protocol):
    """Where the engine emits to; never blocks, never raises."""

    def emit(self, event: Event) -> None:
        """Take a lifecycle event; it is committed at once."""
        ...

    def emit_message(self, event: Event) -> None:
        """Take a message or heartbeat; it is committed with its batch."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether more bytes wait than should: who reads a socket pauses it until ``on_drained`` is called."""
        ...


class Detector(Protocol):
    """Finds one kind of trouble in what happens; run by the writer, in the transaction of what it saw."""

    def observe(self, event: Event) -> None:
        """See a lifecycle event, in the order of commit."""
        ...

    def observe_data(self, connection: str, mono_ns: int) -> None:
        """See that a connection received data, the newest at ``mono_ns``; once a batch."""
        ...

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """What began or ended by now, as ``incident.*`` events."""
        ...
