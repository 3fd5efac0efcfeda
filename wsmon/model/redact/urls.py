"""Credentials of URLs: userinfo, credential parameters in query and fragment, and segments of a path that are tokens.

A path names nothing: a segment is a credential by its form, or by the segment before it. A random one has at least 32
characters in which letters and digits, or the cases of letters, alternate as they do in no words: 995 of 1,000 random
texts of 32 characters in base62 are found, all in hexadecimal. IDs have that form, too: a connection is recognised
without its ID, and ``allow`` keeps one. In messages, where IDs are data, paths stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

from wsmon.model.redact.masking import NAME_STEPS, ByteRange, StepBudget, mask_ranges
from wsmon.model.redact.names import KeyRules, built_in_rules

# Steps of a URL or a parameter, and of a part of a path
_URL_STEPS = 4
_PART_STEPS = 1
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


_SCHEME_AND_AUTHORITY = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*+:)?+(?://)?+[^/?#]*+")
# An apostrophe is a character of a path, too
_URL_WITH_PATH = re.compile(_URL_BEGIN + rb"(?:[^\s\"'<>\\/?#])*+((?:[^\s\"<>\\]++|\\++/)++)")
# As error pages and logs of servers say what was asked for
_REQUEST = re.compile(rb"(?<![A-Za-z])(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT) ++(/[^\s\"<>]++)")
# What stands between two of ``/ ? & # ;``, a slash possibly escaped
_PART = re.compile(rb"[^/\\?&#;]++")
_PATH = re.compile(rb"[^?#]*+")
# Bots of Telegram
_BOT = re.compile(rb"bot[0-9]++(?::|%3[aA])([A-Za-z0-9_-]{8,}+)")
# Behind "services" in webhooks of Slack
_WORKSPACE, _APPLICATION = re.compile(rb"T[A-Z0-9]{1,24}"), re.compile(rb"B[A-Z0-9]{1,24}")
# Characters of tokens, also percent-encoded: + - . = _ ~
_TOKEN = re.compile(rb"(?:[A-Za-z0-9_.~+=-]|%(?:2[bBdDeE]|3[dD]|5[fF]|7[eE]))++")
# Public by their form: UUIDs (RFC 9562); addresses and hashes of Ethereum
_PUBLIC = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x(?:[0-9a-f]{64}|[0-9a-f]{40})", re.IGNORECASE)
# Of each run of lower case, of upper case, or of digits
_CASES = re.compile(rb"[a-z]++|[A-Z]++|[0-9]++")
_LETTER_BESIDE_DIGIT = re.compile(rb"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
_LETTER, _DIGIT = re.compile(rb"[A-Za-z]"), re.compile(rb"[0-9]")
# Keys of Alchemy and Infura have that many; UUIDs, file names and dates are seldom as long
_RANDOM_CHARS = 32
# A longer text is judged by its beginning, and a step is the work for a few of its characters
_JUDGED_CHARS = 512
_CHARS_PER_STEP = 4
# In a random text, a change comes at least once in so many characters
_CHARS_PER_CHANGE = 8
_CHARS_PER_CASE = 2.5
_MAY_HAVE_TOKEN = re.compile(rb"[A-Za-z0-9_.~+=%-]{16}|bot[0-9]|services|webhooks|=")
# A value behind a segment that names it, unlike the word in /token/refresh
_NAMED_CHARS = 16


def whole_path_ranges(url: bytes, rules: KeyRules, budget: StepBudget) -> Iterator[ByteRange]:
    """Yield the tokens in the path of a text that is one URL, absolute or not, and in a query without names."""
    authority = _SCHEME_AND_AUTHORITY.match(url)
    return _path_ranges(url, authority.end() if authority else 0, len(url), rules, budget)


def path_ranges(text: bytes, rules: KeyRules, budget: StepBudget) -> Iterator[ByteRange]:
    """Yield the tokens in the paths of all absolute URLs in ``text``, and of requests: ``GET /path``."""
    for paths, sign in ((_URL_WITH_PATH, b":"), (_REQUEST, b" /")):
        for match in paths.finditer(text) if sign in text else ():
            if not budget.take(_PART_STEPS):
                yield budget.rest(match.start(1), text)
                return
            # Most paths are words
            if _MAY_HAVE_TOKEN.search(text, *match.span(1)):
                yield from _path_ranges(text, *match.span(1), rules, budget)
            if budget.is_over:
                return


def _path_ranges(text: bytes, start: int, end: int, rules: KeyRules, budget: StepBudget) -> Iterator[ByteRange]:
    path = _PATH.match(text, start, end)
    path_end = path.end() if path else start
    before: tuple[bytes, bytes, bytes] = (b"", b"", b"")
    for part in _PART.finditer(text, start, end):
        if not budget.take(_PART_STEPS):
            yield budget.rest(part.start(), text)
            return
        name, sign, value = part[0].partition(b"=")
        has_value = bool(value.strip(b"="))
        is_segment = part.start() < path_end
        if rules.exempts(part[0]):
            pass
        elif is_segment and (bot := _BOT.match(part[0])):
            # All that follows, but what ends a sentence
            yield ByteRange(part.start() + bot.start(1), part.start() + len(part[0].rstrip(b".,:!)}'")))
        elif is_segment and has_value and _is_query(name, rules, budget) and not _is_evidence(_name(name), value):
            yield ByteRange(part.start() + len(name) + len(sign), part.end())
        elif is_segment and _is_token_behind(before, part[0], rules, budget):
            yield ByteRange(*part.span())
        elif is_segment or not has_value:
            yield from _random_ranges(text, *part.span(), budget)
        before = (*before[1:], part[0])


def _is_token_behind(before: tuple[bytes, bytes, bytes], part: bytes, rules: KeyRules, budget: StepBudget) -> bool:
    """Return whether the segments before one make it a token."""
    third, second, first = before
    if _TOKEN.fullmatch(part) is None:
        return False
    is_slack = third == b"services" and _WORKSPACE.fullmatch(second) and _APPLICATION.fullmatch(first)
    is_discord = second == b"webhooks" and first.isdigit()
    return bool(is_slack or is_discord) or (_is_value(part) and _is_query(first, rules, budget))


def _is_query(name: bytes, rules: KeyRules, budget: StepBudget) -> bool:
    """Return whether a name is that of a credential; past the budget any is."""
    return not budget.take_name(name) or rules.is_query(_name(name))


def _name(part: bytes) -> str:
    return unquote_to_bytes(part).decode("utf-8", "replace")


def _is_value(part: bytes) -> bool:
    """Return whether a segment may be the value that the one before it names, and is no word."""
    return len(part) >= _NAMED_CHARS and _DIGIT.search(part) is not None and not part.startswith(b"0x")


def _random_ranges(text: bytes, start: int, end: int, budget: StepBudget) -> Iterator[ByteRange]:
    for run in _TOKEN.finditer(text, start, end):
        # A full stop may be that of a sentence
        token = run[0].rstrip(b".")
        if len(token) < _RANDOM_CHARS:
            continue
        judged = token[:_JUDGED_CHARS]
        if not budget.take(len(judged) // _CHARS_PER_STEP):
            yield budget.rest(run.start(), text)
            return
        if is_random(_PUBLIC.sub(b"", unquote_to_bytes(judged))):
            yield ByteRange(run.start(), run.start() + len(token))


def is_random(text: bytes) -> bool:
    """Return whether letters and digits alternate as in a random text."""
    if len(text) < _RANDOM_CHARS or not _LETTER.search(text) or not _DIGIT.search(text):
        return False
    changes, cases = len(_LETTER_BESIDE_DIGIT.findall(text)), len(_CASES.findall(text))
    return changes * _CHARS_PER_CHANGE >= len(text) or cases * _CHARS_PER_CASE >= len(text)


def has_path_token(url: str, rules: KeyRules) -> bool:
    """Return whether the path of a URL has a token, by its form."""
    as_bytes = url.encode("utf-8", "surrogatepass")
    return any(True for _ in whole_path_ranges(as_bytes, rules, StepBudget(len(as_bytes))))


def mask_url(url: str) -> str:
    """Mask userinfo, credential parameters and tokens in the path of a URL, by the built-in rules."""
    as_bytes, rules = url.encode("utf-8", "surrogatepass"), built_in_rules()
    budget = StepBudget(len(as_bytes))
    ranges = (
        *whole_url_ranges(as_bytes, rules.is_query, budget),
        *whole_path_ranges(as_bytes, rules, budget),
    )
    return mask_ranges(as_bytes, ranges).decode("utf-8", "surrogatepass")
