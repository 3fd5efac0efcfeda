"""Sentences about ends: the reason first, the code with its meaning, the verdict in their place."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import event
from wsmon.model.ends import code_meaning, fact, why
from wsmon.model.events import Event, Verdict


def ended(**fields: object) -> Event:
    """The end of a session that was open for a while."""
    standard: dict[str, object] = {"to_status": "disconnected", "duration_ns": 1_000_000_000}
    return msgspec.structs.replace(event("connection.disconnected"), **(standard | fields))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"close_by": "peer", "close_code": 1012, "reason": "restart"}, "“restart”, 1012, closed by peer"),
        ({"close_by": "peer", "close_code": 1000}, "closed by peer: 1000 normal closure"),
        ({"close_by": "peer", "close_code": 1005}, "closed by peer: no code given"),
        ({"close_by": "peer", "close_code": 4001, "reason": "bye"}, "“bye”, 4001, closed by peer"),
        (
            {"close_by": "peer", "close_code": 1008, "reason": "x" * 123},
            f"“{'x' * 123}”, 1008, closed by peer",
        ),
        (
            {"close_by": "heartbeat", "close_code": 1011, "error": "closed by wsmon: no pong for 20 s"},
            "closed by wsmon: no pong for 20 s",
        ),
        (
            {"close_by": "us", "close_code": 1000, "reason": "wsmon stopped", "to_status": "closed"},
            "closed by wsmon: wsmon stopped",
        ),
        (
            {"close_by": "us", "close_code": 1007, "error_type": "invalid_utf8", "error": "invalid UTF-8 at byte 3"},
            "closed by wsmon with 1007: invalid UTF-8 at byte 3",
        ),
        ({"close_by": "network", "error_type": "eof"}, "no close frame: connection lost (1006)"),
        ({"close_by": "network", "error_type": "reset"}, "no close frame: connection reset (1006)"),
    ],
)
def test_end_of_an_open_session(fields: dict[str, object], sentence: str) -> None:
    assert why(ended(**fields)) == sentence


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {
                "close_by": "refusal",
                "status": 403,
                "error_type": "http_status",
                "error": "403 Forbidden: the server refused the upgrade",
            },
            "403 Forbidden: the server refused the upgrade",
        ),
        (
            {"close_by": "network", "error_type": "eof", "error": "the connection ended early"},
            "the connection ended early",
        ),
        ({"close_by": "network", "error_type": "dns", "error": "cannot find host: x"}, "cannot find host: x"),
        ({"to_status": "error", "error_type": "retries_exhausted"}, "retries_exhausted"),
    ],
)
def test_failed_attempt_is_its_own_sentence(fields: dict[str, object], sentence: str) -> None:
    assert why(ended(duration_ns=None, **fields)) == sentence


def test_a_verdict_is_said_in_place_of_the_fact() -> None:
    judged = ended(
        close_by="peer", close_code=1012, verdict=Verdict("peer", "1012 service restart", "it broke", "wait")
    )
    assert (why(judged), fact(judged)) == ("it broke", "closed by peer: 1012 service restart")


def test_the_word_of_a_peer_during_tls_is_an_error_not_a_close_frame() -> None:
    assert why(ended(close_by="peer", error_type="tls", error="TLS failed: x", duration_ns=None)) == "TLS failed: x"


def test_other_events_have_no_verdict() -> None:
    assert [why(event("message.received")), why(event("connection.completed", to_status="websocket_connected"))] == [
        "",
        "",
    ]


def test_short_reasons_make_short_sentences() -> None:
    sentences = [why(ended(close_by="peer", close_code=code, reason="restart")) for code in range(1000, 1016)]
    assert max(map(len, sentences)) <= 60


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (None, "no close frame"),
        (1001, "going away"),
        (1006, "no close frame"),
        (1016, "reserved code"),
        (3000, "unauthorized"),
        (3003, "forbidden"),
        (3008, "timeout"),
        (3999, "registered by an application"),
        (4999, "application-defined"),
        (5000, "invalid code"),
        (0, "invalid code"),
    ],
)
def test_meaning_of_a_code(code: int | None, meaning: str) -> None:
    assert code_meaning(code) == meaning
