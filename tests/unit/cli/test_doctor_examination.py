"""``wsmon doctor`` on real stores, files and processes: what is well, and what is not."""

from __future__ import annotations

import json
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import SECOND_NS, T0_NS, event, message
from tests.support.peers import Peers, script
from tests.support.processes import Home
from tests.support.recordings import Recording, recorded
from wsmon.cli.doctor_examination import is_clock_synchronised, is_lingering, logind_settings, terminal_facts
from wsmon.cli.main import run
from wsmon.clock import SystemClock

# Their grade is the machine's affair
OF_THE_MACHINE = {"search index", "sqlite", "space", "clock", "logout"}


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for sockets: short, for a socket's path is at most some hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="wsmon-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


@pytest.fixture
def place(tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder, in which the command is run."""
    assert runtime.is_dir()
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.delenv("WSMON_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def store(place: Path) -> Path:
    """A store that ended, private as a recorder leaves it."""
    folder = place / "recording"
    folder.mkdir(mode=0o700)
    return recorded(folder / "store.db", [message(f"m{number}", number, "a") for number in range(9)], "a")


class Doctor:
    """The command, and what it said last."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.code = -1
        self.out = ""
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> dict[str, str]:
        """The worst grade of each check."""
        self.code = run(["doctor", "--json", *map(str, arguments)])
        self.out = self._capsys.readouterr().out
        report = json.loads(self.out)
        assert report["schema"] == "wsmon.doctor/1"
        assert report["ok"] == (self.code == 0)
        found: dict[str, str] = {}
        for each in report["checks"]:
            if each["check"] not in OF_THE_MACHINE:
                found[each["check"]] = max(found.get(each["check"], ""), each["grade"])
        return found


@pytest.fixture
def doctor(place: Path, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """The command in that folder."""
    assert Path.cwd() == place
    return Doctor(capsys)


def test_a_place_where_nothing_happened_is_well(doctor: Doctor) -> None:
    assert doctor() == {"configuration": "ok", "store": "ok", "socket": "ok", "terminal": "ok"}
    assert doctor.code == 0


async def test_a_running_recorder_is_well(home: Home, peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "echo"\n'))
    config = home.write(f'[[connection]]\nname = "a"\nurl = "{server.url}"\nsend = ["hello"]\n')
    recorder = await home.record(config)
    await recorder.until_stored(1)
    code, out, err = await home.run("doctor", recorder.store)
    assert (code, err) == (0, "")
    grades = {line[6:21].strip(): line[:4] for line in out.splitlines() if line[:1] != " "}
    assert {grade for check, grade in grades.items() if check not in OF_THE_MACHINE} == {"ok  "}
    assert f"pid {recorder.pid}" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("sql", "check"),
    [("DELETE FROM event WHERE id = 4", "ids"), ("UPDATE event SET source = 99 WHERE id = 4", "integrity")],
)
def test_what_is_wrong_with_a_store_is_found(doctor: Doctor, store: Path, sql: str, check: str) -> None:
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute(sql)
    assert (doctor(store)[check], doctor.code) == ("fail", 1)


def test_a_file_that_is_no_store_fails_and_stays(doctor: Doctor, place: Path) -> None:
    text = "no database, but longer than its header would be"
    (place / "store.db").write_text(text)
    assert (doctor(place / "store.db")["store"], doctor.code) == ("fail", 1)
    assert (place / "store.db").read_text() == text


def test_a_store_that_is_not_there_fails(doctor: Doctor) -> None:
    assert (doctor("nowhere.db")["store"], doctor.code) == ("fail", 1)
    assert "no recording found at" in doctor.out


def test_an_older_store_is_a_warning_and_stays_as_it_is(doctor: Doctor, store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("PRAGMA user_version = 1")
    octets = store.read_bytes()
    assert (doctor(store)["store"], doctor.code) == ("warn", 0)
    assert store.read_bytes() == octets


def test_a_configuration_with_secrets_that_others_can_read_fails(doctor: Doctor, place: Path) -> None:
    config = place / "wsmon.toml"
    config.write_text('[[connection]]\nname = "a"\nurl = "ws://h/?token=a-long-secret-token"\n')
    config.chmod(0o644)
    assert (doctor()["secrets"], doctor.code) == ("fail", 1)
    assert "chmod 600" in doctor.out
    assert "a-long-secret-token" not in doctor.out
    config.chmod(0o600)
    assert (doctor()["secrets"], doctor.code) == ("ok", 0)


def test_a_broken_configuration_fails(doctor: Doctor, place: Path) -> None:
    (place / "wsmon.toml").write_text('[[connection]]\nname = "a"\nurl = "http://h/"\n')
    assert (doctor()["configuration"], doctor.code) == ("fail", 1)
    assert "wsmon.toml:3" in doctor.out


def test_what_the_store_tells_of_the_last_day_is_a_warning(doctor: Doctor, store: Path) -> None:
    clock = SystemClock()
    with Recording(store, "a", after_s=(clock.wall_ns() - T0_NS) / SECOND_NS) as recording:
        now = {"ts_ns": clock.wall_ns(), "mono_ns": clock.mono_ns()}
        recording.write([event("self.clock.stepped", connection="", **now), event("self.shed", connection="", **now)])
        recording.end((clock.wall_ns() - T0_NS) / SECOND_NS)
    doctor(store)
    assert "stepped once in the last day" in doctor.out
    assert "events were dropped once in the last day" in doctor.out


def test_open_folders_and_sockets_fail(doctor: Doctor, store: Path, runtime: Path) -> None:
    store.parent.chmod(0o777)
    sockets = runtime / "wsmon"
    sockets.mkdir()
    sockets.chmod(0o755)
    found = doctor(store)
    assert (found["permissions"], found["socket"], doctor.code) == ("fail", "fail", 1)


def test_what_the_machine_says_is_read(tmp_path: Path) -> None:
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


def tmux(folder: Path, script: str) -> dict[str, str]:
    """The environment of a terminal inside a tmux that is this script."""
    program = folder / "tmux"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"TMUX": "/tmp/x,1,0", "PATH": str(folder), "OF_THE_USER": "yes"}


def test_tmux_is_asked_for_each_option_by_its_name_in_the_users_environment(tmp_path: Path) -> None:
    environ = tmux(
        tmp_path,
        '[ "$OF_THE_USER" = yes ] || exit 1\n'
        'case "$*" in\n'
        '"show-options -gv set-clipboard") echo external ;;\n'
        '"show-options -gv allow-passthrough") echo on ;;\n'
        "*) exit 1 ;;\n"
        "esac",
    )
    assert terminal_facts(environ).tmux == {"set-clipboard": "external", "allow-passthrough": "on"}


@pytest.mark.parametrize("script", ["echo wrong; exit 1", "exec no-such-program"])
def test_a_tmux_that_does_not_answer_has_no_options(tmp_path: Path, script: str) -> None:
    assert terminal_facts(tmux(tmp_path, script)).tmux == {}


def test_a_missing_tmux_has_no_options(tmp_path: Path) -> None:
    assert terminal_facts({"TMUX": "/tmp/x,1,0", "PATH": str(tmp_path)}).tmux == {}


def test_a_relay_that_cannot_listen_is_a_failure(place: Path, doctor: Doctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        relay = (
            f"[[relay]]\nname = 'app'\nlisten = '127.0.0.1:{port}'\nroutes = [{{ path = '/', upstream = 'ws://h' }}]"
        )
        (place / "wsmon.toml").write_text(relay)
        assert doctor()["relay"] == "fail"
        assert f"relay app: cannot listen: Address already in use (127.0.0.1:{port})" in doctor.out
    assert doctor()["relay"] == "ok"
