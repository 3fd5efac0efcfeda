"""What the operating system says about the recorder's process and its files."""

from __future__ import annotations

import os
import resource
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")
_FILES: Final = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """All of it taken at one time."""

    cpu_s: float
    resident_bytes: int
    open_files: int
    store_bytes: int
    # of the file and its write-ahead log; 0 where it is gone
    free_bytes: int
    # of its file system


def process_facts(store: Path) -> ProcessFacts:
    """The facts now; may wait for the file system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    files = (store, store.with_name(f"{store.name}-wal"))
    return ProcessFacts(
        cpu_s=usage.ru_utime + usage.ru_stime,
        resident_bytes=_resident_bytes(usage.ru_maxrss),
        open_files=len(os.listdir(_FILES)) if _FILES.exists() else 0,  # noqa: PTH208 - names only, not a path each
        store_bytes=sum(file.stat().st_size for file in files if file.exists()),
        free_bytes=shutil.disk_usage(store.parent).free,
    )


def _resident_bytes(most_kib: int) -> int:
    """Now, where the system says it; else the most there ever was."""
    if not _STATM.exists():
        return most_kib * 1024
    return int(_STATM.read_text().split()[1]) * resource.getpagesize()
