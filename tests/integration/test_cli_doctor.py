"""``wsmon doctor`` on real stores, files and processes: what is well, and what is not."""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders import SECOND_NS, T0_NS, event, message
from tests.peers import Peers, script
from tests.processes import Home
from tests.recordings import Recording, recorded
from wsmon.cli.diagnosis.facts import is_clock_synchronised, is_lingering, logind_settings, terminal_facts
from wsmon.clock import SystemClock

OF_THE_MACHINE = {"sqlite", "space", "clock", "logout"}
# their grade is the machine's affair


async def grades(home: Home, *arguments: str | Path) -> tuple[int, dict[str, str], str]:
    """Exit code, the worst grade of each check, and everything that was said."""
    code, out, _ = await home.run("doctor", "--json", *arguments)
    report = json.loads(out)
    assert report["schema"] == "wsmon.doctor/1"
    assert report["ok"] == (code == 0)
    found: dict[str, str] = {}
    for each in report["checks"]:
        if each["check"] not in OF_THE_MACHINE:
            found[each["check"]] = max(found.get(each["check"], ""), each["grade"])
    return code, found, out


def stored(home: Home) -> Path:
    """A store that ended, private as a recorder leaves it."""
    folder = home.folder / "recording"
    folder.mkdir(mode=0o700)
    return recorded(folder / "store.db", [message(f"m{number}", number, "a") for number in range(9)], "a")


async def test_a_home_where_nothing_happened_is_well(home: Home) -> None:
    code, found, _ = await grades(home)
    assert code == 0
    assert found == {"configuration": "ok", "store": "ok", "socket": "ok", "terminal": "ok"}


async def test_a_running_recorder_is_well(home: Home, peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "echo"\n'))
    config = home.write(f'[[connection]]\nname = "a"\nurl = "{server.url}"\nsend = ["hello"]\n')
    recorder = await home.record(config)
    await recorder.until_stored(1)
    code, found, out = await grades(home, recorder.store)
    assert code == 0, out
    assert set(found.values()) == {"ok"}
    assert f"pid {recorder.pid}" in out


async def test_lines_for_people(home: Home) -> None:
    code, out, err = await home.run("doctor", stored(home))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert any(line.startswith("ok    ids            1..9 without a hole") for line in lines)
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("sql", "check"),
    [("DELETE FROM event WHERE id = 4", "ids"), ("UPDATE event SET source = 99 WHERE id = 4", "integrity")],
)
async def test_what_is_wrong_with_a_store_is_found(home: Home, sql: str, check: str) -> None:
    store = stored(home)
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute(sql)
    code, found, _ = await grades(home, store)
    assert (code, found[check]) == (1, "fail")


async def test_a_file_that_is_no_store_fails_and_stays(home: Home) -> None:
    (home.folder / "store.db").write_text("no database, but longer than its header would be")
    code, found, _ = await grades(home, home.folder / "store.db")
    assert (code, found["store"]) == (1, "fail")
    assert (home.folder / "store.db").read_text().startswith("no database")


async def test_a_store_that_is_not_there_fails(home: Home) -> None:
    code, found, out = await grades(home, "nowhere.db")
    assert (code, found["store"], "there is no store at" in out) == (1, "fail", True)


async def test_an_older_store_is_a_warning_and_stays_as_it_is(home: Home) -> None:
    store = stored(home)
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("PRAGMA user_version = 1")
    octets = store.read_bytes()
    code, found, _ = await grades(home, store)
    assert (code, found["store"], store.read_bytes() == octets) == (0, "warn", True)


async def test_a_configuration_with_secrets_that_others_can_read_fails(home: Home) -> None:
    config = home.write('[[connection]]\nname = "a"\nurl = "ws://h/?token=a-long-secret-token"\n')
    config.chmod(0o644)
    code, found, out = await grades(home)
    assert (code, found["secrets"], "chmod 600" in out) == (1, "fail", True)
    assert "a-long-secret-token" not in out
    config.chmod(0o600)
    code, found, _ = await grades(home)
    assert (code, found["secrets"]) == (0, "ok")


async def test_a_broken_configuration_fails(home: Home) -> None:
    home.write('[[connection]]\nname = "a"\nurl = "http://h/"\n')
    code, found, out = await grades(home)
    assert (code, found["configuration"], "wsmon.toml:3" in out) == (1, "fail", True)


async def test_what_the_store_tells_of_the_last_day_is_a_warning(home: Home) -> None:
    store = stored(home)
    clock = SystemClock()
    with Recording(store, "a", after_s=(clock.wall_ns() - T0_NS) / SECOND_NS) as recording:
        now = {"ts_ns": clock.wall_ns(), "mono_ns": clock.mono_ns()}
        recording.write([event("self.clock.stepped", connection="", **now), event("self.shed", connection="", **now)])
        recording.end((clock.wall_ns() - T0_NS) / SECOND_NS)
    _, out, _ = await home.run("doctor", store)
    assert "stepped once in the last day" in out
    assert "once in the last day the disk did not take" in out


async def test_open_folders_and_sockets_fail(home: Home) -> None:
    store = stored(home)
    store.parent.chmod(0o777)
    runtime = home.runtime / "wsmon"
    runtime.mkdir()
    runtime.chmod(0o755)
    code, found, _ = await grades(home, store)
    assert (code, found["permissions"], found["socket"]) == (1, "fail", "fail")


def test_what_the_machine_says_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = tmp_path / "etc/systemd/logind.conf.d"
    parts.mkdir(parents=True)
    (parts.parent / "logind.conf").write_text("KillUserProcesses=no\n")
    (parts / "10-kill.conf").write_text("KillUserProcesses=yes\n")
    assert logind_settings(tmp_path) == "KillUserProcesses=no\n\nKillUserProcesses=yes\n"
    assert logind_settings(tmp_path / "none") == ""
    assert is_lingering("ada", tmp_path) is False
    (tmp_path / "var/lib/systemd/linger").mkdir(parents=True)
    (tmp_path / "var/lib/systemd/linger/ada").touch()
    assert is_lingering("ada", tmp_path) is True
    assert is_clock_synchronised() in (True, False, None)
    answer = subprocess.CompletedProcess([], 0, "external\n", "")
    monkeypatch.setattr("wsmon.cli.diagnosis.facts.subprocess.run", lambda *_args, **_named: answer)
    assert terminal_facts({"TMUX": "/tmp/x,1,0"}).tmux == {"set-clipboard": "external", "allow-passthrough": "external"}


async def test_the_command_of_the_unit_records(home: Home, peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "echo"\n'))
    config = home.write(f'[[connection]]\nname = "a"\nurl = "{server.url}"\nsend = ["hello"]\n')
    code, text, _ = await home.run("unit", config, "--store", home.folder / "s" / "store.db")
    assert code == 0
    (command,) = (line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart="))
    process = await asyncio.create_subprocess_exec(*shlex.split(command), env=home.environ, cwd="/")
    await server.until(lambda: server.sessions == 1)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    assert (home.folder / "s" / "store.db").exists()
