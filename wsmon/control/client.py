"""Control client: the viewer's end of the control socket, with commands and health samples, redialled when it ends.

The recorder's end is recorder/server.py; the messages are in control/messages.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from wsmon.control.messages import (
    LINE_LIMIT_BYTES,
    PROTOCOL,
    Action,
    Command,
    Hello,
    Message,
    Reply,
    Sample,
    Wake,
    decode,
    encode,
)
from wsmon.control.ownership import ForeignFileError, check_socket, may_talk_to, peer_uid
from wsmon.errors import WsmonError
from wsmon.model.snapshot import Health
from wsmon.model.units import format_size
from wsmon.ports import SentByHand

# Delay before the next dial while no recorder answers
REDIAL_S = 0.5
# Deadline of a command: a reload reads files, a stop closes sockets
ANSWER_S = 5.0


class RecorderClient:
    """A connection to a recorder that is dialled again whenever it ends.

    ``hello`` and ``health`` are ``None`` while no recorder answers. Use it on one event loop.
    """

    def __init__(self, socket: Path, greeting: Hello) -> None:
        """``greeting`` is the first message, sent by both sides."""
        self._socket = socket
        self._greeting = greeting
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[int, asyncio.Future[Reply]] = {}
        self._refs = 0
        self.hello: Hello | None = None
        self.health: Health | None = None
        # Digest of the configuration that the recorder runs
        self.digest = ""

    @property
    def can_command(self) -> bool:
        """Whether a recorder answers, and understands our commands."""
        return self.hello is not None and self.hello.protocol == PROTOCOL

    async def run(self, on_change: Callable[[], None]) -> None:
        """Stay connected until cancelled; call ``on_change`` after each commit, sample, connect and disconnect."""
        while True:
            try:
                # No recorder, one that hangs, a line that is no message: ``hello`` becomes None, the next try follows
                with suppress(OSError, WsmonError, ValueError):
                    await self._session(on_change)
            finally:
                self.hang_up()
                on_change()
            await asyncio.sleep(REDIAL_S)

    async def connect_once(self) -> None:
        """Dial and exchange greetings once, for commands that need no stream of wake-ups.

        Raises ``OSError`` where no process listens, ``WsmonError`` where the one that does hangs, is no recorder, or
        belongs to another user.
        """
        check_socket(self._socket)
        try:
            async with asyncio.timeout(ANSWER_S):
                self._reader, self._writer = await asyncio.open_unix_connection(
                    str(self._socket), limit=LINE_LIMIT_BYTES
                )
                # Another file may have come to the path since
                if not may_talk_to(uid := peer_uid(self._writer.get_extra_info("socket"))):
                    raise ForeignFileError(
                        f"the process listening on {self._socket} belongs to another user (uid {uid})"
                    )
                self._writer.write(encode(self._greeting))
                first = await self.receive()
        except TimeoutError:
            raise WsmonError(f"the recorder did not respond within {ANSWER_S:g} s") from None
        if not isinstance(first, Hello):
            raise WsmonError(f"{self._socket} is not a wsmon recorder")
        self.hello, self.digest = first, first.digest

    async def reconnect(self, connection: str) -> None:
        """Dial anew, now."""
        await self.command("reconnect", connection)

    async def disable(self, connection: str) -> None:
        """Close the connection and leave it closed."""
        await self.command("disable", connection)

    async def enable(self, connection: str) -> None:
        """Open a connection that was disabled."""
        await self.command("enable", connection)

    async def reload(self) -> str:
        """Read the configuration again; return what changed, in a sentence."""
        return await self.command("reload")

    async def send(self, connection: str, message: str | bytes) -> SentByHand:
        """Send a text or a binary message to the peer of a connection; return what was done."""
        text, data = (message, b"") if isinstance(message, str) else ("", message)
        reply = await self._ask("send", connection, text, data)
        return SentByHand(reply.text, reply.kept)

    async def stop(self) -> None:
        """End the recorder cleanly."""
        await self.command("stop")

    async def command(self, action: Action, connection: str = "") -> str:
        """Send a command; return the sentence of its reply, or raise it as a ``WsmonError``."""
        return (await self._ask(action, connection)).text

    async def _ask(self, action: Action, connection: str = "", text: str = "", data: bytes = b"") -> Reply:
        if self._writer is None or self.hello is None:
            raise WsmonError("no recorder is responding", "start one with `wsmon` or `wsmon record`")
        if not self.can_command:
            raise WsmonError(
                f"recorder {self.hello.version} (pid {self.hello.pid}) uses an incompatible protocol",
                "restart it: `wsmon stop`, then `wsmon`",
            )
        self._refs += 1
        ref = self._refs
        try:
            line = encode(Command(ref, action, connection, text, data))
        # Half of a surrogate pair
        except UnicodeEncodeError:
            raise WsmonError("the text is not valid Unicode") from None
        if len(line) > LINE_LIMIT_BYTES:
            what = f"the message is too large to send by hand ({format_size(len(data or text.encode()))})"
            raise WsmonError(what, f"at most {format_size(LINE_LIMIT_BYTES)} as JSON")
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._answers[ref] = answer
        try:
            self._writer.write(line)
            async with asyncio.timeout(ANSWER_S):
                reply = await answer
        except TimeoutError:
            raise WsmonError(f"the recorder did not respond to `{action}` within {ANSWER_S:g} s") from None
        finally:
            self._answers.pop(ref, None)
        if not reply.ok:
            raise WsmonError(reply.text)
        return reply

    async def listen(self, on_change: Callable[[], None]) -> None:
        """Handle messages of the recorder until it closes the connection."""
        while (message := await self.receive()) is not None:
            match message:
                case Sample():
                    self.digest = message.digest
                    self.health = _health(message)
                    on_change()
                case Wake():
                    on_change()
                case Reply():
                    answer = self._answers.get(message.ref)
                    if answer is not None and not answer.done():
                        answer.set_result(message)
                case Hello() | Command():
                    raise WsmonError("unexpected message from the recorder")

    async def _session(self, on_change: Callable[[], None]) -> None:
        await self.connect_once()
        on_change()
        await self.listen(on_change)

    async def receive(self) -> Message | None:
        """Return the next message of the recorder; ``None`` where it closed the connection."""
        line = await self._reader.readline()
        return decode(line) if line else None

    def hang_up(self) -> None:
        """Close the connection; commands under way fail."""
        if self._writer is not None:
            self._writer.close()
        self._writer = self.hello = self.health = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(WsmonError("the recorder disconnected before responding"))


async def command_once(socket: Path, greeting: Hello, action: Action, connection: str = "") -> str:
    """Dial, send one command, hang up; return its reply. Raises ``OSError`` where no process listens."""
    client = RecorderClient(socket, greeting)
    try:
        await client.connect_once()
        # Awaited below. A TaskGroup would wrap an error of the command in an ExceptionGroup.
        listening = asyncio.create_task(client.listen(lambda: None), name="control listener")  # noqa: TID251
        try:
            return await client.command(action, connection)
        finally:
            listening.cancel()
            await asyncio.wait([listening])
    finally:
        client.hang_up()


async def health_once(socket: Path, greeting: Hello) -> Health:
    """Dial, wait for a sample, hang up.

    Raises ``OSError`` where no process listens, ``WsmonError`` where no sample arrives in time.
    """
    client = RecorderClient(socket, greeting)
    try:
        async with asyncio.timeout(ANSWER_S):
            await client.connect_once()
            while (message := await client.receive()) is not None:
                if isinstance(message, Sample):
                    return _health(message)
    except TimeoutError:
        raise WsmonError(f"the recorder did not report its health within {ANSWER_S:g} s") from None
    finally:
        client.hang_up()
    raise WsmonError("the recorder disconnected before reporting its health")


def _health(sample: Sample) -> Health:
    return Health(
        sample.waiting_events,
        sample.waiting_bytes,
        sample.commit_lag_ms,
        sample.events_shed,
        sample.is_paused,
        sample.warning,
        sample.rings,
        sample.notifies,
    )
