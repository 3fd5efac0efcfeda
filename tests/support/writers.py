"""A writer's thread at work on a store of its own, with a clock that the test moves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.fake_ports import FakeClock
from tests.support.stores import run_start, stored
from wsmon.bus import Bus
from wsmon.model.block import Committed
from wsmon.model.events import Event
from wsmon.model.profiles import Notable
from wsmon.store.codec import SqlValue
from wsmon.store.database import Database, open_for_writing
from wsmon.store.writer import Writer

DEADLINE_S = 20.0
LOOK_S = 0.05


class Running:
    """A writer at work on a store of its own, and what it said."""

    def __init__(
        self,
        path: Path,
        high_water_bytes: int = 1 << 20,
        on_notable: Callable[[Sequence[Notable]], None] | None = None,
    ) -> None:
        self.path = path
        self.clock = FakeClock()
        self.failures: list[BaseException] = []
        self.drained = threading.Event()
        self._committed = threading.Condition()
        self._last_id = 0
        self.bus = Bus(self.drained.set, high_water_bytes=high_water_bytes)
        self.database: Database = open_for_writing(path)
        self.database.begin_run(run_start())
        self.writer = Writer(
            self.database, self.bus, self.clock, self._on_commit, self._on_failure, on_notable=on_notable
        )

    def emit(self, *events: Event) -> None:
        for each in events:
            (self.bus.emit if each.size is None else self.bus.emit_message)(each)

    def wait_for(self, last_id: int) -> None:
        """Until this id is committed."""
        with self._committed:
            assert self._committed.wait_for(lambda: self._last_id >= last_id, DEADLINE_S), self.failures

    def wait_for_end_or(self, last_id: int) -> None:
        """Until this id is committed, or a failure has ended the writer."""
        with self._committed:
            assert self._committed.wait_for(lambda: self._last_id >= last_id or bool(self.failures), DEADLINE_S)

    def let_time_pass(self, last_id: int) -> None:
        """Until this id is committed; a second of the clock for each look."""
        with self._committed:
            for _ in range(round(DEADLINE_S / LOOK_S)):
                self.clock.advance(1)
                if self._committed.wait_for(lambda: self._last_id >= last_id, LOOK_S):
                    return
        raise AssertionError(self.failures)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Until something is so; a second of the clock for each look."""
        with self._committed:
            for _ in range(round(DEADLINE_S / LOOK_S)):
                self.clock.advance(1)
                if self._committed.wait_for(condition, LOOK_S):
                    return
        raise AssertionError(self.failures)

    def end(self) -> None:
        self.bus.close()
        self.writer.join(DEADLINE_S)

    def connection(self, columns: str) -> list[tuple[SqlValue, ...]]:
        return stored(self.path, f"SELECT {columns} FROM connection ORDER BY position")

    def _on_failure(self, error: BaseException) -> None:
        with self._committed:
            self.failures.append(error)
            self._committed.notify_all()

    def _on_commit(self, last_id: int, _committed: Sequence[Committed]) -> None:
        with self._committed:
            self._last_id = last_id
            self._committed.notify_all()
