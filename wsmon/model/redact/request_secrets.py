"""Secrets of a request: what is masked in its URL and headers, to be masked wherever the peer repeats it."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from wsmon.model.redact.masking import MASK
from wsmon.model.redact.names import is_credential_key
from wsmon.model.redact.urls import is_random
from wsmon.model.redact.values import MIN_SECRET_CHARACTERS

if TYPE_CHECKING:
    from wsmon.model.redact.redactor import Redactor

_COOKIE: Final = re.compile(r"([^=;\s]+)=\"?([^;\"]+)")
_BASIC: Final = re.compile(r"basic\s+([A-Za-z0-9+/_-]+=*)\s*", re.IGNORECASE)
# A browser sends all cookies of a site: sessions have names with these, or are random
_SESSIONS: Final = ("sess", "sid", "auth", "token", "jwt", "login", "remember")
# "anonymous" and "undefined" are in headers of applications that have no credential, and in messages
_WORD: Final = re.compile(r"[A-Za-z]{1,15}")


def hidden_parts(text: str, masked: str) -> tuple[str, ...]:
    """Return the parts of ``text`` in whose place ``masked`` has masks."""
    if text == masked:
        return ()
    pattern = "(.*?)".join(re.escape(piece) for piece in masked.split(MASK))
    match = re.fullmatch(pattern, text, re.DOTALL)
    return match.groups() if match else ()


def url_secrets(url: str, masked: str) -> Iterator[str]:
    """Yield what is hidden in a URL, also as a peer decodes it."""
    for part in hidden_parts(url, masked):
        yield part
        yield unquote(part)
        # Of userinfo
        user, colon, password = part.partition(":")
        if colon and f"//{user}:" in url:
            yield unquote(password)


def header_secrets(name: str, value: str, masked: str) -> Iterator[str]:
    """Yield what is hidden in a header; of ``Basic`` the password, too."""
    for part in hidden_parts(value, masked):
        yield part
        yield unquote(part)
    if value != masked and name.lower() != "cookie" and (basic := _BASIC.fullmatch(value)):
        yield _password(basic[1])


def cookies(value: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of a header ``Cookie``."""
    yield from _COOKIE.findall(value)


def request_secrets(redactor: Redactor, url: str, headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the credentials that an application sends to its server, without what is too short or too common a word.

    Of cookies only sessions and random values: the others, such as a currency, are data in messages.
    """
    headers = tuple(headers)
    found = [*url_secrets(url, redactor.url(url))]
    for (name, value), (_, masked) in zip(headers, redactor.headers(headers), strict=True):
        match name.lower():
            case "cookie":
                found += (text for cookie, text in cookies(value) if _is_session(cookie, text))
            case "sec-websocket-protocol":
                offered = [part.strip() for part in value.split(",")]
                for part, hidden in zip(offered, redactor.subprotocols(offered), strict=True):
                    found += hidden_parts(part, hidden)
            case _ if masked != MASK or redactor.is_credential(name):
                found += header_secrets(name, value, masked)
            case _:
                # Personal, which a profile masks as metadata alone
                pass
    return tuple(dict.fromkeys(text for text in found if _is_distinct(text)))


def _is_session(cookie: str, value: str) -> bool:
    return any(part in cookie.lower() for part in _SESSIONS) or is_credential_key(cookie) or is_random(value.encode())


def _is_distinct(text: str) -> bool:
    return len(text) >= MIN_SECRET_CHARACTERS and not _WORD.fullmatch(text)


def _password(basic: str) -> str:
    """Return the password in base64 of ``user:password``; empty where it is none."""
    standard = basic.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return b64decode(standard + "=" * (-len(standard) % 4)).decode("utf-8", "replace").partition(":")[2]
    except binascii.Error:
        return ""
