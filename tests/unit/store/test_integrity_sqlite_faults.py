"""Which versions of SQLite have which fault."""

from __future__ import annotations

import pytest

from wsmon.store.integrity import KNOWN_FAULTS, Version, faults_of


@pytest.mark.parametrize(
    ("version", "faults"),
    [
        ((3, 40, 1), ["WAL-reset", "CVE-2025-6965"]),
        ((3, 38, 0), ["WAL-reset", "CVE-2022-35737", "CVE-2025-6965"]),
        ((3, 44, 5), ["WAL-reset", "CVE-2025-6965"]),
        ((3, 44, 6), ["CVE-2025-6965"]),
        ((3, 45, 0), ["WAL-reset", "CVE-2025-6965"]),
        ((3, 49, 2), ["WAL-reset", "CVE-2025-6965", "CVE-2025-7709"]),
        ((3, 50, 6), ["WAL-reset"]),
        ((3, 50, 7), []),
        ((3, 51, 0), ["WAL-reset"]),
        ((3, 51, 2), ["WAL-reset"]),
        ((3, 51, 3), []),
        ((3, 52, 0), ["withdrawn"]),
        ((3, 53, 0), []),
    ],
)
def test_a_version_has_the_faults_between_their_beginning_and_their_repair(version: Version, faults: list[str]) -> None:
    assert [fault.name for fault in faults_of(version)] == faults


def test_every_fault_names_its_source() -> None:
    assert all(fault.source.startswith("https://") and fault.meaning for fault in KNOWN_FAULTS)
