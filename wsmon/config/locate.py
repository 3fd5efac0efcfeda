"""Where things are: the configuration, and the store, state and socket that belong to it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from wsmon.config.specs import Configuration
from wsmon.errors import UsageError

FILE = "wsmon.toml"
# The kernel's limit is 107; the rest is for those whose limit is lower
MAX_SOCKET_PATH_BYTES = 99

_SOCKET_NAME_BYTES = len("/0123456789abcdef.sock")


def find_config(argument: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """The configuration to use: the argument, ``$WSMON_CONFIG``, ``./wsmon.toml``, the user's folder.

    What is named is returned whether it exists or not: reading it says why it cannot be used. Raises ``UsageError``
    where nothing is named and nothing found.
    """
    if argument is not None:
        return argument
    if named := environ.get("WSMON_CONFIG"):
        return Path(named)
    for folder in (cwd, config_dir(environ)):
        if (folder / FILE).is_file():
            return folder / FILE
    hint = "`wsmon demo` shows wsmon at work; `wsmon check --example > wsmon.toml` writes one to start from."
    raise UsageError(f"No {FILE} here", hint)


def config_dir(environ: Mapping[str, str]) -> Path:
    """The user's folder for configurations and themes of wsmon."""
    if folder := _xdg(environ, "XDG_CONFIG_HOME"):
        return folder
    from platformdirs import user_config_path  # 8 ms that only those without the variable need

    return user_config_path("wsmon")


def state_dir(environ: Mapping[str, str]) -> Path:
    """The user's folder for what wsmon records."""
    if folder := _xdg(environ, "XDG_STATE_HOME"):
        return folder
    from platformdirs import user_state_path  # as above

    return user_state_path("wsmon")


def cache_dir(environ: Mapping[str, str]) -> Path:
    """The user's folder for copies of stores that cannot be read in place."""
    if folder := _xdg(environ, "XDG_CACHE_HOME"):
        return folder
    from platformdirs import user_cache_path  # as above

    return user_cache_path("wsmon")


def default_store(configuration: Configuration, state: Path) -> Path:
    """The store of a configuration that names none, below the folder ``state``.

    A file is known by its real path. Connections from the command line are known by their URLs without credentials, so
    that a new token finds the old recording.
    """
    if configuration.path is not None:
        stem, identity = configuration.path.stem, os.path.realpath(configuration.path)
    else:
        urls = sorted(connection.url.masked for connection in configuration.connections)
        stem, identity = min((one.name for one in configuration.connections), default="empty"), "\n".join(urls)
    return state / f"{stem}-{_sha256(identity)[:8]}" / "store.db"


def screen_path(identity: str, state: Path) -> Path:
    """The file that remembers how the screen of a configuration was left, below the folder ``state``."""
    return state / "screens" / f"{_sha256(identity)[:16]}.json"


def runtime_dir(environ: Mapping[str, str], uid: int) -> Path:
    """The folder of the sockets, for whoever makes one: mode 0700, owned by ``uid``, to be checked by the user of it.

    ``$XDG_RUNTIME_DIR/wsmon``, else a folder of the user's own among the temporary ones; one in which the path of a
    socket would be too long is passed over.
    """
    candidates = [xdg] if (xdg := _xdg(environ, "XDG_RUNTIME_DIR")) else []
    temporary = environ.get("TMPDIR") or tempfile.gettempdir()
    candidates += [Path(temporary) / f"wsmon-{uid}", Path("/tmp") / f"wsmon-{uid}"]  # noqa: S108 - checked by its user
    for folder in candidates:
        if len(os.fsencode(folder)) + _SOCKET_NAME_BYTES <= MAX_SOCKET_PATH_BYTES:
            return folder
    return candidates[-1]


def socket_path(store: Path, runtime: Path) -> Path:
    """The control socket of the recorder of ``store``; raises ``UsageError`` where the kernel would not take it."""
    path = runtime / f"{_sha256(os.path.realpath(store))[:16]}.sock"
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise UsageError(f"the path of the socket is too long, {path}", "set XDG_RUNTIME_DIR to a shorter folder")
    return path


def _sha256(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()


def _xdg(environ: Mapping[str, str], name: str) -> Path | None:
    """The folder that a variable of the XDG specification gives; relative ones are to be ignored."""
    folder = environ.get(name, "")
    return Path(folder) / "wsmon" if folder.startswith("/") else None
