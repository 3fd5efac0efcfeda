"""Credentials of URLs: userinfo, and credential parameters in query and fragment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from wsmon.model.redact.masking import NAME_STEPS, ByteRange, StepBudget, mask_ranges
from wsmon.model.redact.names import KeyRules, is_credential_query

# Steps of a URL or a parameter
_URL_STEPS = 4
# Names of parameters that are found in the time of a step, and distinct ones that are looked at
_NAMES_PER_STEP = 5
_MOST_NAMES = 30

_URL_BEGIN = rb":(?:\\*/){2}(?=[^\s\"'<>\\])"
# URLs that may have userinfo, and those that may have userinfo or parameters
_URL_WITH_USER, _URL = (
    re.compile(_URL_BEGIN + rb"((?:[^\s\"'<>\\" + signs + rb"]++|\\++/)*+[" + signs + rb"](?:[^\s\"'<>\\]++|\\++/)*+)")
    for signs in (b"@", b"@?&#;%")
)
# A sign of a parameter, also percent-encoded, its name, and "="
_PARAMETER_BEGIN = rb"[?&#;%](?:(?<!%)|(?<=%)(?:3[fF]|26))"
_PARAMETER = re.compile(_PARAMETER_BEGIN + rb"([^=&#;?%/]++)(?:=|(%3[dD]))([^&#;]*)")
_PARAMETER_NAME = re.compile(_PARAMETER_BEGIN + rb"([^=&#;?%/\s\"'<>\\]++)(?:=|%3[dD])")
_PERCENT_END = re.compile(rb"%2[36]")
_AUTHORITY = re.compile(rb"[^/?#\\]*+")
_SCHEME = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")
_PORT = re.compile(rb"(?:\[[^\]]*\]|[^:]*)(?::[0-9]*)?")
# Punctuation behind a URL in a sentence; not "]", which may end a mask
_SENTENCE_END = b").,}"


def url_ranges(text: bytes, rules: KeyRules, budget: StepBudget) -> Iterator[ByteRange]:
    """Yield the credentials of all URLs in ``text``: userinfo, and credential parameters in query and fragment."""
    has_user = b"@" in text
    # A percent-encoded parameter begins with a percent-encoded sign, and has a "=" or %3D
    has_parameters = (b"=" in text or b"%" in text) and _has_parameters(text, rules, budget)
    if not (has_user or has_parameters):
        return
    for match in (_URL if has_parameters else _URL_WITH_USER).finditer(text):
        if not budget.take(_URL_STEPS):
            yield budget.rest(match.start(), text)
            return
        url_end = match.start(1) + len(match[1].rstrip(_SENTENCE_END))
        yield from _ranges_after_scheme(text, match.start(1), url_end, rules.is_query, budget)
        if budget.is_over:
            return


def _has_parameters(text: bytes, rules: KeyRules, budget: StepBudget) -> bool:
    """Return whether the URLs of a text may have credential parameters; they have where it takes long to find out.

    Most large messages with URLs have few names of parameters, and none of a credential.
    """
    most = _NAMES_PER_STEP * budget.left
    if len(text) > most and text.count(b"=") + text.count(b"%3") > most:
        return True
    # They stand between the begin of the first URL and the last "="
    begin = text.find(b"://")
    names = set(
        _PARAMETER_NAME.findall(text)
        if begin < 0 or b"%" in text or b"\\" in text
        else _PARAMETER_NAME.findall(text, begin, text.rfind(b"=") + 1)
    )
    if len(names) > _MOST_NAMES or not budget.take(NAME_STEPS * len(names)):
        return True
    return rules.has_query(names)


def whole_url_ranges(url: bytes, is_credential: Callable[[str], bool], budget: StepBudget) -> Iterator[ByteRange]:
    """Yield the credentials of a text that is one URL, absolute or not."""
    scheme = _SCHEME.match(url)
    return _ranges_after_scheme(url, scheme.end() if scheme else 0, len(url), is_credential, budget)


def _ranges_after_scheme(
    text: bytes, start: int, end: int, is_credential: Callable[[str], bool], budget: StepBudget
) -> Iterator[ByteRange]:
    at = start + _userinfo_size(text[start:end])
    if at > start:
        yield ByteRange(start, at)
    for parameter in _PARAMETER.finditer(text, at, end):
        if not budget.take(_URL_STEPS):
            yield budget.rest(parameter.start(), text)
            return
        if not budget.take_name(parameter[1]):
            yield budget.rest(parameter.start(), text)
            return
        name = parameter[1].decode("utf-8", "replace")
        if parameter[3] and is_credential(name) and not _is_evidence(name, parameter[3]):
            nested_end = _PERCENT_END.search(text, parameter.start(3), parameter.end(3)) if parameter[2] else None
            yield ByteRange(parameter.start(3), nested_end.start() if nested_end else parameter.end(3))


# What a client without a credential sends, and the status that some name a code
_EVIDENCE = re.compile(rb"null|true|false|none|nil|undefined", re.IGNORECASE)
_STATUS = re.compile(rb"[0-9]{1,4}")


def _is_evidence(name: str, value: bytes) -> bool:
    return bool(_EVIDENCE.fullmatch(value) or (name.lower() == "code" and _STATUS.fullmatch(value)))


def _userinfo_size(after_scheme: bytes) -> int:
    """Return the length of ``user:password``; 0 where there is none.

    A password with an unescaped ``/``, ``?`` or ``#`` makes a broken URL, in which the port is no number: there
    everything up to the last ``@`` counts.
    """
    authority = _AUTHORITY.match(after_scheme)
    host = authority[0] if authority else b""
    is_broken = b"@" not in host and not _PORT.fullmatch(host)
    return max(0, (after_scheme if is_broken else host).rfind(b"@"))


def mask_url(url: str, is_credential: Callable[[str], bool] = is_credential_query) -> str:
    """Mask userinfo and the values of credential parameters of a URL."""
    as_bytes = url.encode("utf-8", "surrogatepass")
    return mask_ranges(as_bytes, whole_url_ranges(as_bytes, is_credential, StepBudget(len(as_bytes)))).decode(
        "utf-8", "surrogatepass"
    )
