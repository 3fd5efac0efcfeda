"""Stores with real content, written by the recorder's own code: without its thread, or with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from tests.support.builders import MONO_0_NS, SECOND_NS, T0_NS, at_ns
from wsmon.bus import Bus
from wsmon.config.specs import ConnectionSpec
from wsmon.model.block import Block, Committed
from wsmon.model.events import Event
from wsmon.model.profiles import Notable
from wsmon.model.redact.masking import Sensitive
from wsmon.ports import Clock
from wsmon.store.database import RunStart, open_for_writing
from wsmon.store.fold import Fold
from wsmon.store.transactions import transaction
from wsmon.store.writer import Writer


def specs(*names: str) -> tuple[ConnectionSpec, ...]:
    """Connections of a configuration."""
    return tuple(ConnectionSpec(name, Sensitive(f"wss://{name}.example.net/ws")) for name in names)


def run_start(after_s: float = 0.0, mono_ns: int | None = None) -> RunStart:
    """A recorder that starts so long after ``T0_NS``."""
    began_mono_ns = MONO_0_NS + round(after_s * SECOND_NS) if mono_ns is None else mono_ns
    return RunStart(at_ns(after_s), began_mono_ns, 812, "0.1.0", "boot-1")


class Recording:
    """One run of a recorder on a store: what is written is committed at once."""

    def __init__(self, path: Path, *connections: str, after_s: float = 0.0, mono_ns: int | None = None) -> None:
        self.path = path
        self._database = open_for_writing(path)
        self.run = self._database.begin_run(run_start(after_s, mono_ns))
        # Everything that was committed, as the writer hands it on
        self.committed: list[Committed] = []
        self.notable: list[Notable] = []
        self._fold = Fold(self._database.connection, self.run, self._database.last_id, ())
        if connections:
            self._fold.configure(specs(*connections), at_ns(after_s))
        self._commit()

    def configure(self, *connections: ConnectionSpec) -> None:
        """Take over a configuration."""
        self._fold.configure(connections, T0_NS)
        self._commit()

    def write(self, events: Iterable[Event | Block], *, rolled_after_s: float | None = None) -> int:
        """Commit events, and (if said) roll the seconds before a time up; returns the newest id."""
        self._fold.fold(list(events))
        if rolled_after_s is not None:
            self._fold.roll(at_ns(rolled_after_s) // SECOND_NS)
        self._commit()
        return self._fold.assigned_id

    def tick(self, after_s: float) -> None:
        """Let the detectors look at a time."""
        self._fold.detect(at_ns(after_s), MONO_0_NS + round(after_s * SECOND_NS))
        self._commit()

    def execute(self, sql: str, *parameters: object) -> None:
        """Change the store behind everybody's back."""
        self._database.connection.execute(sql, parameters)

    def end(self, after_s: float) -> None:
        """End the run cleanly and let the store go."""
        self._database.end_run(at_ns(after_s))
        self._database.close()

    def close(self) -> None:
        """Let the store go as a recorder does that is cut off: nothing is marked, the log stays."""
        self._database.connection.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _commit(self) -> None:
        self.committed += self._fold.uncommitted
        with transaction(self._database.connection, self._database.path):
            self._fold.write()
        self.notable += self._fold.committed()


def recorded(path: Path, events: Sequence[Event], *connections: str, end_s: float = 60.0) -> Path:
    """A store of one run that ended."""
    recording = Recording(path, *connections)
    recording.write(events, rolled_after_s=end_s)
    recording.end(end_s)
    return path


class FixedClock:
    """Clocks that stand still."""

    def __init__(self, after_s: float = 0.0) -> None:
        self.after_s = after_s

    def wall_ns(self) -> int:
        return T0_NS + round(self.after_s * SECOND_NS)

    def mono_ns(self) -> int:
        return MONO_0_NS + round(self.after_s * SECOND_NS)


class Recorder:
    """The real bus and writer thread on a store."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.failures: list[BaseException] = []
        self.bus = Bus(lambda: None)
        database = open_for_writing(path)
        database.begin_run(RunStart(clock.wall_ns(), clock.mono_ns(), 812, "0.1.0", "boot-1"))
        self.writer = Writer(database, self.bus, clock, lambda *_committed: None, self.failures.append)
        self.writer.start()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Commit everything and end; raises what ended the writer."""
        self.bus.close()
        self.writer.join(30.0)
        if self.failures:
            raise self.failures[0]
