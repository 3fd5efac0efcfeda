"""An alert to a program of the user's: JSON on stdin, no shell, ended with all it started where it takes too long."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from wsmon.model.redact.masking import Sensitive
from wsmon.model.sanitize import sanitize
from wsmon.recorder.alerts.way import AlertFailedError

LIMIT_S = 10.0
# a program that tells somebody is done by then, or hangs
OUTPUT_BYTES = 4096
# of what it prints, for the log
LINE_CHARS = 500
REST_S = 0.2
# what was printed is there when the program ends; whatever it left running may hold the pipe for ever
_LOG = logging.getLogger("wsmon.alerts")


class CommandWay:
    """Runs the program once an alert; exit code 0 is success."""

    def __init__(self, command: tuple[Sensitive, ...], mask: Callable[[str], str], *, limit_s: float = LIMIT_S) -> None:
        """``mask`` hides secrets in what the program prints."""
        self._command = command
        self._mask = mask
        self._limit_s = limit_s

    async def deliver(self, alert: bytes) -> None:
        """Run it with the alert on stdin."""
        name = self._command[0].masked
        async with _output_pipe() as (output, writing):
            try:
                process = await asyncio.create_subprocess_exec(
                    *(argument.reveal() for argument in self._command),
                    stdin=PIPE,
                    stdout=writing,
                    stderr=STDOUT,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                raise AlertFailedError(f"{name} cannot be started: {_why(error)}") from None
            finally:
                os.close(writing)
            printed = bytearray()
            async with asyncio.TaskGroup() as group:
                printing = group.create_task(_read(output, printed), name="alert output")
                code = await self._run(process, alert)
                await asyncio.wait([printing], timeout=REST_S)
                printing.cancel()
        self._log(name, printed)
        if code is None:
            raise AlertFailedError(f"{name} took longer than {self._limit_s:g} s and was killed")
        if code != 0:
            raise AlertFailedError(f"{name} {_ending(code)}")

    async def _run(self, process: Process, alert: bytes) -> int | None:
        """The exit code; ``None`` where it had to be killed. It never outlives a cancellation."""
        assert process.stdin is not None
        try:
            async with asyncio.timeout(self._limit_s):
                process.stdin.write(alert)
                process.stdin.close()
                return await process.wait()
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()

    def _log(self, name: str, printed: bytearray) -> None:
        for line in self._mask(printed.decode(errors="replace")).splitlines():
            _LOG.warning("alert command %s: %s", name, sanitize(line, LINE_CHARS))


@asynccontextmanager
async def _output_pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A pipe of our own: asyncio's would stay open as long as anything that the program left running."""
    reading, writing = os.pipe()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
    )
    try:
        yield reader, writing
    finally:
        transport.close()


async def _read(output: asyncio.StreamReader, printed: bytearray) -> None:
    """Keep the beginning of what is printed; the rest is read and forgotten, so that nobody waits for us."""
    while chunk := await output.read(OUTPUT_BYTES):
        printed += chunk[: OUTPUT_BYTES - len(printed)]


def _why(error: OSError | ValueError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "not a usable argument"


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
