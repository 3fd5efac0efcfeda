"""Processes: quick imports, a lower priority, signals that end this one like ^C, or that end another recorder."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from wsmon.errors import WsmonError

# Of 19: beside a busy recorder, a command still gets a quarter of a processor.
NICENESS = 5

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)

_PROC = Path("/proc")
# The arguments of a recorder: `wsmon record`, `python …/wsmon record` or `python -m wsmon demo`
_PROGRAM = "wsmon"
_INTERPRETERS = ("python", "pypy")
_RECORDING = ("record", "demo")


@contextmanager
def importing() -> Iterator[None]:
    """Import large parts in the block: what modules make stays, and searching it for garbage takes a tenth of the time.

    It is not searched afterwards either.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def collecting_later() -> Iterator[None]:
    """Search for no garbage in the block, which makes millions of tuples and no circles of references."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def low_priority() -> Iterator[None]:
    """Give way to other processes in the block; afterwards too where the priority may not be raised again."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(before, NICENESS))
    try:
        yield
    finally:
        # Only root may raise it; the commands that use this end here anyway.
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before)


@contextmanager
def tidy_end() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into ``KeyboardInterrupt`` in the block, so that half-written files are removed.

    A SIGHUP that is ignored (nohup) stays ignored.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def outliving_stop() -> Iterator[None]:
    """Ignore SIGTERM and SIGHUP in the block: a service manager sends them to the recorder's children as well."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def terminate_recorder(pid: int, uid: int, proc: Path = _PROC) -> None:
    """Send SIGTERM to a recorder of the user ``uid``; nothing where it has ended.

    A lock file may name any process: one of another user, or with another command, gets no signal. The process is held
    by a descriptor meanwhile, so that its number cannot pass to another. Raises ``WsmonError`` where it is no recorder.
    """
    try:
        held = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except OverflowError:
        raise WsmonError(f"invalid process id {pid} in the lock file of the store", "no recorder wrote it") from None
    try:
        if fault := _fault_of(proc / str(pid), uid):
            raise WsmonError(
                f"not signalling process {pid} named in the lock file: {fault}", f"inspect it with `ps -fp {pid}`"
            )
        signal.pidfd_send_signal(held, signal.SIGTERM)
    except ProcessLookupError:
        # The recorder has ended meanwhile
        return
    finally:
        os.close(held)


def _fault_of(process: Path, uid: int) -> str:
    """Return why a process is no recorder of a user; empty where it is one. Raises ``ProcessLookupError``."""
    try:
        status = (process / "status").read_text()
        arguments = (process / "cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        raise ProcessLookupError from None
    # Real, effective, saved and file system ids
    uids = next((line.split()[1:] for line in status.splitlines() if line.startswith("Uid:")), [])
    if set(uids) != {str(uid)}:
        return f"it belongs to uid {uids[0] if uids else '?'}, but the lock file to uid {uid}"
    if any(line.startswith("State:\tZ") for line in status.splitlines()):
        raise ProcessLookupError
    return "" if is_recorder(arguments) else f"it is not a recorder but {os.fsdecode(arguments[0])!r}"


def is_recorder(arguments: Sequence[bytes]) -> bool:
    """Whether a process with these arguments records; viewers and other programs do not."""
    names = [os.fsdecode(argument).rpartition("/")[2] for argument in arguments]
    if names[0].startswith(_INTERPRETERS):
        options = next((at for at, name in enumerate(names[1:], 1) if not name.startswith("-")), len(names))
        names = names[options:]
    return names[:1] == [_PROGRAM] and len(names) > 1 and names[1] in _RECORDING
