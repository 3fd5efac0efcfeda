"""Which recording a command is about: by path, by name, by configuration, the one that runs, the newest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.processes import Home
from wsmon.cli.known_recordings import (
    Choice,
    KnownRecording,
    choose_recorder,
    choose_store,
    known_recordings,
    shown_names,
)
from wsmon.control.lock import LockInfo, StoreLock, beside, holder, lock_path
from wsmon.errors import UsageError, WsmonError

# Nothing listens there.
NOWHERE = "ws://127.0.0.1:1"
CONFIG = f'[[connection]]\nname = "a"\nurl = "{NOWHERE}"\n'


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A user's folders, and an empty working directory."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    names = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "TMPDIR")
    return {name: str(tmp_path / name.lower()) for name in names}


def state(environ: Mapping[str, str]) -> Path:
    return Path(environ["XDG_STATE_HOME"]) / "wsmon"


def store_at(path: Path, written_s: int = 0, configuration: str = "") -> Path:
    """A store that was recorded with a configuration, and last written so many seconds after 1970."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    if configuration:
        info = LockInfo(812, "0.1", 1, 1, configuration, str(path), str(path.with_suffix(".sock")), 1, "boot")
        StoreLock(path, info).release()
    os.utime(path, (written_s, written_s))
    return path


def chosen(argument: str | Path | None, environ: Mapping[str, str]) -> Path:
    return choose_store(argument, environ).recording.store


def test_a_recording_is_named_by_its_store_its_folder_or_its_configuration(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    store = store_at(tmp_path / "rec" / "store.db")
    config = tmp_path / "a.toml"
    config.write_text(f'[wsmon]\nstore = "{store}"\n{CONFIG}')
    assert {chosen(name, environ) for name in (store, store.parent, config, str(config))} == {store}


@pytest.mark.parametrize(
    "broken", ["[[connection", '[[connection]]\nname = "a"\nurl = "wss://${secret:NOT_SET}"\n', "\xff"]
)
def test_what_else_is_wrong_with_a_configuration_hides_no_recording(
    broken: str, tmp_path: Path, environ: Mapping[str, str]
) -> None:
    config = tmp_path / "work" / "wsmon.toml"
    config.write_text(CONFIG)
    store = store_at(state(environ) / "moved" / "store.db", 100, os.path.realpath(config))
    store_at(state(environ) / "other" / "store.db", 200)
    config.write_text(broken, encoding="latin-1")
    assert [chosen(argument, environ) for argument in (None, "wsmon.toml")] == [store, store]


def test_without_an_argument_it_is_the_recording_of_the_configuration_here(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    for name, written_s in (("old", 100), ("new", 300)):
        store_at(state(environ) / name / "store.db", written_s)
    here, users, named = (tmp_path / name for name in ("here.db", "users.db", "named.db"))
    users_folder = Path(environ["XDG_CONFIG_HOME"]) / "wsmon"
    users_folder.mkdir(parents=True)
    (users_folder / "wsmon.toml").write_text(f'[wsmon]\nstore = "{store_at(users)}"\n{CONFIG}')
    assert chosen(None, environ) == users
    (tmp_path / "work" / "wsmon.toml").write_text(f'[wsmon]\nstore = "../here.db"\n{CONFIG}')
    # Nothing was recorded with it yet: the next of the rule
    assert chosen(None, environ) == state(environ) / "new" / "store.db"
    store_at(here)
    assert chosen(None, environ) == here
    (tmp_path / "env.toml").write_text(f'[wsmon]\nstore = "${{env:PLACE}}"\n{CONFIG}')
    variables = {"WSMON_CONFIG": str(tmp_path / "env.toml"), "PLACE": str(store_at(named))}
    assert chosen(None, {**environ, **variables}) == named


def test_the_newest_is_taken_where_nothing_else_decides_and_the_others_are_counted(environ: Mapping[str, str]) -> None:
    folder = state(environ)
    for name, written_s in (("old-01234567", 100), ("new-01234567", 300), ("middle", 200)):
        store_at(folder / name / "store.db", written_s)
    choice = choose_store(None, environ)
    assert choice.recording.store == folder / "new-01234567" / "store.db"
    assert choice.sentence == (f"recording new, {folder}/new-01234567/store.db (the newest; 2 others: `wsmon ps`)")
    store_at(folder / "middle" / "store.db-wal", 400)
    assert chosen(None, environ) == folder / "middle" / "store.db"


def test_a_single_recording_is_named_without_others(environ: Mapping[str, str]) -> None:
    store = store_at(state(environ) / "orders-01234567" / "store.db")
    assert choose_store(None, environ).sentence == f"recording orders, {store}"
    assert choose_store("orders", environ).sentence == f"recording orders, {store}"
    assert choose_store(store, environ).sentence == ""


@pytest.mark.parametrize(
    ("recording", "name"),
    [
        (KnownRecording(Path("/s/orders-01234567/store.db"), "/etc/orders.toml"), "orders"),
        (KnownRecording(Path("/s/wsmon-01234567/store.db"), "/home/me/feeds/wsmon.toml"), "feeds"),
        (KnownRecording(Path("/s/demo-0123456789ab/store.db"), "demo"), "demo"),
        (KnownRecording(Path("/s/host-01234567/store.db"), "wss://host/path"), "host"),
        (KnownRecording(Path("/s/one.db"), "wss://host/path"), "one"),
        (KnownRecording(Path("/s/imported.db")), "imported"),
        (KnownRecording(Path("/s/copy/store.db")), "copy"),
    ],
)
def test_a_name_is_that_of_the_configuration_or_of_the_store(recording: KnownRecording, name: str) -> None:
    assert recording.name == name


def test_a_name_of_several_is_an_error_that_lists_them_and_ps_shows_names_that_tell_them_apart(
    environ: Mapping[str, str],
) -> None:
    stores = [
        store_at(state(environ) / f"feed-{number * 8}" / "store.db", int(number), f"/{number}/feed.toml")
        for number in "12"
    ]
    with pytest.raises(UsageError) as caught:
        choose_store("feed", environ)
    assert str(caught.value) == (
        "'feed' matches 2 recordings. specify one:\n"
        f"  feed-22222222  {stores[1]} (ended)\n  feed-11111111  {stores[0]} (ended)"
    )
    names = shown_names(known_recordings(environ))
    assert names == ("feed-22222222", "feed-11111111")
    assert [chosen(name, environ) for name in names] == stores[::-1]


def test_what_is_not_there_is_named_with_the_way_to_find_it(tmp_path: Path, environ: Mapping[str, str]) -> None:
    with pytest.raises(UsageError, match="no recordings yet"):
        choose_store(None, environ)
    with pytest.raises(
        UsageError, match=rf"no recording found at {tmp_path}/none.db\. run `wsmon ps` to list recordings"
    ):
        choose_store(tmp_path / "none.db", environ)
    store_at(state(environ) / "orders-01234567" / "store.db")
    with pytest.raises(UsageError, match=r"no recording found at \./order\. did you mean orders\? run `wsmon ps`"):
        choose_store("order", environ)


def test_a_recorder_that_does_not_run_is_named_with_its_store(tmp_path: Path, environ: Mapping[str, str]) -> None:
    store = store_at(tmp_path / "store.db")
    with pytest.raises(
        WsmonError, match=f"no recorder is running on {store}. view the recording with `wsmon open {store}`"
    ):
        choose_recorder(store, environ)
    with pytest.raises(WsmonError, match=r"no recorder is running\. start one with `wsmon`"):
        choose_recorder(None, environ)


def test_a_lock_file_beside_a_store_tells_its_configuration(tmp_path: Path) -> None:
    store = store_at(tmp_path / "rec" / "store.db", 0, "/etc/orders.toml")
    assert (lock_path(store), holder(store)) == (beside(store, "lock"), None)
    assert Choice(KnownRecording(store, "/etc/orders.toml")).sentence.startswith("recording orders, ")


async def test_with_several_recorders_a_name_means_one_and_none_means_the_newest_but_not_to_stop(home: Home) -> None:
    """Three recorders really run: two of configurations, one of a URL."""
    first = await home.record(home.write(CONFIG, "orders.toml"), store=home.folder / "orders.db")
    second = await home.record(home.write(CONFIG, "quotes.toml"), store=home.folder / "quotes.db")
    third = await home.record(NOWHERE, store=home.folder / "third.db")
    _, out, _ = await home.run("ps")
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        ["third", str(third.pid)],
        ["quotes", str(second.pid)],
        ["orders", str(first.pid)],
    ]
    _, _, err = await home.run("search", "--count")
    assert err == "wsmon: recording third, ~/third.db (the newest; 2 others: `wsmon ps`)\n"
    _, _, err = await home.run("search", "--count", "--store", "orders")
    assert err == "wsmon: recording orders, ~/orders.db\n"
    code, _, err = await home.run("stop")
    assert (code, err.splitlines()) == (
        2,
        [
            "wsmon: 3 recorders are running. specify one, or --all:",
            f"  third   ~/third.db (pid {third.pid})",
            f"  quotes  ~/quotes.db (pid {second.pid})",
            f"  orders  ~/orders.db (pid {first.pid})",
        ],
    )
    code, _, err = await home.run("stop", "quotes")
    assert (code, err) == (0, f"stopped recorder of {second.store} (pid {second.pid})\n")
    assert [holder(each.store) is None for each in (first, second, third)] == [False, True, False]
    code, _, err = await home.run("stop", NOWHERE)
    assert (code, err) == (0, f"stopped recorder of {third.store} (pid {third.pid})\n")
    # The only one that runs
    _, _, err = await home.run("stats")
    assert err == "wsmon: recording orders, ~/orders.db\n"
    assert (await home.run("stop"))[0] == 0


async def test_the_recorder_of_the_configuration_here_is_meant_wherever_it_records_to(home: Home) -> None:
    other = await home.record(NOWHERE, store=home.folder / "other.db")
    ours = await home.record(home.write(CONFIG), store=home.folder / "ours.db")
    newest = await home.record(NOWHERE, store=home.folder / "newest.db")
    _, _, err = await home.run("search", "--count")
    assert err == f"wsmon: recording {home.folder.name}, ~/ours.db\n"
    code, _, err = await home.run("stop")
    assert (code, err) == (0, f"stopped recorder of {ours.store} (pid {ours.pid})\n")
    assert [holder(each.store) is None for each in (other, newest)] == [False, False]


async def test_of_one_name_the_recording_that_runs_is_meant(home: Home) -> None:
    config = home.write(CONFIG, "feed.toml")
    folder = home.folder / "state" / "wsmon"
    ended = store_at(folder / "feed-11111111" / "store.db", 1, "/elsewhere/feed.toml")
    running = await home.record(config, store=folder / "feed-22222222" / "store.db")
    _, out, _ = await home.run("ps")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["feed", "feed-11111111"]
    assert (await home.run("stop", "feed"))[0] == 0
    assert await running.ended() == 0
    assert ended.exists()
