"""A C library that fails: for LD_PRELOAD, compiled when it is needed, told what to do while the process runs.

Syncs that take long, reads and writes that fail with an error number, a wall clock that is stepped.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.not_run import not_run

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t none[6];
static volatile int64_t *state = none;
#define SYNC_DELAY_MS state[0]
#define SYNCS_DELAYED state[1]
#define SYNC_ERRNO state[2]
#define WRITE_ERRNO state[3]
#define READ_ERRNO state[4]
#define CLOCK_STEP_S state[5]

__attribute__((constructor)) static void map_state(void) {
    int file = open(getenv("FAULTY_LIBC_STATE"), O_RDWR | O_CLOEXEC);
    if (file < 0) abort();
    void *mapped = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) abort();
    close(file);
    state = mapped;
}

#define FAIL_IF(number) if (number) { errno = (int)(number); return -1; }
#define NEXT(type, name) static type next; if (next == NULL) next = (type)dlsym(RTLD_NEXT, name)
typedef int (*sync_type)(int);
typedef ssize_t (*write_type)(int, const void *, size_t, off64_t);
typedef ssize_t (*read_type)(int, void *, size_t, off64_t);
typedef int (*clock_type)(clockid_t, struct timespec *);

static void wait_for_disk(void) {
    if (SYNC_DELAY_MS == 0) return;
    usleep(SYNC_DELAY_MS * 1000);
    __sync_fetch_and_add(&SYNCS_DELAYED, 1);
}

int fdatasync(int file) {
    NEXT(sync_type, "fdatasync");
    wait_for_disk();
    FAIL_IF(SYNC_ERRNO);
    return next(file);
}

int fsync(int file) {
    NEXT(sync_type, "fsync");
    wait_for_disk();
    FAIL_IF(SYNC_ERRNO);
    return next(file);
}

/* SQLite writes and reads at a place, Python's files do not: only the store fails */
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    NEXT(write_type, "pwrite64");
    FAIL_IF(WRITE_ERRNO);
    return next(file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    return pwrite64(file, bytes, count, offset);
}

ssize_t pread64(int file, void *bytes, size_t count, off64_t offset) {
    NEXT(read_type, "pread64");
    FAIL_IF(READ_ERRNO);
    return next(file, bytes, count, offset);
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
    return pread64(file, bytes, count, offset);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    NEXT(clock_type, "clock_gettime");
    int result = next(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += CLOCK_STEP_S;
    return result;
}
"""
_WORDS = ("sync_delay_ms", "syncs_delayed", "sync_errno", "write_errno", "read_errno", "clock_step_s")
_WORD = struct.Struct("=q")


class FaultyLibc:
    """The faults of every process that has its ``environ``; none until they are set."""

    def __init__(self, folder: Path) -> None:
        """Compile the library into a folder."""
        compiler = shutil.which("cc")
        if compiler is None:
            not_run("no C compiler to make a faulty C library with")
        self._library = folder / "faulty_libc.so"
        self._state = folder / "faulty_libc.state"
        source = folder / "faulty_libc.c"
        source.write_text(_SOURCE)
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self._library, source, "-ldl"], check=True)
        self._state.write_bytes(bytes(_WORD.size * len(_WORDS)))
        with self._state.open("r+b") as file:
            self._words = mmap.mmap(file.fileno(), 0)

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that make a process use this library."""
        return {"LD_PRELOAD": str(self._library), "FAULTY_LIBC_STATE": str(self._state)}

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make the processes that the test starts from now on use it."""
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)

    @property
    def syncs_delayed(self) -> int:
        """How many syncs were delayed and are through."""
        return self._get("syncs_delayed")

    def delay_syncs(self, milliseconds: int) -> None:
        """Delay each sync from now on; 0 = none."""
        self._set("sync_delay_ms", milliseconds)

    def fail_syncs(self, number: int) -> None:
        """Fail each sync with an error number from now on; 0 = none."""
        self._set("sync_errno", number)

    def fail_writes(self, number: int) -> None:
        """Fail each write of a store with an error number from now on; 0 = none."""
        self._set("write_errno", number)

    def fail_reads(self, number: int) -> None:
        """Fail each read of a store with an error number from now on; 0 = none."""
        self._set("read_errno", number)

    def step_clock(self, seconds: int) -> None:
        """Set the wall clock so many seconds beside the right time."""
        self._set("clock_step_s", seconds)

    def _get(self, word: str) -> int:
        (value,) = _WORD.unpack_from(self._words, _WORDS.index(word) * _WORD.size)
        return int(value)

    def _set(self, word: str, value: int) -> None:
        _WORD.pack_into(self._words, _WORDS.index(word) * _WORD.size, value)
