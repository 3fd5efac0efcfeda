"""Where configurations, stores and sockets are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.support.users import STRANGER, give_away, needs_root
from wsmon.config.load import from_urls, load
from wsmon.config.locate import (
    MAX_SOCKET_PATH_BYTES,
    config_dir,
    default_store,
    find_config,
    runtime_dir,
    runtime_dirs,
    socket_path,
    state_dir,
    store_of,
)
from wsmon.errors import ConfigError, UsageError


def test_a_configuration_is_found_in_the_documented_order(tmp_path: Path) -> None:
    cwd, xdg = tmp_path / "cwd", tmp_path / "xdg"
    environ = {"XDG_CONFIG_HOME": str(xdg)}
    cwd.mkdir()
    (xdg / "wsmon").mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        find_config(None, environ, cwd)
    assert str(caught.value) == (
        f"no configuration found (looked for ./wsmon.toml and {xdg}/wsmon/wsmon.toml). "
        "try `wsmon demo`, or create one with `wsmon check --example > wsmon.toml`"
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


@pytest.mark.parametrize(
    ("text", "store"),
    [
        ('[wsmon]\nstore = "rec.db"\n', "{here}/rec.db"),
        ('[wsmon]\nstore = "/data/rec.db"\nprofil = 1\n', "/data/rec.db"),
        ('[wsmon]\nstore = "${env:PLACE}/rec.db"\n', "/place/rec.db"),
        ('[wsmon]\nstore = "${env:NOWHERE}/rec.db"\n', "{default}"),
        ('[wsmon]\nstore = "~nobody-at-all/rec.db"\n', "{default}"),
        ("[wsmon]\nstore = 7\n", "{default}"),
        ("wsmon = 1\n", "{default}"),
        ("[wsmon", "{default}"),
        ("", "{default}"),
    ],
)
def test_the_store_of_a_configuration_is_known_whatever_else_is_wrong_with_it(
    text: str, store: str, tmp_path: Path
) -> None:
    config = tmp_path / "orders.toml"
    config.write_text(text)
    digits = hashlib.sha256(str(config).encode()).hexdigest()[:8]
    expected = store.format(here=tmp_path, default=f"/state/wsmon/orders-{digits}/store.db")
    assert store_of(config, {"XDG_STATE_HOME": "/state", "PLACE": "/place"}) == Path(expected)


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


@pytest.fixture
def found(tmp_path: Path) -> Path:
    """A configuration in the current folder, which nobody names."""
    path = tmp_path / "wsmon.toml"
    path.touch(0o644)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        find_config(None, {}, path.parent)
    assert refused.value.exit_code == 2
    # Named, it is the user's will
    assert find_config(path, {}, path.parent) == path
    assert find_config(None, {"WSMON_CONFIG": str(path)}, path.parent) == path
    return str(refused.value)


def test_d11_a_found_configuration_that_everybody_can_write_is_refused(found: Path) -> None:
    found.chmod(0o646)
    assert refusal(found) == (
        f"{found}: ignored: writable by all users and not specified explicitly. "
        "to use it anyway, run `wsmon wsmon.toml`; otherwise restrict it with `chown` or `chmod`"
    )


@needs_root
def test_d11_a_found_configuration_of_another_user_is_refused(found: Path) -> None:
    give_away(found)
    assert f"ignored: belongs to another user (uid {STRANGER}) and was not specified explicitly" in refusal(found)


@needs_root
def test_d11_a_found_configuration_that_another_user_linked_to_is_refused(found: Path, tmp_path: Path) -> None:
    found.rename(real := tmp_path / "real.toml")
    found.symlink_to(real)
    assert find_config(None, {}, tmp_path) == found
    give_away(found)
    assert "belongs to another user" in refusal(found)


@needs_root
def test_d11_a_group_may_write_a_found_configuration_only_where_it_is_the_users_own(found: Path) -> None:
    os.chown(found, -1, os.getgid())
    found.chmod(0o664)
    assert find_config(None, {}, found.parent) == found
    os.chown(found, -1, STRANGER)
    assert f"ignored: writable by group {STRANGER} and not specified explicitly" in refusal(found)
    found.chmod(0o644)
    assert find_config(None, {}, found.parent) == found


@needs_root
def test_d11_a_configuration_in_the_users_own_folder_is_checked_as_well(tmp_path: Path) -> None:
    (tmp_path / "wsmon").mkdir()
    (tmp_path / "wsmon" / "wsmon.toml").touch()
    give_away(tmp_path / "wsmon" / "wsmon.toml")
    with pytest.raises(ConfigError, match="belongs to another user"):
        find_config(None, {"XDG_CONFIG_HOME": str(tmp_path)}, Path("/"))


@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_d11_a_temporary_folder_open_to_others_is_left_for_the_state_folder(public_folder: Path, mode: int) -> None:
    uid = os.geteuid()
    environ = {"TMPDIR": str(public_folder), "XDG_STATE_HOME": "/s"}
    taken = public_folder / f"wsmon-{uid}"
    assert runtime_dir(environ, uid) == taken
    taken.mkdir(mode=0o700)
    assert runtime_dir(environ, uid) == taken
    # mkdir(2) applies the umask
    taken.chmod(mode)
    assert taken not in runtime_dirs(environ, uid)
    assert runtime_dirs(environ, uid)[-1] == Path("/s/wsmon/run")


@needs_root
def test_d11_a_temporary_folder_of_another_user_is_left_for_the_state_folder(tmp_path: Path) -> None:
    environ = {"TMPDIR": "/tmp", "XDG_STATE_HOME": str(tmp_path)}
    # Of a user whom no account has, so that no real folder is meant
    taken = Path("/tmp") / f"wsmon-{STRANGER}"
    taken.mkdir(mode=0o700)
    try:
        assert runtime_dir(environ, STRANGER) == tmp_path / "wsmon" / "run"
        give_away(taken)
        assert runtime_dir(environ, STRANGER) == taken
        taken.chmod(0o707)
        assert runtime_dir(environ, STRANGER) == tmp_path / "wsmon" / "run"
    finally:
        taken.rmdir()


def test_a_link_in_the_temporary_folder_is_not_followed(tmp_path: Path) -> None:
    uid = os.geteuid()
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / f"wsmon-{uid}").symlink_to(tmp_path / "real")
    assert tmp_path / f"wsmon-{uid}" not in runtime_dirs({"TMPDIR": str(tmp_path), "XDG_STATE_HOME": "/s"}, uid)
