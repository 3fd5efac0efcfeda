"""Pipe: a shell command that reads from us, and whose output is kept up to a limit; it can be ended at any time."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from io import RawIOBase
from threading import Event as Flag

SHELL = ("/bin/sh", "-c")
# Of what a command prints; the rest is counted
OUTPUT_LIMIT_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
# How long a blocked write waits before it looks whether it is still wanted
POLL_MS = 100
# How long a command that was ended may take, and how long its output may go on after it
GRACE_S = 1.0


class CommandInput(RawIOBase):
    """The writing end of a pipe. A write that the command does not read ends when the pipe is ended.

    Raises ``BrokenPipeError`` where the command reads no more, ``InterruptedError`` where it was ended.
    """

    def __init__(self, descriptor: int, ended: Flag) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._ended = ended
        os.set_blocking(descriptor, False)

    def writable(self) -> bool:
        """Whether it can be written: always."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # whole writes of bytes alone
        """Write all of it."""
        rest = memoryview(data)
        poller = select.poll()
        poller.register(self._descriptor, select.POLLOUT)
        while rest:
            if self._ended.is_set():
                raise InterruptedError("the command was ended")
            with suppress(BlockingIOError):
                rest = rest[os.write(self._descriptor, rest) :]
                continue
            poller.poll(POLL_MS)
        return len(data)

    def close(self) -> None:
        """Tell the command that there is no more."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class PipedCommand:
    """One run of a shell command, in a process group of its own. Use it on one event loop.

    ``feed`` writes into its input, and is called on a thread.
    """

    def __init__(self, command: str, feed: Callable[[CommandInput], None]) -> None:
        self._command = command
        self._feed = feed
        self._ended = Flag()
        self._process: asyncio.subprocess.Process | None = None
        self.output = bytearray()
        """What it printed, at most ``OUTPUT_LIMIT_BYTES``."""
        self.dropped_bytes = 0
        """What it printed beyond that."""
        self.status: int | None = None
        """Its exit status, negative for a signal; None while it runs."""

    async def run(self) -> None:
        """Run the command until it ends, or is ended. Raises ``OSError``, and what ``feed`` raises."""
        # Pipes of our own: until Python 3.13 asyncio's ``wait`` waits for the end of its pipes, too
        reading, writing = os.pipe()
        printed, printing = os.pipe()
        given = CommandInput(writing, self._ended)
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                *SHELL,
                self._command,
                stdin=reading,
                stdout=printing,
                stderr=printing,
                start_new_session=True,
            )
        except OSError:
            given.close()
            os.close(printed)
            raise
        finally:
            os.close(reading)
            os.close(printing)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(self._fed, given), name="pipe input")
                collecting = group.create_task(self._collect(printed), name="pipe output")
                await process.wait()
                # What it has not read by now it never will
                self._ended.set()
                await asyncio.wait([collecting], timeout=GRACE_S)
                collecting.cancel()
        finally:
            self._ended.set()
            self._kill(signal.SIGKILL)
            os.close(printed)
            # Also where it failed, or is cancelled: it has ended then, and is known to asyncio as ended
            self.status = await process.wait()

    async def end(self) -> None:
        """End the command: by SIGTERM, and after a second by SIGKILL."""
        self._ended.set()
        self._kill(signal.SIGTERM)
        await asyncio.sleep(GRACE_S)
        self._kill(signal.SIGKILL)

    def _fed(self, given: CommandInput) -> None:
        try:
            self._feed(given)
        except (BrokenPipeError, InterruptedError):
            # It has read what it wanted, or was ended
            pass
        finally:
            given.close()

    async def _collect(self, descriptor: int) -> None:
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        os.set_blocking(descriptor, False)
        loop.add_reader(descriptor, readable.set)
        try:
            while True:
                await readable.wait()
                readable.clear()
                with suppress(BlockingIOError):
                    chunk = os.read(descriptor, CHUNK_BYTES)
                    if not chunk:
                        return
                    kept = chunk[: OUTPUT_LIMIT_BYTES - len(self.output)]
                    self.output += kept
                    self.dropped_bytes += len(chunk) - len(kept)
        finally:
            loop.remove_reader(descriptor)

    def _kill(self, number: signal.Signals) -> None:
        """Signal the command and all that it started; none of it may be left."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
