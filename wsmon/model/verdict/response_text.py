"""The text of an HTTP response for people: the error member of JSON, title and paragraphs of a page, plain words.

What only repeats the status is left out. Works on the body as events keep it: decoded, masked, perhaps cut.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

import msgspec

from wsmon.model.events import Event
from wsmon.model.http import response_header, status_phrase
from wsmon.model.sanitize import sanitize

# Characters of a quote in a sentence, and of the whole text beside it
QUOTE_LIMIT: Final = 160
TEXT_LIMIT: Final = 500
# Paragraphs of a page that are looked at
_MOST_PARTS: Final = 6

BodyKind = Literal["", "json", "page", "text"]


class ResponseText(NamedTuple):
    """What the body of a response says."""

    kind: BodyKind = ""
    """Empty where there is no body, or none of text."""
    parts: tuple[str, ...] = ()
    """Its statements, the most telling first, without those that only repeat the status; each on one line."""
    has_password_field: bool = False
    """Whether it is a page with a form for a password."""

    @property
    def words(self) -> str:
        """The text to quote; empty where the body says nothing beside the status."""
        return (": ".join(self.parts) if self.kind == "json" else self.parts[0]) if self.parts else ""

    def quoted(self, said: str) -> str:
        """Return a clause that quotes a part of it; empty for an empty part."""
        return f"response {'page' if self.kind == 'page' else 'body'}: {quote(said)}" if said else ""


def quote(text: str) -> str:
    """Return a text as a sentence quotes it."""
    shown = text if len(text) <= QUOTE_LIMIT else f"{text[: QUOTE_LIMIT - 1].rstrip()}…"
    return f"“{shown}”"


def response_text(event: Event, status: int | None = None) -> ResponseText:
    """Return what the body of the response in ``meta`` says.

    ``status`` is that of the response where it is not that of the event.
    """
    body = response_body(event)
    if not body or _is_binary(body):
        return ResponseText()
    if status is None:
        status = event.status if isinstance(event.status, int) else 0
    content_type = response_header(event, "Content-Type").lower()
    if body[:1] in ("{", "[", '"'):
        return ResponseText("json", _parts(_of_json(body), status) if _is_json(body) else _of_cut_json(body, status))
    if _PAGE.match(body) or ("html" in content_type and "<" in body):
        visible = _paragraphs(body)
        return ResponseText("page", _parts(visible, status), _PASSWORD_FIELD.search(body) is not None)
    if body.startswith("<"):
        named = [html.unescape(each) for each in _XML_MESSAGE.findall(body)]
        return ResponseText("text", _parts([*named, _one_line(_TAG.sub(" ", body))], status))
    return ResponseText("text", _parts([body], status))


def response_body(event: Event) -> str:
    """Return the body in ``meta``, without blanks around it; empty where it has none."""
    body = (event.meta or {}).get("body")
    return body.lstrip("\ufeff").strip() if isinstance(body, str) else ""


def repeats_status(text: str, status: int) -> bool:
    """Return whether a text says nothing beside the status: its number, its phrase, that it is an error."""
    phrase = _NAME_BREAK.sub(" ", status_phrase(status)).lower().split()
    # Servers write it in two words
    phrase += ["time", "out"] if "timeout" in phrase else []
    words = _NAME_BREAK.sub(" ", text).lower().split()
    return all(word in phrase or word in _EMPTY_WORDS or word == str(status) for word in words)


_EMPTY_WORDS: Final = frozenset(
    {"http", "status", "code", "error", "errors", "exception", "message", "temporarily", "page", "oops", "occurred",
     "a", "an", "the", "is", "1", "0"}
)  # fmt: skip
_NAME_BREAK: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|[_\-/.,:;|!()\[\]–—\s]+")


def _parts(texts: list[str], status: int) -> tuple[str, ...]:
    lines = [sanitize(_one_line(text), TEXT_LIMIT) for text in texts]
    telling = [line for line in lines if not (repeats_status(line, status) or _EMPTY_LINE.fullmatch(line))]
    return tuple(dict.fromkeys(telling))[:_MOST_PARTS]


# Lines of pages that say no more than that it failed: the name of the program, titles of CloudFront and Squid
_EMPTY_LINE: Final = re.compile(
    r"(?:nginx|openresty|tengine|apache|lighttpd|caddy|cloudflare|h2o|iis)(?:/[\w.]+)?|"
    r"(?:error:? ?)?(?:the )?request(?:ed url)? (?:could not|cannot|can't) be "
    r"(?:satisfied|retrieved|processed|completed)[.!]?|the following error was encountered[^:]*:?.{0,200}",
    re.IGNORECASE,
)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_binary(body: str) -> bool:
    return _CONTROL.search(body) is not None or body.count("�") * 10 > len(body)


_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

# Members that say what failed, without regard to case and separators, the most telling first
_ERROR_KEYS: Final = ("error", "errors", "err", "fault", "exception")
_TEXT_KEYS: Final = (
    "errordescription", "errormessage", "errmsg", "errormsg", "faultstring", "message", "msg", "detail", "details",
    "description", "reason", "title",
)  # fmt: skip
_CODE_KEYS: Final = ("code", "errorcode", "type")
_WRAPPER_KEYS: Final = ("data", "response", "result", "body", "meta")
_MOST_DEPTH: Final = 4


def _is_json(body: str) -> bool:
    try:
        msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return False
    return True


def _of_json(body: str) -> list[str]:
    content = msgspec.json.decode(body)
    found = list(_errors(content, 0))
    # Without a member that is known, as it stands
    return found or [body]


def _errors(content: object, depth: int) -> Iterator[str]:
    """Yield the texts of a JSON value that say what failed."""
    if isinstance(content, str):
        yield content
    elif depth > _MOST_DEPTH:
        return
    elif isinstance(content, list):
        for value in content[:2]:
            yield from _errors(value, depth + 1)
    elif isinstance(content, dict):
        yield from _of_object(content, depth)


def _of_object(content: dict[str, Any], depth: int) -> Iterator[str]:
    members = {_NAME_BREAK.sub("", key).lower(): value for key, value in content.items()}
    said = [text for key in (*_ERROR_KEYS, *_TEXT_KEYS) for text in _errors(members.get(key), depth + 1)]
    if not said:
        said = [text for key in _WRAPPER_KEYS for text in _errors_of_wrapper(members.get(key), depth)]
    if not said and depth > 0:
        said = [value for key in _CODE_KEYS if isinstance(value := members.get(key), str)]
    yield from said


def _errors_of_wrapper(content: object, depth: int) -> Iterator[str]:
    if isinstance(content, dict):
        yield from _errors(content, depth + 1)


_CUT_MEMBER: Final = re.compile(
    r'"(?:error|error_?description|error_?message|message|msg|detail|description|reason|title)"\s*:\s*'
    r'("(?:[^"\\]|\\.)*")',
    re.IGNORECASE,
)


def _of_cut_json(body: str, status: int) -> tuple[str, ...]:
    """Return the error members of a text that is cut, or no JSON after all; else its beginning."""
    found = []
    for literal in _CUT_MEMBER.findall(body):
        try:
            found.append(msgspec.json.decode(literal, type=str))
        except ValueError:
            continue
    return _parts(found or [body], status)


_PAGE: Final = re.compile(
    r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|title|body|h1|center)\b",
    re.IGNORECASE | re.DOTALL,
)
_TITLE: Final = re.compile(r"<title\b[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_HIDDEN: Final = re.compile(
    r"<!--.*?-->|<(script|style|head|svg|noscript|template)\b[^>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL
)
_BLOCK: Final = re.compile(r"</?(?:address|article|body|br|center|dd|div|dl|dt|form|h[1-6]|hr|html|li|main|ol|p|pre|"
                           r"section|table|td|th|tr|ul)\b[^>]*>", re.IGNORECASE)  # fmt: skip
_TAG: Final = re.compile(r"<[^>]*>?")
_PASSWORD_FIELD: Final = re.compile(r"<input\b[^>]*\btype\s*=\s*[\"']?password\b", re.IGNORECASE)
_XML_MESSAGE: Final = re.compile(r"<(?:\w+:)?(?:message|faultstring|error_?description)>([^<]+)<", re.IGNORECASE)


def _paragraphs(body: str) -> list[str]:
    """Return the title of a page, then what its paragraphs show."""
    title = _TITLE.search(body)
    shown = _BLOCK.split(_HIDDEN.sub(" ", body))
    texts = [_one_line(html.unescape(_TAG.sub(" ", each))) for each in shown]
    return [*([html.unescape(_TAG.sub(" ", title[1]))] if title else []), *texts]
