"""Paths: the configuration file, and the store, state files and control socket that belong to it."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wsmon.errors import ConfigError, Problem, UsageError

# A command that reads a store needs its folders, and no configuration
if TYPE_CHECKING:
    from wsmon.config.specs import Configuration

FILE = "wsmon.toml"
# The limit is 107 bytes on Linux, 103 on macOS and the BSDs
MAX_SOCKET_PATH_BYTES = 99

_SOCKET_NAME_BYTES = len("/0123456789abcdef.sock")


def find_config(argument: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the configuration to use: the argument, ``$WSMON_CONFIG``, ``./wsmon.toml``, or the user's own.

    A path that was named is returned even if it does not exist; loading it reports that. Raises ``UsageError`` where
    none is named and none found, and as ``check_found`` does.
    """
    if argument is not None:
        return argument
    if named := environ.get("WSMON_CONFIG"):
        return Path(named)
    for folder in (cwd, config_dir(environ)):
        if (folder / FILE).is_file():
            check_found(folder / FILE)
            return folder / FILE
    hint = "try `wsmon demo`, or create one with `wsmon check --example > wsmon.toml`"
    raise UsageError(f"no configuration found (looked for ./{FILE} and {config_dir(environ) / FILE})", hint)


def is_named(argument: Path | None, environ: Mapping[str, str]) -> bool:
    """Whether the user named the configuration, as the argument or in ``$WSMON_CONFIG``."""
    return argument is not None or bool(environ.get("WSMON_CONFIG"))


def check_found(path: Path) -> None:
    """Raise ``ConfigError`` where other users could have written a configuration that nobody named.

    A configuration runs commands and sends credentials: in a folder such as ``/tmp``, it would do so for anyone who
    left it there.
    """
    try:
        file, link = path.stat(), path.lstat()
    except OSError:
        # Loading it reports that
        return
    fault = _foreign(link) or _foreign(file)
    if fault:
        hint = f"to use it anyway, run `wsmon {path.name}`; otherwise restrict it with `chown` or `chmod`"
        raise ConfigError((Problem(str(path), 0, "", fault, hint=hint),))


def _foreign(found: os.stat_result) -> str:
    """Return how other users control a file, as the end of a sentence; empty where none but root does."""
    uid = os.geteuid()
    if found.st_uid not in (uid, 0):
        return f"ignored: belongs to another user (uid {found.st_uid}) and was not specified explicitly"
    if stat.S_ISLNK(found.st_mode):
        # The mode of a link means nothing
        return ""
    if found.st_mode & stat.S_IWOTH:
        return "ignored: writable by all users and not specified explicitly"
    if found.st_mode & stat.S_IWGRP and not _is_own_group(found.st_gid, uid):
        return f"ignored: writable by group {found.st_gid} and not specified explicitly"
    return ""


def _is_own_group(gid: int, uid: int) -> bool:
    """Whether a group is the user's own: its primary one, without other members."""
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        # A user of a container, without an account
        return gid == os.getegid()
    try:
        members = grp.getgrgid(gid).gr_mem
    except KeyError:
        members = []
    return gid == user.pw_gid and not set(members) - {user.pw_name}


def config_dir(environ: Mapping[str, str]) -> Path:
    """Return the user's folder for configurations and themes of wsmon."""
    if folder := _xdg(environ, "XDG_CONFIG_HOME"):
        return folder
    # Imported here for start-up time: 8 ms, needed only without the variable
    from platformdirs import user_config_path

    return user_config_path("wsmon")


def state_dir(environ: Mapping[str, str]) -> Path:
    """Return the user's folder for recordings and state of wsmon."""
    if folder := _xdg(environ, "XDG_STATE_HOME"):
        return folder
    from platformdirs import user_state_path

    return user_state_path("wsmon")


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Return the user's folder for copies of stores that cannot be read in place."""
    if folder := _xdg(environ, "XDG_CACHE_HOME"):
        return folder
    from platformdirs import user_cache_path

    return user_cache_path("wsmon")


def default_store(configuration: Configuration, state: Path) -> Path:
    """Return the store of a configuration that names none, below the folder ``state``.

    It follows from the real path of the file. For connections from the command line it follows from their URLs without
    credentials, so that the same URL with a new token continues the old recording.
    """
    if configuration.path is not None:
        return _store_of_file(configuration.path, state)
    urls = sorted(connection.url.masked for connection in configuration.recorded)
    stem = min((one.name for one in configuration.recorded), default="empty")
    return _store_below(state, stem, "\n".join(urls))


def store_of(config: Path, environ: Mapping[str, str]) -> Path:
    """Return the store of a configuration file, whatever else is wrong with the file.

    A command that reads a recording asks: neither an error in a connection nor a secret that is not set may stand
    between the user and what was recorded.
    """
    # Imported now: only a command that is given no store reads a configuration for it
    import tomli

    real = Path(os.path.realpath(config))
    try:
        # A pipe would be waited for
        tree = tomli.loads(real.read_text(encoding="utf-8-sig")) if real.is_file() else {}
    except (OSError, ValueError, RecursionError):
        tree = {}
    table = tree.get("wsmon")
    named = table.get("store") if isinstance(table, dict) else None
    text = _expanded(named, real.parent, environ) if isinstance(named, str) else ""
    try:
        return real.parent / Path(text).expanduser() if text else _store_of_file(real, state_dir(environ))
    except RuntimeError:
        # The folder of an unknown user
        return _store_of_file(real, state_dir(environ))


def _expanded(text: str, folder: Path, environ: Mapping[str, str]) -> str:
    """A text with its references replaced; empty where one of them cannot be."""
    if "${" not in text:
        return text
    from wsmon.config.secrets import ReferenceSources, expand

    found = expand(text, ReferenceSources(environ, folder))
    return "" if found.faults else found.text


def _store_of_file(real: Path, state: Path) -> Path:
    return _store_below(state, real.stem, os.path.realpath(real))


def _store_below(state: Path, stem: str, identity: str) -> Path:
    return state / f"{stem}-{_sha256(identity)[:8]}" / "store.db"


def screen_path(identity: str, state: Path) -> Path:
    """Return the file for the state of the screen of a configuration, below the folder ``state``."""
    return state / "screens" / f"{_sha256(identity)[:16]}.json"


def runtime_dir(environ: Mapping[str, str], uid: int) -> Path:
    """Return the folder of the control sockets; the caller creates it with mode 0700 and checks that ``uid`` owns it.

    It is the first of ``runtime_dirs``.
    """
    return runtime_dirs(environ, uid)[0]


def runtime_dirs(environ: Mapping[str, str], uid: int) -> tuple[Path, ...]:
    """Return the folders in which recorders of this user may have their sockets; new ones have theirs in the first.

    They are ``$XDG_RUNTIME_DIR/wsmon``, a folder of the user's own in the temporary one, and one in the state folder,
    where another user has taken the name in the temporary one, or can write there. Folders in which the path of a
    socket would be too long are left out; ``/tmp`` takes the place of such a temporary one.
    """
    chosen = [xdg] if (xdg := _xdg(environ, "XDG_RUNTIME_DIR")) else []
    temporary = Path(environ.get("TMPDIR") or tempfile.gettempdir()) / f"wsmon-{uid}"
    shared = temporary if _is_short(temporary) else Path("/tmp") / f"wsmon-{uid}"  # noqa: S108 - checked below
    private = state_dir(environ) / "run"
    candidates = [*chosen, *([] if _is_taken(shared, uid) else [shared]), private]
    # The last one is refused by ``socket_path``, which says why
    return tuple(dict.fromkeys(filter(_is_short, candidates))) or (candidates[-1],)


def _is_short(folder: Path) -> bool:
    return len(os.fsencode(folder)) + _SOCKET_NAME_BYTES <= MAX_SOCKET_PATH_BYTES


def _is_taken(folder: Path, uid: int) -> bool:
    """Whether a folder exists that is no folder, not the user's, or open to others."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or bool(stat.S_IMODE(found.st_mode) & 0o077)


def socket_path(store: Path, runtime: Path) -> Path:
    """Return the control socket of the recorder of ``store``; raises ``UsageError`` where its path is too long."""
    path = runtime / f"{_sha256(os.path.realpath(store))[:16]}.sock"
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise UsageError(f"socket path too long: {path}", "set XDG_RUNTIME_DIR to a shorter folder")
    return path


def socket_of(store: Path, environ: Mapping[str, str]) -> Path:
    """Return the control socket of the recorder of a store."""
    return socket_path(store, runtime_folder(environ))


def runtime_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of this user's sockets and registry entries."""
    return runtime_dir(environ, os.geteuid())


def _sha256(text: str) -> str:
    # Imported now: a command that is given a store needs none of it, and OpenSSL takes time to load.
    import hashlib

    return hashlib.sha256(os.fsencode(text)).hexdigest()


def _xdg(environ: Mapping[str, str], name: str) -> Path | None:
    """The folder that a variable of the XDG specification names; relative ones are ignored, as it demands."""
    folder = environ.get(name, "")
    return Path(folder) / "wsmon" if folder.startswith("/") else None
