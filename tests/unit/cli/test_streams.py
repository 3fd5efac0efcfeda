"""Standard streams of commands: closed, full or gone, in real processes; and ASCII on a terminal without UTF-8."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.builders import loss, message
from tests.support.processes import WSMON
from tests.support.recordings import recorded
from wsmon.cli.main import COMMANDS

# Every command that prints, in a form that ends by itself; the others are started elsewhere
PRINTING = (
    *("--help", "--version", "ps --json", "search", "search --json", "search --count", "search --help", "stats"),
    *("stats --json", "export --format jsonl", "export --format csv", "export --format report", "export --lnav-format"),
    *("check", "check --json", "check --example", "detectors", "detectors --json", "doctor", "doctor --json", "unit"),
    *("completions bash", "completions zsh", "man", "stop --help", "record --help", "attach --help", "open --help"),
    *("import --help", "ingest --help", "demo --help", "assert 'no is:gap'", "assert --help", "probe --help"),
    *("serve --help", "relay --help", "compare --help", "bundle --help"),
    "relay ws://127.0.0.1:1 --for 100ms --quiet --store relay.db",
)
CLOSED, FULL = "Bad file descriptor", "No space left on device"


# Those of many lines, whose reader may have gone long before their end
LONG = ("--help", "search", "export --format jsonl", "check --example", "man")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of messages."""
    path = tmp_path_factory.mktemp("recording") / "store.db"
    recorded(path, [message("x" * 500, second, "a") for second in range(300)], "a")
    return path


@pytest.fixture
def environ(tmp_path: Path, recording: Path) -> Mapping[str, str]:
    """A user who has recorded with a configuration that is in the working directory."""
    (tmp_path / "wsmon.toml").write_text(
        '[wsmon]\nstore = "store.db"\n[[connection]]\nname = "a"\nurl = "ws://127.0.0.1:1"\n'
    )
    shutil.copy(recording, tmp_path / "store.db")
    folders = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("STATE", "CONFIG", "CACHE")}
    return {**os.environ, **folders, "XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}


def shell(script: str, environ: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Run a line of bash with `wsmon` in it; exit code and stderr."""
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; wsmon() {{ {WSMON} "$@"; }}; {script}'],
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def test_every_command_is_tried() -> None:
    assert {line.split()[0] for line in PRINTING} >= set(COMMANDS)
    assert set(PRINTING) >= set(LONG)


@pytest.mark.parametrize("command", PRINTING)
def test_an_output_that_is_closed_full_or_gone_ends_no_command_with_a_traceback(
    command: str, environ: Mapping[str, str], tmp_path: Path
) -> None:
    for redirection, reason in ((">&-", CLOSED), (">/dev/full", FULL)):
        code, err = shell(f"wsmon {command} {redirection}", environ, tmp_path)
        assert (code, err.splitlines()[-1:]) == (1, [f"wsmon: cannot write to standard output: {reason}"]), redirection
    lines = [f"wsmon {command} | head -1", *([f"wsmon {command} 2>&1 | head -c 1"] if command in LONG else [])]
    for line in lines:
        code, err = shell(line, environ, tmp_path)
        assert (code, "Traceback" in err, "Exception ignored" in err, "Broken pipe" in err) == (0, False, False, False)


@pytest.mark.parametrize("command", ["search", "stats", "ps", "stop --all", "check"])
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-", "<&- 2>&-"])
def test_where_diagnostics_go_nowhere_a_command_does_its_work_all_the_same(
    command: str, redirection: str, environ: Mapping[str, str], tmp_path: Path
) -> None:
    code, err = shell(f"wsmon {command} {redirection} >out; echo code $? >>out; cat out >&2", environ, tmp_path)
    assert (code, err.splitlines()[-1]) == (0, "code 0")
    assert "Traceback" not in err


def test_an_error_keeps_its_exit_code_where_stderr_is_full(environ: Mapping[str, str], tmp_path: Path) -> None:
    assert shell("wsmon search 'size>' 2>/dev/full", environ, tmp_path) == (2, "")


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LANG": "POSIX"}, {"LC_ALL": "en_US.ISO-8859-1"}])
@pytest.mark.parametrize("command", [["stats"], ["search"], ["check"], ["doctor"], ["detectors"], ["--help"]])
def test_a_terminal_without_utf_8_gets_ascii_and_no_escapes(
    command: list[str], locale: Mapping[str, str], environ: Mapping[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "other.db"
    events = [message("36 µs … Ω", 1, "a"), loss(2, "a", reason="“why” – so")]
    recorded(path, events, "a")
    arguments = [*command, *(["--store", str(path)] if command[0] in ("stats", "search") else [])]
    ours, theirs = pty.openpty()
    plain = {name: text for name, text in environ.items() if name not in ("LC_ALL", "LC_CTYPE", "LANG")}
    done = subprocess.Popen(
        [WSMON, *arguments], env={**plain, **locale}, cwd=tmp_path, stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            output += os.read(ours, 65_536)
        # How Linux says that the other end is closed
        except OSError:
            break
    os.close(ours)
    assert done.wait(30) in (0, 1)
    assert output.isascii(), output
    assert b"\\x" not in output
    if command == ["search"]:
        assert b"36 us ... ?" in output


# Prints numbers, and is interrupted all the time, once within each print at most. They have six digits: two that run
# together, since the end of a line was lost, are no third.
INTERRUPTED = """
import signal
from wsmon.cli.streams import open_streams

is_printing = False


def interrupt(*_):
    global is_printing
    if is_printing:
        is_printing = False
        raise KeyboardInterrupt


open_streams()
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
for number in range(100_000, 120_000):
    try:
        is_printing = True
        print(number, flush=True)
        is_printing = False
    except KeyboardInterrupt:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
"""


def test_an_interrupt_prints_nothing_twice() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True)
    numbers = [int(line) for line in done.stdout.split()]
    assert 0 < len(numbers) == len(set(numbers))
