"""The headless commands never load the screen, and nothing loads pandas by accident."""

from __future__ import annotations

import os
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


COMPLETION_PROBE = """
import atexit, sys
def report():
    print(*sorted(name for name in sys.modules if name.startswith("wsmon.") or name in {"textual", "msgspec", "regex"}))
atexit.register(report)
from wsmon.cli.main import main
main()
"""
# A TAB starts the program: what a declaration of parameters needs, and nothing that takes time to import.
LOADED_BY_ALL = frozenset(
    {"wsmon.cli", "wsmon.cli.main", "wsmon.cli.completions", "wsmon.cli.params", "wsmon.cli.process"}
    | {"wsmon.cli.terminal", "wsmon.clock", "wsmon.errors", "wsmon.export", "wsmon.export.formats"}
    | {"wsmon.model", "wsmon.model.sanitize", "wsmon.model.units"}
)


def loaded_by_completing(*words: str) -> frozenset[str]:
    """The modules of wsmon, and some of others, that a TAB after these words loads."""
    environ = {
        **os.environ,
        "_WSMON_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("wsmon", *words)),
        "COMP_CWORD": str(len(words)),
    }
    probe = subprocess.run(
        [sys.executable, "-c", COMPLETION_PROBE], capture_output=True, text=True, timeout=30, env=environ, check=True
    )
    assert probe.stderr == ""
    return frozenset(probe.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", [*HEADLESS, "attach", "open", "demo"])
def test_completing_a_command_loads_its_declaration_alone(command: str) -> None:
    module = f"wsmon.cli.{'import_' if command == 'import' else command}"
    assert loaded_by_completing(command, "--") - LOADED_BY_ALL <= {module}


def test_completing_the_first_word_loads_no_command() -> None:
    assert loaded_by_completing("ex") == {"wsmon.cli", "wsmon.cli.main", "wsmon.cli.completions", "wsmon.errors"}
    assert loaded_by_completing("--") - LOADED_BY_ALL <= {"wsmon.cli.watch"}
