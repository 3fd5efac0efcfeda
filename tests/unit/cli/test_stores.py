"""What a command line names: stores, configurations, their sockets; and periods as ranges of ids."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.builders import T0_NS, message
from tests.support.recordings import FixedClock, recorded
from wsmon.cli.params import Request
from wsmon.cli.stores import find_recorder, find_store, ids_of_period, resolve, socket_of
from wsmon.config.load import MAX_FILE_BYTES
from wsmon.errors import ConfigError, UsageError, WsmonError
from wsmon.model.units import SECOND_NS
from wsmon.store.reader import Reader

CONFIG = '[[connection]]\nname = "a"\nurl = "wss://user:pass@host/?token=abc"\n'


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A user's folders, and an empty working directory."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return {
        name: str(tmp_path / name.lower()) for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    }


def store_at(path: Path, written_s: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (written_s, written_s))
    return path


def test_a_store_is_named_by_its_path_its_folder_or_its_configuration(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    store = store_at(tmp_path / "rec" / "store.db")
    config = tmp_path / "a.toml"
    config.write_text(f'[wsmon]\nstore = "{store}"\n{CONFIG}')
    assert {find_store(name, environ) for name in (store, store.parent, config, str(config))} == {store}


def test_the_newest_store_is_taken_where_none_is_named(tmp_path: Path, environ: Mapping[str, str]) -> None:
    state = tmp_path / "xdg_state_home" / "wsmon"
    for name, written_s in (("old", 100), ("new", 300), ("middle", 200)):
        store_at(state / name / "store.db", written_s)
    assert find_store(None, environ) == state / "new" / "store.db"
    store_at(state / "middle" / "store.db-wal", 400)
    assert find_store(None, environ) == state / "middle" / "store.db"


def test_a_store_that_is_not_there_is_named(tmp_path: Path, environ: Mapping[str, str]) -> None:
    with pytest.raises(UsageError, match=f"there is no store at {tmp_path}/none.db"):
        find_store(tmp_path / "none.db", environ)
    with pytest.raises(UsageError, match="nothing has been recorded yet"):
        find_store(None, environ)


def test_a_recorder_that_does_not_run_is_named_with_its_store(tmp_path: Path, environ: Mapping[str, str]) -> None:
    store = store_at(tmp_path / "store.db")
    with pytest.raises(WsmonError, match=f"no recorder runs on {store}. `wsmon open {store}` shows"):
        find_recorder(store, environ)
    with pytest.raises(WsmonError, match=r"no recorder runs\. `wsmon` starts one"):
        find_recorder(None, environ)


def test_a_configuration_has_a_store_a_socket_and_can_be_read_again(tmp_path: Path, environ: Mapping[str, str]) -> None:
    config = tmp_path / "a.toml"
    config.write_text(CONFIG)
    target = resolve(Request((str(config),)), environ)
    assert target.store.parent.parent == tmp_path / "xdg_state_home" / "wsmon"
    assert (target.socket, target.identity) == (socket_of(target.store, environ), str(config))
    config.write_text(CONFIG.replace('"a"', '"b"'))
    assert target.reload is not None
    assert [each.name for each in target.reload().configuration.connections] == ["b"]


def test_the_store_of_the_command_line_wins(tmp_path: Path, environ: Mapping[str, str]) -> None:
    config = tmp_path / "a.toml"
    config.write_text(f'[wsmon]\nstore = "x.db"\n{CONFIG}')
    assert resolve(Request((str(config),)), environ).store == tmp_path / "x.db"
    assert resolve(Request((str(config),), store=tmp_path / "y.db"), environ).store == tmp_path / "y.db"


def test_urls_are_a_configuration_whose_identity_holds_no_secret(environ: Mapping[str, str]) -> None:
    request = Request(("wss://user:pass@host/", "ws://b/?token=abc"), ("X-Key: 1:2",), ("trades",))
    target = resolve(request, environ)
    assert target.reload is None
    assert target.identity == "wss://[FILTERED]@host/, ws://b/?token=[FILTERED]"
    first = target.loaded.configuration.connections[0]
    assert [(name, value.reveal()) for name, value in first.headers] == [("X-Key", "1:2")]


def test_i6_a_configuration_on_standard_input_has_paths_from_the_current_folder_and_is_read_once(
    tmp_path: Path, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = f'[wsmon]\nstore = "x.db"\n{CONFIG}'.encode()
    target = resolve(Request(("-",)), environ, io.BytesIO(content))
    assert (target.store, target.reload) == (tmp_path / "x.db", None)
    assert target.identity == target.loaded.configuration.connections[0].url.masked
    assert target.loaded.configuration.path is None
    with pytest.raises(ConfigError, match=r"^standard input:1: is not valid TOML"):
        resolve(Request(("-",)), environ, io.BytesIO(b"["))
    with pytest.raises(ConfigError, match=r"^standard input: cannot be read: it is larger than"):
        resolve(Request(("-",)), environ, io.BytesIO(bytes(MAX_FILE_BYTES + 1)))


def test_i6_standard_input_is_only_for_commands_that_read_it_themselves(environ: Mapping[str, str]) -> None:
    with pytest.raises(UsageError, match="`wsmon record - --store PATH` records it"):
        resolve(Request(("-",)), environ)


def test_a_period_is_a_closed_range_of_ids(tmp_path: Path) -> None:
    store = recorded(tmp_path / "store.db", [message("x", second) for second in (10, 20, 30)], "orders")
    view = Reader(store, FixedClock())
    try:
        tenth, twentieth = (T0_NS + second * SECOND_NS for second in (10, 20))
        counts = []
        for since_ns, until_ns in ((None, None), (twentieth, None), (None, tenth + 1)):
            first, last = ids_of_period(view, since_ns, until_ns)
            found = view.events_by_id(tuple(range(first, last + 1)))
            counts.append(sum(each.name == "message.received" for each in found))
        empty = ids_of_period(view, tenth + 1, tenth + 1)
    finally:
        view.close()
    assert counts == [3, 2, 1]
    assert empty[0] > empty[1]


def test_d11_a_found_configuration_is_checked_at_every_reload_and_a_named_one_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wsmon.toml"
    path.write_text('[[connection]]\nname = "a"\nurl = "ws://h"\n')
    path.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    folders = {"XDG_STATE_HOME": str(tmp_path / "s"), "XDG_RUNTIME_DIR": str(tmp_path)}
    found, named = resolve(Request(()), folders), resolve(Request(("wsmon.toml",)), folders)
    path.chmod(0o666)
    assert found.reload is not None
    assert named.reload is not None
    with pytest.raises(ConfigError, match="can be written by every user"):
        found.reload()
    assert [one.name for one in named.reload().configuration.connections] == ["a"]
