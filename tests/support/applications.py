"""Applications that report events: one that speaks the protocol by hand, and the recorder's side without a recorder."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.support.fake_ports import FakeClock
from wsmon.bus import Bus
from wsmon.control.ingest import IngestAnswer, decode_answer
from wsmon.recorder.ingest import Ingest
from wsmon.recorder.intake import Intake

CLIENT = "0123456789abcdef"
DEADLINE_S = 20.0


def idle_ingest() -> Ingest:
    """An ingest whose bus nobody empties."""
    clock = FakeClock()
    return Ingest(Bus(lambda: None), Intake(clock, "boot"), clock, {})


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
