"""Resolver: host names to addresses, in a thread for each host, and why a name server gave no address.

``getaddrinfo`` reports a server that refuses, one that fails and one that is silent by the same code (EAI_AGAIN). Then
the servers of ``/etc/resolv.conf`` are asked once more, for the response code alone (RFC 1035, section 4.1.1).
"""

from __future__ import annotations

import asyncio
import errno
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

# What getaddrinfo returns: (family, type, proto, canonical name, address); the address's shape depends on the family
AddressInfo: TypeAlias = list[Any]

_Question: TypeAlias = "tuple[bytes | str | None, bytes | str | int | None, int, int, int, int]"

RESOLV_CONF = Path("/etc/resolv.conf")
DNS_PORT = 53
# resolv.conf(5): further servers are not asked
MAX_SERVERS = 3
# How long the servers have to say why they gave no address
REASON_S = 1.5

_HEADER_BYTES = 12
# QR and RD, one question
_RECURSION_DESIRED = b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
_ADDRESS_IN_INTERNET = b"\x00\x01\x00\x01"
_RESPONSE = 0x80
# RFC 1035, section 4.1.1
_CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}

NOT_FOUND = "no such name (NXDOMAIN)"


class Resolver:
    """Name look-ups of one event loop: a daemon thread per host, shared by all dials that ask for it.

    The executor of the loop has six threads here: seven names whose servers do not answer would hold up every other
    connection, and the end of the process as well. The number of threads is bounded by the number of different hosts.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, resolv_conf: Path = RESOLV_CONF) -> None:
        self._loop = loop
        self._resolv_conf = resolv_conf
        self._pending: dict[_Question, asyncio.Future[AddressInfo]] = {}

    async def look_up(self, question: _Question) -> AddressInfo:
        """Return the addresses of a name (host, port, family, type, proto, flags).

        Raises ``socket.gaierror``, whose text says why a name server gave none, or another ``OSError``.
        """
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
        except socket.gaierror as error:
            found = explained(error, question[0], lambda: name_servers(self._resolv_conf))
        except OSError as error:
            found = error
        except UnicodeError as error:
            # A label that IDNA refuses
            found = socket.gaierror(socket.EAI_NONAME, f"invalid host name: {error}")
        try:
            self._loop.call_soon_threadsafe(self._answer, question, found)
        except RuntimeError:
            # The loop was closed in the meantime: no dial waits for the answer any more
            return

    def _answer(self, question: _Question, found: AddressInfo | OSError) -> None:
        answer = self._pending.pop(question)
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)


def _retrieve(answer: asyncio.Future[AddressInfo]) -> None:
    """Mark the exception as handled: all dials that asked may have given up by now."""
    if not answer.cancelled():
        answer.exception()


def explained(error: socket.gaierror, host: bytes | str | None, servers: Callable[[], Sequence[str]]) -> OSError:
    """Return the error of a look-up with a text that says why; blocks for up to ``REASON_S``.

    ``servers`` returns the addresses of the name servers. Without a free descriptor the result is that ``OSError``.
    """
    match error.errno:
        case socket.EAI_NONAME:
            return socket.gaierror(error.errno, NOT_FOUND)
        case socket.EAI_AGAIN | socket.EAI_FAIL:
            name = host.decode("ascii", "replace") if isinstance(host, bytes) else host or ""
            try:
                why = reason(name, servers())
            except OSError as ours:
                return ours if ours.errno in (errno.EMFILE, errno.ENFILE) else error
            return socket.gaierror(error.errno, why) if why else error
    return error


def reason(host: str, servers: Sequence[str], port: int = DNS_PORT, within_s: float = REASON_S) -> str:
    """Ask name servers for a host and return why they give no address; empty where they do give one.

    Raises ``OSError`` where there is no socket to ask with.
    """
    try:
        question = question_packet(host, os.urandom(2))
    except ValueError:
        return ""
    codes: dict[str, str] = {}
    with selectors.DefaultSelector() as selector:
        try:
            for server in servers:
                asked = _asked(server, port, question)
                if asked is None:
                    codes[server] = "unreachable"
                else:
                    selector.register(asked, selectors.EVENT_READ, server)
            deadline_s = time.monotonic() + within_s
            while selector.get_map() and (left_s := deadline_s - time.monotonic()) > 0:
                for key, _ in selector.select(left_s):
                    code = _received(key.fileobj, question)
                    if code:
                        codes[key.data] = code
                        selector.unregister(key.fileobj)
                        key.fileobj.close()  # type: ignore[union-attr]  # a socket
                if {"NXDOMAIN", "NOERROR"} & set(codes.values()):
                    break
        finally:
            for key in tuple((selector.get_map() or {}).values()):
                key.fileobj.close()  # type: ignore[union-attr]  # a socket
    return _sentence(servers, codes)


def _asked(server: str, port: int, question: bytes) -> socket.socket | None:
    """Send the question to one server; return the socket for its answer, None where no way leads there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            server, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
    except socket.gaierror:
        return None
    asked = socket.socket(family, kind, protocol)
    try:
        asked.setblocking(False)
        asked.connect(address)
        asked.send(question)
    except OSError:
        asked.close()
        return None
    return asked


def _received(asked: Any, question: bytes) -> str:
    """Return the response code that arrived, "unreachable" where nothing listens; empty for another packet."""
    try:
        return response_code(asked.recv(4096), question)
    except OSError:
        return "unreachable"


def question_packet(host: str, identifier: bytes) -> bytes:
    """Return a query for the A records of a host; ``identifier`` is two bytes. Raises ``ValueError``."""
    name = host.rstrip(".").encode("idna" if not host.isascii() else "ascii")
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b"."))
    return identifier + _RECURSION_DESIRED + labels + b"\x00" + _ADDRESS_IN_INTERNET


def response_code(packet: bytes, question: bytes) -> str:
    """Return the name of the response code in the answer to a question; empty where it is no answer to it."""
    if len(packet) < _HEADER_BYTES or packet[:2] != question[:2] or not packet[2] & _RESPONSE:
        return ""
    number = packet[3] & 0x0F
    return _CODES.get(number, f"code {number}")


def _sentence(servers: Sequence[str], codes: dict[str, str]) -> str:
    """Return why no server gave an address: the most telling answer of all."""
    by_code = {code: server for server, code in reversed(codes.items())}
    if "NOERROR" in by_code:
        return ""
    if "NXDOMAIN" in by_code:
        return NOT_FOUND
    for code, words in (("REFUSED", "refused to answer"), ("SERVFAIL", "failed to answer")):
        if code in by_code:
            return f"name server {by_code[code]} {words} ({code})"
    for code, server in by_code.items():
        if code != "unreachable":
            return f"name server {server} gave no answer ({code})"
    listed = ", ".join(servers)
    if "unreachable" in by_code and len(codes) == len(servers):
        return f"no name server can be reached ({listed})"
    return f"no name server answered ({listed}: timeout)"


def name_servers(path: Path = RESOLV_CONF) -> tuple[str, ...]:
    """Return the name servers of a ``resolv.conf``, at most ``MAX_SERVERS``; the local host where it names none."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    words = (line.split() for line in lines)
    found = tuple(line[1] for line in words if len(line) >= 2 and line[0] == "nameserver")
    return found[:MAX_SERVERS] or ("127.0.0.1",)
