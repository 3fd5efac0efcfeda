"""One HTTP(S) POST over asyncio: the status and headers of the answer, never its body, and no redirect followed."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

import wsmon

HEAD_BYTES = 16 * 1024
# of an answer's head; more is no answer
_SAFE = "%/:=&?~#+!$,;'@()*[]"
# what a path and a query may hold as it is; everything else is percent-encoded


class BadAnswerError(Exception):
    """What came back is no HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    # names in lower case; the first of several


async def post(url: str, body: bytes) -> Answer:
    """Send JSON and wait for the head of the answer; the caller bounds the time.

    Raises ``OSError`` (``ssl.SSLCertVerificationError`` among them) and ``BadAnswerError``; neither says the URL.
    """
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    context = await asyncio.to_thread(ssl.create_default_context) if is_tls else None  # reads files
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or (443 if is_tls else 80), ssl=context, limit=HEAD_BYTES
    )
    try:
        writer.write(_request(parts, body))
        await writer.drain()
        return await _answer(reader)
    finally:
        writer.transport.abort()


def _request(parts: SplitResult, body: bytes) -> bytes:
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2].encode("idna" if not parts.netloc.isascii() else "ascii").decode()
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {host}",
        f"User-Agent: wsmon/{wsmon.__version__}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Authorization: Basic {b64encode(user.encode()).decode()}")
    return "\r\n".join((*lines, "", "")).encode("ascii") + body


async def _answer(reader: asyncio.StreamReader) -> Answer:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            protocol, status = first.split(" ", 2)[:2]
            if not protocol.startswith("HTTP/1.") or len(status) != 3:
                raise BadAnswerError("the answer is no HTTP")
            if not status.startswith("1"):
                break
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        return Answer(int(status), headers)
    except asyncio.IncompleteReadError:
        raise ConnectionResetError("the connection ended before the answer") from None
    except (asyncio.LimitOverrunError, ValueError):
        raise BadAnswerError("the answer is no HTTP") from None
