"""HTTP client for webhooks and OTLP (``alert_channels``, ``otlp_delivery``): one HTTP(S) POST over asyncio.

Redirects are not followed; the body of an answer is read up to a limit.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import SplitResult, quote, unquote, urlsplit

import wsmon

# Size limit of the head of an answer
HEAD_BYTES = 16 * 1024
_NOTHING: Mapping[str, str] = MappingProxyType({})
# Characters of a path and a query that are sent as they are; all others are percent-encoded
_SAFE = "%/:=&?~#+!$,;'@()*[]"
_STATUS = re.compile(r"[1-9][0-9]{2}")
# Up to a petabyte: more is longer than any limit
_LENGTH = re.compile(r"[0-9]{1,15}")


class BadAnswerError(Exception):
    """The answer is not HTTP."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case; the first of several with the same name."""
    body: bytes = b""
    """Empty unless asked for, and where it is longer than asked for or has no ``Content-Length``."""


async def post(url: str, body: bytes, headers: Mapping[str, str] = _NOTHING, *, answer_bytes: int = 0) -> HttpAnswer:
    """Send JSON and return the answer, with a body of at most ``answer_bytes``; the caller bounds the time.

    Raises ``OSError`` (``ssl.SSLCertVerificationError`` among them) and ``BadAnswerError``; neither contains the URL.
    """
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    # Making a context reads files
    context = await asyncio.to_thread(ssl.create_default_context) if is_tls else None
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
    """Return why there was no answer, in the words of the operating system, which asyncio replaces by its own."""
    if isinstance(error, ssl.SSLError):
        # Absent on errors that Python itself raises
        return f"TLS: {getattr(error, 'reason', None) or 'failed'}"
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
            first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            protocol, status = first.split(" ", 2)[:2]
            if not protocol.startswith("HTTP/1.") or not _STATUS.fullmatch(status):
                raise BadAnswerError("the response is not HTTP")
            if not status.startswith("1"):
                break
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        return HttpAnswer(int(status), headers, await _body(reader, headers, answer_bytes))
    except asyncio.IncompleteReadError:
        raise ConnectionResetError("the connection ended before the response") from None
    except (asyncio.LimitOverrunError, ValueError):
        raise BadAnswerError("the response is not HTTP") from None


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str], most_bytes: int) -> bytes:
    length = headers.get("content-length", "")
    # Before it is a number: thousands of digits are none to Python
    if not most_bytes or not _LENGTH.fullmatch(length) or int(length) > most_bytes:
        return b""
    return await reader.readexactly(int(length))
