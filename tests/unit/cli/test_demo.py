"""``wsmon demo``: where its recordings lie, and what it prints without a terminal."""

from __future__ import annotations

from pathlib import Path

from tests.support.processes import Home
from wsmon.cli.demo import fresh_store
from wsmon.config.load import load
from wsmon.config.locate import default_store, state_dir
from wsmon.demo.scenario import DEMO_SCENARIOS


def test_a_demonstration_leaves_the_recordings_of_a_demo_toml_alone(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    path = tmp_path / "demo.toml"
    path.write_text('[[connection]]\nname = "a"\nurl = "ws://h/"\n')
    old = fresh_store(environ)
    own = default_store(load(path, environ).configuration, state_dir(environ))
    for store in (old, own):
        store.parent.mkdir(parents=True)
        store.touch()
    fresh_store(environ)
    assert (old.exists(), own.exists()) == (False, True)


def test_every_demonstration_has_a_new_place(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    first, second = fresh_store(environ), fresh_store(environ)
    assert first != second
    assert {first.parent.parent, second.parent.parent} == {tmp_path / "wsmon"}


async def test_a_headless_demonstration_ends_with_the_statistics_of_all_its_servers(home: Home) -> None:
    store = home.folder / "demo.db"
    code, out, _ = await home.run("demo", "--headless", "--for", "1s", "--store", store)
    assert code == 0
    lines = out.splitlines()
    names = [line.split()[0] for line in lines[3 : 3 + len(DEMO_SCENARIOS)]]
    assert sorted(names) == sorted(DEMO_SCENARIOS)
