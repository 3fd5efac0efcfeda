"""What close reasons say, and those that leave no more to do than to quote them."""

from __future__ import annotations

import pytest

from wsmon.model.verdict.reason_grammar import ReasonKind, asked_wait, names_program_heartbeat, reason_kind

READ = {
    ReasonKind.INIT_TWICE: ("Too many initialisation requests",),
    ReasonKind.SUBPROTOCOL: (
        "Subprotocol not acceptable", "subprotocol 'mqtt' not supported", "No subprotocol offered",
        "missing subprotocol",
    ),
    ReasonKind.BAD_MESSAGE: (
        "Invalid message received", "Unknown opcode.", "Decode error.", "Unexpected token < in JSON",
        "Unexpected token h in JSON at position 1", "malformed packet", "failed to parse JSON", "Invalid request",
        "Payload is not valid JSON", "protocol error",
    ),
    ReasonKind.TOO_BIG: (
        "Message too big", "Payload too large", "message exceeds maximum size",
        "message size 70000 exceeds limit 65536", "max payload exceeded",
        "Maximum payload violation",
    ),
    ReasonKind.NO_BINARY: (
        "Binary frames are not supported on this channel", "binary messages not allowed", "unexpected binary frame",
        "Only text messages are accepted.",
    ),
    ReasonKind.NO_TEXT: ("Text frames are not supported", "unsupported text message", "only binary frames allowed"),
    ReasonKind.CERTIFICATE: (
        "Device certificate revoked by administrator", "client certificate expired", "Your certificate is revoked.",
    ),
    ReasonKind.UNSUPPORTED: (
        "Unsupported protocol version", "Requested protocol 'x' is not available.", "Invalid API version.",
        "No protocol version supplied", "API version 3 is no longer supported", "not supported",
    ),
    ReasonKind.RATE: (
        "rate limit: 5 connections", "Rate limited.", "rate_limit_exceeded", "RateLimitExceeded",
        "429 Too Many Requests",
        "You are being rate limited.", "too many requests per second", "Slow down!", "token bucket empty",
        "Client event rejected due to rate limit", "API quota exceeded", "too many subscriptions",
        "Rate limit exceeded for IP 10.0.0.7", "slow down, you are banned for 5 min", "sending too fast",
    ),
    ReasonKind.CONNECTIONS: (
        "new connection limit reached", "connection limit reached", "Too many connections from this IP",
        "Application is over connection quota", "max connections", "maximum number of connections of 5 reached",
        "too many concurrent connections per user",
        "Too many connections from your IP, banned until 2026-11-30",
    ),
    ReasonKind.PONG: (
        "keepalive ping timeout", "ping timed out", "Ping/Pong timeout", "No response from ping frame.", "Pong timeout",
        "Pong reply not received", "Client failed ping-pong", "no pong received in 30 s",
        "client did not respond to ping", "Closing Link: 1.2.3.4 (Ping timeout: 240 seconds)",
        "Closing Link: bob[host.example.com] (Ping timeout: 240 seconds)",
        "Pong reply not received: ping was sent to the client, but no reply was received - see ping and pong messages",
    ),
    ReasonKind.HEARTBEAT: (
        "heartbeat timeout", "heartbeat lost", "missed too many heartbeats", "no heartbeat received",
        "keep-alive timeout", "No ping from client for 60s", "heartbeat missed",
    ),
    ReasonKind.STALE: ("Stale Connection", "'Stale Connection'"),
    ReasonKind.REQUEST_TIMEOUT: ("408 408 Request Timeout",),
    ReasonKind.IDLE: (
        "Idle timeout", "idle timeout (60s)", "Closed after inactivity", "client inactive for 10 minutes", "inactivity",
        "connection idle too long", "No activity for 30 seconds", "session inactivity timeout", "IDLE_TIMEOUT",
        "disconnected due to inactivity", "idle timeout of 60 seconds exceeded", "no data received from client for 60s",
    ),
    ReasonKind.LIFETIME: (
        "maximum connection duration of 24h reached", "max connection age", "connection lifetime exceeded",
        "24h connection limit reached", "maximum session duration exceeded",
        "Connection exceeded maximum lifetime of 24 hours",
    ),
    ReasonKind.LATE_LOGIN: ("Connection initialisation timeout", "authentication timeout", "login timed out"),
    ReasonKind.TIMEOUT: (
        "timeout", "read timeout", "connection timeout", "Timed out", "request timeout", "Session timeout",
        "Session timed out.", "The WebSocket session [0] timeout expired",
    ),
    ReasonKind.SLOW: ("slow consumer", "client too slow", "send buffer full", "Slow Consumer Detected"),
    ReasonKind.BANNED: (
        "account suspended by admin", "kicked by app", "banned", "You have been banned by an administrator",
        "your IP is blocked", "you are banned for 5 min", "disconnected by moderator", "Application disabled",
    ),
    ReasonKind.TOKEN: (
        "Invalid access token or password", "Bad token", "token required", "missing token", "jwt malformed",
        "Your access token is invalid.",
    ),
    ReasonKind.EXPIRED: (
        "token expired", "JWT expired", "access token has expired", "listen key expired", "TokenExpired",
        "Authentication failed: token expired", "token expired at 12:03",
    ),
    ReasonKind.SESSION_OVER: (
        "Password changed", "session expired", "User session timed out.", "Your session has been invalidated.",
        "user logged out", "invalid session",
    ),
    ReasonKind.CREDENTIALS: (
        "Unauthorized", "Forbidden", "access denied", "Not authenticated.", "Authentication failed.",
        "4004 Authentication failed.", "Connection is unauthorized", "Invalid key", "'Authorization Violation'",
        "Login authentication failed", "Access refused for user 'guest'", "invalid username or password",
        "API key is invalid", "NOT_AUTHORIZED",
    ),
    ReasonKind.RESTART: (
        "restart", "Service Restart", "Server closed", "Server Shutdown", "shutting down for maintenance",
        "server going down for maintenance in 5 minutes", "Maintenance in 5 minutes",
        "The connection will soon be closed for a service upgrade. Please reconnect.",
        "Scheduled maintenance, back at 14:30 UTC", "Pod is being evicted",
        "maintenance window", "node draining", "DENIED: maintenance", "Stopping. Please try to reconnect",
        "Server is going down for scheduled maintenance", "the server will restart in 1 s", "rolling deploy",
    ),
    ReasonKind.REPLACED: (
        "login from another device", "logged in elsewhere", "replaced", "session taken over",
        "You have been disconnected because you logged in from another location", "Duplicate connection",
        "connection replaced by a new connection", "stream conflict", "You've logged in on another device",
        "new connection opened for the same user",
    ),
    ReasonKind.DELETED: ("410 Gone", "channel deleted"),
    ReasonKind.UNAVAILABLE: (
        "Service temporarily unavailable", "server busy", "Over capacity", "overloaded", "server is overloaded",
    ),
    ReasonKind.SERVER_ERROR: ("Internal server error", "Too many open files", "Unknown error.", "unexpected error"),
    ReasonKind.BEHIND: (
        "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
        "upstream connection closed", "Lost connection to backend", "failed to connect to upstream server",
        "no healthy upstream", "No upstream available, retry in 5s",
        "Bad Gateway", "the backend is unavailable", "origin server closed the connection",
    ),
    ReasonKind.ANNOUNCED: (
        "Daily reset: this session will be terminated in 5 s, please reconnect",
        "you will be disconnected in 10 seconds",
    ),
    ReasonKind.DATA_ENDS: ("stopping the stream: end of data", "end of stream"),
}  # fmt: skip

# Texts of which a part has an everyday meaning, another subject, or says the contrary
QUOTED = (
    "Not idle long enough", "idle worker recycled", "shedding idle clients", "Heartbeat ACK ok; node draining",
    "upstream heartbeat lost", "replica heartbeat lost", "pong", "ping-pong game over",
    "keep-alive timeout is disabled",
    "redis password wrong", "access denied for user 'app'@'10.0.0.5' (using password: YES)",
    "upstream authentication service unavailable", "No login required anymore", "quota service down",
    "internal error parsing config", "unexpected token bucket state", "frame too short", "payload too nested",
    "not available in this region", "outside trading hours", "JWT library upgraded, please reconnect",
    "access token accepted, but plan does not allow", "match ended: player banned", "opponent kicked",
    "middleware: no messages left", "unknown token XYZ", "duplicate order id", "version conflict", "trading suspended",
    "trading suspended until 5", "task terminated", "back to lobby", "back at 5 players",
    "replaced by a newer version, please upgrade", "please restart your client", "order too large",
    "symbol unavailable", "position closed", "database timeout", "rate limit lifted", "rate limit remaining: 99",
    "maintenance completed", "not under maintenance", "no rate limit", "session resumed", "restart your client",
    "too many users online today", "market closed", "bye", "", "x" * 301, "try again in 30 s",
    "rate", "exchange rate exceeded", "the rate is too high", "new client connected", "new update", "host is closing",
    "no data received", "no key", "session limit reached", "operation timed out", "busy", "user is busy", "too slow",
    "user banned", "vote kick: bob", "server full", "lobby closed", "contract expired", "invalid ticket",
    "trading session expired", "unauthorized symbol", "position limit reached", "battery low, shutting down",
    "device firmware update in progress", "deploy failed", "order rejected: rate limit",
    "session window", "connection location", "restart now", "shutdown now", "24h limit reached", "outbound queue full",
    "stream ended", "stopping the stream", "no version", "no feature", "sorry, too many clients already",
    "terminating connection due to administrator command", "bad key", "user kicked", "host is shutting down",
    "application closed", "rate limit: none", "restart? no", "timeout of order 7", "write timeout", "inactive market",
    "idle agents: 5", "heartbeat ok", "ping: 20 ms", "ping too high", "high ping", "your ping is too high",
    "sharding required", "already authenticated", "position closed by admin", "order banned", "message deleted",
    "channel closed", "kicked from the room", "room is full", "login queue is full", "login server restarting",
    "payment required", "password too short", "token bucket refilled", "token launched", "token sale ended",
    "certificate expired", "option expired", "offer expired", "invalid move", "invalid order", "bad luck",
    "unknown symbol", "feed delayed", "quota: 5 of 100 used", "network error", "client sent inbound traffic",
    "no data for 30s", "message exceeds limit of 5", "heart rate too high", "message too big for column",
    "server is not shutting down", "server closed the room", "connection replaced by backup", "user 5 banned for 5 min",
    "max age of certificate reached", "restart required", "unexpected error: idle timeout", "throttled motor",
    "authentication failed: idle timeout, server restarting", "unauthorized: timeout",
)  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in READ.items() for text in texts])
def test_a_reason_that_is_understood_whole(kind: ReasonKind, text: str) -> None:
    assert reason_kind(text) == kind


def test_each_kind_has_an_example() -> None:
    assert READ.keys() == set(ReasonKind)


@pytest.mark.parametrize("text", QUOTED)
def test_a_reason_that_is_only_quoted(text: str) -> None:
    assert reason_kind(text) is None


@pytest.mark.parametrize("text", [text for texts in READ.values() for text in texts])
@pytest.mark.parametrize(
    ("before", "after"), [("upstream db: ", ""), ("no longer: ", ""), ("", ", or so the cat says")]
)
def test_one_part_that_is_not_understood_leaves_no_reading(text: str, before: str, after: str) -> None:
    assert reason_kind(f"{before}{text.rstrip('.!')}{after}") is None


@pytest.mark.parametrize(
    ("text", "kind", "wait"),
    [
        ("slow down, you are banned for 5 min", ReasonKind.RATE, "5 min"),
        ("you are banned for 5 min", ReasonKind.BANNED, "5 min"),
        ("Too many requests; try again in 30 seconds", ReasonKind.RATE, "30 seconds"),
        ("server restarting, please reconnect after 10s", ReasonKind.RESTART, "10s"),
    ],
)
def test_a_time_to_wait_is_part_of_what_it_says(text: str, kind: ReasonKind, wait: str) -> None:
    assert (reason_kind(text), asked_wait(text)) == (kind, wait)


@pytest.mark.parametrize(
    ("text", "is_known"), [("keepalive ping timeout", True), ("Stale Connection", True), ("pong timeout", False)]
)
def test_the_words_of_programs_for_a_missed_pong_count_word_for_word(text: str, *, is_known: bool) -> None:
    assert names_program_heartbeat(text) is is_known
