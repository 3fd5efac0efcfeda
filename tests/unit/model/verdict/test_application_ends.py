"""Ends of relayed connections: by the application, and by the server with steps that the application can take."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import event, loss, message, usable
from tests.support.verdicts import VerdictHarness, alone, broken
from wsmon.model.ends import CODE_MEANINGS
from wsmon.model.events import CloseBy, Event, Json
from wsmon.model.verdict.application_ends import as_application_step

FEED = "deribit"


def by_application(code: int | None, reason: str = "", error_type: str = "", **fields: Any) -> Event:
    """Build the end of an open relayed connection by its application."""
    meta: dict[str, Json] = {"leg": "application", "open": True, **fields.pop("meta", {})}
    return loss(
        code=code, by="application", reason=reason, error_type=error_type, to_status="closed", meta=meta, **fields
    )


@pytest.mark.parametrize(
    ("ended", "code", "cause", "step", "certainty"),
    [
        (
            by_application(1000, "done"), "1000 normal closure",
            "the application closed first: “done”, 1000; the application has finished with the connection",
            "no action needed", "stated",
        ),
        (
            by_application(1001), "1001 going away",
            ("the application closed first: 1001 going away; the application, or the page that it runs in, is going "
            "away"),
            "no action needed", "stated",
        ),
        (
            by_application(1005), "1005 no code given",
            ("the application closed first: no code given; the application gave no code, as close() without arguments "
            "does"),
            "no action needed", "stated",
        ),
        (
            by_application(1011, "keepalive ping timeout"), "1011 internal error",
            ("the application closed first: “keepalive ping timeout”, 1011; the server did not answer the "
            "application's heartbeat in time"),
            "check the pings and pongs of this connection: whether the server answered late, or not at all", "stated",
        ),
        (
            by_application(4000, "tab hidden"), "4000 application-defined",
            "the application closed first: “tab hidden”, 4000; a code of the application itself",
            "check the application's own log at this time", "stated",
        ),
        (
            by_application(None, error_type="eof"), "no close frame",
            ("no close frame: the application's connection ended first (1006); likely the process of the application "
            "ended, or it closed the TCP connection itself"),
            ("check the application's own log at this time; WebSocket libraries send a close frame when they are asked "
            "to close"),
            "inferred",
        ),
        (
            by_application(None, error_type="reset"), "no close frame",
            ("no close frame: the application's connection was reset (1006); likely the process of the application was "
            "killed, or its library ended the connection without a close frame"),
            ("check the application's own log at this time; look for a call such as terminate() or abort(), and for a "
            "crash"),
            "inferred",
        ),
        (
            by_application(None, error_type="eof", meta={"bad_answer": "missing Upgrade header"}),
            "no close frame",
            ("no close frame: the application's connection ended first (1006); the application sent nothing, likely "
            "because it refused the server's answer: missing Upgrade header"),
            "check what answers the upgrade: the server, or a proxy in front of it", "inferred",
        ),
        (
            by_application(None, error_type="tls", error="TLS failed: bad record mac"), "no close frame",
            "TLS failed: bad record mac; the path to the application failed",
            "check the network between the application and the relay", "inferred",
        ),
        (
            by_application(None, error_type="eof", from_status="connecting", error="it gave up"), "",
            ("no close frame: the application's connection ended first (1006); the application gave up before the "
            "server had answered"),
            "compare its time limit for connecting with how long the server takes to answer", "observed",
        ),
    ],
)  # fmt: skip
def test_an_end_by_the_application_says_who_closed_first_and_why(
    ended: Event, code: str, cause: str, step: str, certainty: str
) -> None:
    verdict = alone(ended)
    assert (verdict.by, verdict.code, verdict.certainty) == ("application", code, certainty)
    assert (verdict.cause, verdict.next) == (cause, step)


@pytest.mark.parametrize("code", [*CODE_MEANINGS, 2000, 3500, 4999])
def test_every_code_of_an_application_is_explained(code: int) -> None:
    verdict = alone(by_application(code))
    assert verdict.cause.startswith("the application closed first: ")
    assert verdict.next


def test_an_application_that_closes_after_a_refusal_of_the_server_possibly_does_so_because_of_it() -> None:
    harness = VerdictHarness()
    said = message('{"type":"error","message":"invalid token"}', 1, FEED)
    verdict = harness.verdict(usable(0, FEED), said, by_application(1000, after_s=1.1))
    assert (verdict.by, verdict.certainty) == ("application", "inferred")
    assert "invalid token" in verdict.cause
    assert "possibly because of what the server said just before" in verdict.cause


@pytest.mark.parametrize(
    ("by", "code", "kind", "fact"),
    [
        ("peer", 1012, "", "the server closed first: 1012 service restart"),
        ("peer", 1005, "", "the server closed first: no code given"),
        ("network", None, "eof", "no close frame: the server's connection ended first (1006)"),
        ("network", None, "reset", "no close frame: the server's connection was reset (1006)"),
    ],
)
def test_an_end_by_the_server_of_a_relay_names_the_server(by: CloseBy, code: int | None, kind: str, fact: str) -> None:
    meta: dict[str, Json] = {"leg": "server", "open": True}
    verdict = alone(loss(code=code, by=by, reason="", error_type=kind, meta=meta))
    assert verdict.by == by
    assert verdict.cause.startswith(fact)


@pytest.mark.parametrize("kind", ["eof", "reset"])
def test_no_step_of_a_relayed_connection_asks_for_a_key_of_the_configuration_that_it_does_not_have(kind: str) -> None:
    verdict = alone(broken(kind, meta={"leg": "server", "last_in_ms": 90_000.0, "last_out_ms": 90_000.0}))
    assert "ping.interval" not in verdict.next
    assert "let the application ping" in verdict.next


@pytest.mark.parametrize(
    ("of_wsmon", "of_application"),
    [
        ("set ping.interval below 30 s; ask", "let the application ping at least every 30 s; ask"),
        (
            "connect less often: raise reconnect.initial, and open fewer connections",
            "connect less often: let the application wait longer before it connects again, and open fewer connections",
        ),
        (
            "first NATS PING: with answer = true wsmon answers it; then more",
            "first NATS PING: check that the application keeps it up; then more",
        ),
        (
            'set subprotocols to the one that the service documents, as in subprotocols = ["mqtt"]',
            'let the application offer the subprotocol that the service documents, as "mqtt"',
        ),
        (
            "set subprotocols to the one that the service documents; retry",
            "let the application offer the subprotocol that the service documents; retry",
        ),
        (
            "send it (subprotocols sets Sec-WebSocket-Protocol); if documented, put it into subprotocols",
            "send it; if documented, let the application offer it",
        ),
        ("check the server log", "check the server log"),
    ],
)
def test_steps_of_wsmon_become_steps_of_the_application(of_wsmon: str, of_application: str) -> None:
    assert as_application_step(of_wsmon) == of_application


def test_a_heartbeat_that_an_application_left_out_is_not_ascribed_to_wsmon() -> None:
    harness = VerdictHarness()
    beat = event("heartbeat.received", 1, FEED, direction="in", size=0)
    meta: dict[str, Json] = {"leg": "server", "open": True}
    verdict = harness.verdict(usable(0, FEED), beat, loss(6.0, code=1000, reason="", open_s=6.0, meta=meta))
    assert "a heartbeat of the server that the application did not answer" in verdict.cause
    assert "answer = true" not in verdict.next


def test_a_close_frame_of_the_server_behind_an_application_that_vanished_is_said() -> None:
    meta: dict[str, Json] = {"leg": "application", "received": {"code": 1009, "reason": "frame exceeds limit"}}
    ended = loss(code=None, by="application", reason="", error_type="eof", to_status="closed", meta=meta)
    said = "the server's own close frame came after that: 1009 “frame exceeds limit”"
    assert alone(ended).cause.endswith(f"; {said}")
    answered = loss(code=1000, by="application", reason="", to_status="closed", meta=meta)
    assert "came after that" not in alone(answered).cause


def test_a_pause_of_the_relay_before_an_end_by_the_application_is_said() -> None:
    meta: dict[str, Json] = {"leg": "application", "suspended_ms": 31_000.0, "resumed_ms": 100.0}
    stalled = alone(loss(code=1011, by="application", reason="keepalive ping timeout", to_status="closed", meta=meta))
    said = "wsmon itself was stalled for 31 s and passed nothing on: possibly this is the reason"
    assert (stalled.cause.endswith(said), stalled.certainty) == (True, "inferred")
    waited = event("self.backpressure", 5, FEED, meta={"paused_ms": 25_000.0})
    verdict = VerdictHarness().verdict(usable(0, FEED), waited, by_application(1000, after_s=6.0))
    assert "wsmon itself waited for its store for 25 s and passed nothing on" in verdict.cause


def test_a_standstill_before_an_end_by_the_server_of_a_relay_is_one_of_the_relay() -> None:
    meta: dict[str, Json] = {"leg": "server", "suspended_ms": 31_000.0, "resumed_ms": 100.0, "last_in_ms": 31_200.0}
    verdict = alone(loss(code=1011, reason="keepalive ping timeout", open_s=90.0, meta=meta))
    assert "wsmon itself was stalled for 31 s and passed nothing on" in verdict.cause
