"""Where configurations, stores and sockets are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from wsmon.config.adhoc import from_urls
from wsmon.config.load import load
from wsmon.config.locate import (
    MAX_SOCKET_PATH_BYTES,
    config_dir,
    default_store,
    find_config,
    runtime_dir,
    socket_path,
    state_dir,
)
from wsmon.errors import UsageError


def test_a_configuration_is_found_in_the_documented_order(tmp_path: Path) -> None:
    cwd, xdg = tmp_path / "cwd", tmp_path / "xdg"
    environ = {"XDG_CONFIG_HOME": str(xdg)}
    cwd.mkdir()
    (xdg / "wsmon").mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        find_config(None, environ, cwd)
    assert str(caught.value) == (
        "No wsmon.toml here. `wsmon demo` shows wsmon at work; "
        "`wsmon check --example > wsmon.toml` writes one to start from."
    )
    (xdg / "wsmon" / "wsmon.toml").touch()
    assert find_config(None, environ, cwd) == xdg / "wsmon" / "wsmon.toml"
    (cwd / "wsmon.toml").touch()
    assert find_config(None, environ, cwd) == cwd / "wsmon.toml"
    assert find_config(None, {**environ, "WSMON_CONFIG": "named.toml"}, cwd) == Path("named.toml")
    assert find_config(Path("given.toml"), {"WSMON_CONFIG": "named.toml"}, cwd) == Path("given.toml")


def test_folders_follow_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert config_dir({"XDG_CONFIG_HOME": "/c"}) == Path("/c/wsmon")
    assert state_dir({"XDG_STATE_HOME": "/s"}) == Path("/s/wsmon")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_dir({"XDG_CONFIG_HOME": "relative"}).is_relative_to(tmp_path)
    assert state_dir({}).is_relative_to(tmp_path)


def test_a_file_has_a_store_of_its_own_known_by_its_real_path(tmp_path: Path) -> None:
    real, link = tmp_path / "orders.toml", tmp_path / "link.toml"
    real.write_text('[[connection]]\nname = "a"\nurl = "ws://h"\n')
    link.symlink_to(real)
    digits = hashlib.sha256(str(real).encode()).hexdigest()[:8]
    expected = Path(f"/state/orders-{digits}/store.db")
    assert default_store(load(real, {}).configuration, Path("/state")) == expected
    assert default_store(load(link, {}).configuration, Path("/state")) == expected


def test_urls_have_one_store_whatever_their_order_and_tokens() -> None:
    state = Path("/state")
    store = default_store(from_urls(["wss://a/?token=1", "wss://b"]), state)
    assert default_store(from_urls(["wss://b", "wss://a/?token=2"], [("X", "y")]), state) == store
    assert default_store(from_urls(["wss://a/?token=1", "wss://c"]), state) != store
    assert store.parent.name.startswith("a-")


def test_the_socket_is_named_after_the_real_path_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    runtime = Path("/run/user/1000/wsmon")
    digits = hashlib.sha256(f"{tmp_path}/store.db".encode()).hexdigest()[:16]
    assert socket_path(tmp_path / "store.db", runtime) == runtime / f"{digits}.sock"
    assert socket_path(tmp_path / "link" / "store.db", runtime) == runtime / f"{digits}.sock"


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_RUNTIME_DIR": "/run/user/7", "TMPDIR": "/t"}, "/run/user/7/wsmon"),
        ({"TMPDIR": "/t"}, "/t/wsmon-7"),
        ({"XDG_RUNTIME_DIR": "relative", "TMPDIR": "/t"}, "/t/wsmon-7"),
        ({"XDG_RUNTIME_DIR": "/" + "x" * 80, "TMPDIR": "/t"}, "/t/wsmon-7"),
        ({"XDG_RUNTIME_DIR": "/" + "x" * 80, "TMPDIR": "/" + "é" * 50}, "/tmp/wsmon-7"),
    ],
)
def test_sockets_are_where_their_paths_are_short_enough(environ: dict[str, str], folder: str) -> None:
    runtime = runtime_dir(environ, 7)
    assert runtime == Path(folder)
    assert len(bytes(socket_path(Path("/store.db"), runtime))) <= MAX_SOCKET_PATH_BYTES


def test_a_socket_whose_path_is_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match="set XDG_RUNTIME_DIR to a shorter folder"):
        socket_path(Path("/store.db"), Path("/" + "x" * 90))
