"""Usual phrases of refusals: which texts have a meaning, and which are only quoted."""

from __future__ import annotations

import pytest

from wsmon.model.verdict.response_clues import (
    RESPONSE_CLUES,
    names_credential_there,
    names_subprotocol,
    read_response,
)

LOCKOUT, LOCKED, BARRED, CONNECTIONS, NAMED_LIMIT, RATE, QUOTA, PLAN, CLOCK, SIGNED, EXPIRED, AWS, MISSING, INVALID = (
    clue.advice.cause for clue in RESPONSE_CLUES[:14]
)
TAKEN, RIGHTS, ORIGIN, ADDRESS, KEY_ADDRESS, SUBPROTOCOL, TLS, UPGRADE, MAINTENANCE = (
    clue.advice.cause for clue in RESPONSE_CLUES[14:]
)


@pytest.mark.parametrize(
    ("text", "status", "cause"),
    [
        ("Timestamp for this request is outside of the recvWindow.", 401, CLOCK),
        ("Timestamp for this request was 1000ms ahead of the server's time.", 400, CLOCK),
        ("Missing Authentication Token", 403, AWS),
        ("device already connected", 409, TAKEN),
        ("API key is restricted to 203.0.113.0/24", 401, KEY_ADDRESS),
        ("This token is limited to IP addresses 10.1.0.7, 10.1.0.8", 403, KEY_ADDRESS),
        ("Your API key is not allowed from this IP address", 403, KEY_ADDRESS),
        ("Client ID already in use", 403, TAKEN),
        ("too many failed logins", 401, LOCKOUT),
        ("Unauthorized: too many failed login attempts for user bob", 401, LOCKOUT),
        ("Too many login attempts. Please try again in 5 minutes.", 429, LOCKOUT),
        ("Too many failed logins. You may try again in 5 minutes.", 403, LOCKOUT),
        ("Your account is temporarily locked", 423, LOCKED),
        ("account_suspended", 403, BARRED),
        ("Your IP has been banned", 403, BARRED),
        ("Too many concurrent connections from 10.0.0.1", 503, CONNECTIONS),
        ("Connection limit exceeded", 429, CONNECTIONS),
        ("maximum number of connections reached", 503, CONNECTIONS),
        ("Connection limit", 429, NAMED_LIMIT),
        ("rate limit exceeded", 403, RATE),
        ("API rate limit exceeded for key 12", 429, RATE),
        ("You are being rate limited.", 429, RATE),
        ("Error 429: Too Many Requests, slow down", 429, RATE),
        ("Slow down!", 503, RATE),
        ("Daily quota exceeded", 429, QUOTA),
        ("Your plan has expired", 402, PLAN),
        ("Payment required: your trial has ended", 402, PLAN),
        ("insufficient credits", 402, PLAN),
        ("signature expired", 400, SIGNED),
        ("Request has expired", 403, SIGNED),
        ("Token expired", 401, EXPIRED),
        ("invalid_token: The access token has expired", 401, EXPIRED),
        ("jwt expired", 401, EXPIRED),
        ("TOKEN_EXPIRED", 401, EXPIRED),
        ("Token is expired or revoked", 401, EXPIRED),
        ("Your session timed out", 440, EXPIRED),
        ("Missing API key", 401, MISSING),
        ("Authentication credentials were not provided.", 401, MISSING),
        ("Login required", 403, MISSING),
        ("Please log in", 401, MISSING),
        ("No token provided", 401, MISSING),
        ("Invalid API key", 401, INVALID),
        ("The token is not valid", 403, INVALID),
        ("Authentication failed", 401, INVALID),
        ("signature mismatch", 401, INVALID),
        ("insufficient permissions", 403, RIGHTS),
        ("Origin not allowed", 403, ORIGIN),
        ("websocket: request origin not allowed by Upgrader.CheckOrigin", 403, ORIGIN),
        ("Your IP 203.0.113.7 is not whitelisted", 403, ADDRESS),
        ("Missing subprotocol!", 400, SUBPROTOCOL),
        ("Client sent an HTTP request to an HTTPS server.", 400, TLS),
        ('No WebSocket UPGRADE hdr: None Can "Upgrade" only to "WebSocket".', 400, UPGRADE),
        ("The site is under maintenance until 12:00", 503, MAINTENANCE),
        ("Scheduled maintenance", 503, MAINTENANCE),
    ],
)
def test_a_usual_phrase_has_its_meaning(text: str, status: int, cause: str) -> None:
    reading = read_response(text, status)
    assert reading is not None
    assert (reading.advice.cause, reading.is_plausible) == (cause, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "No token required",
        "No login required any more",
        "token upgraded, reconnect",
        "JWT library upgraded, please reconnect",
        "Rate limit remaining: 99",
        "rate limit not exceeded",
        "access token accepted, but plan does not allow",
        "redis password wrong",
        "redis: too many connections",
        "FATAL: too many connections to the database",
        "Authentication service unavailable",
        "login from another device",
        "your token would have expired",
        "The certificate has expired",
        "Sec-WebSocket-Protocol must carry the token",
        "the upgrade to v3 is complete",
        "Account manager: Jane",
        "maintenance fee unpaid",
        "origin: EU",
        "Invalid token or origin not allowed",
        "Rate limit exceeded? No: bad key",
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
def test_a_text_that_only_mentions_the_words_has_none(text: str, status: int) -> None:
    assert read_response(text, status) is None


@pytest.mark.parametrize(
    ("text", "status", "cause"),
    [
        ("invalid token", 500, INVALID),
        ("Your plan has expired", 503, PLAN),
        ("connection limit", 404, NAMED_LIMIT),
        ("token expired", 200, EXPIRED),
        ("FATAL: too many connections for role app", 500, None),
        ("token expired for user bob", 502, None),
    ],
)
def test_with_a_status_that_does_not_fit_only_the_bare_phrase_may_have_it(
    text: str, status: int, cause: str | None
) -> None:
    reading = read_response(text, status)
    assert (reading and (reading.advice.cause, reading.is_plausible)) == (cause and (cause, False))


def test_an_error_member_makes_an_error_of_a_success() -> None:
    reading = read_response("token expired", 200, is_error_member=True)
    assert reading is not None
    assert reading.is_plausible


@pytest.mark.parametrize(
    ("text", "is_named", "has_credential"),
    [
        ("needs the subprotocol mqtt", True, False),
        ("Sec-WebSocket-Protocol: mqtt is missing", True, False),
        ("Sec-WebSocket-Protocol must carry the token", False, True),
        ("must carry the token", False, False),
    ],
)
def test_the_subprotocol_may_be_the_place_of_a_credential(text: str, is_named: bool, has_credential: bool) -> None:
    assert (names_subprotocol(text), names_credential_there(text)) == (is_named, has_credential)


def test_no_text_takes_long() -> None:
    for start in ("too many ", "your ", "error: ", "access token ", "request ", "401 ", "websocket "):
        assert read_response(start * 60, 401) is None
