"""Last words of a peer: the messages before the end of a session, and whether one reads like a refusal or a farewell.

Works on the form of the text alone, so that it serves protocols that wsmon does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import msgspec
from ahocorasick_rs import BytesAhoCorasick

from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.model.units import SECOND_NS
from wsmon.model.verdict.close_codes import Advice, advice_on_reason, advice_on_words
from wsmon.model.verdict.reason_grammar import ReasonKind, reason_kind

# A message this soon before the end may explain it: servers send the error, wait for it to arrive, and close
WINDOW_NS: Final = 3 * SECOND_NS // 2
# An error whose text is not understood may be about any request; this soon before the end it may be about the end
AT_ONCE_NS: Final = SECOND_NS // 2
# What a peer announces without a time comes within this
ANNOUNCED_NS: Final = 60 * SECOND_NS
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
    payload: bytes
    """Its beginning; empty where it is not kept."""
    type: str = ""
    is_cut: bool = False

    @property
    def text(self) -> str:
        """The beginning of the payload; empty where it is no text, or is not kept."""
        return _text(self.payload, is_cut=self.is_cut)


class LastMessages(NamedTuple):
    """The newest messages of a session before its end."""

    newest: PeerMessage
    before: PeerMessage | None = None
    sent_ns: int | None = None
    """Monotonic time of the last data message to the peer; None where none went out."""
    announced: PeerMessage | None = None
    """The newest that announces the end; others may have come after it."""

    @classmethod
    def after(cls, earlier: LastMessages | None, *received: Event) -> LastMessages:
        """Return the newest messages after those that came in since, the newest last: the last two of them, or one."""
        newest = before = announced = sent_ns = None
        if earlier is not None:
            newest, _, sent_ns, announced = earlier
        for event in received:
            newest, before = peer_message(event), newest
            # Most messages are never asked for: their texts are read once a verdict needs them
            if _may_announce(newest.payload) and announcement(newest.text, is_cut=newest.is_cut)[0]:
                announced = newest
        assert newest is not None
        return cls(newest, before, sent_ns, announced)


class Closing(NamedTuple):
    """The close of a protocol inside messages: the peer ended the connection on purpose."""

    advice: Advice
    is_certain: bool
    """Whether its form leaves no doubt, or the protocol of the session read it."""


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
    """The texts in it that may tell why, a line each."""
    evidence: tuple[int, ...] = ()
    """Ids of events about it."""
    is_last: bool = True
    """Whether the peer said nothing after it but farewells; an error after which it goes on sending explains no end."""
    is_announcement: bool = False
    """Whether it announced the end for a later time."""
    is_answer: bool = False
    """Whether it answers one request, so that it does not tell why the connection ended."""
    closing: Closing | None = None
    """Where it is the message with which its protocol closes a connection."""

    @property
    def quote(self) -> str:
        """The text as a sentence quotes it, and when it came."""
        shown = self.text if len(self.text) <= QUOTE_LIMIT else f"{self.text[: QUOTE_LIMIT - 1]}…"
        ago = f"{self.before_ns / SECOND_NS:.1f} s before"
        if self.is_announcement:
            return f"announced {ago}: “{shown}”"
        if self.is_answer:
            return f"the peer's last message, a reply to a request: “{shown}”, {ago}"
        if not self.is_last:
            return f"peer error {ago}: “{shown}”; it continued sending afterwards"
        return f"last message from the peer: “{shown}”, {ago}"


def peer_message(event: Event) -> PeerMessage:
    """Return what verdicts need of a message event; its payload is not held."""
    payload = event.payload or b""
    is_cut = event.truncated or len(payload) > KEPT_BYTES
    return PeerMessage(event.mono_ns, payload[:KEPT_BYTES], event.type, is_cut)


def read_last_words(said: LastMessages, end: Event) -> LastWords | None:
    """Return the last text of the peer soon before an end, the newest refusal first; ``None`` where there is none."""
    soon = [
        message
        for message in (said.newest, said.before)
        if message is not None
        and message.text
        and not is_heartbeat(message.text)
        and 0 <= end.mono_ns - message.mono_ns <= WINDOW_NS
    ]
    refusals = [(each, meaning) for each in soon if (meaning := refusal(each.text, is_cut=each.is_cut))]
    # An error that says why comes before a farewell that does not
    for message, meaning in sorted(refusals, key=lambda pair: advice_on_words(pair[1]) is None):
        if advice_on_words(meaning) is not None or end.mono_ns - message.mono_ns <= AT_ONCE_NS:
            # A farewell may follow an error
            newest = said.newest
            is_last = message is newest or any(each is newest for each, _ in refusals) or _is_farewell(newest.text)
            words = _words(message, end, meaning)
            return words if is_last else replace(words, is_refusal=False, is_last=False)
    if announced := _announced(said, end):
        return announced
    if not soon or _is_feed(said):
        return None
    return _words(soon[0], end, "")


# Kinds of messages that are heartbeats, or answers to one
_HEARTBEAT_KINDS: Final = frozenset(
    {"heartbeat", "heart beat", "hb", "ping", "pong", "keepalive", "keep alive", "ka", "heartbeat ack",
     "heartbeatack", "pingpong", "pusher ping", "pusher pong"}
)  # fmt: skip
# Of Engine.IO, SockJS, STOMP and others, and in plain words
_HEARTBEAT_TEXT: Final = re.compile(
    r"(?:ping|pong|heart-?beat|keep-?alive|hb|[23]|h|~h~\d+|primus::p[io]ng::\d*)", re.IGNORECASE
)


def is_heartbeat(text: str) -> bool:
    """Return whether a message is, by its form, a heartbeat or the answer to one, which says nothing about an end."""
    shown = text.strip(_ENDS)
    if not shown or _HEARTBEAT_TEXT.fullmatch(shown):
        return True
    content = _json(shown) if shown[:1] == "{" else None
    if not isinstance(content, dict):
        return False
    fields = _lowered(content)
    is_bare = len(fields) == 1 and fields[0][0] in _HEARTBEAT_KINDS
    return is_bare or not _kinds(fields).isdisjoint(_HEARTBEAT_KINDS)


def is_answer(text: str) -> bool:
    """Return whether a message answers one request: JSON with the id of one, and what came of it."""
    shown = text.strip(_ENDS)
    content = _json(shown) if shown[:1] == "{" else None
    if not isinstance(content, dict):
        return False
    fields = _lowered(content)
    has_id = any(name in _ID_KEYS and value not in (None, 0, "") for name, value in fields)
    # An event about something that has an id names its kind
    has_kind = any(name in _KIND_KEYS for name, _ in fields)
    return has_id and not has_kind and any(name in _OUTCOME_KEYS for name, _ in fields)


def went_on(said: LastMessages, end: Event, before_ns: int) -> bool:
    """Return whether the newest message came after that time before an end, and is neither a refusal nor a farewell."""
    newest = said.newest
    is_later = 0 <= end.mono_ns - newest.mono_ns < before_ns
    return is_later and not refusal(newest.text, is_cut=newest.is_cut) and not _is_farewell(newest.text)


# In plain words, or of XMPP (RFC 7395, section 3.6)
_FAREWELL: Final = re.compile(r"(?:good ?)?bye\b|see you\b|closing\b|disconnect|<close\b|</stream", re.IGNORECASE)


def _is_farewell(text: str) -> bool:
    """Return whether a text begins like a farewell, which may follow an error."""
    return len(text) <= _PROSE_LIMIT and _FAREWELL.match(text.strip()) is not None


def _announced(said: LastMessages, end: Event) -> LastWords | None:
    """Return the newest message that announced the end for a time that has come."""
    for message in (said.newest, said.before, said.announced):
        if message is None:
            continue
        meaning, within_ns = announcement(message.text, is_cut=message.is_cut)
        if meaning and 0 <= end.mono_ns - message.mono_ns <= within_ns:
            return replace(_words(message, end, meaning), is_announcement=True)
    return None


def unanswered_ping(said: LastMessages, end: Event) -> LastWords | None:
    """Return the last message where it is the plain word ``ping`` and no message went out since."""
    message = said.newest
    is_answered = said.sent_ns is not None and said.sent_ns >= message.mono_ns
    if message.text.strip().lower() != "ping" or is_answered:
        return None
    return _words(message, end, "")


def _words(message: PeerMessage, end: Event, meaning: str) -> LastWords:
    shown = message.text.strip(_ENDS)
    before_ns = end.mono_ns - message.mono_ns
    closing = _closing(shown, message.type) if meaning else None
    is_reply = not meaning and is_answer(shown)
    text = sanitize(shown, TEXT_LIMIT)
    return LastWords(text, before_ns, bool(meaning), meaning, closing=closing, is_answer=is_reply)


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


_SOCKJS_CLOSE: Final = re.compile(r'c\[(\d{1,5}),\s*"((?:[^"\\]|\\.)*)"\]')
_SOCKET_IO_DISCONNECT: Final = "41"
_STOMP_ERROR: Final = re.compile(r"ERROR\r?\n")
# Of the stream or the login; an error in an <iq/> answers one request
_XMPP_ERROR: Final = re.compile(
    r"<(?:stream:error\b|(?:error|failure) xmlns=['\"](?:urn:ietf:params:xml:ns:xmpp-|http://etherx))[^>]*>\s*<([a-z-]+)"
)
_IRC_END: Final = re.compile(r"ERROR :(.*)")
# Before a login is done, notices are about it
_IRC_NOTICE: Final = re.compile(r":\S+ NOTICE \* :(.*)")
_IRC_RECONNECT: Final = re.compile(r":\S+ RECONNECT")
# An error in plain text: what follows the word is text, and no number
_PLAIN_ERROR: Final = re.compile(
    r"(?:-ERR|ERR|ERROR|FATAL|[Ee]rror:|[Ff]atal:|(?:ERROR|FATAL|ERR):)\s+"
    r"(?!(?:no errors?|none|null|ok|false)\b)(['\"]?[^\W\d].*)",
    re.DOTALL,
)
_PLAIN_REFUSAL: Final = re.compile(
    r"(?:invalid(?: [a-z]+){1,3}|unauthori[sz]ed|forbidden|access denied|disconnect(?:ed|ing)?|good ?bye|bye|"
    r"closing (?:connection|link))[.!]?",
    re.IGNORECASE,
)
# These count where what follows is understood
_PLAIN_WITH_REASON: Final = re.compile(
    r"(?:unauthori[sz]ed|forbidden|access denied|disconnect(?:ed|ing)?|goodbye|bye|closing (?:connection|link)): .+",
    re.IGNORECASE,
)
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATORS: Final = re.compile(r"[\s_\-:./]+")
# Prose longer than this is content
_PROSE_LIMIT: Final = 400

# Keys of JSON that name the kind of a message
_KIND_KEYS: Final = frozenset(
    {"type", "event", "op", "action", "method", "cmd", "command", "kind", "janus", "ev", "msgtype", "msg_type",
     "messagetype", "message_type"}
)  # fmt: skip
_STATUS_KEYS: Final = frozenset({"status", "result"})
# The kinds of messages that end a connection, or refuse it: always the whole value
_ERROR_KINDS: Final = frozenset(
    {"error", "err", "fatal", "fatal error", "exception", "pusher error", "connection error", "auth invalid",
     "auth error", "auth fail", "auth failed", "auth failure", "authentication error", "authentication failed",
     "authentication failure", "login error", "login failed", "unauthorized", "unauthorised", "forbidden",
     "access denied", "connection refused", "connection rejected", "rate limited", "rate limit exceeded",
     "too many requests"}
)  # fmt: skip
_END_KINDS: Final = _ERROR_KINDS | frozenset(
    {"disconnect", "close", "bye", "goodbye", "good bye", "abort", "kick", "kicked", "banned", "connection closed",
     "connection terminated", "connection replaced", "invalid session", "session expired", "session terminated",
     "session closed", "session replaced", "token expired", "auth expired", "logout", "logged out", "server shutdown",
     "server restart"}
)  # fmt: skip
# These may be about anything: any text with them has to be understood
_VAGUE_KINDS: Final = frozenset({"closed", "closing", "disconnected", "disconnecting", "denied", "refused"})
_ERROR_STATUSES: Final = frozenset(
    {"error", "unauthorized", "unauthorised", "forbidden", "access denied", "auth failed", "auth timeout",
     "max connections"}
)  # fmt: skip
# Requests whose refusal is one of the connection
_LOGINS: Final = frozenset({"auth", "login", "logon", "authenticate", "authentication", "connect", "identify", "hello"})
_FAILED: Final = frozenset({"error", "failed", "failure", "rejected", "denied", "invalid", "unauthorized"})
# Keys whose value, a text or an object, says that something failed
_ERROR_KEYS: Final = frozenset(
    {"error", "err", "errormessage", "error_message", "errmsg", "err_msg", "fault", "exception", "disconnect_reason",
     "disconnectreason", "close_reason", "closereason"}
)  # fmt: skip
_NO_ERROR: Final = frozenset({"", "none", "null", "ok", "success", "false", "no error", "no errors", "no"})
_FLAG_KEYS: Final = frozenset({"success", "ok", "authenticated", "authorized", "accepted", "authorised"})
_TEXT_KEYS: Final = ("message", "msg", "reason", "description", "detail", "details", "text", "ret_msg", "retmsg")
_CODE_KEYS: Final = frozenset(
    {"code", "errorcode", "error_code", "errcode", "err_code", "statuscode", "status_code", "ret_code", "retcode"}
)
# Objects in a message that say for it what failed
_BODY_KEYS: Final = frozenset({"data", "payload", "body"})
# Keys of a message that name no other subject than the connection. With any other, such as a user, a symbol, or the id
# of a request, it is about that
_ENVELOPE_KEYS: Final = (
    _KIND_KEYS | _STATUS_KEYS | _ERROR_KEYS | _FLAG_KEYS | _CODE_KEYS | _BODY_KEYS | {*_TEXT_KEYS} | frozenset(
        {"reconnect", "allowreconnect", "retry", "retry_after", "retryafter", "retriable", "retryable", "ts", "time",
         "timestamp", "date", "debug_info", "version", "session_id", "sessionid", "conn_id", "connid",
         "connection_id", "connectionid", "trace_id", "traceid", "level", "severity", "extensions", "hint",
         "title", "jsonrpc"}
    )
)  # fmt: skip
_ID_KEYS: Final = frozenset({"id", "req_id", "reqid", "request_id", "requestid", "ref"})
# What came of a request, in its answer
_OUTCOME_KEYS: Final = frozenset({"result", "error", "errors"})
# Who speaks in a message; what it says is then the text of a person
_SPEAKER_KEYS: Final = frozenset(
    {
        "user",
        "from",
        "sender",
        "author",
        "nick",
        "name",
        "username",
        "user_id",
        "userid",
        "by",
        "display_name",
        "player",
    }
)
_TO_YOU: Final = re.compile(
    r"you(?:'ve|’ve| have| were| are| has)?\b|your (?:session|connection|account)\b", re.IGNORECASE
)
# Discord: reconnect, invalid session
_DISCORD_OPS: Final[Mapping[int, str]] = {7: "reconnect requested", 9: "invalid session"}
_DISCORD_KEYS: Final = frozenset({"op", "d", "s", "t"})
# WAMP: ABORT, GOODBYE; its ERROR answers one request
_WAMP_ENDS: Final = (3, 6)
# Close of SignalR
_SIGNALR_CLOSE: Final = 7
_SIGNALR_CLOSE_KEYS: Final = frozenset({"type", "error", "allowReconnect"})
# Characters of each text of a JSON message that are read
_TEXT_CHARACTERS: Final = 200


def refusal(text: str, *, is_cut: bool = False) -> str:
    """Return what a message says, a line for each text in it, where its form speaks to this connection; else empty.

    That form is the envelope of an error, a refusal or a farewell, in one of the ways in which protocols and services
    build it. What the text is about decides nothing: a feed may carry any word as its data.
    """
    shown = text.strip(_ENDS)
    if closed := _SOCKJS_CLOSE.fullmatch(shown):
        return closed[2] or "close"
    if _STOMP_ERROR.match(shown):
        return _of_stomp(shown)
    if shown.startswith("<"):
        found = _XMPP_ERROR.match(shown)
        return f"{'stream ' if found[1] == 'conflict' else ''}{found[1].replace('-', ' ')}" if found else ""
    # A packet of Socket.IO or Engine.IO, with its digits: 41 is a disconnect, 44 a refused connect
    packet = shown.lstrip("0123456789")
    if packet != shown and packet[:1] in ("", "{", "["):
        if shown == _SOCKET_IO_DISCONNECT:
            return "disconnect"
        if shown == "44" or (shown.startswith("44") and packet):
            return _lines(_json(packet), "connect error")
        shown = packet
    if shown[:1] in ("{", "["):
        # Several texts in one message: the last one
        content = _json(re.split("[\x1e\n]+", shown)[-1]) if not is_cut else None
        if isinstance(content, dict):
            return _of_object(content)
        return _of_array(content) if isinstance(content, list) else ""
    return _of_plain(shown) if len(shown) <= _PROSE_LIMIT else ""


def _closing(shown: str, message_type: str) -> Closing | None:
    """Return the close of a protocol inside messages, which says that the peer closed on purpose, if not why."""
    ask = "ask the service operator for the server log of this time"
    if closed := _SOCKJS_CLOSE.fullmatch(shown):
        cause = f"with this SockJS message the server closed deliberately, with code {closed[1]}"
        return Closing(Advice(cause, "look up its code and reason in the service documentation"), True)
    if shown == _SOCKET_IO_DISCONNECT:
        cause = "with this Socket.IO message the server closed deliberately, without a reason"
        return Closing(Advice(cause, ask), bool(message_type))
    content = _json(shown.rpartition("\x1e")[2])
    match content:
        case {"type": "disconnect", "reason": _, "reconnect": bool(is_wanted), **others} if not others:
            cause = "with this ActionCable message the server closed deliberately and asked the client "
            return Closing(Advice(f"{cause}{'' if is_wanted else 'not '}to reconnect", ask), True)
        case [6, dict(), str(uri)] if uri.startswith("wamp.close."):
            return Closing(Advice("with this WAMP GOODBYE the router closed deliberately", ask), True)
    if isinstance(content, dict) and _is_signalr_close(content):
        cause = "with this SignalR message the server closed deliberately and reported"
        if "error" not in content:
            return Closing(Advice(f"{cause} no error", ask), True)
        return Closing(Advice(f"{cause} an error", f"look up this error in the service documentation, or {ask}"), True)
    return None


# Farewells that some services send a while before they close
_WARNING_KINDS: Final = frozenset({"disconnect", "server shutdown", "server restart"})
_IN_A_WHILE: Final = re.compile(r"\bin (\d{1,4}) ?(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b", re.IGNORECASE)
# An end that is told for this connection, its user or the server, whatever else the text says
_TOLD_END: Final = re.compile(
    r"\b(?:(?:this|your|the|all|every) (?:[a-z]+ )?(?:sessions?|connections?|sockets?|websockets?|streams?|clients?)|"
    r"you) "
    r"(?:will|is going to|are going to|is about to|are about to) (?:soon |shortly |now )?"
    r"(?:be (?:closed|terminated|disconnected|dropped|reset|ended|logged out|cut)|close|end|expire|terminate)\b|"
    r"\b(?:server|gateway|node|service|broker|exchange|system) (?:will|is going to|is about to) "
    r"(?:soon |shortly |now )?"
    r"(?:be (?:restarted|stopped|shut down|rebooted)|restart|shut down|stop|reboot|go down)\b",
    re.IGNORECASE,
)
_ANNOUNCING: Final = frozenset({ReasonKind.RESTART, ReasonKind.ANNOUNCED, ReasonKind.LIFETIME})
_UNITS_NS: Final = {"s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3600 * SECOND_NS}
# A part of each announcement, without its first letter, which may be a capital
_ANNOUNCING_PARTS: Final = (
    *("aintenance", "pgrade", "estart", "eboot", "hut", "isconnect", "eploy", "raining", "topp", "oing", "los"),
    *("erminat", "eset", "ropped", "ogged out", "ollover", "xpire"),
)


_find_announcing = BytesAhoCorasick([part.encode() for part in _ANNOUNCING_PARTS]).find_matches_as_indexes


def _may_announce(payload: bytes) -> bool:
    """Whether a message may announce an end: the newest of each batch is looked at.

    One search for each part takes three times as long, and a regex sixteen times as long as these.
    """
    return bool(_find_announcing(payload))


def announcement(text: str, *, is_cut: bool = False) -> tuple[str, int]:
    """Return what a message announces of the end of this connection, a line each, and the longest time until that.

    Empty and 0 for any other message: one that names another subject, or whose text is not understood as a restart.
    """
    shown = text.strip(_ENDS)
    content = None if is_cut else _json(shown)
    if isinstance(content, dict):
        if not _is_about_us(content):
            return "", 0
        if not _kinds(_lowered(content)).isdisjoint(_WARNING_KINDS):
            return _lines(content, "disconnect"), ANNOUNCED_NS
        lines = _texts_for_people(content)
    else:
        lines = [shown] if len(shown) <= _PROSE_LIMIT else []
    found = [line for line in lines if reason_kind(line) in _ANNOUNCING or _TOLD_END.search(line)]
    spans = [int(number) * _UNITS_NS[unit[0].lower()] for line in found for number, unit in _IN_A_WHILE.findall(line)]
    # A timer of the peer may be late
    within_ns = max(spans) + ANNOUNCED_NS // 2 if spans else ANNOUNCED_NS
    return "\n".join(found), within_ns if found else 0


def _texts_for_people(content: Mapping[str, Any]) -> list[str]:
    fields = _lowered(content)
    texts = [value for name, value in fields if name in _TEXT_KEYS and isinstance(value, str)]
    inner = [value for name, value in fields if name in _BODY_KEYS and isinstance(value, dict)]
    return texts + [text for value in inner for text in _texts_for_people(value)]


def _of_stomp(frame: str) -> str:
    head, _, body = frame.replace("\r\n", "\n").partition("\n\n")
    headers = dict(line.partition(":")[::2] for line in head.splitlines()[1:])
    return "\n".join(filter(None, (body.strip(_ENDS), headers.get("message", "")))) or "error"


def _of_plain(text: str) -> str:
    if irc := _IRC_END.fullmatch(text):
        return irc[1] or "error"
    if _IRC_RECONNECT.fullmatch(text):
        return "reconnect requested"
    if (notice := _IRC_NOTICE.fullmatch(text)) and advice_on_reason(notice[1]):
        return notice[1]
    if text in ("ERROR", "FATAL"):
        return text.lower()
    if error := _PLAIN_ERROR.fullmatch(text):
        return error[1]
    is_understood = _PLAIN_WITH_REASON.fullmatch(text) and advice_on_reason(text)
    return text if is_understood or _PLAIN_REFUSAL.fullmatch(text) else ""


def _of_object(content: Mapping[str, Any]) -> str:
    if _is_signalr_close(content):
        return _lines(content, "close")
    op = content.get("op")
    if isinstance(op, int) and content.keys() <= _DISCORD_KEYS:
        return _DISCORD_OPS.get(op, "") if content.get("d", "") in (None, False, True) else ""
    if _is_about_us(content) and _is_refusal(content):
        return _lines(content, "error")
    return _told_to_you(content)


def _told_to_you(content: Mapping[str, Any]) -> str:
    """Return a text that addresses this client and is understood, in a message of any kind that names no speaker."""
    fields = _lowered(content)
    if any(name in _SPEAKER_KEYS for name, _ in fields):
        return ""
    texts = [value for name, value in fields if name in _TEXT_KEYS and isinstance(value, str)]
    return "\n".join(text for text in texts if _TO_YOU.match(text.strip()) and advice_on_reason(text))


def _is_signalr_close(content: Mapping[str, Any]) -> bool:
    return content.keys() <= _SIGNALR_CLOSE_KEYS and content.get("type") == _SIGNALR_CLOSE


def _is_about_us(content: Mapping[str, Any]) -> bool:
    """Return whether a message names no other subject than the connection, such as a request or a user."""
    for name, value in _lowered(content):
        if (name in _ID_KEYS and value in (None, 0, "")) or _is_short_kind(name, value):
            continue
        # "E": 1770123456789 beside "e" (Binance)
        if name in _SHORT_KEYS and isinstance(value, int):
            continue
        is_data = name in _BODY_KEYS and not (value is None or isinstance(value, (str, dict)))
        is_about_other = name in _BODY_KEYS and isinstance(value, dict) and not _is_about_us(value)
        if name not in _ENVELOPE_KEYS or is_data or is_about_other:
            return False
    return True


def _is_refusal(content: Mapping[str, Any]) -> bool:
    fields = _lowered(content)
    kinds = _kinds(fields)
    statuses = {_plain(value) for name, value in fields if name in _STATUS_KEYS and isinstance(value, str)}
    texts = [value for name, value in fields if name in _TEXT_KEYS and isinstance(value, str)]
    is_understood = any(map(advice_on_reason, texts))
    codes = [value for name, value in fields if name in _CODE_KEYS and isinstance(value, int)]
    body = next((value for name, value in fields if name in _BODY_KEYS and isinstance(value, dict)), None)
    return (
        not kinds.isdisjoint(_END_KINDS)
        or content.get("janus") == "timeout"
        or (not kinds.isdisjoint(_VAGUE_KINDS) and (is_understood or not texts))
        or (bool(texts) and not statuses.isdisjoint(_ERROR_STATUSES))
        or (not kinds.isdisjoint(_LOGINS) and (_is_denied(fields) or not statuses.isdisjoint(_FAILED)))
        or any(name in _ERROR_KEYS and _is_error(value) for name, value in fields)
        or (body is not None and not kinds and _is_refusal(body))
        # A notice
        or (is_understood and any(code >= 400 for code in codes))
    )


# Members that may be anything: the kind of a message (Alpaca, Binance), a time, a topic
_SHORT_KEYS: Final = frozenset({"t", "e"})


def _is_short_kind(name: str, value: object) -> bool:
    """Return whether a member with a short name says the kind of an end."""
    return name in _SHORT_KEYS and isinstance(value, str) and _plain(value) in _END_KINDS


def _kinds(fields: list[tuple[str, Any]]) -> set[str]:
    """Return the kinds that a message names, as words in lower case."""
    return {
        _plain(value)
        for name, value in fields
        if (name in _KIND_KEYS and isinstance(value, str)) or _is_short_kind(name, value)
    }


def _is_denied(fields: list[tuple[str, Any]]) -> bool:
    return any(name in _FLAG_KEYS and value is False for name, value in fields)


def _is_error(value: object) -> bool:
    if isinstance(value, str):
        # A number in quotes is data as well
        return value.strip().lower() not in _NO_ERROR and not re.fullmatch(r"[-+\d.,%\s]*", value)
    if not isinstance(value, dict):
        return value is True
    names = {name for name, _ in _lowered(value)}
    return _is_about_us(value) and not names.isdisjoint(_CODE_KEYS | {*_TEXT_KEYS})


def _of_array(content: list[Any]) -> str:
    """Read a message that is an array: WAMP by its number, an event of others by its name."""
    match content:
        # Services whose messages are arrays (Alpaca, Polygon); a feed may send its data so, too
        case [dict(only)] if advice_on_words(meaning := _of_object(only)) is not None:
            return meaning
        case [int(number), dict(details), str(uri)] if number in _WAMP_ENDS and "." in uri:
            return "\n".join((*_texts(details), _plain(uri.rpartition(".")[2])))
        case [str(name)] if _plain(name) in _END_KINDS:
            return _plain(name)
        case [str(name), str(text)] if _plain(name) in _ERROR_KINDS and _is_error(text):
            return f"{text}\n{_plain(name)}"
        case [str(name), str(text)] if _plain(name) in _END_KINDS and advice_on_reason(text):
            return f"{text}\n{_plain(name)}"
        case [str(name), dict(details)] if _plain(name) in _END_KINDS and _is_about_us(details):
            return "\n".join((*_texts(details), _plain(name)))
    return ""


def _json(text: str) -> object:
    """Return the decoded JSON; None where it is none."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None


def _lines(content: object, otherwise: str) -> str:
    return "\n".join(_texts(content)) or otherwise


def _texts(content: object) -> list[str]:
    """Return the texts of a message that may say why: those for people first, then names of errors, then its kind."""
    if isinstance(content, str):
        return [" ".join(content[:_TEXT_CHARACTERS].split())]
    if not isinstance(content, dict):
        return []
    fields = _lowered(content)
    inner = [value for name, value in fields if name in _BODY_KEYS | _ERROR_KEYS and isinstance(value, dict)]
    found = [text for value in inner for text in _texts(value)]
    for names in ((*_TEXT_KEYS,), _ERROR_KEYS | _CODE_KEYS, _KIND_KEYS | _STATUS_KEYS):
        found += [text for name, value in fields if name in names and isinstance(value, str) for text in _texts(value)]
    return [text for text in found if text]


def _lowered(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name.lower(), value) for name, value in content.items()]


def _plain(name: str) -> str:
    """Return a name such as ``auth_invalid`` or ``ConnectionClosed`` as words in lower case."""
    return _SEPARATORS.sub(" ", _CAMEL.sub(" ", name)).strip().lower()
