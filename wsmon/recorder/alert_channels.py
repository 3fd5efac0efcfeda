"""Alert channels: deliver an alert to a command of the user (JSON on stdin, no shell) or to a webhook (HTTP POST).

Every delivery ends in bounded time; a failure is an ``AlertFailedError`` without secrets. ``alerts`` queues for them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from wsmon.errors import WsmonError
from wsmon.model.http import retry_after_s
from wsmon.model.redact.masking import Sensitive
from wsmon.model.sanitize import sanitize
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.recorder.descriptors import with_limit
from wsmon.recorder.http import BadAnswerError, HttpAnswer, post, reason

# A command that has not ended by then is killed
LIMIT_S = 10.0
# Bytes of the output of a command that are logged, and characters of one line of it
OUTPUT_BYTES = 4096
LINE_CHARS = 500
# How long the output is read on after the end of a command: a process that it left running may hold the pipe open
REST_S = 0.2
# Deadline of one request
TRY_S = 5.0
# Pauses between three requests: an alert is of use now, not in an hour
PAUSES_S = (0.5, 2.0)
RETRY_AFTER_LIMIT_S = 30.0
# Statuses beside 5xx that may succeed a moment later
_TRANSIENT = frozenset({408, 425, 429})
_LOG = logging.getLogger("wsmon.alerts")

Sleep = Callable[[float], Awaitable[None]]


class AlertFailedError(WsmonError):
    """An alert was not delivered; the sentence holds no secret."""


class AlertChannel(Protocol):
    """Delivers alerts to one destination."""

    async def deliver(self, alert: bytes) -> None:
        """Deliver the JSON of an alert, in bounded time; raises ``AlertFailedError`` where that fails."""
        ...


class CommandChannel:
    """Runs a command once per alert; exit code 0 is success. It is killed with all its processes after ``limit_s``."""

    def __init__(
        self,
        command: tuple[Sensitive, ...],
        mask: Callable[[str], str],
        *,
        limit_s: float = LIMIT_S,
        descriptors: int | None = None,
    ) -> None:
        """``mask`` masks secrets in the output of the command, which is logged.

        ``descriptors`` is the limit on open files that the command gets; None for that of the recorder.
        """
        self._command = command
        self._mask = mask
        self._limit_s = limit_s
        self._descriptors = descriptors

    async def deliver(self, alert: bytes) -> None:
        """Run the command with the alert on stdin."""
        name = self._command[0].masked
        async with _output_pipe() as (output, writing):
            try:
                command = [argument.reveal() for argument in self._command]
                process = await asyncio.create_subprocess_exec(
                    *(command if self._descriptors is None else with_limit(command, self._descriptors)),
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
        """Return the exit code; ``None`` where the command was killed. It never outlives a cancellation."""
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
    """Make a pipe; that of asyncio would stay open as long as any process that the command left running."""
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
    """Keep the beginning of the output; read and discard the rest, so that the command does not block on the pipe."""
    while chunk := await output.read(OUTPUT_BYTES):
        printed += chunk[: OUTPUT_BYTES - len(printed)]


def _why(error: OSError | ValueError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "not a usable argument"


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


class WebhookChannel:
    """Posts each alert, up to three times; any status 2xx is success."""

    def __init__(self, url: Sensitive, clock: Clock, *, try_s: float = TRY_S, sleep: Sleep = asyncio.sleep) -> None:
        self._url = url
        self._clock = clock
        self._try_s = try_s
        self._sleep = sleep

    async def deliver(self, alert: bytes) -> None:
        """Post the alert."""
        for pause_s in PAUSES_S:
            why, asked_s = await self._try(alert)
            if not why:
                return
            await self._sleep(pause_s if asked_s is None else min(asked_s, RETRY_AFTER_LIMIT_S))
        why, _ = await self._try(alert)
        if why:
            raise AlertFailedError(f"{self._url.masked} {why}, {len(PAUSES_S) + 1} times")

    async def _try(self, alert: bytes) -> tuple[str, float | None]:
        """Return why the request failed (empty: it did not) and its Retry-After; raise where a retry is useless."""
        try:
            async with asyncio.timeout(self._try_s):
                return self._verdict(await post(self._url.reveal(), alert))
        except TimeoutError:
            return f"did not answer within {self._try_s:g} s", None
        except ssl.SSLCertVerificationError as error:
            raise AlertFailedError(f"{self._url.masked} has an invalid certificate: {error.verify_message}") from None
        except (BadAnswerError, UnicodeError):
            raise AlertFailedError(f"{self._url.masked} did not respond with HTTP") from None
        except OSError as error:
            return f"cannot be reached: {reason(error)}", None

    def _verdict(self, answer: HttpAnswer) -> tuple[str, float | None]:
        if 200 <= answer.status < 300:
            return "", None
        if answer.status >= 500 or answer.status in _TRANSIENT:
            asked_s = retry_after_s(answer.headers.get("retry-after", ""), self._clock.wall_ns() / SECOND_NS)
            return f"answered {answer.status}", asked_s
        why = "a redirect, which is not followed" if 300 <= answer.status < 400 else "alert rejected"
        raise AlertFailedError(f"{self._url.masked} answered {answer.status}: {why}")
