"""History of a tracer: any number of transitions in bounded memory; older ones lie in a file without a name."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import IO, Final

import msgspec

from wsmon.trace.events import json_value

# Transitions in memory; as many of the file are read at once
BLOCK: Final = 10_000


class TracedTransition(msgspec.Struct, frozen=True):
    """One transition, as ``Tracer.transition`` took it."""

    event_type: str
    from_status: str
    to_status: str
    timestamp: int
    """Wall time, milliseconds since 1970."""
    metadata: dict[str, object]
    """As it was given; of older transitions, as JSON has it."""


_lines = msgspec.json.Decoder(TracedTransition)


class TransitionHistory:
    """Transitions, oldest first. Used under the lock of its tracer."""

    def __init__(self, block: int = BLOCK) -> None:
        self._block = block
        self._newest: list[TracedTransition] = []
        # Whole blocks, made with the first one
        self._file: IO[bytes] | None = None
        # Where each block begins, and where the next one will
        self._offsets: list[int] = [0]
        self.dropped = 0
        """Oldest transitions that are kept nowhere: the temporary file could not be written."""

    def __len__(self) -> int:
        return (len(self._offsets) - 1) * self._block + len(self._newest)

    def add(self, transition: TracedTransition) -> None:
        """Add the newest transition."""
        if len(self._newest) >= self._block:
            self._write_block()
        self._newest.append(transition)

    def page(self, first: int, limit: int) -> list[TracedTransition]:
        """Return at most ``limit`` transitions from the ``first`` on, counted from 0."""
        found: list[TracedTransition] = []
        at = max(0, first)
        while len(found) < limit and at < len(self):
            number, place = divmod(at, self._block)
            some = self._of_block(number)[place : place + limit - len(found)]
            found += some
            at += len(some)
        return found

    def json_lines(self) -> Iterator[bytes]:
        """Yield all transitions as JSON, one after the other."""
        at = 0
        while at < len(self):
            some = self.page(at, self._block)
            yield from map(json_value, some)
            at += len(some)

    def _of_block(self, number: int) -> list[TracedTransition]:
        if number == len(self._offsets) - 1:
            return self._newest
        assert self._file is not None
        self._file.seek(self._offsets[number])
        octets = self._file.read(self._offsets[number + 1] - self._offsets[number])
        return [_lines.decode(line) for line in octets.splitlines()]

    def _write_block(self) -> None:
        octets = b"".join(json_value(transition) + b"\n" for transition in self._newest)
        # Imported now: few traces are so long, and it brings a dozen modules
        import tempfile

        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="wsmon-")  # noqa: SIM115 - closed below
                weakref.finalize(self, self._file.close)
            self._file.seek(self._offsets[-1])
            self._file.write(octets)
            self._file.flush()
        except OSError:
            self.dropped += len(self._newest)
        else:
            self._offsets.append(self._offsets[-1] + len(octets))
        self._newest = []
