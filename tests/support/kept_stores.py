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


def known(found: Any, expected: Any) -> Any:
    """The answers without the keys and the key figures that later code added."""
    if isinstance(found, dict) and isinstance(expected, dict):
        if "kpis" in expected:
            names = [each["name"] for each in expected["kpis"]]
            found = {**found, "kpis": [each for each in found["kpis"] if each["name"] in names]}
        if "is_share" in expected:
            expected = judged_as_now(expected)
        return {key: known(value, expected[key]) for key, value in found.items() if key in expected}
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return [known(*pair) for pair in zip(found, expected, strict=True)]
    return found


def judged_as_now(expected: Any) -> Any:
    """The answers with key figures as later code has them: in ``unit``, and unjudged where they have too few samples.

    It asks for 10 samples of a share, and 3 of a duration.
    """
    if isinstance(expected, dict):
        judged = {key: judged_as_now(value) for key, value in expected.items()}
        if "is_share" in judged:
            judged["unit"] = "share" if judged.pop("is_share") else "ms"
            if judged["samples"] < (10 if judged["unit"] == "share" else 3):
                judged |= {"ok": None, "budget_left": None}
        return judged
    return [judged_as_now(each) for each in expected] if isinstance(expected, list) else expected
