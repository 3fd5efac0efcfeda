"""The systemd unit: who records what, and that systemd takes it and calls it safe."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import signal
from pathlib import Path

import pytest

from tests.support.external_programs import needs, output_of
from tests.support.peers import Peers, script
from tests.support.processes import Home
from wsmon.cli.main import run
from wsmon.cli.unit import Service, unit_text

SERVICE = Service(
    Path("/home/ada/my feeds/100%.toml"), Path("/home/ada/state/store.db"), "ada", shutil.which("sh") or ""
)
# Tenths; systemd calls up to 2.0 "OK", and an ordinary service has 9.6
MOST_EXPOSED = "20"


def test_the_unit_says_who_records_what() -> None:
    lines = unit_text(SERVICE).splitlines()
    assert "User=ada" in lines
    assert "ReadWritePaths=/home/ada/state" in lines
    words = '"/home/ada/my feeds/100%%.toml" --store /home/ada/state/store.db --quiet'
    assert f"ExecStart={SERVICE.python} -m wsmon record {words}" in lines


@needs("systemd-analyze")
def test_systemd_takes_the_unit_and_calls_it_safe(tmp_path: Path) -> None:
    path = tmp_path / "wsmon.service"
    path.write_text(unit_text(SERVICE))
    assert output_of("systemd-analyze", "verify", path) == ""
    output_of("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", path)


def test_paths_are_words_to_systemd_whatever_is_in_them() -> None:
    odd = Service(Path('/a "b"/$c;d.toml'), Path("/e\nf/store.db"), "ada", "/usr/bin/python3", "feeds")
    lines = unit_text(odd).splitlines()
    words = '"/a \\"b\\"/$$c;d.toml" --store "/e f/store.db" --quiet'
    assert f"ExecStart=/usr/bin/python3 -m wsmon record {words}" in lines
    assert "RuntimeDirectory=feeds" in lines


def test_the_command_prints_the_unit_of_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "wsmon.toml"
    config.write_text('[[connection]]\nname = "a"\nurl = "ws://h/"\n')
    assert run(["unit", str(config), "--user", "ada", "--name", "feeds"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# Made by `wsmon unit`")
    assert f"record {config.resolve()}" in out


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
