"""Verdicts: who ended a session or an attempt, the evidence, and the sentence about it."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import dialled, event, loss, refused, stall, usable
from tests.support.verdicts import VerdictHarness, alone, broken, silent
from wsmon.model.events import CloseBy, Event, Verdict
from wsmon.model.verdict import History, code_meaning, fact, judge, why

CODES = [*range(1000, 1016), 3000, 3003, 3008, 3999, 4000, 4321, 4999, 2000, 999]
FEED = "deribit"


def paused(after_s: float, for_ms: float) -> Event:
    """Our own store was slow until then."""
    return event("self.backpressure", after_s, FEED, meta={"paused_ms": for_ms})


@pytest.mark.parametrize("code", CODES)
def test_a_close_frame_of_the_peer_names_the_peer_and_the_code(code: int) -> None:
    verdict = alone(loss(code=code, reason=""))
    assert (verdict.by, verdict.code, verdict.evidence) == ("peer", f"{code} {code_meaning(code)}", ())
    said = code_meaning(code) if code == 1005 else f"{code} {code_meaning(code)}"
    assert verdict.cause.startswith(f"closed by peer: {said}; ")
    assert len(verdict.next) > 10


@pytest.mark.parametrize("code", CODES)
def test_a_code_that_our_heartbeat_sent_is_not_the_peers_word(code: int) -> None:
    ended = loss(code=code, by="heartbeat", reason="", error="our heartbeat gave up", error_type="heartbeat_timeout")
    verdict = alone(ended)
    meaning = "heartbeat timeout" if code == 1011 else code_meaning(code)
    assert (verdict.by, verdict.code) == ("heartbeat", f"{code} {meaning}, sent by us")
    assert verdict.cause.startswith("our heartbeat gave up; ")


@pytest.mark.parametrize("code", CODES)
def test_a_code_that_we_sent_for_a_fault_of_the_peer_is_ours(code: int) -> None:
    verdict = alone(loss(code=code, by="us", reason="", error_type="protocol", error="the peer broke the protocol: x"))
    assert verdict.by == "us"
    assert verdict.cause == (
        f"we closed with {code}: the peer broke the protocol: x; the server, or something on the way, sent what the "
        "WebSocket protocol does not allow"
    )


@pytest.mark.parametrize("by", ["us", "network", "proxy"])
@pytest.mark.parametrize("code", [None, *CODES])
def test_the_verdict_names_the_side_that_ended_it(code: int | None, by: CloseBy) -> None:
    assert alone(loss(code=code, by=by, reason="", error_type="reset", error="reset")).by == by


@pytest.mark.parametrize(
    ("ended", "is_suspect"),
    [
        (silent(41_000.0), True),
        (broken("reset", after_s=21), True),
        (loss(21, code=1008, reason=""), True),
        (loss(21, code=1000, reason=""), False),
        (loss(21, code=1012, reason=""), False),
        (broken("protocol", by="us", after_s=21), False),
        (broken("eof", after_s=21 + 15), False),
    ],
)
def test_after_a_pause_of_ours_the_first_suspect_is_here(ended: Event, is_suspect: bool) -> None:
    verdict = VerdictHarness().verdict(dialled(0, FEED), usable(1, FEED), paused(10, 4_000.0), ended)
    assert ("the first suspect is here" in verdict.cause, 3 in verdict.evidence) == (is_suspect, is_suspect)


def test_a_pause_too_short_to_be_noticed_is_no_suspect() -> None:
    verdict = VerdictHarness().verdict(dialled(0, FEED), usable(1, FEED), paused(10, 40.0), broken("eof", after_s=11))
    assert "suspect" not in verdict.cause


def test_the_suspicion_ends_with_the_session() -> None:
    harness = VerdictHarness()
    harness.judge(dialled(0, FEED), usable(1, FEED), paused(10, 4_000.0), broken("eof", after_s=11))
    verdict = harness.verdict(dialled(12, FEED, attempt=2), usable(12.1, FEED), broken("eof", after_s=12.2))
    assert "suspect" not in verdict.cause


def test_a_stall_before_a_loss_is_evidence() -> None:
    harness = VerdictHarness()
    verdict = harness.verdict(dialled(0, FEED), usable(1, FEED), stall(50, FEED), broken("reset", after_s=60))
    assert verdict.evidence == (3,)


def test_a_fault_of_the_peer_is_evidence_of_why_we_closed() -> None:
    fault = event("error.occurred", 5, FEED, error_type="protocol", error="the peer broke the protocol")
    verdict = VerdictHarness().verdict(dialled(0, FEED), usable(1, FEED), fault, broken("protocol", by="us", after_s=6))
    assert verdict.evidence == (3,)


def test_giving_up_points_at_the_last_attempt() -> None:
    end = event(
        "connection.transition",
        9,
        FEED,
        from_status="disconnected",
        to_status="error",
        error_type="retries_exhausted",
        error="gave up after 2 retries",
    )
    verdict = VerdictHarness().verdict(dialled(0, FEED), refused(1), dialled(2, FEED, attempt=2), refused(3), end)
    assert (verdict.by, verdict.code, verdict.evidence) == ("us", "", (4,))
    assert verdict.cause == ("gave up after 2 retries; every attempt failed, as many as reconnect.max_attempts allows")


def test_an_error_that_no_retry_mends_says_so() -> None:
    end = event("connection.transition", 9, FEED, to_status="error", error_type="handshake", error="no usable URL: x")
    assert alone(end).cause == "no usable URL: x; the URL cannot be used; trying again cannot help"


@pytest.mark.parametrize(
    "wanted",
    [
        loss(code=1000, by="us", reason="disabled", to_status="closed"),
        loss(code=1000, by="us", reason="wsmon stopped", to_status="closed"),
        loss(code=1000, by="us", reason="", to_status="disconnected"),
        refused(to_status="closed", close_by="us", error_type="", status=None),
        event("message.received"),
        dialled(),
        usable(),
    ],
)
def test_what_was_wanted_and_what_ends_nothing_has_no_verdict(wanted: Event) -> None:
    assert judge(wanted, History()) is None


def ended(**fields: object) -> Event:
    """The end of a session that was open for a while."""
    standard: dict[str, object] = {"to_status": "disconnected", "duration_ns": 1_000_000_000}
    return msgspec.structs.replace(event("connection.disconnected"), **(standard | fields))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"close_by": "peer", "close_code": 1012, "reason": "restart"}, "“restart”, 1012 by peer"),
        ({"close_by": "peer", "close_code": 1000}, "closed by peer: 1000 normal closure"),
        ({"close_by": "peer", "close_code": 1005}, "closed by peer: no code given"),
        ({"close_by": "peer", "close_code": 4001, "reason": "bye"}, "“bye”, 4001 by peer"),
        (
            {"close_by": "peer", "close_code": 1008, "reason": "x" * 99},
            f"“{'x' * 59}…”, 1008 by peer",
        ),
        (
            {"close_by": "heartbeat", "close_code": 1011, "error": "our heartbeat gave up: no pong for 20 s"},
            "our heartbeat gave up: no pong for 20 s",
        ),
        (
            {"close_by": "us", "close_code": 1000, "reason": "wsmon stopped", "to_status": "closed"},
            "we closed: wsmon stopped",
        ),
        (
            {"close_by": "us", "close_code": 1007, "error_type": "invalid_utf8", "error": "invalid UTF-8 at byte 3"},
            "we closed with 1007: invalid UTF-8 at byte 3",
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


def lost_after_a_standstill(code: int | None, reason: str, suspended_ms: float = 6_000.0) -> str:
    ended = loss(code=code, by="network" if code is None else "peer", reason=reason)
    meta = {**(ended.meta or {}), "suspended_ms": suspended_ms}
    return alone(msgspec.structs.replace(ended, meta=meta)).cause


@pytest.mark.parametrize(("code", "reason"), [
    (1011, "keepalive ping timeout"), (1000, "ping timed out"), (1001, "No response from ping frame."),
    (4000, "heartbeat timeout"), (1008, "Ping/Pong timeout"),
])  # fmt: skip
def test_d2_a_peer_that_was_not_answered_while_the_recorder_stood_still(code: int, reason: str) -> None:
    assert lost_after_a_standstill(code, reason) == (
        f"“{reason}”, {code} by peer; just before, wsmon itself stood still for 6.0 s and answered nothing"
    )


def test_d2_an_end_without_a_reason_after_a_standstill_is_possibly_due_to_it() -> None:
    cause = lost_after_a_standstill(None, "")
    assert cause.endswith("stood still for 6.0 s and answered nothing: the other side possibly gave up on it")


@pytest.mark.parametrize(("code", "reason", "suspended_ms"), [
    (1008, "account suspended by admin", 6_000.0), (1012, "", 6_000.0), (1000, "", 6_000.0),
    (1011, "keepalive ping timeout", 300.0),
])  # fmt: skip
def test_a_standstill_explains_nothing_that_the_peer_explains_otherwise(
    code: int, reason: str, suspended_ms: float
) -> None:
    assert "stood still" not in lost_after_a_standstill(code, reason, suspended_ms)
