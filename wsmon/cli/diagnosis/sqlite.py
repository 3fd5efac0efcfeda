"""Judges the store and the library that keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wsmon.cli.diagnosis.diagnosis import Diagnosis, fail, ok, warn
from wsmon.model import units as fmt
from wsmon.store.integrity import IntegrityReport, Version, faults_of

LARGE_LOG_BYTES = 256 * 1024 * 1024
# four times what the recorder cuts its log to


def judge_sqlite(version: Version) -> Iterator[Diagnosis]:
    """The library: a line for each fault that it is known to have."""
    name = f"SQLite {'.'.join(map(str, version))}"
    faults = faults_of(version)
    if not faults:
        yield ok("sqlite", f"{name} has no known fault")
    for fault in faults:
        repaired = ".".join(map(str, fault.fixed))
        yield warn(
            "sqlite",
            f"{name} has the fault {fault.name} ({fault.source})",
            f"{fault.meaning}; {repaired} has it no more",
        )


def judge_store(path: Path, found: IntegrityReport, size_bytes: int) -> Iterator[Diagnosis]:
    """Its pages, its ids, its log."""
    kept = found.last_id - found.oldest_id + 1 - found.missing_ids if found.oldest_id else 0
    yield ok("store", f"{path}: {fmt.count(kept)} events, {fmt.size(size_bytes)}")
    yield _damage(path, found)
    yield _ids(found)
    if found.log_bytes > LARGE_LOG_BYTES:
        yield warn(
            "log",
            f"the write-ahead log has {fmt.size(found.log_bytes)}",
            "a reader holds it back: end viewers and exports that hang; it shrinks when the recorder ends",
        )
    else:
        yield ok("log", f"write-ahead log of {fmt.size(found.log_bytes)}")


def _damage(path: Path, found: IntegrityReport) -> Diagnosis:
    if found.damage:
        more = f" (and {len(found.damage) - 1} more)" if len(found.damage) > 1 else ""
        return fail(
            "integrity",
            f"{found.damage[0]}{more}",
            f"record into a new store; `wsmon export --store {path} --format jsonl` saves what can be read, "
            "and `wsmon import` makes a store of it",
        )
    if not found.is_complete:
        return warn("integrity", "no damage found, but not everything was looked at in time", "try when less goes on")
    return ok("integrity", "pages, indexes and references are whole")


def _ids(found: IntegrityReport) -> Diagnosis:
    if found.has_strays:
        return fail(
            "ids",
            f"there are events outside of {found.oldest_id}..{found.last_id}",
            "another program wrote to the store: record into a new one",
        )
    if not found.missing_ids:
        return ok("ids", f"{found.oldest_id}..{found.last_id} without a hole" if found.last_id else "no event yet")
    holes = f"{fmt.count(found.missing_ids)} ids of {found.oldest_id}..{found.last_id} are missing"
    if found.is_excerpt:
        return ok("ids", f"{holes}: the store is a part of another one")
    return fail(
        "ids",
        f"{holes}, the first is {found.first_missing_id}",
        "events were removed by another program: what the store proves has a gap there",
    )
