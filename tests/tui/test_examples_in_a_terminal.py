"""The examples, seen live in a real terminal: their connections, their requests or tasks, and a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.external_programs import free_port, program
from tests.support.node_peers import CONSUMERS, REQUIRED
from tests.support.processes import WSMON
from tests.support.tmux_terminal import TmuxTerminal
from tests.support.tour_world import servers, user_of

pytestmark = [pytest.mark.usefixtures("tmux"), pytest.mark.timeout(180)]

EXAMPLES = Path(__file__).parents[2] / "examples"


def command_of(example: str) -> tuple[str, ...]:
    """The command of an example, whose packages are installed."""
    python, node_modules = CONSUMERS, EXAMPLES / "otel-node" / "node_modules"
    if not (node_modules.is_dir() if example == "otel-node" else python.exists()):
        reason = "the packages of the examples are not installed: .ci/real-peers"
        if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    if example == "otel-node":
        return program("node", "nodejs"), str(EXAMPLES / example / "main.mjs")
    return str(python), str(EXAMPLES / example / "main.py")


@pytest.mark.parametrize(("example", "service"), [("otel-node", "shop-node"), ("otel-python", "shop-python")])
def test_an_example_is_seen_live(tmp_path: Path, example: str, service: str) -> None:
    command = command_of(example)
    port = free_port()
    with servers() as urls, user_of(tmp_path) as environ:
        (tmp_path / "wsmon.toml").write_text(
            f'[wsmon]\notlp_listen = "127.0.0.1:{port}"\n[[connection]]\nname = "prices"\nurl = "{urls["prices"]}"\n'
        )
        with TmuxTerminal(f"wsmon-{tmp_path.name[-24:]}", 140, 36, environ, tmp_path) as terminal:
            terminal.run(WSMON)
            terminal.until(r"prices +open")
            endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{port}"}
            subprocess.run(command, env={**os.environ, **endpoint}, check=True, stdout=subprocess.DEVNULL, timeout=60)
            terminal.until(rf"{service}")
            terminal.type(f"/conn:{service} type:exception\r")
            terminal.until(r"out of stock")


def test_the_worker_is_seen_live(tmp_path: Path) -> None:
    with servers() as urls, user_of(tmp_path) as environ:
        (tmp_path / "wsmon.toml").write_text(f'[[connection]]\nname = "prices"\nurl = "{urls["prices"]}"\n')
        with TmuxTerminal(f"wsmon-{tmp_path.name[-24:]}", 140, 36, environ, tmp_path) as terminal:
            terminal.run(WSMON)
            terminal.until(r"prices +open")
            # It finds the recording of the configuration here
            command = [sys.executable, str(EXAMPLES / "worker.py"), "--tasks", "5"]
            subprocess.run(
                command, env={**os.environ, **environ}, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL, timeout=60
            )
            terminal.until(r"worker")
            terminal.type("/conn:worker status:error\r")
            terminal.until(r"out of stock")
