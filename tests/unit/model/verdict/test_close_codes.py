"""What close codes and reasons mean, and what helps."""

from __future__ import annotations

import re

import pytest

from tests.support.builders import loss
from tests.support.verdicts import alone
from wsmon.model.ends import CODE_MEANINGS
from wsmon.model.events import Verdict
from wsmon.model.verdict.close_codes import CODE_ADVICE, names_limit, says_nothing
from wsmon.protocols.graphql import CLOSE_CODES as GRAPHQL_CODES


@pytest.mark.parametrize(
    ("code", "meaning", "cause"),
    [
        (999, "invalid code", "must never be sent"),
        (1000, "normal closure", "usually the server considers the session finished"),
        (1001, "going away", "is shutting down"),
        (1002, "protocol error", "the server received something from the client that the protocol does not allow"),
        (
            1003,
            "unsupported data",
            "the server does not accept this kind of message, such as binary instead of text or vice versa",
        ),
        (1004, "reserved code", "must never be sent"),
        (1005, "no code given", "the server closed without giving a reason"),
        (1006, "no close frame", "must never be sent"),
        (
            1007,
            "invalid payload data",
            (
                "the server received a message from the client whose data does not match its type, "
                "such as text that is not "
                "valid UTF-8"
            ),
        ),
        (
            1008,
            "policy violation",
            (
                "a server policy was violated: usually credentials, a rate or connection limit, or a request that is "
                "not allowed"
            ),
        ),
        (1009, "message too big", "a message from the client is larger than the server accepts"),
        (1010, "extension missing", "a required extension was not negotiated"),
        (1011, "internal error", "internal server error"),
        (1012, "service restart", "the server announced a restart"),
        (1013, "try again later", "is overloaded"),
        (1014, "bad gateway", "a gateway in front of the server"),
        (1015, "TLS failure", "must never be sent"),
        (1016, "reserved code", "must never be sent"),
        (2999, "reserved code", "must never be sent"),
        (3000, "unauthorized", "the server rejected the credentials"),
        (3003, "forbidden", "does not allow this"),
        (3008, "timeout", "waited too long for something from the client"),
        (3999, "registered by an application", "the code is specific to the service"),
        (4000, "application-defined", "the code is specific to the service"),
        (4999, "application-defined", "the code is specific to the service"),
        (5000, "invalid code", "must never be sent"),
    ],
)
def test_what_each_code_of_the_peer_means_and_why_it_is_sent(code: int, meaning: str, cause: str) -> None:
    verdict = alone(loss(code=code, reason=""))
    assert (verdict.by, verdict.code) == ("peer", f"{code} {meaning}")
    assert cause in verdict.cause


@pytest.mark.parametrize(("code", "meaning"), GRAPHQL_CODES.items())
def test_a_code_of_a_protocol_has_the_protocols_meaning(code: int, meaning: str) -> None:
    verdict = alone(loss(code=code, reason="", meta={"attempt": 1, "open": True, "code_meaning": meaning}))
    assert (verdict.by, verdict.code) == ("peer", f"{code} {meaning}")
    assert f"the service protocol calls this “{meaning}”" in verdict.cause


def test_each_known_code_has_a_cause_of_its_own() -> None:
    said = {code: alone(loss(code=code, reason="")) for code in CODE_MEANINGS if code not in (1004, 1006, 1015)}
    assert len({(verdict.cause, verdict.next) for verdict in said.values()}) == len(said)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("rate limit: 5 connections", "a rate or volume limit of the server was reached"),
        ("keepalive ping timeout", "wsmon did not answer the server's heartbeat in time"),
        ("Idle timeout", "the server closes connections on which nothing is sent for a while"),
        (
            "slow consumer",
            "the server stopped sending because the client, or the path to it, received the data too slowly",
        ),
        ("JWT expired", "a credential has expired or been revoked"),
        ("Unauthorized", "the server rejected the credentials, or does not allow this"),
        ("shutting down for maintenance", "the server is restarting or under maintenance"),
        ("logged in elsewhere", "a newer connection with the same identity replaced this one"),
        (
            "so long",
            ("1008 usually means: a server policy was violated"),
        ),
    ],
)
def test_the_words_of_the_peer_tell_more_than_its_code(reason: str, cause: str) -> None:
    assert alone(loss(code=1008, reason=reason)).cause == f"“{reason}”, 1008, closed by peer; {cause}"


def test_a_code_is_called_what_its_protocol_calls_it() -> None:
    meta = {"attempt": 1, "open": True, "code_meaning": "connection acknowledgement timeout"}
    assert alone(loss(code=4408, reason="", meta=meta)) == Verdict(
        "peer",
        "4408 connection acknowledgement timeout",
        "closed by peer: 4408 application-defined; the service protocol calls this “connection "
        "acknowledgement timeout”",
        "look up the code in the service documentation, and check the last messages sent",
        certainty="stated",
    )


@pytest.mark.parametrize(
    ("reason", "wrong"),
    [
        ("token bucket empty", "credentials"),
        ("unknown token XYZ", "credentials"),
        ("Unexpected token < in JSON", "credentials"),
        ("middleware: no messages left", "nothing is sent"),
        ("replaced by a newer version, please upgrade", "same identity"),
        ("duplicate order id", "same identity"),
        ("version conflict", "same identity"),
        ("please restart your client", "is restarting"),
        ("trading suspended", "on purpose"),
        ("order too large", "a message from the client is larger than the server accepts"),
        ("symbol unavailable", "the server, or something it depends on, is temporarily unavailable"),
        ("Too many initialisation requests", "limit"),
    ],
)
def test_a_word_alone_is_no_clue(reason: str, wrong: str) -> None:
    assert wrong not in alone(loss(code=4000, reason=reason)).cause


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1002, "token expired"),
        (1009, "rate limit exceeded"),
        (1011, "access denied for user"),
        (1011, "quota service down"),
        (1011, "redis connection lost"),
        (1012, "Unauthorized"),
        (1014, "timeout"),
    ],
)
def test_a_code_with_a_narrow_meaning_of_its_own_keeps_it_whatever_the_reason_mentions(code: int, reason: str) -> None:
    assert (
        alone(loss(code=code, reason=reason)).cause == f"“{reason}”, {code}, closed by peer; {CODE_ADVICE[code].cause}"
    )


@pytest.mark.parametrize(
    ("code", "reason", "cause"),
    [
        (1011, "keepalive ping timeout", "wsmon did not answer the server's heartbeat in time"),
        (1011, "no pong received", "wsmon did not answer the server's heartbeat in time"),
        (1011, "Too many open files", "the server reported an internal error"),
        (1011, "Internal server error", "the server reported an internal error"),
        (1012, "maintenance window", "the server is restarting or under maintenance"),
        (1013, "too many connections", "the server's connection limit was reached"),
        (1001, "maximum connection duration of 24h reached", "the server's limit on connection lifetime was reached"),
        (
            4009,
            "Session timeout",
            "a server timeout that the reason does not specify: inactivity, connection lifetime, or login",
        ),
        (
            1001,
            "connection timeout",
            "a server timeout that the reason does not specify: inactivity, connection lifetime, or login",
        ),
        (
            1000,
            "read timeout",
            "a server timeout that the reason does not specify: inactivity, connection lifetime, or login",
        ),
        (4001, "login from another device", "a newer connection with the same identity replaced this one"),
        (4403, "Password changed", "the login or server-side session is no longer valid"),
        (1008, "Too many open files", "the server reported an internal error"),
        (1000, "stopping the stream: end of data", "the server has sent all data for this connection"),
    ],
)
def test_a_reason_that_the_code_leaves_room_for_says_why(code: int, reason: str, cause: str) -> None:
    assert alone(loss(code=code, reason=reason)).cause.startswith(f"“{reason}”, {code}, closed by peer; {cause}")


@pytest.mark.parametrize(
    ("reason", "cause", "step"),
    [
        (
            "Token expired",
            "a credential has expired or been revoked",
            "renew the token and check when it expires",
        ),
        (
            "Rate limit exceeded",
            "a rate or volume limit of the server was reached",
            "send and subscribe less at once, open fewer connections, and compare with the service's limits",
        ),
        (
            "Idle timeout",
            "the server closes connections on which nothing is sent for a while",
            "lower ping.interval, or send something that the service counts as activity",
        ),
        (
            "Server restarting",
            "the server is restarting or under maintenance",
            "no action needed if this is rare; if it happens often, ask the server operator about its deployments",
        ),
    ],
)
def test_w3_a_reason_of_another_kind_than_internal_error_is_possibly_the_cause(
    reason: str, cause: str, step: str
) -> None:
    assert alone(loss(code=1011, reason=reason)) == Verdict(
        "peer",
        "1011 internal error",
        f"“{reason}”, 1011, closed by peer; possibly {cause}; 1011 itself means a server error",
        f"{step}; if that is not it: report it to the server operator: the time, the reason, the last messages sent",
        certainty="inferred",
    )


@pytest.mark.parametrize("reason", ["access denied for user", "redis connection lost", "Internal server error"])
def test_w3_programs_that_send_1011_for_more_belong_to_a_frame_without_a_reason(reason: str) -> None:
    verdict = alone(loss(code=1011, reason=reason))
    assert not re.search(r"deploy|pong|Hypercorn", f"{verdict.cause} {verdict.next}")
    assert "at every stop or deploy (Hypercorn)" in alone(loss(code=1011, reason="")).cause


def test_a_time_to_wait_beside_words_that_are_not_understood_is_part_of_the_next_step() -> None:
    verdict = alone(loss(code=1013, reason="shard hot; retry in 5s"))
    assert verdict.next.startswith("wait 5s before reconnecting; look up this reason and the code")


def test_a_ban_for_a_time_is_over_after_it() -> None:
    assert alone(loss(code=4003, reason="You are banned for 10 minutes")).next == (
        "wait 10 minutes before reconnecting; ask the service operator why"
    )


def test_a_time_to_wait_is_part_of_the_next_step() -> None:
    assert alone(loss(code=4029, reason="slow down, you are banned for 5 min")).next == (
        "wait 5 min before reconnecting; send and subscribe less at once, open fewer connections, and compare with "
        "the service's limits"
    )


@pytest.mark.parametrize(
    ("code", "reason", "is_limit"),
    [
        (1008, "rate limit exceeded", True),
        (1008, "connection limit reached", True),
        (1008, "rate limit lifted", False),
        (1011, "too many requests", False),
        (4429, "Too many initialisation requests", False),
    ],
)
def test_a_limit_that_was_reached(code: int, reason: str, *, is_limit: bool) -> None:
    assert names_limit(reason, code) is is_limit


@pytest.mark.parametrize(
    ("reason", "code", "is_empty"),
    [
        ("", 1008, True), (" ", 1000, True), ("Normal closure", 1000, True), ("Stream closed", 1000, True),
        ("policy violation", 1008, True), ("service restart", 1012, True), ("Bye!", 1001, True), ("closed", 4000, True),
        ("the connection was closed", 1000, True), ("user logged out", 1000, False), ("Server closed", 1001, False),
        ("connection closed by admin", 1000, False), ("timeout", 1000, False), ("service restart", 1000, False),
    ],
)  # fmt: skip
def test_a_reason_that_says_no_more_than_the_code(reason: str, code: int, *, is_empty: bool) -> None:
    assert says_nothing(reason, code) is is_empty
