"""Applications that report events: one that speaks the protocol by hand, and the recorder's side without a recorder."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from tests.support.fake_ports import FakeClock, no_fault
from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.control.ingest import IngestAnswer, decode_answer
from wsmon.control.lock import LockInfo, StoreLock
from wsmon.control.messages import PROTOCOL, Command, Hello, Sample
from wsmon.model.block import Committed
from wsmon.recorder.ingest import Ingest, LineIngest
from wsmon.recorder.intake import Intake
from wsmon.recorder.run import self_events
from wsmon.recorder.server import ControlServer
from wsmon.recorder.spool import SpoolIntake
from wsmon.store.database import RunStart, open_for_writing
from wsmon.store.writer import Writer

CLIENT = "0123456789abcdef"
DEADLINE_S = 20.0


def idle_ingest() -> Ingest:
    """An ingest whose bus nobody empties."""
    clock = FakeClock()
    return Ingest(LineIngest(Bus(lambda: None), Intake(clock, "boot"), clock, {}))


class RawApplication:
    """A program with a Unix socket and JSON, as other languages have them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        # The lines that the recorder answered, without its hello
        self.answers: list[IngestAnswer] = []

    @classmethod
    async def dialled(cls, socket: Path) -> RawApplication:
        """Connect to a recorder."""
        application = cls(*await asyncio.open_unix_connection(str(socket)))
        assert (await application._answer()).type == "hello"
        return application

    def send(self, *lines: dict[str, object] | bytes) -> None:
        """Send lines, each with its end."""
        for line in lines:
            self._writer.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")

    def greet(self, client: str = CLIENT, **keys: object) -> None:
        """Send the greeting."""
        self.send({"ingest": {"client": client, **keys}})

    async def until_acked(self, seq: int) -> None:
        """Read answers until a number is acknowledged."""
        while not (self.answers and (self.answers[-1].acked or 0) >= seq):
            self.answers.append(await self._answer())

    async def next_answer(self) -> IngestAnswer:
        """Read one answer."""
        answer = await self._answer()
        self.answers.append(answer)
        return answer

    async def until_end(self) -> None:
        """End the stream, and read answers until the recorder ends it too."""
        self._writer.write_eof()
        async with asyncio.timeout(DEADLINE_S):
            while line := await self._reader.readline():
                self.answers.append(decode_answer(line))
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection."""
        self._writer.close()

    async def _answer(self) -> IngestAnswer:
        async with asyncio.timeout(DEADLINE_S):
            line = await self._reader.readline()
        assert line, "the recorder hung up"
        return decode_answer(line)


class ListeningRecorder:
    """A recorder of applications alone, in a thread: lock, socket, spool, bus, writer and store are real."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.failures: list[BaseException] = []
        self._is_ready = threading.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._record()), name="listening recorder")

    def __enter__(self) -> ListeningRecorder:
        self._thread.start()
        assert self._is_ready.wait(DEADLINE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()
        assert self.failures == []

    async def _record(self) -> None:
        self._loop = asyncio.get_running_loop()
        clock = SystemClock()
        with TemporaryDirectory(prefix="wsmon-") as folder:
            socket = Path(folder) / "r.sock"
            self.store.parent.mkdir(parents=True, exist_ok=True)
            info = LockInfo(1, "0.1.0", 1, PROTOCOL, "test", str(self.store), str(socket), 0, "")
            lock = StoreLock(self.store, info)
            database = open_for_writing(self.store)
            database.begin_run(RunStart(clock.wall_ns(), clock.mono_ns(), 812, "0.1.0", "boot-1"))
            bus = Bus(lambda: None)
            writer = Writer(database, bus, clock, self._on_commit, self.failures.append)
            lines = LineIngest(bus, Intake(clock, "boot"), clock, writer.committed_seqs)
            ingest = Ingest(lines)
            self._server = ControlServer(socket, _hello, _sample, _no_command, no_fault, ingest)
            spool = SpoolIntake(self.store, ingest, self_events(bus, clock))
            writer.start()
            await self._server.start()
            async with asyncio.TaskGroup() as group:
                taking = group.create_task(spool.run(), name="spool")
                self._is_ready.set()
                await self._stopping.wait()
                taking.cancel()
            bus.close()
            await asyncio.to_thread(writer.join)
            await self._server.close()
            lock.release()

    def _on_commit(self, last_id: int, _committed: Sequence[Committed]) -> None:
        self._loop.call_soon_threadsafe(self._server.wake, last_id)


def _hello() -> Hello:
    return Hello(PROTOCOL, "0.1.0", 1, run=3, pid=2, last_id=10)


def _sample() -> Sample:
    return Sample(1, 2, 3.5, 4, is_paused=False, warning="", digest="")


async def _no_command(_command: Command) -> str:
    return ""
