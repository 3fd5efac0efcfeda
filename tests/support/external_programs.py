"""External programs that tests run: found, started on a free port, stopped; a missing one skips or fails the test."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.node_peers import CONSUMERS, REQUIRED

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


# Programs of Debian's that tests ask for a second opinion; missing, the test is skipped, or fails where required.


def program(name: str, package: str) -> str:
    """The path of a program."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed: apt-get install {package}"
        if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def consumer(script: str, *arguments: str | Path, folder: Path) -> Any:
    """What a script prints as JSON, run in a folder with the Python that has the readers of exports."""
    if not CONSUMERS.exists():
        reason = "DuckDB, polars and Datasette are not installed: .ci/real-peers"
        if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    command = (CONSUMERS, "-c", script, *arguments)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Ports for programs that cannot be asked which one they got.


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


# Tools that judge what wsmon prints.


def needs(tool: str) -> pytest.MarkDecorator:
    """Skip a test where its tool is not installed."""
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


def output_of(*command: str | Path, text: str = "", environ: Mapping[str, str] | None = None) -> str:
    """Everything that a tool prints; it must succeed. ``text`` is its input."""
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=DEADLINE_S, check=False, env=environ
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
