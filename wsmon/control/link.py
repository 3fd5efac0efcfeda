"""Link: how lines of events reach a store; RecorderLink, through the socket of its recorder, without an event loop."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from wsmon.control.ingest import GreetingLine, IngestAnswer, IngestGreeting, decode_answer, encode_ingest
from wsmon.control.lock import holder
from wsmon.control.ownership import check_socket, may_talk_to, peer_uid
from wsmon.errors import WsmonError

# How long a recorder may take to answer the greeting
ANSWER_S: Final = 2.0
_READ_BYTES: Final = 64 * 1024


class Link(Protocol):
    """A way to a store, open until ``close``."""

    def exchange(self, wait_s: float) -> Sequence[IngestAnswer] | None:
        """Send what waits to be sent, and return answers, waiting ``wait_s`` at most; None = the link has ended."""
        ...

    def send(self, octets: bytes) -> None:
        """Add lines to what waits to be sent."""
        ...

    @property
    def is_sending(self) -> bool:
        """Whether the other end has yet to read what waits."""
        ...

    def close(self) -> None:
        """End the link."""
        ...

    def abandon(self) -> None:
        """Let go of it in a forked child: it is the parent's."""
        ...


class RecorderLink:
    """A connection to the recorder of a store."""

    def __init__(self, store: Path, greeting: IngestGreeting) -> None:
        """Dial and greet; raises ``OSError`` and ``WsmonError`` where no recorder of this user answers."""
        held = holder(store)
        if held is None:
            raise WsmonError(f"no recorder is running on {store}")
        if not held.socket:
            raise WsmonError(f"{held.configuration} writes the store {store} itself, and takes no events of others")
        path = Path(held.socket)
        check_socket(path)
        self._waiting = b""
        self._rest = b""
        self.acked = 0
        """Number of the last line that the store has of this client, when the link was made."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.settimeout(ANSWER_S)
            self._socket.connect(str(path))
            if not may_talk_to(peer_uid(self._socket)):
                raise WsmonError(f"the process at {path} belongs to another user")
            self._socket.setblocking(False)
            self._poll = select.poll()
            self._poll.register(self._socket)
            self.send(encode_ingest(GreetingLine(greeting)))
            self.acked = self._greeted()
        except BaseException:
            self._socket.close()
            raise

    def send(self, octets: bytes) -> None:
        """Add lines to what waits to be sent."""
        self._waiting += octets

    @property
    def is_sending(self) -> bool:
        """Whether the recorder has yet to read what waits."""
        return bool(self._waiting)

    def exchange(self, wait_s: float) -> Sequence[IngestAnswer] | None:
        """Send what waits to be sent, and return answers, waiting ``wait_s`` at most; None = the link has ended."""
        try:
            # Not `select`, which knows no descriptor beyond 1,023
            self._poll.modify(self._socket, select.POLLIN | (select.POLLOUT if self._waiting else 0))
            happened = dict(self._poll.poll(wait_s * 1_000)).get(self._socket.fileno(), 0)
            if happened & select.POLLOUT:
                sent = self._socket.send(self._waiting)
                self._waiting = self._waiting[sent:]
            return self._read() if happened & ~select.POLLOUT else ()
        except BlockingIOError:
            return ()
        # What is no answer ends the link as well: the process there is no recorder
        except (OSError, ValueError, WsmonError):
            return None

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def abandon(self) -> None:
        """Close the descriptor in a forked child; the connection stays the parent's."""
        self._socket.close()

    def _read(self) -> Sequence[IngestAnswer] | None:
        octets = self._socket.recv(_READ_BYTES)
        if not octets:
            return None
        *lines, self._rest = (self._rest + octets).split(b"\n")
        return [decode_answer(line) for line in lines]

    def _greeted(self) -> int:
        """Wait for the answer to the greeting."""
        ends_s = time.monotonic() + ANSWER_S
        while (left_s := ends_s - time.monotonic()) > 0:
            answers = self.exchange(left_s)
            if answers is None:
                break
            for answer in answers:
                if answer.acked is not None:
                    return answer.acked
                if answer.error:
                    raise WsmonError(f"the recorder does not accept events: {answer.error}")
        raise WsmonError("the recorder does not accept events", "it may be an older version: restart it")
