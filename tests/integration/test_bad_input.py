"""Bad input in real processes: each gets an answer that names it and says what to do, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.background import background
from tests.support.processes import Home, stored
from wsmon.cli.request import Request
from wsmon.cli.spawn import ensure_recorder
from wsmon.cli.targets import resolve
from wsmon.config.locate import socket_of
from wsmon.control.lock import LockInfo, StoreLock
from wsmon.control.registry import ensure_runtime_folder
from wsmon.store.schema import SCHEMA_VERSION

# Nobody listens there, and nothing is ever sent there
NOWHERE = "ws://127.0.0.1:1"


@pytest.mark.parametrize("command", [("record",), ("check",), ()])
async def test_without_a_configuration_the_demo_is_offered(home: Home, command: tuple[str, ...]) -> None:
    code, out, err = await home.run(*command)
    assert (code, out) == (2, "")
    assert "no configuration found (looked for ./wsmon.toml and " in err


@pytest.mark.parametrize("command", [("search",), ("stats",), ("export", "--format", "jsonl")])
async def test_without_a_store_the_demo_is_offered(home: Home, command: tuple[str, ...]) -> None:
    assert await home.run(*command) == (
        2,
        "",
        "wsmon: no recordings yet. try `wsmon demo`, or specify a recording with --store\n",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[connection]\nname = "a"', ":1: invalid TOML"),
        ('[[connection]]\nname = "a"\nurl = "http://x"\n', "connection[0].url: scheme must be ws or wss"),
        ('[[connection]]\nname = "a"\nurl = "ws://x"\npign = 1\n', ":4: connection[0].pign"),
        ('[[connection]]\nname = "a\\u001b[2J"\nurl = "ws://x/\\u009b"\n', ":2: connection[0].name"),
        ("", "connection: no connections defined"),
        ("\ufeff\x00", ":1: "),
    ],
    ids=["broken TOML", "scheme", "unknown key", "control characters", "empty", "NUL"],
)
async def test_a_configuration_that_cannot_be_used_is_explained(home: Home, text: str, said: str) -> None:
    code, out, err = await home.run("record", home.write(text))
    assert (code, out) == (2, "")
    assert said in err
    assert all(line.isprintable() for line in err.splitlines())
    assert not (home.folder / "state").exists()


def another_kind_of_file(path: Path) -> None:
    path.write_bytes(b"GIF89a" + bytes(5_000))


def another_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE cats (name)")
    database.close()


def a_newer_store(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()


def a_damaged_head(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[100:4096] = b"\xaa" * 3996
    path.write_bytes(octets)


def a_damaged_middle(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[8192:-4096] = b"\x5a" * (len(octets) - 12_288)
    path.write_bytes(octets)


def half_a_store(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6_000])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (another_kind_of_file, "is not a wsmon store"),
        (another_database, "is an SQLite database of another program"),
        (a_newer_store, f"has schema {SCHEMA_VERSION + 1}, this wsmon knows schema {SCHEMA_VERSION}"),
        (a_damaged_head, "is damaged"),
        (a_damaged_middle, "is damaged"),
        (half_a_store, "is damaged"),
    ],
)
async def test_what_is_no_store_of_ours_is_refused_and_kept(
    home: Home, spoil: Callable[[Path], None], said: str
) -> None:
    store = home.folder / "store.db"
    if spoil is not another_kind_of_file and spoil is not another_database:
        assert (await home.run("record", NOWHERE, "--store", store, "--for", "100ms"))[0] == 0
    spoil(store)
    before = store.read_bytes()
    for command in (("record", NOWHERE), ("search",), ("stats",), ("export", "--format", "csv")):
        code, out, err = await home.run(*command, "--store", store)
        assert (code, out) == (1, "")
        assert (said if command[0] == "record" else str(store)) in err
        assert "Traceback" not in err
    assert store.read_bytes() == before


def unwritable(home: Home, name: str) -> Path:
    """A store in a place where none can be written."""
    match name:
        case "below a file":
            (home.folder / "file").touch()
            return home.folder / "file" / "store.db"
        case "a folder":
            (home.folder / "folder").mkdir()
            return home.folder / "folder"
        case _:
            return Path("/proc/self/store.db")


@pytest.mark.parametrize("name", ["below a file", "a folder", "where nobody may write"])
async def test_a_place_that_cannot_be_written_is_refused(home: Home, name: str) -> None:
    store = unwritable(home, name)
    code, out, err = await home.run("record", NOWHERE, "--store", store)
    assert (code, out) == (1, "")
    assert err.startswith("wsmon: ")
    assert len(err.splitlines()) == 1
    assert str(store.parent if name == "below a file" else store.name) in err


@pytest.mark.parametrize("suffix", [".sock", ".json"])
async def test_a_control_socket_that_cannot_be_made_ends_the_recording_with_the_reason(home: Home, suffix: str) -> None:
    store = home.folder / "store.db"
    blocked = socket_of(store, home.environ).with_suffix(suffix)
    (blocked / "something").mkdir(parents=True, mode=0o700)
    blocked.parent.chmod(0o700)
    code, out, err = await home.run("record", NOWHERE, "--store", store)
    assert (code, out) == (1, "")
    assert err == (
        f"wsmon: cannot {'make the control socket' if suffix == '.sock' else 'write'} {blocked}: Is a directory. "
        "set XDG_RUNTIME_DIR to choose the folder\n"
    )
    assert [event.name for event in stored(store)] == ["self.run.started", "self.run.ended"]
    shutil.rmtree(blocked)


async def test_a_screen_needs_a_terminal(home: Home) -> None:
    for command in (("attach",), ("open", "x"), (NOWHERE,)):
        code, out, err = await home.run(*command)
        assert (code, out) == (2, "")
        assert "the viewer needs a terminal" in err


async def test_the_stores_of_one_folder_are_recorded_side_by_side(home: Home) -> None:
    for name in ("one.db", "two.db"):
        await home.record(NOWHERE, store=home.folder / name)
    code, _, err = await home.run("record", NOWHERE, "--store", home.folder / "two.db")
    assert (code, f"is using the store {home.folder / 'two.db'}" in err) == (1, True)


async def test_a_start_waits_for_a_recorder_that_another_start_has_just_begun(home: Home) -> None:
    store = home.folder / "recording" / "store.db"
    store.parent.mkdir()
    request = Request((NOWHERE,), store=store)
    target = resolve(request, home.environ)
    info = LockInfo(os.getpid(), "", 0, 0, target.identity, str(store), str(target.socket), 0, "")
    ensure_runtime_folder(target.socket.parent)
    with StoreLock(store, info), socket.socket(socket.AF_UNIX) as listening:
        async with background(asyncio.to_thread(ensure_recorder, request, target, home.environ), "start") as starting:
            done, _ = await asyncio.wait([starting], timeout=0.1)
            assert not done
            listening.bind(str(target.socket))
            listening.listen()
            await starting


async def test_a_recorder_whose_starter_has_left_records_all_the_same(home: Home) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    store = home.folder / "store.db"
    os.set_inheritable(writing, True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsmon", "record", NOWHERE, "--store", str(store), "--for", "200ms"),
        *("--ready-fd", str(writing)),
        pass_fds=(writing,),
        env=home.environ,
    )
    os.close(writing)
    assert await process.wait() == 0
    assert stored(store)[-1].name == "self.run.ended"
