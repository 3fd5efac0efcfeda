"""One HTTP(S) POST over asyncio: the answer's status, headers and, bounded, its body; no redirect is followed."""

from __future__ import annotations

import asyncio
import os
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import SplitResult, quote, unquote, urlsplit

import wsmon

# Of an answer's head; more is no answer
HEAD_BYTES = 16 * 1024
_NOTHING: Mapping[str, str] = MappingProxyType({})
# What a path and a query may hold as it is; everything else is percent-encoded
_SAFE = "%/:=&?~#+!$,;'@()*[]"


class BadAnswerError(Exception):
    """What came back is no HTTP."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; the first of several."""
    body: bytes = b""
    """Empty unless asked for, and where it is longer than asked for or its length is not said."""


async def post(url: str, body: bytes, headers: Mapping[str, str] = _NOTHING, *, answer_bytes: int = 0) -> HttpAnswer:
    """Send JSON and wait for the answer, with a body of at most ``answer_bytes``; the caller bounds the time.

    Raises ``OSError`` (``ssl.SSLCertVerificationError`` among them) and ``BadAnswerError``; neither says the URL.
    """
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    context = await asyncio.to_thread(ssl.create_default_context) if is_tls else None  # reads files
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or (443 if is_tls else 80), ssl=context, limit=HEAD_BYTES
    )
    try:
        writer.write(_request(parts, body, headers))
        await writer.drain()
        return await _answer(reader, answer_bytes)
    finally:
        writer.transport.abort()


def reason(error: OSError) -> str:
    """Why there was no answer, in the system's own words: asyncio puts others in their place."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or 'failed'}"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


def _request(parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> bytes:
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
    lines += (f"{name}: {value}" for name, value in headers.items())
    return "\r\n".join((*lines, "", "")).encode("utf-8") + body


async def _answer(reader: asyncio.StreamReader, answer_bytes: int) -> HttpAnswer:
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
        return HttpAnswer(int(status), headers, await _body(reader, headers, answer_bytes))
    except asyncio.IncompleteReadError:
        raise ConnectionResetError("the connection ended before the answer") from None
    except (asyncio.LimitOverrunError, ValueError):
        raise BadAnswerError("the answer is no HTTP") from None


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str], most_bytes: int) -> bytes:
    length = headers.get("content-length", "")
    if not most_bytes or not length.isdecimal() or int(length) > most_bytes:
        return b""
    return await reader.readexactly(int(length))
