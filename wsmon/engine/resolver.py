"""Name look-ups that delay nobody: one daemon thread per host, shared by all who ask for it.

The loop's own executor has six threads here: seven names whose servers do not answer would hold up every other
connection, and the end of the process as well.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any, TypeAlias

AddressInfo: TypeAlias = list[Any]
# what getaddrinfo returns: (family, type, proto, canonical name, address); the address's shape depends on the family

_Question: TypeAlias = "tuple[bytes | str | None, bytes | str | int | None, int, int, int, int]"


class Resolver:
    """Look-ups under way on one event loop; their number is bounded by the number of different hosts."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pending: dict[_Question, asyncio.Future[AddressInfo]] = {}

    async def look_up(self, question: _Question) -> AddressInfo:
        """The addresses of a name (host, port, family, type, proto, flags); raises ``socket.gaierror``."""
        answer = self._pending.get(question)
        if answer is None:
            answer = self._pending[question] = self._loop.create_future()
            answer.add_done_callback(_retrieve)
            threading.Thread(target=self._ask, args=(question,), name=f"dns {question[0]!r}", daemon=True).start()
        return await asyncio.shield(answer)

    def _ask(self, question: _Question) -> None:
        found: AddressInfo | OSError
        try:
            found = socket.getaddrinfo(*question)
        except OSError as error:
            found = error
        except UnicodeError as error:  # a label that IDNA refuses
            found = socket.gaierror(socket.EAI_NONAME, f"no legal host name: {error}")
        try:
            self._loop.call_soon_threadsafe(self._answer, question, found)
        except RuntimeError:
            return  # the loop was closed meanwhile: nobody waits any more

    def _answer(self, question: _Question, found: AddressInfo | OSError) -> None:
        answer = self._pending.pop(question)
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)


def _retrieve(answer: asyncio.Future[AddressInfo]) -> None:
    """Everybody who asked may have given up: their failure is no unhandled error."""
    if not answer.cancelled():
        answer.exception()
