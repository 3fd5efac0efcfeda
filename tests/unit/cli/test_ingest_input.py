"""``wsmon ingest -``: lines of a pipe, into the recorder that runs or into the store itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.applications import ListeningRecorder
from tests.support.processes import WSMON
from tests.support.stores import stored, stored_events
from tests.support.tracing import arrived, until


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "store.db"


def environ(folder: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WSMON", "XDG"))}
    return {**kept, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder)}


def ingest(lines: bytes, *arguments: str | Path, folder: Path) -> tuple[int, str]:
    """Exit code and stderr."""
    done = subprocess.run(
        [str(WSMON), "ingest", "-", *map(str, arguments)],
        input=lines, capture_output=True, check=False, timeout=60, cwd=folder, env=environ(folder),
    )  # fmt: skip
    assert done.stdout == b""
    return done.returncode, done.stderr.decode()


LINES = b"".join(b'{"name":"e%d","meta":{"n":%d}}\n' % (n, n) for n in range(1, 3_001))
NAMES = [f"e{n}" for n in range(1, 3_001)]


def test_without_a_recorder_the_store_is_made_and_added_to(store: Path, tmp_path: Path) -> None:
    for text in (LINES, b'{"name":"last"}'):
        code, err = ingest(text, "--store", store, "--connection", "shop", "--group", "web", folder=tmp_path)
        assert code == 0, err
    assert err == f"stored 1 event in {store}\n"
    assert arrived(store) == [*NAMES, "last"]
    assert stored(store, "SELECT id, end FROM run") == [(1, "clean"), (2, "clean")]
    (source,) = {(e.source.connection, e.source.group) for e in stored_events(store) if e.name == "trace.log"}
    assert source == ("shop", "web")


def test_a_recorder_that_runs_takes_them(store: Path, tmp_path: Path) -> None:
    with ListeningRecorder(store):
        code, err = ingest(LINES, "--store", store, folder=tmp_path)
        assert (code, err) == (0, f"stored 3,000 events in {store}\n")
        assert arrived(store) == NAMES


@pytest.mark.parametrize("is_recorded", [True, False])
def test_lines_that_are_no_events_are_named_and_the_others_stored(
    store: Path, tmp_path: Path, *, is_recorded: bool
) -> None:
    lines = b'{"name":"a"}\n\n{"nam":1}\n[1]\n{}\n{"name":"b","seq":9}\n{"name":"c","id":1}\n{"name":"d"}\n{"x'
    if is_recorded:
        with ListeningRecorder(store):
            code, err = ingest(lines, "--store", store, folder=tmp_path)
    else:
        code, err = ingest(lines, "--store", store, folder=tmp_path)
    assert code == 1
    assert sorted(err.splitlines()) == [
        "line 3: unknown key `nam`",
        "line 4: the line must be an object (got an array)",
        "line 5: `name` is missing",
        "line 6: seq: lines from standard input are numbered by wsmon",
        "line 7: id: assigned by the recorder, leave it out",
        "line 9: invalid JSON: it ends early",
        f"stored 2 events in {store}, 6 refused",
    ]
    assert arrived(store) == ["a", "d"]


def test_many_refused_lines_are_counted(store: Path, tmp_path: Path) -> None:
    code, err = ingest(b"{\n" * 500 + b'{"name":"a"}\n' + b"x" * 3_000_000 + b"\n", "--store", store, folder=tmp_path)
    assert (code, len(err.splitlines())) == (1, 22)
    assert err.splitlines()[-1] == f"stored 1 event in {store}, 501 refused"


def test_without_a_store_it_is_that_of_the_configuration_here(tmp_path: Path) -> None:
    code, err = ingest(b"", folder=tmp_path)
    assert code == 2
    assert (
        "no store is named, there is no configuration here, and no recorder is running. specify a store with --store"
        in err
    )
    secret = '[[connection]]\nname = "orders"\nurl = "ws://127.0.0.1/?token=kr4ken-s3cret"\n'
    (tmp_path / "wsmon.toml").write_text(f'[wsmon]\nstore = "mine.db"\n{secret}')
    code, err = ingest(b'{"name":"x","reason":"kr4ken-s3cret","connection":"orders"}\n', folder=tmp_path)
    assert (code, err) == (0, f"stored 1 event in {tmp_path / 'mine.db'}\n")
    (event,) = (event for event in stored_events(tmp_path / "mine.db") if event.name == "trace.log")
    assert (event.reason, event.source.connection) == ("[FILTERED]", "orders.app")


def test_lines_are_stored_while_the_pipe_is_open(store: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [str(WSMON), "ingest", "-", "--store", str(store)],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environ(tmp_path),
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(b'{"name":"first"}\n')
        process.stdin.flush()
        until(lambda: store.exists() and arrived_or_none(store) == ["first"])
        _, err = process.communicate(b'{"name":"second"}\n', timeout=60)
    assert (process.returncode, err) == (0, f"stored 2 events in {store}\n".encode())
    assert arrived(store) == ["first", "second"]


def arrived_or_none(store: Path) -> list[str] | None:
    """What arrived; None while the store is being made."""
    try:
        return arrived(store)
    except Exception:  # noqa: BLE001 - its tables come one by one
        return None
