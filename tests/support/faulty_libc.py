"""A disk whose syncs take long: a library for LD_PRELOAD that delays each one of SQLite, compiled when it is needed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

COMPILER = shutil.which("cc")

# While the file of the delay exists, each sync waits for as many milliseconds as it says, and adds a byte to the other
_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_for_disk(void) {
    long delay_ms = 0;
    FILE *delay = fopen(getenv("SLOW_DISK_DELAY"), "r");
    if (delay == NULL) return;
    if (fscanf(delay, "%ld", &delay_ms) == 1) {
        usleep(delay_ms * 1000);
        int counted = open(getenv("SLOW_DISK_COUNT"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (counted >= 0) {
            if (write(counted, ".", 1) != 1) abort();
            close(counted);
        }
    }
    fclose(delay);
}

int fdatasync(int descriptor) {
    wait_for_disk();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(descriptor);
}

int fsync(int descriptor) {
    wait_for_disk();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(descriptor);
}
"""


class SlowDisk:
    """Delays the syncs of processes that have its ``environ``, as long as it is told to."""

    def __init__(self, folder: Path) -> None:
        """Compile the library into a folder."""
        assert COMPILER is not None
        self._delay = folder / "delay"
        self._count = folder / "count"
        self._library = folder / "slow_disk.so"
        source = folder / "slow_disk.c"
        source.write_text(_SOURCE)
        subprocess.run([COMPILER, "-shared", "-fPIC", "-o", self._library, source, "-ldl"], check=True)

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that make a process use this disk."""
        return {
            "LD_PRELOAD": str(self._library),
            "SLOW_DISK_DELAY": str(self._delay),
            "SLOW_DISK_COUNT": str(self._count),
        }

    @property
    def delayed(self) -> int:
        """How many syncs were delayed and are through."""
        return self._count.stat().st_size if self._count.exists() else 0

    def set_delay(self, milliseconds: int) -> None:
        """Delay each sync from now on; 0 = none."""
        if milliseconds:
            self._delay.write_text(str(milliseconds))
        else:
            self._delay.unlink()
