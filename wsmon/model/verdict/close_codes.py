"""Close codes and close reasons: their meaning, the likely cause, and the next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple


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


# RFC 6455, section 7.4.1, and the IANA registry of close codes
CODE_MEANINGS: Final = {
    1000: "normal closure",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1004: "reserved code",
    1005: "no code given",
    1006: "no close frame",
    1007: "invalid UTF-8",
    1008: "policy violation",
    1009: "message too big",
    1010: "extension missing",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    1015: "TLS failure",
    3000: "unauthorized",
    3003: "forbidden",
    3008: "timeout",
}

_MISUSED = Advice(
    "the code must never be sent in a close frame: the server, or something before it, breaks the protocol",
    "report it to the operator of the server, with this event",
)

CODE_ADVICE: Final[Mapping[int, Advice]] = {
    1000: Advice(
        "usually the server considers the conversation done; some servers send 1000 for an application error, a "
        "deploy, a missed pong or a message too big as well (Sanic, python-socketio), and a proxy for a crash behind "
        "it (mitmproxy)",
        "nothing to do if it is rare; if it comes regularly, ask whether the server limits the life of connections",
    ),
    1001: Advice(
        "the server is shutting down, or moves its clients elsewhere, as many do at every deploy; a proxy before it "
        "may send this at its own stop (Caddy)",
        "nothing to do if it is rare; if it comes often, ask the operator of the server about restarts and rebalancing",
    ),
    1002: Advice(
        "the server read something from us that the protocol does not allow",
        "look at the last frames sent, and test without the proxies on the way: some alter frames",
    ),
    1003: Advice(
        "the server does not take this kind of message, usually binary instead of text or the reverse",
        "look at the opcode of the last message sent",
    ),
    1004: _MISUSED,
    1005: Advice(
        "the server closed without saying why, as many libraries do when close() is called without a code: at a "
        "deploy, for a missed pong (Socket.IO), or when the application fails (Granian)",
        "ask the operator of the server for its log at this time",
    ),
    1006: _MISUSED,
    1007: Advice(
        "the server found text in a message of ours that is not valid UTF-8",
        "look at the last text messages sent",
    ),
    1008: Advice(
        "a rule of the server was broken: usually credentials, a limit on rate or number, or a request not allowed",
        "check the credentials, the limits of the service and the last messages sent",
    ),
    1009: Advice(
        "a message of ours is larger than the server takes",
        "send smaller messages, or have the limit of the server raised",
    ),
    1010: Advice(
        "an extension that is needed was not negotiated",
        "compare the extensions of the handshake with those that the service requires",
    ),
    1011: Advice(
        "the server met an error of its own, or sends 1011 for more than that: at every stop or deploy (Hypercorn), or "
        "for a missed pong (websockets, Sanic, Uvicorn)",
        "report it to the operator of the server, unless a deploy explains it: the time, the last messages sent",
    ),
    1012: Advice(
        "the server is restarting, as Uvicorn says at every stop or deploy",
        "nothing to do if it is rare; if it comes often, ask the operator of the server about its deployments",
    ),
    1013: Advice(
        "the server is overloaded and sheds connections",
        "dial less often: raise reconnect.initial, and open fewer connections",
    ),
    1014: Advice(
        "a gateway before the server got a bad answer from it",
        "report it to the operator of the server: the fault is behind the gateway",
    ),
    1015: _MISUSED,
    3000: Advice(
        "the server does not accept who we are",
        "check the credentials: missing, wrong or expired",
    ),
    3003: Advice(
        "the server knows who we are, and does not allow this",
        "check what these credentials are allowed to do",
    ),
    3008: Advice(
        "the server waited too long for something from us",
        "set ping.interval lower, and check what the service expects to be sent, and how soon",
    ),
}


def code_meaning(code: int | None) -> str:
    """Return the meaning of a close code; None is the code of a loss without a close frame."""
    if code is None:
        return "no close frame"
    meaning = CODE_MEANINGS.get(code)
    if meaning is not None:
        return meaning
    if 4000 <= code <= 4999:
        return "application-defined"
    if 3000 <= code <= 3999:
        return "registered by an application"
    if 1016 <= code <= 2999:
        return "reserved code"
    return "invalid code"


def advice_on_code(code: int | None, meaning: str) -> Advice:
    """Return the advice on a close code; ``meaning`` is that of the protocol in use, empty where it has none."""
    known = None if code is None else CODE_ADVICE.get(code)
    if known is not None:
        return known
    if meaning:
        told = read_clue(REASON_CLUES, meaning)
        step = "look up the code in the documentation of the service, and check the last messages sent"
        return Advice(f"the protocol of the service calls this “{meaning}”", step if told is None else told.next)
    if code is not None and 3000 <= code <= 4999:
        return Advice(
            "the code is the service's own",
            "look up the code in the documentation of the service",
        )
    return _MISUSED


RATE_LIMIT: Final = Clue(
    ("rate limit", "ratelimit", "rate exceeded", "rate too high", "token bucket", "too many", "throttl", "quota",
     "slow down", "max connections"),
    Advice(
        "the server limits how much or how often, and the limit was reached",
        "send and subscribe less at a time, open fewer connections, and compare with the limits of the service",
    ),
)  # fmt: skip

_INIT_TWICE: Final = Clue(
    ("too many initialisation requests", "too many initialization requests"),
    Advice(
        "connection_init was sent twice on this connection",
        "send connection_init once: with answer = true wsmon sends it itself, so take it out of send",
    ),
)
_ANSWERS: Final = (
    "compare last frame in and out: nothing in means that the path was dead, else the server read too late"
)

_SUBPROTOCOL: Final = Clue(
    ("subprotocol", "sub-protocol"),
    Advice(
        "the server does not accept the subprotocol that was offered, or that none was",
        'put the one that the service documents into subprotocols, as in subprotocols = ["graphql-transport-ws"]',
    ),
)

# Close reasons, and last messages of a peer, which are more specific than the code. The first match counts: a text that
# cannot be parsed may name a token, a limit names what it limits, an expired token names the login
REASON_CLUES: Final = (
    _INIT_TWICE,
    _SUBPROTOCOL,
    Clue(
        ("unexpected token", "malformed", "parse error", "parsing", "syntax error", "invalid json", "invalid message",
         "invalid payload", "invalid request", "bad request", "unknown message", "protocol error"),
        Advice(
            "the server could not take a message of ours: its form or its content",
            "look at the last messages sent, and compare them with what the service documents",
        ),
    ),
    Clue(
        ("message too big", "message too large", "message is too", "payload too", "packet too", "frame too"),
        Advice(
            "a message of ours is larger than the server takes",
            "send smaller messages, or have the limit of the server raised",
        ),
    ),
    Clue(
        ("not supported", "unsupported", "unacceptable protocol", "not acceptable", "not available"),
        Advice(
            "the server does not support a version or a feature that was asked for",
            "compare protocol version, subprotocol and options with what the service documents",
        ),
    ),
    RATE_LIMIT,
    Clue(
        ("ping timeout", "pong timeout", "ping timed out", "pong timed out", "ping frame", "keepalive", "keep-alive",
         "keep alive", "heartbeat", "no pong", "pong", "no ping"),
        Advice("the heartbeat of the server found no answer from us in time", _ANSWERS),
    ),
    Clue(
        ("stale connection",),
        Advice("the server took the connection for dead: its pings found no answer from us in time (NATS)", _ANSWERS),
    ),
    Clue(
        ("request timeout",),
        Advice(
            "the server waited too long for a pong, or for anything to be sent",
            "set ping.interval lower, and check what the service expects to be sent, and how soon",
        ),
    ),
    Clue(
        ("idle", "inactiv", "no activity", "no message received", "no messages received", "no messages for"),
        Advice(
            "the server closes connections on which nothing is sent for a while",
            "set ping.interval lower, or send what the service takes for activity",
        ),
    ),
    Clue(
        ("slow consumer", "too slow", "slow client", "slow reader", "backpressure", "buffer full", "lagging"),
        Advice(
            "the server gave up sending because we, or the path to us, took the data too slowly",
            "subscribe to less on this connection, and check the load of this machine and its bandwidth",
        ),
    ),
    Clue(
        ("account suspended", "user suspended", "client suspended", "suspended by", "been suspended", "banned",
         "kicked", "blocked by", "been blocked", "account blocked", "address blocked", "ip blocked",
         "administrative action", "terminated by", "disabled by", "account disabled"),
        Advice(
            "the operator of the service, or a rule of it, closed this connection or account on purpose",
            "ask the operator of the service why; dialling again does not help before that",
        ),
    ),
    Clue(
        ("invalid access token", "invalid token", "invalid auth", "bad token", "wrong token", "no token",
         "missing token", "token missing", "token required", "token invalid", "token is invalid", "token not valid"),
        Advice(
            "the server does not accept the token",
            "check the token: whether it is the right one, complete, and still valid",
        ),
    ),
    Clue(
        ("token expired", "token has expired", "token is expired", "expired token", "token revoked", "access token",
         "refresh token", "auth token", "session expired", "login expired", "credentials expired", "session timeout",
         "jwt"),
        Advice(
            "the credentials ran out, or were not accepted",
            "renew the token, and check how long it lives",
        ),
    ),
    Clue(
        ("unauthori", "not authori", "not-authori", "authoriz", "authenticat", "auth invalid", "login", "credential",
         "api key", "apikey", "invalid key", "invalid signature", "password", "user name", "access refused",
         "forbidden", "denied"),
        Advice(
            "the server does not accept who we are, or does not allow this",
            "check the credentials and what they are allowed to do",
        ),
    ),
    Clue(
        ("expired",),
        Advice("something that this connection depends on ran out", "renew what the reason names, and dial again"),
    ),
    Clue(
        ("=restart", "restarting", "server restart", "service restart", "will restart", "planned restart", "shutdown",
         "shutting down", "deploy", "maintenance", "upgrade in progress", "draining", "server closed", "stopping"),
        Advice(
            "the server is restarting or under maintenance",
            "nothing to do if it is rare; if it comes often, ask the operator of the server about its deployments",
        ),
    ),
    Clue(
        ("duplicate connection", "duplicate session", "duplicate login", "duplicate client", "another connection",
         "=replaced", "session replaced", "connection replaced", "logged in elsewhere", "new connection", "<conflict",
         "session conflict", "connection conflict", "taken over"),
        Advice(
            "a newer connection with the same identity took the place of this one",
            "look for a second client with these credentials, and give each its own",
        ),
    ),
    Clue(
        ("410 gone", "channel deleted", "channel was deleted"),
        Advice(
            "what this connection was subscribed to was deleted at the server",
            "check whether the channel still exists, and which one took its place",
        ),
    ),
    Clue(
        ("server unavailable", "service unavailable", "temporarily unavailable", "server busy", "overload"),
        Advice(
            "the server, or something that it needs, cannot serve at the moment",
            "nothing to do if it is rare; if it lasts, ask the operator of the server",
        ),
    ),
)  # fmt: skip


def names_limit(text: str) -> bool:
    """Return whether a text names a limit on rate or number."""
    return read_clue((_INIT_TWICE, RATE_LIMIT), text) is RATE_LIMIT.advice
