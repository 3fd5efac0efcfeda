"""Programs that other people wrote, run beside a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

DEADLINE_S = 30.0
POLL_S = 0.05


@asynccontextmanager
async def running_program(*command: str, is_ready: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Run a command until the block ends, which begins when it is ready."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await is_ready():
                assert process.returncode is None
                await asyncio.sleep(POLL_S)  # it tells nobody when it is
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
