"""What receives the messages of a feed: the recorder as users start it, and the peers; each as processes of its own.

The CPU time of whole processes is measured from outside, all threads, from the opened connections until they are at
rest: for the recorder, that includes its search index.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.cpu import at_rest, cpu_s, idle_share
from tests.benchmarks.feed import Load, Server
from tests.benchmarks.table import Options

PEERS = Path(__file__).with_name("peers")
WSMON = Path(sys.executable).with_name("wsmon")
SQLITE_UTILS = Path(sys.executable).with_name("sqlite-utils")
POLL_S = 0.01
END_S = 60
COMMITTED = "SELECT count(*) FROM event WHERE id > ? AND name = 1"
COUNTED = "SELECT coalesce(sum(messages_in), 0) FROM rollup WHERE level = 1"
NEWEST = "SELECT coalesce(max(id), 0) FROM event"
INDEXED_TO = "SELECT coalesce(max(last_id), 0) FROM search_segment"


class NotRunError(Exception):
    """A side cannot be measured here; the text says why."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time of a session, in microseconds a message."""

    at_rest: float
    to_commit: float = 0.0
    """Until all messages were committed; only of the recorder."""
    indexed: float = 0.0
    """Which share of the events the search index has in the end; only of the recorder."""


@dataclass(frozen=True, slots=True)
class Script:
    """A peer that is one of our scripts; it prints how many messages it received when its connections are closed."""

    name: str
    script: str
    most_connections: int = 1
    takes_deflate: bool = True
    needs_environment: bool = False
    """Whether its packages are in the environment of peers, and not in that of the tests."""

    def measure(self, load: Load, server: Server, options: Options) -> Cost:
        """Return what a session costs."""
        if load.deflate and not self.takes_deflate:
            raise NotRunError("does not speak permessage-deflate")
        python = _peers(options) if self.needs_environment else Path(sys.executable)
        with tempfile.TemporaryDirectory(dir=options.folder) as folder, ExitStack() as stack:
            command = _script(python, self.script, server.port, folder, load.connections)
            process = stack.enter_context(_started(command))
            cost = _session([process.pid], load, server)
            received = _printed(process)
        assert received == load.messages, f"{self.name}: {received} of {load.messages} messages"
        return cost


@dataclass(frozen=True, slots=True)
class SqliteUtils:
    """A peer that pipes the messages, as lines, into ``sqlite-utils insert``."""

    name: str = "websockets | sqlite-utils"

    def measure(self, load: Load, server: Server, options: Options) -> Cost:
        """Return what a session costs, both processes together."""
        with tempfile.TemporaryDirectory(dir=options.folder) as folder, ExitStack() as stack:
            database = Path(folder) / "messages.db"
            source = stack.enter_context(
                _started(_script(Path(sys.executable), "print_lines.py", server.port, folder, load.connections))
            )
            command = (SQLITE_UTILS, "insert", database, "message", "-", "--lines")
            target = stack.enter_context(_started(command, source.stdout))
            cost = _session([source.pid, target.pid], load, server)
            source.wait(END_S)
            target.wait(END_S)
            ((count,),) = _query(database, "SELECT count(*) FROM message")
        assert count == load.messages, f"{self.name}: {count} of {load.messages} messages"
        return cost


@dataclass(frozen=True, slots=True)
class Mitmdump:
    """mitmdump between the server and a client that discards, which is not counted; it writes a file at its end."""

    name: str = "mitmdump -w"

    def measure(self, load: Load, server: Server, options: Options) -> Cost:
        """Return what a session costs."""
        program = _peers(options).with_name("mitmdump")
        if not program.exists():
            raise NotRunError("mitmdump is not in the environment of peers")
        with tempfile.TemporaryDirectory(dir=options.folder) as folder, ExitStack() as stack:
            port = free_port()
            mode = f"reverse:http://127.0.0.1:{server.port}"
            flows = Path(folder) / "flows"
            proxy = stack.enter_context(
                _started(
                    (program, "-q", "--mode", mode, "--listen-port", port, "-w", flows, "--set", f"confdir={folder}")
                )
            )
            listening(port)
            command = _script(Path(sys.executable), "discard.py", port, folder, load.connections)
            client = stack.enter_context(_started(command))
            cost = _session([proxy.pid], load, server)
            received = _printed(client)
        assert received == load.messages, f"{self.name}: {received} of {load.messages} messages"
        return cost


@dataclass(frozen=True, slots=True)
class Recorder:
    """``wsmon record`` with a configuration file."""

    name: str = "wsmon"
    settings: str = ""
    """Keys of ``[wsmon]``."""
    defaults: str = ""
    """Keys of ``[defaults]``: of each connection."""
    keeps_messages: bool = True
    """Whether each message becomes a row; else all are counted."""

    def measure(self, load: Load, server: Server, options: Options) -> Cost:
        """Return what a session costs."""
        with tempfile.TemporaryDirectory(dir=options.folder) as name, ExitStack() as stack:
            folder = Path(name)
            process = stack.enter_context(self.recording(folder, [server.port] * load.connections))
            store = folder / "store.db"
            pids = [process.pid]
            server.opened()
            idle = idle_share(pids)
            newest, before_s = newest_id(store), cpu_s(pids)
            server.send()
            while self._committed(store, newest, load.messages) < load.messages:
                time.sleep(POLL_S)
                assert process.poll() is None, "the recorder ended"
            committed_s = cpu_s(pids)
            end_s = at_rest(pids, idle, lambda: _query(store, INDEXED_TO))
            indexed = _query(store, INDEXED_TO)[0][0] / newest_id(store)
            process.terminate()
            process.wait(END_S)
            server.close()
            count = self._committed(store, 0, load.messages)
        assert count == load.messages, f"{self.name}: {count} of {load.messages} messages"
        a_message_us = 1e6 / load.messages
        return Cost((end_s - before_s) * a_message_us, (committed_s - before_s) * a_message_us, indexed)

    def _committed(self, store: Path, after_id: int, expected: int) -> int:
        """Messages that are committed after an id; 0 where there cannot be as many as expected yet."""
        if not self.keeps_messages:
            return _query(store, COUNTED)[0][0]
        may_be_all = newest_id(store) >= after_id + expected
        return _query(store, COMMITTED, after_id)[0][0] if may_be_all else 0

    @contextmanager
    def recording(self, folder: Path, ports: Sequence[int]) -> Iterator[subprocess.Popen[str]]:
        """A recorder of a connection to each port; its store is ``store.db`` in the folder."""
        connections = (
            f'[[connection]]\nname = "feed-{n}"\nurl = "ws://127.0.0.1:{port}"\n' for n, port in enumerate(ports)
        )
        parts = ("[wsmon]", self.settings, "[defaults]", self.defaults, *connections)
        config = folder / "wsmon.toml"
        config.write_text("\n".join(parts))
        command = (WSMON, "record", config, "--store", folder / "store.db", "--quiet")
        environ = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "XDG_STATE_HOME": str(folder), "TMPDIR": str(folder)}
        with _started(command, environ=environ) as process:
            yield process


Side = Script | SqliteUtils | Mitmdump | Recorder

DISCARD = Script("async for", "discard.py", most_connections=1_000)
DEFAULT = Recorder()
RAW = Recorder("wsmon, raw", defaults='protocol = "raw"')
STANDARD = Recorder("wsmon, standard", defaults='profile = "standard"', keeps_messages=False)
PEER_SIDES: tuple[Side, ...] = (
    Script("executemany script", "executemany.py"),
    SqliteUtils(),
    Script("picows, executemany", "picows_executemany.py", takes_deflate=False, needs_environment=True),
    Mitmdump(),
)


def newest_id(store: Path) -> int:
    """The newest id of a store."""
    return _query(store, NEWEST)[0][0]


def _session(processes: list[int], load: Load, server: Server) -> Cost:
    """A session of a peer, and its end."""
    server.opened()
    idle = idle_share(processes)
    before_s = cpu_s(processes)
    server.send()
    used_s = at_rest(processes, idle) - before_s
    server.close()
    return Cost(used_s / load.messages * 1e6)


def _peers(options: Options) -> Path:
    if options.peers is None or not options.peers.exists():
        raise NotRunError("there is no environment of peers (CONTRIBUTING.md)")
    return options.peers


def _script(python: Path, script: str, port: int, folder: str, connections: int) -> tuple[Path | str, ...]:
    return (python, PEERS / script, f"ws://127.0.0.1:{port}", folder, str(connections))


@contextmanager
def _started(
    command: Sequence[object], stdin: object = None, environ: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A process, which is killed at the end of the block where it still runs."""
    arguments = [str(each) for each in command]
    with subprocess.Popen(arguments, stdin=stdin, stdout=subprocess.PIPE, text=True, env=environ) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def _printed(process: subprocess.Popen[str]) -> int:
    """The number that a script prints at its end."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def _query(store: Path, statement: str, *values: object) -> list[tuple[int]]:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        return database.execute(statement, values).fetchall()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def listening(port: int) -> None:
    """Wait until something listens at a port."""
    deadline_s = time.monotonic() + END_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)):
                return
        except ConnectionRefusedError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(POLL_S)
