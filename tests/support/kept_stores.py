"""Stores of earlier schemas, kept as dumps: how they are made, prepared and asked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.builders import at_ns
from tests.support.recordings import FixedClock
from wsmon.clock import SystemClock
from wsmon.model.snapshot import ConnectionRow
from wsmon.store.database import open_for_writing
from wsmon.store.integrity import check_integrity
from wsmon.store.reader import Reader

KEPT = Path(__file__).parents[1] / "unit" / "store" / "stores"


def kept_store(folder: Path, version: int) -> Path:
    """The store that the last code of a schema wrote."""
    path = folder / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((KEPT / f"schema-{version}.sql").read_text())
    return path


def kept_answers(version: int) -> dict[str, Any]:
    """What that code answered about it."""
    answers: dict[str, Any] = json.loads((KEPT / f"schema-{version}.json").read_text())
    return answers


def migrated(store: Path) -> None:
    open_for_writing(store).close()


def left_as_it_is(_store: Path) -> None:
    """A viewer reads it without a migration."""


def states_of(rows: Sequence[ConnectionRow]) -> list[tuple[object, ...]]:
    """What is compared of connections."""
    states = [row.state for row in rows]
    return [
        (
            state.name,
            state.spec.group,
            state.spec.url,
            state.spec.enabled,
            state.spec.profile,
            state.spec.expect_every_s,
            state.status,
            state.last_problem_id,
        )
        for state in states
    ]


def sources_of(reader: Reader) -> list[tuple[str, str, int]]:
    """Connection, group and run of what is stored."""
    events = reader.events_after(0, 1_000)
    return sorted({(each.source.connection, each.source.group, each.source.run) for each in events})


def read_through(store: Path) -> tuple[object, int, bytes]:
    """Damage and missing ids that a check finds after a viewer has read a store, and the file as it is then."""
    with closing(Reader(store, FixedClock())) as reader:
        reader.snapshot(at_ns(0))
    found = check_integrity(store, SystemClock())
    return found.damage, found.missing_ids, store.read_bytes()
