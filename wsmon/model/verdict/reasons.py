"""What servers write beside a close code: the words that tell more than the code does."""

from __future__ import annotations

from typing import Final

from wsmon.model.verdict.advice import Advice, Clue

RATE: Final = Clue(
    ("rate limit", "ratelimit", "rate exceeded", "too many", "throttl", "quota", "slow down", "max connections"),
    Advice(
        "the server limits how much or how often, and the limit was reached",
        "send and subscribe less at a time, open fewer connections, and compare with the limits of the service",
    ),
)

REASON_CLUES: Final = (
    RATE,
    Clue(
        ("ping timeout", "pong timeout", "keepalive", "keep-alive", "heartbeat", "no pong", "pong"),
        Advice(
            "the heartbeat of the server found no answer from us in time",
            "compare last frame in and out: nothing in means that the path was dead, else the server read too late",
        ),
    ),
    Clue(
        ("idle", "inactiv", "no activity", "no messages"),
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
        ("token", "expired", "session timeout", "jwt"),
        Advice(
            "the credentials ran out, or were not accepted",
            "renew the token, and check how long it lives",
        ),
    ),
    Clue(
        ("unauthori", "not authori", "authenticat", "login", "credential", "api key", "apikey", "forbidden", "denied"),
        Advice(
            "the server does not accept who we are, or does not allow this",
            "check the credentials and what they are allowed to do",
        ),
    ),
    Clue(
        ("restart", "shutdown", "shutting down", "deploy", "maintenance", "upgrade in progress", "draining"),
        Advice(
            "the server is restarting or under maintenance",
            "nothing to do if it is rare; if it comes often, ask the operator of the server about its deployments",
        ),
    ),
    Clue(
        ("duplicate", "another connection", "replaced", "logged in elsewhere", "new connection", "conflict"),
        Advice(
            "a newer connection with the same identity took the place of this one",
            "look for a second client with these credentials, and give each its own",
        ),
    ),
)
# the first that fits counts: a limit names what it limits, an expired token names the login


def speaks_of_limit(text: str) -> bool:
    """Whether a text says that a limit on rate or number was reached."""
    lower = text.lower()
    return any(phrase in lower for phrase in RATE.phrases)
