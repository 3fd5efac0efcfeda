"""What commands never load: the screen, pandas by accident, and what would delay a first row or a recorder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.recordings import recorded

HEADLESS = (
    "record",
    "relay",
    "ps",
    "stop",
    "search",
    "stats",
    "export",
    "bundle",
    "serve",
    "import",
    "ingest",
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


MODULES_PROBE = """
import atexit, sys
watched = {"asyncio", "msgspec", "regex", "textual", "websockets"}
def report():
    print(*sorted(name for name in sys.modules if name.startswith("wsmon.") or name in watched))
atexit.register(report)
"""
COMPLETION_PROBE = f"{MODULES_PROBE}from wsmon.cli.main import main; main()"
# A TAB starts the program: what a declaration of parameters needs, and nothing that takes time to import.
LOADED_BY_ALL = frozenset(
    {"wsmon.cli", "wsmon.cli.main", "wsmon.cli.streams", "wsmon.cli.completions", "wsmon.cli.params"}
    | {"wsmon.cli.process", "wsmon.cli.request"}
    | {"wsmon.cli.terminal", "wsmon.clock", "wsmon.errors", "wsmon.export", "wsmon.export.formats"}
    | {"wsmon.model", "wsmon.model.cell_widths", "wsmon.model.sanitize", "wsmon.model.units"}
)


def loaded_by_completing(*words: str) -> frozenset[str]:
    """The modules of wsmon, and some of others, that a TAB after these words loads."""
    return loaded_by(
        COMPLETION_PROBE,
        _WSMON_COMPLETE="bash_complete",
        COMP_WORDS=" ".join(("wsmon", *words)),
        COMP_CWORD=str(len(words)),
    )


def loaded_by(program: str, *arguments: str, **environ: str) -> frozenset[str]:
    """The modules of wsmon, and some of others, that a program has loaded at its end."""
    probe = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environ},
        check=True,
    )
    assert "Traceback" not in probe.stderr
    return frozenset(probe.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", [*HEADLESS, "attach", "open", "demo"])
def test_completing_a_command_loads_its_declaration_alone(command: str) -> None:
    module = f"wsmon.cli.{'import_' if command == 'import' else command}"
    # Both manual pages have their text from one module
    shared = {"wsmon.cli.roff"} if command == "man" else set()
    assert loaded_by_completing(command, "--") - LOADED_BY_ALL <= {module, *shared}


def test_completing_the_first_word_loads_no_command() -> None:
    assert loaded_by_completing("ex") == {
        *("wsmon.cli", "wsmon.cli.main", "wsmon.cli.streams", "wsmon.cli.completions", "wsmon.errors")
    }
    assert loaded_by_completing("--") - LOADED_BY_ALL <= {"wsmon.cli.watch"}


# What writes, judges, masks, counts over periods, exports, or reads configurations
NOT_FOR_A_SEARCH = (
    *("wsmon.engine", "wsmon.export", "wsmon.protocols", "wsmon.recorder", "wsmon.tui"),
    *("wsmon.config.load", "wsmon.config.specs", "wsmon.model.detectors", "wsmon.model.redact", "wsmon.model.verdict"),
    *("wsmon.model.snapshot", "wsmon.model.spans", "wsmon.model.statistics", "wsmon.model.timeline"),
    *("wsmon.store.connections", "wsmon.store.copying", "wsmon.store.database", "wsmon.store.fold"),
    *("wsmon.store.replay", "wsmon.store.sessions", "wsmon.store.statistics", "wsmon.store.timeline"),
    *("asyncio", "regex", "textual", "websockets"),
)
SEARCH_PROBE = f"{MODULES_PROBE}from wsmon.cli.main import main; main(['search', *sys.argv[1:]])"
RECORDER_PROBE = f"{MODULES_PROBE}import wsmon.cli.recording, wsmon.recorder.recorder"
# Judges are needed at the first end, formats by who exports
NOT_FOR_A_RECORDER = ("textual", "wsmon.export.har", "wsmon.export.report", "wsmon.model.verdict.judge", "wsmon.tui")


def within(modules: frozenset[str], packages: tuple[str, ...]) -> list[str]:
    """Those of the modules that are one of the packages, or in one."""
    return sorted(each for each in modules if any(each == name or each.startswith(f"{name}.") for name in packages))


def test_a_search_loads_nothing_that_its_rows_do_not_need(tmp_path: Path) -> None:
    store = recorded(tmp_path / "store.db", [message("found", 1)], end_s=2)
    loaded = loaded_by(SEARCH_PROBE, "found", "--store", str(store))
    assert "wsmon.store.pages" in loaded
    assert within(loaded, NOT_FOR_A_SEARCH) == []


def test_a_recorder_that_starts_loads_no_judge_and_no_screen() -> None:
    loaded = loaded_by(RECORDER_PROBE)
    assert "wsmon.store.writer" in loaded
    assert within(loaded, NOT_FOR_A_RECORDER) == []


ALL_MODULES_PROBE = "import sys; before = set(sys.modules); import {name}; print(*sorted(set(sys.modules) - before))"
NOT_FOR_AN_APPLICATION = (
    *("asyncio", "click", "logging", "sqlite3", "textual", "websockets"),
    *("wsmon.engine", "wsmon.recorder", "wsmon.store", "wsmon.tui"),
)
# Of what `import msgspec` loads
MOST_OF_MSGSPEC = 1.5


def test_an_application_that_traces_loads_little_more_than_msgspec() -> None:
    traced, encoder = (loaded_by(ALL_MODULES_PROBE.format(name=name)) for name in ("wsmon.trace", "msgspec"))
    assert "wsmon.trace.sink" in traced
    assert within(traced, NOT_FOR_AN_APPLICATION) == []
    assert len(traced) <= MOST_OF_MSGSPEC * len(encoder), sorted(traced - encoder)


def test_a_sink_loads_no_store_and_no_screen() -> None:
    program = f"{MODULES_PROBE}from wsmon.trace import Sink; Sink(sys.argv[1])"
    assert within(loaded_by(program, "/nowhere/store.db"), NOT_FOR_AN_APPLICATION) == []
