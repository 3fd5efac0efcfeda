"""Last words of a peer: the messages before the end of a session, and whether one reads like a refusal or a farewell.

Works on the text alone, so that it serves protocols that wsmon does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.model.units import SECOND_NS
from wsmon.model.verdict.close_codes import REASON_CLUES, read_clue

# A message this soon before the end may explain it: servers send the error, wait for it to arrive, and close
WINDOW_NS: Final = 3 * SECOND_NS // 2
# Bytes that are kept of a message: more than any sentence shows
KEPT_BYTES: Final = 1024
# Characters of a quote in a sentence, and of the whole text beside it
QUOTE_LIMIT: Final = 160
TEXT_LIMIT: Final = 500
# Bytes at the beginning that messages of one feed have in common
_SAME_START: Final = 10


class PeerMessage(NamedTuple):
    """A data message of the peer, as far as verdicts need it."""

    mono_ns: int
    text: str
    """The beginning of the payload; empty where it is no text, or is not kept."""
    type: str = ""
    is_cut: bool = False


class LastMessages(NamedTuple):
    """The newest messages of a session before its end."""

    newest: PeerMessage
    before: PeerMessage | None = None
    sent_ns: int | None = None
    """Monotonic time of the last data message to the peer; None where none went out."""


@dataclass(frozen=True, slots=True)
class LastWords:
    """What the peer said last before an end."""

    text: str
    """Sanitised, on one line."""
    before_ns: int
    """How long before the end it came."""
    is_refusal: bool
    """Whether it reads like an error, a refusal or a farewell, so that it explains the end."""
    meaning: str = ""
    """The words in it that may tell why, without keys of JSON; for clues."""
    evidence: tuple[int, ...] = ()
    """Ids of events about it."""

    @property
    def quote(self) -> str:
        """The text as a sentence quotes it, and when it came."""
        shown = self.text if len(self.text) <= QUOTE_LIMIT else f"{self.text[: QUOTE_LIMIT - 1]}…"
        return f"last words of the peer: “{shown}”, {self.before_ns / SECOND_NS:.1f} s before"


def peer_message(event: Event) -> PeerMessage:
    """Return what verdicts need of a message event; its payload is not held."""
    payload = event.payload or b""
    is_cut = event.truncated or len(payload) > KEPT_BYTES
    return PeerMessage(event.mono_ns, _text(payload[:KEPT_BYTES], is_cut=is_cut), event.type, is_cut)


def read_last_words(said: LastMessages, end: Event) -> LastWords | None:
    """Return the last text of the peer soon before an end, the newest refusal first; ``None`` where there is none."""
    soon = [
        message
        for message in (said.newest, said.before)
        if message is not None and message.text and 0 <= end.mono_ns - message.mono_ns <= WINDOW_NS
    ]
    refusals = [(each, meaning) for each in soon if (meaning := refusal(each.text, is_cut=each.is_cut))]
    # An error that says why comes before a farewell that does not
    for message, meaning in sorted(refusals, key=lambda pair: read_clue(REASON_CLUES, pair[1]) is None):
        return _words(message, end, meaning)
    if not soon or _is_feed(said):
        return None
    return _words(soon[0], end, "")


def unanswered_ping(said: LastMessages, end: Event) -> LastWords | None:
    """Return the last message where it is the plain word ``ping`` and no message went out since."""
    message = said.newest
    is_answered = said.sent_ns is not None and said.sent_ns >= message.mono_ns
    if message.text.strip().lower() != "ping" or is_answered:
        return None
    return _words(message, end, "")


def _words(message: PeerMessage, end: Event, meaning: str) -> LastWords:
    shown = message.text.strip(_ENDS)
    return LastWords(sanitize(shown, TEXT_LIMIT), end.mono_ns - message.mono_ns, bool(meaning), meaning)


# NUL ends a STOMP frame, RS a message of SignalR
_ENDS: Final = "\0\x1e \t\r\n"
_BINARY: Final = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1d\x1f\x7f]")


def _text(payload: bytes, *, is_cut: bool) -> str:
    """Return a payload as text; empty for binary data."""
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        # A cut may go through the last character
        if not is_cut or error.start < len(payload) - 3:
            return ""
        text = payload[: error.start].decode()
    return "" if _BINARY.search(text) else text


def _is_feed(said: LastMessages) -> bool:
    """Whether the newest message is one of a feed, whose last piece says nothing about the end."""
    newest, before = said.newest, said.before
    if before is None or newest.mono_ns - before.mono_ns > WINDOW_NS:
        return False
    if newest.type or before.type:
        return newest.type == before.type
    return newest.text[:_SAME_START] == before.text[:_SAME_START]


_SOCKJS_CLOSE: Final = re.compile(r'c\[\d{1,5},\s*"((?:[^"\\]|\\.)*)"\]')
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATORS: Final = re.compile(r"[_\-:./]+")
# Words that an error, a refusal or a farewell consists of, in a text or in the type of a message
_REFUSAL: Final = re.compile(
    r"\b(?:err(?:or)?s?|invalid|den(?:y|ied)|refus(?:e|ed|al)|reject(?:ed|ion)?|unauthori[sz]ed|not authori[sz]ed|"
    r"forbidden|expired|fail(?:ed|ure|s)?|disconnect(?:ed|ing|ion)?|kick(?:ed)?|banned|suspended|"
    r"terminat(?:e|ed|ing|ion)|abort(?:ed)?|good ?bye|bye|violation|not allowed|unsupported|not supported|too many|"
    r"time(?:d)? ?out|shut(?:ting)? ?down|maintenance|restart(?:ing)?|revoked|replaced|exceed(?:ed|s)?|blocked|"
    r"unavailable|overload(?:ed)?|clos(?:e|ed|ing)|wrong|bad|malformed|conflict|quota|going away|log(?:ged)? ?out)\b",
    re.IGNORECASE,
)
# Prose longer than this is content
_PROSE_LIMIT: Final = 400

# Keys of JSON that name the kind of a message
_KIND_KEYS: Final = frozenset(
    {"type", "event", "e", "op", "action", "method", "cmd", "command", "kind", "status", "result", "janus",
     "msgtype", "msg_type", "messagetype", "message_type"}
)  # fmt: skip
# The kinds of a status that are about one order or request, not about the connection
_STATUS_ONLY: Final = re.compile(r"\b(?:reject(?:ed)?|expired|clos(?:e|ed)|disconnect(?:ed)?)\b", re.IGNORECASE)
# Keys whose presence with a value says that something failed
_ERROR_KEYS: Final = frozenset(
    {"error", "errors", "err", "errorcode", "error_code", "errormessage", "error_message", "errmsg", "fault",
     "exception", "disconnect_reason", "disconnectreason", "close_reason", "closereason"}
)  # fmt: skip
_NO_ERROR: Final = (None, False, 0, "", "0", "none", "null", "ok", "success")
# Keys that are false where something was refused
_FLAG_KEYS: Final = frozenset({"success", "ok", "authenticated", "authorized", "accepted", "authorised"})
# Objects in a message that say for it what failed
_BODY_KEYS: Final = frozenset({"data", "payload", "body", "response", "result", "params"})
_TEXT_KEYS: Final = ("message", "msg", "reason", "description", "detail")
# WAMP: ABORT, GOODBYE, ERROR
_WAMP_ENDS: Final = (3, 6, 8)
_ARRAY_END: Final = re.compile(r"\b(?:error|abort|goodbye)\b", re.IGNORECASE)
# Close of SignalR
_SIGNALR_CLOSE: Final = 7
_SIGNALR_CLOSE_KEYS: Final = frozenset({"type", "error", "allowReconnect"})
# Texts of a JSON message that are collected, and characters of each
_MOST_TEXTS: Final = 20
_TEXT_CHARACTERS: Final = 200
_DEPTH: Final = 3


def refusal(text: str, *, is_cut: bool = False) -> str:
    """Return the words of an error, a refusal or a farewell; empty for a text that reads like any other message."""
    shown = text.strip(_ENDS)
    if closed := _SOCKJS_CLOSE.fullmatch(shown):
        return closed[1] or shown
    # The last frame of XMPP, which gives no reason
    if shown.startswith("<close "):
        return ""
    # A packet of Socket.IO or Engine.IO, with its digits: 41 is a disconnect, 44 a refused connect
    packet = shown.lstrip("0123456789")
    if packet != shown and packet[:1] in ("", "{", "["):
        if shown == "41":
            return "disconnect"
        if shown == "44" or (shown.startswith("44") and packet):
            return " ".join(_texts(_json(packet))) or "connect error"
        shown = packet
    if shown[:1] in ("{", "["):
        # Several texts in one message: the last one
        content = _json(re.split("[\x1e\n]+", shown)[-1]) if not is_cut else None
        if isinstance(content, dict):
            return _of_object(content)
        if isinstance(content, list):
            return _of_array(content)
    if len(shown) > _PROSE_LIMIT or shown[:1] in ("{", "["):
        return ""
    plain = _plain(shown)
    return plain if _REFUSAL.search(plain) else ""


def _of_object(content: Mapping[str, Any]) -> str:
    return " ".join(_texts(content)) or "error" if _is_refusal(content) else ""


def _is_refusal(content: Mapping[str, Any], depth: int = 0) -> bool:
    for key, value in content.items():
        name = key.lower()
        if name in _KIND_KEYS and isinstance(value, str) and len(value) <= _TEXT_CHARACTERS:
            kind = _plain(value)
            found = _REFUSAL.search(kind)
            if found and not (name in ("status", "result") and _STATUS_ONLY.fullmatch(found[0])):
                return True
        is_error = name in _ERROR_KEYS and not _is_nothing(value)
        is_denied = name in _FLAG_KEYS and value is False
        is_body = name in _BODY_KEYS and isinstance(value, Mapping) and depth == 0
        if is_error or is_denied or (is_body and _is_refusal(value, depth + 1)):
            return True
    if content.get("type") == _SIGNALR_CLOSE and content.keys() <= _SIGNALR_CLOSE_KEYS:
        return True
    code = content.get("code")
    return isinstance(code, int) and code >= 400 and any(isinstance(content.get(key), str) for key in _TEXT_KEYS)


def _is_nothing(value: object) -> bool:
    if isinstance(value, str):
        value = value.lower()
    return value in _NO_ERROR if value is None or isinstance(value, (bool, int, str)) else not value


def _of_array(content: list[Any]) -> str:
    """Read a message that is an array: WAMP by its number, others by a word such as ``phx_error`` in it."""
    names = [each for each in content if isinstance(each, str) and len(each) <= _TEXT_CHARACTERS]
    is_wamp_end = content[:1] and content[0] in _WAMP_ENDS and any("." in name for name in names)
    is_named = any(name == "phx_close" or _ARRAY_END.search(_plain(name)) for name in names)
    return " ".join(_texts(content)) or "error" if is_wamp_end or is_named else ""


def _json(text: str) -> object:
    """Return the decoded JSON; None where it is none."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None


def _texts(content: object) -> list[str]:
    """Return the texts in a JSON value, without its keys."""
    found = []
    for text in _walk(content, 0):
        found.append(_plain(text[:_TEXT_CHARACTERS]))
        if len(found) >= _MOST_TEXTS:
            break
    return found


def _walk(content: object, depth: int) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif depth < _DEPTH and isinstance(content, (dict, list)):
        for value in content.values() if isinstance(content, dict) else content:
            yield from _walk(value, depth + 1)


def _plain(name: str) -> str:
    """Return a name such as ``auth_invalid`` or ``wamp.error`` as words."""
    return _SEPARATORS.sub(" ", _CAMEL.sub(" ", name))
