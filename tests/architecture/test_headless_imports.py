"""The headless commands never load the screen, and nothing loads pandas by accident."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEADLESS = (
    "record",
    "ps",
    "stop",
    "search",
    "stats",
    "export",
    "import",
    "check",
    "doctor",
    "unit",
    "completions",
    "man",
)

PROBE = """
import sys
from click.testing import CliRunner
from wsmon.cli.main import cli
outcome = CliRunner().invoke(cli, sys.argv[1:])
print(sorted(name for name in sys.modules if name.partition(".")[0] in {"textual", "rich", "pandas", "numpy"}))
"""


@pytest.mark.parametrize("command", HEADLESS)
@pytest.mark.parametrize("argument", ["--help", "--surely-no-option"])
def test_a_headless_command_imports_no_textual(command: str, argument: str) -> None:
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, command, argument], capture_output=True, text=True, check=True, timeout=30
    )
    assert probe.stdout.strip().splitlines()[-1] == "[]"
