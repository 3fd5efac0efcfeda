"""Finds the credentials in URLs: userinfo, and values of credential names in query and fragment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from wsmon.model.redact.names import is_credential_query
from wsmon.model.redact.spans import Span, mask_spans

NEEDLES = (b"://", b":\\/")
# the second is how some JSON serialisers write the first

_URL = re.compile(rb":(?:\\*/){2}(?=[^\s\"'<>\\])((?:[^\s\"'<>\\]|\\++/)*+)")
_PARAMETER = re.compile(rb"(?:[?&#;]|%3[fF]|%26)([^=&#;?%/]+)(?:=|(%3[dD]))([^&#;]*)")
_PERCENT_END = re.compile(rb"%2[36]")
_AUTHORITY = re.compile(rb"[^/?#\\]*+")
_SCHEME = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")
_PORT = re.compile(rb"(?:\[[^\]]*\]|[^:]*)(?::[0-9]*)?")
_SENTENCE_END = b").,}"
# what follows a URL in a sentence; no "]", which may end a mask


def url_spans(text: bytes, is_credential: Callable[[str], bool]) -> Iterator[Span]:
    """The credentials of all URLs in ``text``."""
    if not any(mark in text for mark in NEEDLES):
        return
    for match in _URL.finditer(text):
        url_end = match.start(1) + len(match[1].rstrip(_SENTENCE_END))
        yield from _spans_after_scheme(text, match.start(1), url_end, is_credential)


def whole_url_spans(url: bytes, is_credential: Callable[[str], bool]) -> Iterator[Span]:
    """The credentials of a text that is one URL, absolute or not."""
    scheme = _SCHEME.match(url)
    return _spans_after_scheme(url, scheme.end() if scheme else 0, len(url), is_credential)


def _spans_after_scheme(text: bytes, start: int, end: int, is_credential: Callable[[str], bool]) -> Iterator[Span]:
    at = start + _userinfo_size(text[start:end])
    if at > start:
        yield Span(start, at)
    for parameter in _PARAMETER.finditer(text, at, end):
        if parameter[3] and is_credential(parameter[1].decode("utf-8", "replace")):
            nested_end = _PERCENT_END.search(text, parameter.start(3), parameter.end(3)) if parameter[2] else None
            yield Span(parameter.start(3), nested_end.start() if nested_end else parameter.end(3))


def _userinfo_size(after_scheme: bytes) -> int:
    """How long ``user:password`` is; 0 where there is none.

    A password with a stray ``/``, ``?`` or ``#`` makes a broken URL, in which the port is no number: there
    everything up to the last ``@`` counts.
    """
    authority = _AUTHORITY.match(after_scheme)
    host = authority[0] if authority else b""
    is_broken = b"@" not in host and not _PORT.fullmatch(host)
    return max(0, (after_scheme if is_broken else host).rfind(b"@"))


def mask_url(url: str, is_credential: Callable[[str], bool] = is_credential_query) -> str:
    """``url`` with its userinfo and the values of credential parameters masked, the rest as it was."""
    as_bytes = url.encode("utf-8", "surrogatepass")
    return mask_spans(as_bytes, whole_url_spans(as_bytes, is_credential)).decode("utf-8", "surrogatepass")
