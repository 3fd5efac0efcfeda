"""A recorder in a process of its own: started, waited for, and its refusal passed on."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from wsmon.errors import EXIT_FAILED, WsmonError

READY_S = 10.0
# how long a recorder may take until viewers can attach
LOG_NAME = "recorder.log"
LOG_LIMIT_BYTES = 1024 * 1024
HEADERS_VARIABLE = "WSMON_HEADERS"
# headers of the command line travel here: arguments of a process can be read by everybody on the machine


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
    arguments: Sequence[str], store: Path, headers: Sequence[str], environ: Mapping[str, str]
) -> Readiness:
    """Start ``wsmon ARGUMENTS`` detached from this terminal and wait until it records; raises ``SpawnError``."""
    log = _open_log(store.with_name(LOG_NAME))
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "wsmon", *arguments, "--ready-fd", str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(writing,),
            env={**environ, HEADERS_VARIABLE: json.dumps(list(headers))},
        )
        os.close(writing)
        line = _read_line(reading)
    finally:
        os.close(log)
        os.close(reading)
    if not line:
        process.poll()
        where = f"see {store.with_name(LOG_NAME)}"
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


def _open_log(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WsmonError(
            f"cannot write beside the store {path.parent}: {error.strerror}",
            "wsmon needs a folder it can write to: use --store",
        ) from error


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
