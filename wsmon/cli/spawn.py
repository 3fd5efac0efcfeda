"""A recorder in a process of its own: started, waited for, and its refusal passed on."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from wsmon.cli.log_file import open_log
from wsmon.clock import SystemClock
from wsmon.control.lock import beside, holder
from wsmon.errors import EXIT_FAILED, UsageError, WsmonError
from wsmon.model.units import SECOND_NS

READY_S = 10.0
# how long a recorder may take until viewers can attach
HANDED_VARIABLE = "WSMON_HANDED"
ATTACH_S = 3.0
# how long a recorder that somebody else has just started may take until it answers
POLL_S = 0.02


class Handed(msgspec.Struct, frozen=True):
    """What is left out of the arguments of a recorder: everybody on the machine can read those of any process.

    It travels in the environment (``HANDED_VARIABLE``), which only its owner can read.
    """

    urls: tuple[str, ...]
    headers: tuple[str, ...]
    subscribe: tuple[str, ...]


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """The one line that a recorder writes into its readiness pipe."""

    pid: int
    store: str
    error: str = ""
    # why it does not record; empty = it does
    exit: int = EXIT_FAILED
    is_held: bool = False
    # another recorder holds the store


class SpawnError(WsmonError):
    """The recorder did not start; says why, and exits as it did."""

    def __init__(self, readiness: Readiness) -> None:
        super().__init__(readiness.error)
        self.exit_code = readiness.exit
        self.is_held = readiness.is_held


def spawn_recorder(
    arguments: Sequence[str], store: Path, environ: Mapping[str, str], handed: Handed | None = None
) -> Readiness:
    """Start ``wsmon ARGUMENTS`` detached from this terminal and wait until it records; raises ``SpawnError``."""
    log_path = beside(store, "log")
    log = open_log(log_path)
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "wsmon", *arguments, "--ready-fd", str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(writing,),
            env={**environ, HANDED_VARIABLE: msgspec.json.encode(handed).decode()},
        )
        os.close(writing)
        line = _read_line(reading)
    finally:
        os.close(log)
        os.close(reading)
    if not line:
        process.poll()
        where = f"see {log_path}"
        if process.returncode is None:
            process.terminate()
            raise WsmonError(f"the recorder was not ready within {READY_S:g} s", where)
        raise WsmonError(f"the recorder ended with code {process.returncode} before it was ready", where)
    readiness = msgspec.json.decode(line, type=Readiness)
    if readiness.error:
        process.wait()
        raise SpawnError(readiness)
    process.returncode = 0  # it outlives us on purpose: no warning that it still runs
    return readiness


def wait_until_ready(store: Path) -> None:
    """Wait until the recorder that holds a store answers, or has ended; a while at most."""
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


def handed_over(environ: Mapping[str, str]) -> Handed | None:
    """What the process that started this one left out of the arguments; ``None`` where it left out nothing."""
    try:
        return msgspec.json.decode(environ.get(HANDED_VARIABLE, "null"), type=Handed | None)
    except msgspec.DecodeError as error:
        raise UsageError(f"{HANDED_VARIABLE} is not what wsmon writes there: {error}", "unset it") from error


def _read_line(fd: int) -> bytes:
    """What comes through the pipe until it closes, a line is whole, or the time is up."""
    received = b""
    poller = select.poll()
    poller.register(fd, select.POLLIN | select.POLLHUP)
    while not received.endswith(b"\n") and poller.poll(READY_S * 1000):
        chunk = os.read(fd, 65_536)
        if not chunk:
            break
        received += chunk
    return received
