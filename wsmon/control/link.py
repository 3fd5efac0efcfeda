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
_OLDER: Final = ("the recorder does not accept events", "it may be an older version: restart it")
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
        """Dial, without waiting; raises ``OSError`` and ``WsmonError`` where no recorder of this user listens.

        Lines are sent once it is ``greeted_within`` some time.
        """
        held = holder(store)
        if held is None:
            raise WsmonError(f"no recorder is running on {store}")
        if not held.socket:
            raise WsmonError(f"{held.configuration} writes the store {store} itself, and takes no events of others")
        path = Path(held.socket)
        check_socket(path)
        self._waiting = b""
        self._rest = b""
        self._answers_by_s = time.monotonic() + ANSWER_S
        self._has_answered = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.setblocking(False)
            self._socket.connect(str(path))
            if not may_talk_to(peer_uid(self._socket)):
                raise WsmonError(f"the process at {path} belongs to another user")
            self._poll = select.poll()
            self._poll.register(self._socket)
            self.send(encode_ingest(GreetingLine(greeting)))
        except BlockingIOError:
            self._socket.close()
            # Its queue of connections is full
            raise WsmonError(f"the recorder of {store} takes no connections: it is stopped, or too busy") from None
        except BaseException:
            self._socket.close()
            raise

    def greeted_within(self, wait_s: float) -> int | None:
        """Return the number of the last line that the store has of this client; None where no answer came in time.

        Raises ``WsmonError`` where the recorder takes no events, and ``ANSWER_S`` after the dial.
        """
        ends_s = time.monotonic() + wait_s
        while True:
            answers = self.exchange(max(0.0, ends_s - time.monotonic()))
            if answers is None:
                raise WsmonError(*_OLDER)
            for answer in answers:
                self._has_answered = True
                if answer.acked is not None:
                    return answer.acked
                if answer.error:
                    raise WsmonError(f"the recorder does not accept events: {answer.error}")
            now_s = time.monotonic()
            if now_s >= self._answers_by_s:
                if self._has_answered:
                    raise WsmonError(*_OLDER)
                raise WsmonError(f"the recorder did not answer within {ANSWER_S:g} s: it is stopped, or too busy")
            if now_s >= ends_s:
                return None

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
