"""Close codes and close reasons: the likely cause, and the next step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from wsmon.model.ends import code_meaning
from wsmon.model.verdict.reason_grammar import (
    ReasonKind,
    asked_until,
    asked_wait,
    mentioned_kind,
    names_program_heartbeat,
    reason_kind,
)


class Advice(NamedTuple):
    """A likely cause and the next step, each a clause without a full stop."""

    cause: str
    next: str


class Clue(NamedTuple):
    """Advice for texts that contain one of the phrases."""

    phrases: tuple[str, ...]
    """In lower case; one that begins with ``=`` must be the whole text."""
    advice: Advice

    def matches(self, lower: str) -> bool:
        """Return whether a text in lower case contains, or is, one of the phrases."""
        return any(lower == phrase[1:] if phrase[0] == "=" else phrase in lower for phrase in self.phrases)


def read_clue(clues: Sequence[Clue], text: str) -> Advice | None:
    """Return the advice of the first clue that matches the text; ``None`` where none does."""
    lower = text.lower()
    for clue in clues:
        if clue.matches(lower):
            return clue.advice
    return None


_MISUSED = Advice(
    "this code must never be sent in a close frame: the server, or something in front of it, violates the protocol",
    "report it to the server operator, including this event",
)

CODE_ADVICE: Final[Mapping[int, Advice]] = {
    1000: Advice(
        "usually the server considers the session finished",
        "no action needed if this is rare; if it happens regularly, ask whether the server limits connection lifetime",
    ),
    1001: Advice(
        "usually the server, or a proxy in front of it, is shutting down or moving its clients elsewhere",
        "no action needed if this is rare; if it happens often, ask the server operator about restarts and rebalancing",
    ),
    1002: Advice(
        "the server received something from the client that the protocol does not allow",
        "check the last frames sent, and test without intermediate proxies: some alter frames",
    ),
    1003: Advice(
        "the server does not accept this kind of message, such as binary instead of text or vice versa",
        "check the opcode of the last message sent",
    ),
    1004: _MISUSED,
    1005: Advice(
        "the server closed without giving a reason",
        "ask the server operator for the log of this time",
    ),
    1006: _MISUSED,
    1007: Advice(
        "the server received a message from the client whose data does not match its type, such as "
        "text that is not valid "
        "UTF-8",
        "check the encoding of the last messages sent against the service documentation",
    ),
    1008: Advice(
        "a server policy was violated: usually credentials, a rate or connection limit, or a request that is not "
        "allowed",
        "check the credentials, the service's limits and the last messages sent",
    ),
    1009: Advice(
        "a message from the client is larger than the server accepts",
        "send smaller messages, or ask the server operator to raise the limit",
    ),
    1010: Advice(
        "a required extension was not negotiated",
        "compare the extensions of the handshake with those that the service requires",
    ),
    1011: Advice(
        "internal server error",
        "report it to the server operator: the time, the reason, the last messages sent",
    ),
    1012: Advice(
        "the server announced a restart",
        "no action needed if this is rare; if it happens often, ask the server operator about its deployments",
    ),
    1013: Advice(
        "usually the server is overloaded and dropping connections",
        "connect less often: raise reconnect.initial, and open fewer connections",
    ),
    1014: Advice(
        "a gateway in front of the server received a bad response from it",
        "report it to the server operator: the fault is likely behind the gateway",
    ),
    1015: _MISUSED,
    3000: Advice(
        "the server rejected the credentials",
        "check the credentials: missing, wrong or expired",
    ),
    3003: Advice(
        "the server accepted the identity but does not allow this",
        "check what these credentials are allowed to do",
    ),
    3008: Advice(
        "a server timeout: usually it waited too long for something from the client",
        "lower ping.interval, and check what the service expects to receive, and how soon",
    ),
}

# The same of a code that came without a reason: programs send some codes for more than they mean
_MUTE_ADVICE: Final[Mapping[int, Advice]] = {
    1000: Advice(
        f"{CODE_ADVICE[1000].cause}; some servers send 1000 for an application error, a deploy, a missed pong or a "
        "message too big as well (Sanic, python-socketio), and a proxy for a crash behind it (mitmproxy)",
        CODE_ADVICE[1000].next,
    ),
    1001: Advice(
        f"{CODE_ADVICE[1001].cause}, as many do at every deploy; some servers send 1001 for other ends as well",
        CODE_ADVICE[1001].next,
    ),
    1005: Advice(
        f"{CODE_ADVICE[1005].cause}, as many libraries do when close() is called without a code: at a deploy, for a "
        "missed pong (Socket.IO), or when the application fails (Granian)",
        CODE_ADVICE[1005].next,
    ),
    1011: Advice(
        f"{CODE_ADVICE[1011].cause}, or the server sends 1011 in other cases too: at every stop or deploy "
        "(Hypercorn), or for a missed pong (websockets, Sanic, Uvicorn)",
        "report it to the server operator, unless a deploy explains it: the time, the last messages sent",
    ),
    1012: Advice(
        f"{CODE_ADVICE[1012].cause}; some servers send 1012 at every stop (Uvicorn)",
        CODE_ADVICE[1012].next,
    ),
}


# Reasons that say no more than that it closed
_EMPTY_REASON: Final = re.compile(
    r"(?:normal(?: closure| close)?|going away|good ?bye|bye|ok|done|end|closing"
    r"|(?:(?:the )?(?:stream|connection|session|socket|websocket|channel) (?:was |is )?)?closed?(?: normally)?"
    r"|(?:application-defined|unspecified|unknown|no reason|none|null))[.!]?",
    re.IGNORECASE,
)


def says_nothing(reason: str, code: int | None) -> bool:
    """Return whether a reason is empty, or says no more than the code does, or than that it closed."""
    shown = reason.strip()
    return not shown or shown.lower() == code_meaning(code).lower() or _EMPTY_REASON.fullmatch(shown) is not None


def advice_on_code(code: int | None, meaning: str, reason: str = "") -> Advice:
    """Return the advice on a close code, apart from what its reason says.

    ``meaning`` is that of the protocol in use, empty where it has none; behind a semicolon it says what to do. With a
    ``reason`` nothing is said of programs that send the code without one; a time to wait that the reason names is part
    of the next step.
    """
    is_mute = says_nothing(reason, code)
    advice = _advice_on_code(code, meaning, "" if is_mute else "this reason and ")
    if is_mute and code is not None:
        advice = _MUTE_ADVICE.get(code, advice)
    delay = asked_delay(reason)
    return Advice(advice.cause, f"{delay}; {without(advice.next, RARE)}") if delay else advice


# A step that fits no end which comes again and again, and none for which the peer asks for more
RARE: Final = "no action needed if this is rare"


def without(step: str, clause: str) -> str:
    """Return a next step without one of its clauses."""
    return "; ".join(part for part in step.split("; ") if not part.endswith(clause))


def asked_delay(text: str) -> str:
    """Return when to dial again, as a step, where a text asks to wait or bars this client for a while; else empty."""
    if until := asked_until(text):
        return f"do not reconnect before {until}"
    wait = asked_wait(text)
    return f"wait {wait} before reconnecting" if wait else ""


def _advice_on_code(code: int | None, meaning: str, also: str) -> Advice:
    known = None if code is None else CODE_ADVICE.get(code)
    if known is not None:
        return known
    look_up = f"look up {also}the code in the service documentation"
    if meaning:
        name, _, step = meaning.partition("; ")
        if not step:
            told = advice_on_reason(name)
            step = f"{look_up}, and check the last messages sent" if told is None else told.next
        return Advice(f"the service protocol calls this “{name}”", step)
    if code is not None and 3000 <= code <= 4999:
        return Advice("the code is specific to the service", look_up)
    return _MISUSED


# What each kind of reason means for us, and what helps
ANSWERS_STEP: Final = (
    "compare the last frame in and out: no incoming frames for that long may mean a dead path; incoming frames, that "
    "the client's reply was late or that the service requires its own heartbeat"
)
_REASON_ADVICE: Final[Mapping[ReasonKind, Advice]] = {
    ReasonKind.INIT_TWICE: Advice(
        "connection_init was sent twice on this connection",
        "send connection_init once: with answer = true wsmon sends it itself, so remove it from send",
    ),
    ReasonKind.SUBPROTOCOL: Advice(
        "the server does not accept the offered subprotocol, or requires one",
        'set subprotocols to the one that the service documents, as in subprotocols = ["graphql-transport-ws"]',
    ),
    ReasonKind.NO_BINARY: Advice(
        "the server does not accept binary messages here", "send text instead of binary messages"
    ),
    ReasonKind.NO_TEXT: Advice("the server does not accept text messages here", "send binary instead of text messages"),
    ReasonKind.BAD_MESSAGE: Advice(
        "the server could not process a message from the client (format or content)",
        "compare the last messages sent with the service documentation",
    ),
    ReasonKind.TOO_BIG: Advice(
        "a message from the client is larger than the server accepts",
        "send smaller messages, or ask the server operator to raise the limit",
    ),
    ReasonKind.UNSUPPORTED: Advice(
        "the server does not support a version or a requested feature",
        "compare protocol version, subprotocol and options with the service documentation",
    ),
    ReasonKind.RATE: Advice(
        "a rate or volume limit of the server was reached",
        "send and subscribe less at once, open fewer connections, and compare with the service's limits",
    ),
    ReasonKind.CONNECTIONS: Advice(
        "the server's connection limit was reached",
        "open fewer connections, look for others with these credentials or from this address, and compare with the "
        "service's limits",
    ),
    ReasonKind.PONG: Advice("wsmon did not answer the server's heartbeat in time", ANSWERS_STEP),
    ReasonKind.HEARTBEAT: Advice(
        "the server did not receive an expected heartbeat from the client: a reply to its own, or "
        "one that the client should send",
        f"{ANSWERS_STEP}; look up which heartbeat the service documents",
    ),
    ReasonKind.STALE: Advice(
        "the server considered the connection dead, as NATS does when its pings are not answered in time", ANSWERS_STEP
    ),
    ReasonKind.REQUEST_TIMEOUT: Advice(
        "the server waited too long for a pong, or for anything to be sent",
        "lower ping.interval, and check what the service expects to receive, and how soon",
    ),
    ReasonKind.IDLE: Advice(
        "the server closes connections on which nothing is sent for a while",
        "lower ping.interval, or send something that the service counts as activity",
    ),
    ReasonKind.LIFETIME: Advice(
        "the server's limit on connection lifetime was reached",
        "no action needed if the limit is known: expect the disconnect, or reconnect before it",
    ),
    ReasonKind.LATE_LOGIN: Advice(
        "login timeout: the login, or the required first message, did not arrive in time",
        "send the login or the first message sooner, and check which one the service documents",
    ),
    ReasonKind.TIMEOUT: Advice(
        "a server timeout that the reason does not specify: inactivity, connection lifetime, or login",
        "compare the time since the last frame with the time open: after silence, lower ping.interval",
    ),
    ReasonKind.SLOW: Advice(
        "the server stopped sending because the client, or the path to it, received the data too slowly",
        "subscribe to less on this connection, and check the load of this machine and its bandwidth",
    ),
    ReasonKind.BANNED: Advice(
        "the service operator, or an automatic rule, closed this connection or account deliberately",
        "ask the service operator why; reconnecting is unlikely to help before that",
    ),
    ReasonKind.TOKEN: Advice(
        "the server does not accept the token",
        "check the token: whether it is correct, complete and still valid",
    ),
    ReasonKind.EXPIRED: Advice(
        "a credential has expired or been revoked",
        "renew the token and check when it expires",
    ),
    ReasonKind.CERTIFICATE: Advice(
        "the client certificate has expired or been revoked",
        "ask the service operator for a new certificate, and set tls.cert and tls.key to it",
    ),
    ReasonKind.SESSION_OVER: Advice(
        "the login or server-side session is no longer valid",
        "log in again: renew the token or the session, and connect with the new one",
    ),
    ReasonKind.CREDENTIALS: Advice(
        "the server rejected the credentials, or does not allow this",
        "check the credentials and what they are allowed to do",
    ),
    ReasonKind.RESTART: Advice(
        "the server is restarting or under maintenance",
        "no action needed if this is rare; if it happens often, ask the server operator about its deployments",
    ),
    ReasonKind.REPLACED: Advice(
        "a newer connection with the same identity replaced this one",
        "look for a second client with these credentials, and give each client its own",
    ),
    ReasonKind.DELETED: Advice(
        "the subscribed channel was deleted on the server",
        "check whether the channel still exists, and what replaced it",
    ),
    ReasonKind.UNAVAILABLE: Advice(
        "the server, or something it depends on, is temporarily unavailable",
        "no action needed if this is rare; if it lasts, ask the server operator",
    ),
    ReasonKind.SERVER_ERROR: Advice(
        "the server reported an internal error",
        "report it to the server operator: the time, the reason, the last messages sent",
    ),
    ReasonKind.BEHIND: Advice(
        "a backend behind the server or gateway failed",
        "report it to the server operator, with the reason and the time",
    ),
    ReasonKind.ANNOUNCED: Advice(
        "the server closes connections on a schedule, or closed this one deliberately",
        "no action needed if the disconnect was announced or is expected: the connection will reconnect",
    ),
    ReasonKind.DATA_ENDS: Advice(
        "the server has sent all data for this connection",
        "no action needed if the data is complete; if it should continue, ask the server operator",
    ),
}

# The kinds that a code leaves room for, where it has a narrow meaning of its own; a reason of another kind is quoted
_LOGIN_KINDS: Final = frozenset(
    {
        ReasonKind.TOKEN,
        ReasonKind.EXPIRED,
        ReasonKind.CERTIFICATE,
        ReasonKind.SESSION_OVER,
        ReasonKind.CREDENTIALS,
        ReasonKind.BANNED,
    }
)
_FAMILIES: Final[Mapping[int, frozenset[ReasonKind]]] = {
    1002: frozenset({ReasonKind.BAD_MESSAGE, ReasonKind.TOO_BIG, ReasonKind.NO_BINARY, ReasonKind.NO_TEXT}),
    1003: frozenset({ReasonKind.BAD_MESSAGE, ReasonKind.UNSUPPORTED, ReasonKind.NO_BINARY, ReasonKind.NO_TEXT}),
    1007: frozenset({ReasonKind.BAD_MESSAGE}),
    1009: frozenset({ReasonKind.TOO_BIG}),
    1010: frozenset({ReasonKind.UNSUPPORTED}),
    1011: frozenset({ReasonKind.SERVER_ERROR, ReasonKind.PONG, ReasonKind.BEHIND}),
    1012: frozenset({ReasonKind.RESTART}),
    1013: frozenset(
        {
            ReasonKind.RATE,
            ReasonKind.CONNECTIONS,
            ReasonKind.RESTART,
            ReasonKind.UNAVAILABLE,
            ReasonKind.BEHIND,
        }
    ),
    1014: frozenset({ReasonKind.BEHIND}),
    3000: _LOGIN_KINDS | {ReasonKind.LATE_LOGIN},
    3003: _LOGIN_KINDS,
    3008: frozenset(
        {ReasonKind.PONG, ReasonKind.HEARTBEAT, ReasonKind.IDLE, ReasonKind.LATE_LOGIN, ReasonKind.TIMEOUT}
    ),
}


# Codes that many programs send for every end, so that a reason of another kind possibly says more than the code
_GENERAL_CODES: Final = (1011,)


def advice_on_reason(text: str, code: int | None = None) -> Advice | None:
    """Return the advice on what a reason says; ``None`` where it is not understood, or where the code says otherwise.

    ``code`` is that of the close frame with the reason; ``None`` for a text that is not in one. Of a reason that
    ``strains_code`` it is a possibility, with the meaning of the code beside it.
    """
    kind = reason_kind(text)
    if kind is None or (not _fits(kind, text, code) and code not in _GENERAL_CODES):
        return None
    advice = _REASON_ADVICE[kind]
    if delay := asked_delay(text):
        step = "ask the service operator why" if kind is ReasonKind.BANNED else advice.next
        advice = Advice(advice.cause, f"{delay}; {without(step, RARE)}")
    if code is None or _fits(kind, text, code):
        return advice
    usual = CODE_ADVICE[code]
    return Advice(
        f"possibly {advice.cause}; {code} itself means a server error",
        f"{advice.next}; if that is not it: {usual.next}",
    )


# With these a text whose words alone tell something may be about anything; other codes have a meaning of their own
_OPEN_CODES: Final = frozenset({1000, 1001, 1005, 1008, 1011, 1013})


def advice_on_mention(text: str, code: int | None = None) -> Advice | None:
    """Return the advice on what a text possibly says by its words alone; ``None`` where they tell nothing."""
    is_open = code is None or code in _OPEN_CODES or code >= 4000
    kind = mentioned_kind(text) if is_open else None
    return None if kind is None else _REASON_ADVICE[kind]


def strains_code(text: str, code: int | None) -> bool:
    """Return whether a reason is understood, and is of another kind than the code, which servers use so all the same.

    What it says is then a possibility, and no statement.
    """
    kind = reason_kind(text)
    return kind is not None and code in _GENERAL_CODES and not _fits(kind, text, code)


def _fits(kind: ReasonKind, text: str, code: int | None) -> bool:
    family = None if code is None else _FAMILIES.get(code)
    # Some programs send a code of errors for a ping that was not answered
    return family is None or kind in family or names_program_heartbeat(text)


def advice_on_words(meaning: str) -> Advice | None:
    """Return the advice on the first line that is understood, of the texts of a message."""
    return next(filter(None, map(advice_on_reason, meaning.splitlines())), None)


def names_limit(text: str, code: int | None = None) -> bool:
    """Return whether a reason says that a limit on rate or number was reached."""
    return (
        reason_kind(text) in (ReasonKind.RATE, ReasonKind.CONNECTIONS)
        and advice_on_reason(text, code) is not None
        and not strains_code(text, code)
    )
