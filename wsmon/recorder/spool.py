"""Spool of a recorder: takes in what applications left while none ran, once their processes have ended.

A file of a process that lives is locked (trace/spool.py): that process sends its lines itself. The lines of a file are
numbered as on a socket, so that those that a recorder committed before it was killed are dropped.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from wsmon.control.ingest import INGEST_LINE_BYTES, decode_answer
from wsmon.control.ownership import ForeignFileError, is_private_folder, open_own
from wsmon.control.spool import SUFFIX, spool_folder
from wsmon.recorder.ingest import READ_BYTES, Ingest, IngestStream
from wsmon.recorder.run import EmitSelfEvent

# Between two looks for files of processes that have ended
LOOK_S: Final = 5.0
_LOG = logging.getLogger("wsmon.recorder")


class SpoolIntake:
    """Takes in the spool of a store, from its beginning to its end. Use it on the event loop."""

    def __init__(self, store: Path, ingest: Ingest, emit: EmitSelfEvent) -> None:
        """``emit`` reports lines that are no events."""
        self._folder = spool_folder(store)
        self._ingest = ingest
        self._emit = emit
        # Files that are no spool, or another user's: named once
        self._foreign: set[Path] = set()

    async def run(self) -> None:
        """Look for files until cancelled."""
        while True:
            await self.take_all()
            await asyncio.sleep(LOOK_S)

    async def take_all(self) -> None:
        """Take in the files of processes that have ended, one after the other."""
        for path in await asyncio.to_thread(self._files):
            try:
                with _held(path) as fd:
                    if fd is not None:
                        await self._take(path, fd)
            except (OSError, ForeignFileError) as error:
                self._foreign.add(path)
                _LOG.warning("%s is not imported: %s", path, error)

    async def _take(self, path: Path, fd: int) -> None:
        """Take in one file, and remove it once all of it is committed."""
        faults: list[str] = []
        stream = IngestStream(lambda line: faults.append(decode_answer(line).error))
        rest = b""
        while chunk := await asyncio.to_thread(os.read, fd, READ_BYTES):
            # A last line without an end was cut off with its process
            *lines, rest = (rest + chunk).split(b"\n")
            if not stream.lines and lines and not lines[0].startswith(b'{"ingest"'):
                raise OSError("not a spool file of an application")
            if len(rest) > INGEST_LINE_BYTES:
                raise OSError("it has a line longer than applications write")
            if not await self._ingest.take(stream, lines):
                return
        await self._ingest.settle(stream)
        if self._ingest.is_closed:
            return
        await self._ingest.end_all(stream)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        refused = [fault for fault in faults if fault]
        if refused:
            reason = f"{len(refused):,} lines of {path.name} are not valid events: {refused[-1]}"
            self._emit("trace.lost", reason=reason, meta={"count": len(refused)})

    def _files(self) -> list[Path]:
        """The files that may be taken in, oldest first."""
        if not is_private_folder(self._folder, os.geteuid()):
            return []
        found: list[tuple[int, Path]] = []
        # A process may remove its file meanwhile
        with suppress(OSError):
            found += ((path.stat().st_mtime_ns, path) for path in self._folder.glob(f"*{SUFFIX}"))
        return [path for _, path in sorted(found) if path not in self._foreign]


@contextmanager
def _held(path: Path) -> Iterator[int | None]:
    """The descriptor of a file whose process has ended, locked; None where it lives, or the file is gone."""
    try:
        fd = open_own(path, os.geteuid())
    except FileNotFoundError:
        yield None
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield fd if os.fstat(fd).st_nlink else None
    finally:
        os.close(fd)
