"""Which recording a command is about: the one named, that of the configuration, the one that runs, or the newest.

The rule of all commands. A recording is named by its store, the folder of it, its configuration, or a name that
``wsmon ps`` shows. Without an argument it is the recording of the configuration that ``wsmon`` would use here; else the
only one that runs; else the newest. ``stop`` takes no newest: it would end what was not meant.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsmon.cli.terminal import home_path, say
from wsmon.config.locate import FILE, find_config, runtime_dirs, state_dir, store_of
from wsmon.control.lock import DEFAULT_STORE, LockInfo, holder, read_lock
from wsmon.control.registry import known_stores, running
from wsmon.errors import StoreError, UsageError, WsmonError
from wsmon.model.sanitize import sanitize

# Between the name of a configuration and what tells it from others of that name, in the folder of its store
_SUFFIX = re.compile(r"-[0-9a-f]{8,12}")
# A name that is given to a recording on the command line
_GIVEN_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
NAME_CHARS = 64

_LIST_HINT = "run `wsmon ps` to list recordings"


class NothingRecordedError(UsageError):
    """No recording where one was looked for without a path; ``doctor`` reports that as no fault."""


@dataclass(frozen=True, slots=True)
class KnownRecording:
    """A recording that a command line may mean."""

    store: Path
    configuration: str = ""
    """The real path of its configuration, or its URLs; empty where nothing says."""
    held: LockInfo | None = None
    """Its recorder, where one runs."""

    @property
    def name(self) -> str:
        """The name of the configuration, or of the folder of a ``wsmon.toml``; else that of the store."""
        if self.configuration.startswith("/"):
            path = Path(self.configuration)
            return (path.parent.name if path.name == FILE else path.stem) or path.stem
        if self.configuration and "://" not in self.configuration:
            return self.configuration
        return _SUFFIX.sub("", self.folder) if self.folder else self.store.stem

    @property
    def folder(self) -> str:
        """The name of the folder that belongs to this store alone; empty for a store in a shared folder."""
        return self.store.parent.name if self.store.name == DEFAULT_STORE else ""

    @property
    def names(self) -> frozenset[str]:
        """What it may be called."""
        return frozenset({self.name, self.folder, self.configuration} - {""})


@dataclass(frozen=True, slots=True)
class Choice:
    """The recording that a command is about, and how it was found."""

    recording: KnownRecording
    is_path: bool = False
    """Whether the user typed its path, so that it need not be named to the user."""
    others: int | None = None
    """Where the newest was taken: how many others there are."""

    @property
    def sentence(self) -> str:
        """What the user reads about it; empty where the path was typed."""
        if self.is_path:
            return ""
        chosen = f"recording {sanitize(self.recording.name, NAME_CHARS)}, {home_path(self.recording.store)}"
        if self.others is None:
            return chosen
        others = f"{self.others} other" if self.others == 1 else f"{self.others} others"
        return f"{chosen} (the newest; {others}: `wsmon ps`)"

    def announce(self) -> None:
        """Name the recording on stderr, unless its path was typed."""
        if self.sentence:
            say(f"wsmon: {self.sentence}")


def known_recordings(environ: Mapping[str, str]) -> tuple[KnownRecording, ...]:
    """Return the recordings that run, the one started last first, then the others, the one written last first.

    Those that ended are the ones in the user's state folder, and those whose recorder was cut off. Raises
    ``WsmonError`` for a folder of sockets that other users can write to.
    """
    alive = [_of_recorder(info) for info in reversed(recorders(environ))]
    found = {Path(os.path.realpath(store)) for store in _stores(environ) if store.exists()}
    ended = [_ended(store) for store in found - {each.store for each in alive}]
    return (*alive, *sorted(ended, key=lambda each: last_written_ns(each.store), reverse=True))


def recorders(environ: Mapping[str, str]) -> tuple[LockInfo, ...]:
    """Return the recorders of this user that run now, oldest first; raises ``WsmonError`` for a foreign folder."""
    found = {info for folder in runtime_dirs(environ, os.geteuid()) for info in running(folder)}
    return tuple(sorted(found, key=lambda info: info.started_ns))


def shown_names(recordings: Sequence[KnownRecording]) -> tuple[str, ...]:
    """Return a name for each that means it and no other: its own, its folder's, or else the path of its store."""
    return tuple(_shown_name(each, recordings) for each in recordings)


def split_argument(argument: str) -> tuple[str, str]:
    """Return the name that NAME=RECORDING gives to a recording, empty where it gives none, and what names it.

    Raises ``UsageError`` for a name of other characters, where a recording is behind it.
    """
    name, sign, rest = argument.partition("=")
    if not (name and sign and rest) or Path(argument).exists():
        return "", argument
    if _GIVEN_NAME.fullmatch(name):
        return name, rest
    if "/" not in name and Path(rest).exists():
        raise UsageError(
            f"invalid name {name!r} in {argument}", "only letters, digits, '.', '_' and '-' are allowed, at most 64"
        )
    return "", argument


def choose_store(argument: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Choice:
    """Return the recording to read; raises ``UsageError`` where none is found, or a name means several."""
    if argument is not None:
        return _named(os.fspath(argument), environ, is_running=False)
    choice = _unnamed(environ, is_running=False)
    if choice is None:
        raise NothingRecordedError("no recordings yet", "try `wsmon demo`, or specify a recording with --store")
    return choice


def choose_recorder(
    argument: str | os.PathLike[str] | None, environ: Mapping[str, str], *, takes_newest: bool = True
) -> tuple[Choice, LockInfo]:
    """Return the recording whose recorder a command talks to, and its recorder.

    Without ``takes_newest`` several that may be meant are a ``UsageError`` that lists them. Raises ``WsmonError`` where
    no recorder runs.
    """
    if argument is not None:
        choice = _named(os.fspath(argument), environ, is_running=True)
        # The lock beside the store counts: the registry may be that of another login session.
        held = holder(choice.recording.store)
        if held is None:
            store = choice.recording.store
            raise WsmonError(f"no recorder is running on {store}", f"view the recording with `wsmon open {store}`")
        return choice, held
    unnamed = _unnamed(environ, is_running=True, takes_newest=takes_newest)
    if unnamed is None or unnamed.recording.held is None:
        raise WsmonError("no recorder is running", "start one with `wsmon`, or view a recording with `wsmon open`")
    return unnamed, unnamed.recording.held


def last_written_ns(store: Path) -> int:
    """Return when a store was last written to, as wall time in nanoseconds; 0 where it is gone."""
    log = store.with_name(f"{store.name}-wal")
    return max((path.stat().st_mtime_ns for path in (store, log) if path.exists()), default=0)


def _of_recorder(info: LockInfo) -> KnownRecording:
    return KnownRecording(Path(os.path.realpath(info.store)), info.configuration, info)


def _ended(store: Path) -> KnownRecording:
    """A recording in the folders that are searched; its recorder may run and not be in the registry."""
    last = read_lock(store)
    configuration = "" if last is None else last.configuration
    try:
        return KnownRecording(store, configuration, holder(store))
    except StoreError:
        # Another user could have written the lock: it says nothing
        return KnownRecording(store)


def _stores(environ: Mapping[str, str]) -> Iterator[Path]:
    yield from state_dir(environ).glob(f"*/{DEFAULT_STORE}")
    for folder in runtime_dirs(environ, os.geteuid()):
        yield from known_stores(folder)


def _named(argument: str, environ: Mapping[str, str], *, is_running: bool) -> Choice:
    """The recording that an argument means; ``is_running``: of several of that name, those that run count alone."""
    path = Path(argument)
    if path.suffix == ".toml" and path.exists():
        return _of_argument_config(path, environ, is_running=is_running)
    store = path / DEFAULT_STORE if path.is_dir() else path
    if store.exists() and not store.is_dir():
        return Choice(KnownRecording(Path(os.path.realpath(store))), is_path=True)
    known = known_recordings(environ)
    found = [each for each in known if argument in each.names]
    alive = [each for each in found if each.held is not None]
    if alive and (is_running or len(alive) == 1):
        found = alive
    if not found:
        raise _not_found(argument, known)
    if len(found) > 1:
        raise _ambiguous(f"{sanitize(argument, NAME_CHARS)!r} matches {len(found)} recordings", found)
    return Choice(found[0])


def _of_argument_config(config: Path, environ: Mapping[str, str], *, is_running: bool) -> Choice:
    found = _of_config(config, known_recordings(environ), environ)
    if is_running:
        found = [each for each in found if each.held is not None] or found
    if not found:
        raise NothingRecordedError(f"no recordings of {config} yet", f"start recording with `wsmon {config}`")
    if len(found) > 1:
        raise _ambiguous(f"{config} has {len(found)} recordings", found)
    return Choice(found[0])


def _of_config(config: Path, known: Iterable[KnownRecording], environ: Mapping[str, str]) -> list[KnownRecording]:
    """The recordings of a configuration: those that run; else the one in its store; else those that it had before."""
    identity = os.path.realpath(config)
    its_own = [each for each in known if each.configuration == identity]
    if alive := [each for each in its_own if each.held is not None]:
        return alive
    store = Path(os.path.realpath(store_of(config, environ)))
    if store.is_file():
        return [next((each for each in its_own if each.store == store), None) or _ended(store)]
    return its_own


def _unnamed(environ: Mapping[str, str], *, is_running: bool, takes_newest: bool = True) -> Choice | None:
    """The recording that is meant where none is named; None where there is none. ``is_running``: one that runs."""
    known = known_recordings(environ)
    alive = [each for each in known if each.held is not None]
    of_config = _of_found_config(known, environ)
    if is_running:
        of_config = [each for each in of_config if each.held is not None]
    candidates = of_config or alive or ([] if is_running else known)
    if not candidates:
        return None
    if len(candidates) == 1:
        return Choice(candidates[0])
    if not takes_newest:
        raise _ambiguous(f"{len(candidates)} recorders are running", candidates, ", or --all")
    return Choice(candidates[0], others=len(known) - 1)


def _of_found_config(known: Sequence[KnownRecording], environ: Mapping[str, str]) -> list[KnownRecording]:
    """The recordings of the configuration that ``wsmon`` would use here; raises ``ConfigError`` for a foreign file."""
    try:
        config = find_config(None, environ, Path.cwd())
    # There is none, or the working directory is gone
    except (UsageError, FileNotFoundError):
        return []
    return _of_config(config, known, environ)


def _not_found(argument: str, known: Sequence[KnownRecording]) -> UsageError:
    shown = argument if "/" in argument else f"./{argument}"
    near = difflib.get_close_matches(argument, shown_names(known), n=1)
    meant = f"did you mean {sanitize(near[0], NAME_CHARS)}? " if near else ""
    return UsageError(f"no recording found at {shown}", f"{meant}{_LIST_HINT}")


def _ambiguous(what: str, found: Sequence[KnownRecording], otherwise: str = "") -> UsageError:
    rows = list(zip(shown_names(found), found, strict=True))
    width = max(len(name) for name, _ in rows)
    lines = [f"  {sanitize(name, NAME_CHARS):<{width}}  {_described(each)}" for name, each in rows]
    return UsageError(what, "\n".join((f"specify one{otherwise}:", *lines)))


def _described(recording: KnownRecording) -> str:
    state = f"pid {recording.held.pid}" if recording.held is not None else "ended"
    return f"{home_path(recording.store)} ({state})"


def _shown_name(recording: KnownRecording, among: Sequence[KnownRecording]) -> str:
    """A name that means this recording: where several have it, the only one of them that runs."""
    for name in (recording.name, recording.folder):
        found = [each for each in among if name in each.names]
        alive = [each for each in found if each.held is not None]
        if (alive if len(alive) == 1 else found) == [recording]:
            return name
    return str(recording.store)
