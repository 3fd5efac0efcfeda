"""What a command line means to record: a configuration, its store and its socket."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from wsmon.cli.request import Request
from wsmon.cli.targets import resolve
from wsmon.config.load import MAX_FILE_BYTES
from wsmon.config.locate import socket_of
from wsmon.errors import ConfigError, UsageError

CONFIG = '[[connection]]\nname = "a"\nurl = "wss://user:pass@host/?token=abc"\n'


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A user's folders, and an empty working directory."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return {
        name: str(tmp_path / name.lower()) for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    }


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
    with pytest.raises(ConfigError, match=r"^standard input:1: invalid TOML"):
        resolve(Request(("-",)), environ, io.BytesIO(b"["))
    with pytest.raises(ConfigError, match=r"^standard input: cannot be read: it is larger than"):
        resolve(Request(("-",)), environ, io.BytesIO(bytes(MAX_FILE_BYTES + 1)))


def test_i6_standard_input_is_only_for_commands_that_read_it_themselves(environ: Mapping[str, str]) -> None:
    with pytest.raises(UsageError, match="run `wsmon record - --store PATH`"):
        resolve(Request(("-",)), environ)


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
    with pytest.raises(ConfigError, match="writable by all users"):
        found.reload()
    assert [one.name for one in named.reload().configuration.connections] == ["a"]
