"""A recorder in a process of its own: start it, wait until it records, pass on its refusal; its log file."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from wsmon.cli.request import Request
from wsmon.cli.targets import Target
from wsmon.clock import SystemClock
from wsmon.control.lock import LockInfo, beside, holder
from wsmon.control.ownership import make_private_folder
from wsmon.errors import EXIT_FAILED, StoreHeldError, UsageError, WsmonError
from wsmon.model.units import SECOND_NS

# How long a recorder may take until viewers can attach.
READY_S = 10.0

# How long a recorder that another process has just started may take until it answers.
ATTACH_S = 3.0
POLL_S = 0.02

# The log of a recorder without a terminal: its limit, and how many older files are kept.
LIMIT_BYTES = 1024 * 1024
OLDER_FILES = 3
STDOUT_FD = 1
_FILE_MODE = 0o600


class Handed(msgspec.Struct, frozen=True):
    """What is left out of the arguments of a recorder, since every user of the machine can read those of any process.

    It travels through a pipe (``--handed-fd``): unlike the environment, the recorder's own children do not get it.
    """

    urls: tuple[str, ...]
    headers: tuple[str, ...]
    subscribe: tuple[str, ...]
    subprotocols: tuple[str, ...] = ()
    answers: dict[str, str] = {}
    """Header values that the user typed without echo; see ``Request.answers``."""
    allow_send: bool = False

    def request(self, store: Path | None) -> Request:
        """Return what to record, and into which store."""
        return Request(self.urls, self.headers, self.subscribe, self.subprotocols, store, self.allow_send, self.answers)


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """The one line that a recorder writes into its readiness pipe."""

    pid: int
    store: str
    error: str = ""
    """Why it does not record; empty = it does."""
    exit: int = EXIT_FAILED
    is_held: bool = False
    """Another recorder holds the store."""


class SpawnError(WsmonError):
    """The recorder did not start; the error has its message and exit code."""

    def __init__(self, readiness: Readiness) -> None:
        super().__init__(readiness.error)
        self.exit_code = readiness.exit
        self.is_held = readiness.is_held


def ensure_recorder(request: Request, target: Target, environ: Mapping[str, str]) -> None:
    """Start a recorder on the target's store unless one runs there; of two starts at once, one finds the other's."""
    if holder(target.store) is None:
        try:
            spawn_recorder(_arguments(target), target.store, environ, _handed(request))
        except SpawnError as error:
            if not error.is_held:
                raise
        else:
            return
    wait_until_ready(target.store)
    held = holder(target.store)
    if held is not None:
        _refuse_another(held, target)


def _refuse_another(held: LockInfo, target: Target) -> None:
    if held.configuration not in (target.identity, ""):
        raise StoreHeldError(
            f"the store {target.store} is in use by the recorder of {held.configuration} (pid {held.pid}), "
            f"not of {target.identity}",
            "choose another store with --store",
            held.pid,
        )


def _arguments(target: Target) -> list[str]:
    """Return the arguments that the process list shows: no credential of a URL is in them."""
    configuration = target.loaded.configuration
    named = [target.identity] if configuration.path else [one.url.masked for one in configuration.recorded]
    return ["record", *named, "--store", str(target.store)]


def _handed(request: Request) -> Handed | None:
    if not request.is_urls:
        return None
    return Handed(
        request.names,
        request.headers,
        request.subscribe,
        request.subprotocols,
        dict(request.answers),
        request.allow_send,
    )


def spawn_recorder(
    arguments: Sequence[str], store: Path, environ: Mapping[str, str], handed: Handed | None = None
) -> Readiness:
    """Start ``wsmon ARGUMENTS`` detached from this terminal and wait until it records. Raises ``SpawnError``."""
    log_path = beside(store, "log")
    log = open_log(log_path)
    reading, writing = os.pipe()
    passed = {"--ready-fd": writing}
    given: int | None = None
    if handed is not None:
        passed["--handed-fd"], given = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "wsmon", *arguments, *(f"{option}={fd}" for option, fd in passed.items())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=tuple(passed.values()),
            env=environ,
        )
        for fd in passed.values():
            os.close(fd)
        if given is not None:
            # The recorder reads it to its end before it does anything else; one that ends at once has an exit code.
            with suppress(BrokenPipeError), os.fdopen(given, "wb") as pipe:
                pipe.write(msgspec.json.encode(handed))
        line = _read_line(reading)
    finally:
        os.close(log)
        os.close(reading)
    if not line:
        process.poll()
        where = f"see {log_path}"
        if process.returncode is None:
            process.terminate()
            raise WsmonError(f"the recorder did not start within {READY_S:g} s", where)
        raise WsmonError(f"the recorder exited with code {process.returncode} during startup", where)
    readiness = msgspec.json.decode(line, type=Readiness)
    if readiness.error:
        process.wait()
        raise SpawnError(readiness)
    # The recorder outlives this process on purpose: without a return code, Popen would warn that it still runs.
    process.returncode = 0
    return readiness


def wait_until_ready(store: Path) -> None:
    """Wait until the recorder that holds a store answers or has ended, at most ``ATTACH_S``."""
    clock = SystemClock()
    deadline_ns = clock.mono_ns() + round(ATTACH_S * SECOND_NS)
    while (held := holder(store)) is not None and not _answers(held.socket) and clock.mono_ns() < deadline_ns:
        time.sleep(POLL_S)


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as dialled:
        try:
            dialled.connect(path)
        except OSError:
            return False
    return True


def receive_handed(fd: int) -> Handed:
    """Return what the parent process left out of the arguments."""
    try:
        with os.fdopen(fd, "rb") as pipe:
            return msgspec.json.decode(pipe.read(), type=Handed)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"--handed-fd {fd}: cannot read arguments: {error}", "for internal use only") from error


def _read_line(fd: int) -> bytes:
    """Read from the pipe until it closes, a line is whole, or ``READY_S`` have passed."""
    received = b""
    poller = select.poll()
    poller.register(fd, select.POLLIN | select.POLLHUP)
    while not received.endswith(b"\n") and poller.poll(READY_S * 1000):
        chunk = os.read(fd, 65_536)
        if not chunk:
            break
        received += chunk
    return received


class LogFile:
    """A log beside a store that stays small; the standard streams of this process may lead to it."""

    def __init__(self, path: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._path = path
        self._limit_bytes = limit_bytes

    def rotate(self, fd: int) -> str:
        """Begin a new file where ``fd`` leads to this log and the log is too long; ``fd`` and stdout lead there then.

        Where that fails, as without a free descriptor, the log is emptied, and the result says why it failed. Raises
        ``OSError`` where even that fails.
        """
        written = os.fstat(fd)
        if written.st_size <= self._limit_bytes or not self._path.exists():
            return ""
        if not os.path.samestat(written, self._path.stat()):
            # The descriptor belongs to a terminal, a pipe or another file.
            return ""
        leads_here = os.path.samestat(os.fstat(STDOUT_FD), written)
        try:
            # Opened before anything is renamed: under its own name the log is found again if that fails
            new = _open(next_path := self._path.with_name(f"{self._path.name}.new"))
            try:
                _shift(self._path)
                next_path.replace(self._path)
                os.dup2(new, fd)
                if leads_here:
                    os.dup2(new, STDOUT_FD)
            finally:
                os.close(new)
                next_path.unlink(missing_ok=True)
        except OSError as error:
            os.ftruncate(fd, 0)
            return error.strerror or str(error)
        return ""


def open_log(path: Path, limit_bytes: int = LIMIT_BYTES) -> int:
    """Return a descriptor that appends to the log; a file that is too long is renamed first. Raises ``WsmonError``."""
    try:
        make_private_folder(path.parent)
        if path.exists() and path.stat().st_size > limit_bytes:
            _shift(path)
        return _open(path)
    except OSError as error:
        raise WsmonError(
            f"cannot write to the store folder {path.parent}: {error.strerror}",
            "use --store to choose a writable folder",
        ) from error


def _shift(path: Path) -> None:
    """Rename every file to the next number; the oldest is replaced."""
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, OLDER_FILES + 1))]
    for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
        if newer.exists():
            newer.replace(older)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
