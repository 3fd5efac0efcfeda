"""A real Prometheus that scrapes a recorder: started on a port of its own, asked by its HTTP API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.support.external_programs import DEADLINE_S, POLL_S, free_port, program, running_program

_CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: wsmon
    static_configs: [{{targets: ["127.0.0.1:{scraped}"]}}]
"""


def fetched(url: str, accept: str = "") -> bytes:
    """What a page says."""
    with urlopen(Request(url, headers={"Accept": accept} if accept else {}), timeout=5) as answer:  # noqa: S310
        body: bytes = answer.read()
        return body


class Prometheus:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def ask(self, path: str, **parameters: str) -> Any:
        """What the API answers to a question."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}{query}"
        answer = json.loads(await asyncio.to_thread(fetched, url))
        assert answer["status"] == "success", answer
        return answer["data"]

    async def value(self, expression: str) -> float | None:
        """The value of an expression with one series; ``None`` where there is none."""
        found = (await self.ask("query", query=expression))["result"]
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    async def until(self, expression: str, wanted: float) -> None:
        """Wait until an expression has a value."""
        found: float | None = None
        try:
            async with asyncio.timeout(DEADLINE_S):
                while (found := await self.value(expression)) != wanted:
                    await asyncio.sleep(POLL_S)  # it scrapes when it scrapes
        except TimeoutError:
            raise AssertionError(f"{expression} is {found}, not {wanted}") from None


@asynccontextmanager
async def prometheus(folder: Path, scraped: int, rules: Path | None = None) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes a port of loopback every second."""
    configuration = _configured(folder, scraped, rules)
    running = Prometheus(free_port())
    command = (
        program("prometheus", "prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{running.port}",
        "--log.level=error",
    )
    async with running_program(*command, is_ready=lambda: _is_ready(running)):
        yield running


def _configured(folder: Path, scraped: int, rules: Path | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "prometheus.yml"
    configuration.write_text(_CONFIGURATION.format(scraped=scraped, rules=f'"{rules}"' if rules else ""))
    return configuration


async def _is_ready(running: Prometheus) -> bool:
    try:
        await asyncio.to_thread(fetched, f"http://127.0.0.1:{running.port}/-/ready")
    except (URLError, ConnectionError):
        return False
    return True
