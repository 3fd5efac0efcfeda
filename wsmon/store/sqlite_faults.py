"""SQLite's own faults that a store could meet: which versions have them, and what they mean for wsmon. Pure."""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SqliteFault:
    """One fault of some versions."""

    name: str
    since: Version
    # the first version that has it
    fixed: Version
    # the first one of the main line that has it no more
    meaning: str
    # for somebody who runs wsmon
    source: str
    backports: frozenset[Version] = frozenset()
    # older lines that got the repair: these versions, and later ones of the same line

    def is_in(self, version: Version) -> bool:
        """Whether a version has it."""
        if not self.since <= version < self.fixed:
            return False
        return not any(version[:2] == repaired[:2] and version >= repaired for repaired in self.backports)


KNOWN_FAULTS = (
    SqliteFault(
        "WAL-reset",
        (3, 7, 0),
        (3, 51, 3),
        "two processes that checkpoint one store can corrupt it: wsmon lets the recorder alone do so, "
        "let no other program write to a store",
        "https://sqlite.org/wal.html#walresetbug",
        frozenset({(3, 44, 6), (3, 50, 7)}),
    ),
    SqliteFault(
        "CVE-2022-35737",
        (1, 0, 12),
        (3, 39, 2),
        "texts of gigabytes can overflow an array: wsmon's limits are far below",
        "https://nvd.nist.gov/vuln/detail/CVE-2022-35737",
    ),
    SqliteFault(
        "CVE-2025-6965",
        (3, 0, 0),
        (3, 50, 2),
        "a crafted database can corrupt memory when it is queried: open no store of somebody you do not trust",
        "https://nvd.nist.gov/vuln/detail/CVE-2025-6965",
    ),
    SqliteFault(
        "CVE-2025-7709",
        (3, 49, 1),
        (3, 50, 3),
        "a crafted index of words can overflow: open no store of somebody you do not trust",
        "https://nvd.nist.gov/vuln/detail/CVE-2025-7709",
    ),
    SqliteFault(
        "withdrawn",
        (3, 52, 0),
        (3, 52, 1),
        "its authors took the release back: use another one",
        "https://sqlite.org/changes.html",
    ),
)


def faults_of(version: Version) -> tuple[SqliteFault, ...]:
    """The known faults of a version."""
    return tuple(fault for fault in KNOWN_FAULTS if fault.is_in(version))
