"""Whole verdicts on what the peer states in a reason or a message, and what the history has beside it."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import dialled, event, loss, message, usable
from tests.support.verdicts import VerdictHarness, alone, broken
from wsmon.model.events import Event
from wsmon.model.verdict.close_codes import ANSWERS_STEP

FEED = "deribit"
EARLY = "unauthorized: subscribed before the connection was acknowledged"
KNOWN = "the server accepted the identity but does not allow this"
NOT_ACCEPTED = "the server rejected the credentials, or does not allow this"
BEHIND = "a backend behind the server or gateway failed"
BEHIND_STEP = "report it to the server operator, with the reason and the time"
STOOD_STILL = "just before, wsmon itself was stalled for 40 s and could not respond"
FIND_OUT = "find out why this process or machine was stalled: suspended, stopped, a paused container, no CPU time"
BARRED = "possibly the service operator, or an automatic rule, closed this connection or account deliberately"


def opened(*events: Event, protocol: str = "") -> VerdictHarness:
    """A session that opened at second 0.3, and what happened in it."""
    harness = VerdictHarness()
    harness.judge(dialled(0, FEED))
    ready = usable(0.3, FEED)
    harness.judge(msgspec.structs.replace(ready, meta={**(ready.meta or {}), "protocol": protocol}))
    harness.judge(*events)
    return harness


def said(text: str, after_s: float) -> Event:
    """A message of the peer."""
    return message(text, after_s, FEED)


def with_meta(ended: Event, **meta: object) -> Event:
    """The end with more of what the session measured."""
    return msgspec.structs.replace(ended, meta={**(ended.meta or {}), **meta})


@pytest.mark.parametrize("reason", ["Unauthorized", ""])
def test_a_refusal_long_after_an_accepted_login_possibly_means_that_it_ran_out(reason: str) -> None:
    harness = opened(event("auth.completed", 0.5, FEED, direction="in"))
    verdict = harness.verdict(with_meta(loss(900.5, FEED, code=4401, reason=reason), code_meaning=EARLY))
    accepted = "15m earlier, the server accepted the login"
    assert verdict.code == "4401 unauthorized"
    assert verdict.cause.endswith(
        f"; {accepted}: possibly the credential has since expired or been revoked, or lacks permission for the last "
        "request"
    )
    assert verdict.next == ("renew the token and check when it expires; check what these credentials are allowed to do")
    assert (verdict.by, verdict.certainty, verdict.evidence) == ("peer", "inferred", (3,))


def test_a_refusal_soon_after_an_accepted_login_is_possibly_about_rights() -> None:
    harness = opened(event("auth.completed", 0.5, FEED, direction="in"))
    verdict = harness.verdict(loss(1.5, FEED, code=3003, reason="Forbidden"))
    assert verdict.cause == (
        f"“Forbidden”, 3003, closed by peer; {KNOWN}; 1.0 s earlier, the server accepted the login: possibly these "
        "credentials lack permission for a later request"
    )
    assert verdict.next.startswith("check what these credentials are allowed to do; ")


def test_a_refusal_without_a_login_has_the_meaning_of_the_protocol_beside_it() -> None:
    verdict = opened().verdict(with_meta(loss(0.6, FEED, code=4401, reason="Unauthorized"), code_meaning=EARLY))
    assert verdict.code == f"4401 {EARLY}"
    assert verdict.cause == (
        f"“Unauthorized”, 4401, closed by peer; {NOT_ACCEPTED}; in this protocol 4401 means: subscribed before the "
        "connection was acknowledged"
    )
    assert verdict.next.endswith("; check what was sent before the server acknowledged the connection")


@pytest.mark.parametrize("code", [1000, 1008, 1011, 1013, 1014, 4000])
@pytest.mark.parametrize(
    "reason",
    ["upstream connect error or disconnect/reset before headers. reset reason: connection termination",
     "upstream connection closed", "Lost connection to the backend server"],
)  # fmt: skip
def test_a_reason_that_names_what_is_behind_the_server_is_that(code: int, reason: str) -> None:
    verdict = alone(loss(code=code, reason=reason))
    assert verdict.cause == f"“{reason}”, {code}, closed by peer; {BEHIND}"
    assert (verdict.next, verdict.certainty) == (BEHIND_STEP, "stated")


def test_a_reason_that_only_mentions_what_is_behind_is_possibly_that() -> None:
    verdict = alone(loss(code=1011, reason="E17 upstream flummoxed"))
    cause = f"“E17 upstream flummoxed”, 1011, closed by peer; possibly {BEHIND}"
    assert (verdict.cause, verdict.certainty) == (cause, "inferred")


@pytest.mark.parametrize(
    ("protocol", "text", "happened"),
    [("mqtt", "", event("error.occurred", 80, FEED, direction="in", error_type="142", error="session taken over",
                        type="DISCONNECT")),
     ("stomp", "ERROR\nmessage:the broker is shutting down\n\n\0", None),
     ("", 'c[3000,"Go away!"]', None), ("", '{"type":7}\x1e', None)],
)  # fmt: skip
def test_the_last_message_of_a_protocol_is_the_peer_ending_it(protocol: str, text: str, happened: Event | None) -> None:
    events = [said(text, 80)] if happened is None else [happened]
    verdict = opened(*events, protocol=protocol).verdict(broken("eof", after_s=80.05))
    assert (verdict.by, verdict.code) == ("peer", "no close frame")


def test_a_refusal_that_no_protocol_ends_with_leaves_the_end_to_the_network() -> None:
    assert opened(said('{"error":"invalid token"}', 80)).verdict(broken("eof", after_s=80.05)).by == "network"


@pytest.mark.parametrize(
    "reason",
    ["client did not respond to ping in 30000ms", "No pong received within 10 seconds", "Ping timeout for 20s",
     "client failed to answer ping within 30s", "Pong was not received in the last 30 seconds"],
)  # fmt: skip
def test_a_missed_pong_with_its_time_leads_to_a_standstill_of_ours(reason: str) -> None:
    ended = with_meta(loss(code=4000, reason=reason), suspended_ms=40_000.0, resumed_ms=300.0, last_in_ms=200.0)
    verdict = alone(ended)
    assert verdict.cause == (
        f"“{reason}”, 4000, closed by peer; wsmon did not answer the server's heartbeat in time; {STOOD_STILL}"
    )
    assert (verdict.next, verdict.certainty) == (FIND_OUT, "stated")
    assert alone(loss(code=4000, reason=reason)).next == ANSWERS_STEP


@pytest.mark.parametrize("code", [1000, 1002, 1003, 1008, 4000])
@pytest.mark.parametrize("reason", ["your ping went astray, session 3fa", "pong watchdog bit, session 3fa"])
def test_a_reason_about_a_ping_leads_to_the_heartbeat_that_was_not_answered(code: int, reason: str) -> None:
    harness = opened(event("heartbeat.received", 25, FEED, direction="in"))
    verdict = harness.verdict(loss(30.1, FEED, code=code, reason=reason))
    assert verdict.cause == (
        f"“{reason}”, {code}, closed by peer; possibly a heartbeat of the server that wsmon did "
        "not answer: the last one came 5.1 s before"
    )
    assert verdict.next.startswith("set answer = true, so that wsmon answers it; ")
    assert (verdict.evidence, verdict.certainty) == ((3,), "inferred")


@pytest.mark.parametrize(
    "text",
    ["Daily reset: this session will be terminated in 5 s, please reconnect",
     "Note: all sessions will be closed in 5 s for the nightly ledger run",
     "The gateway will restart in 5 seconds (v7)"],
)  # fmt: skip
@pytest.mark.parametrize("beat", ['{"type":"heartbeat"}', '{"op":"ping","ts":5}', '{"pong":17}', "2", "ping"])
def test_an_announcement_counts_and_a_heartbeat_after_it_says_nothing(text: str, beat: str) -> None:
    notice = f'{{"type":"notice","message":"{text}"}}'
    verdict = opened(said(notice, 95), said(beat, 99.2)).verdict(broken("eof", after_s=100))
    assert verdict.cause.startswith(f"no close frame: connection lost (1006); announced 5.0 s before: “{notice}”; ")
    assert "no action needed if" in verdict.next
    assert "may say why" not in verdict.next


@pytest.mark.parametrize("beat", ['{"type":"heartbeat"}', '{"op":"ping","ts":5}', '{"pong":17}', "2", "h", "~h~12"])
def test_a_heartbeat_is_never_offered_as_what_may_say_why(beat: str) -> None:
    verdict = opened(said(beat, 99.2)).verdict(broken("eof", after_s=100))
    assert "last words" not in verdict.cause + verdict.next


@pytest.mark.parametrize(
    "answer", ['{"id":7,"result":{"ok":true}}', '{"id":7,"error":{"code":3,"message":"reverted"}}']
)
def test_an_answer_to_a_request_is_no_last_word(answer: str) -> None:
    verdict = opened(said(answer, 49.6)).verdict(loss(50, FEED, code=1011, reason=""))
    assert f"the peer's last message, a reply to a request: “{answer}”, 0.4 s before" in verdict.cause
    assert "may say why" not in verdict.next


@pytest.mark.parametrize("text", ['{"id":7,"status":"filled"}', '{"type":"match","id":7,"result":"win"}'])
def test_an_event_about_something_with_an_id_answers_no_request(text: str) -> None:
    verdict = opened(said(text, 49.6)).verdict(loss(50, FEED, code=1011, reason=""))
    assert f"last message from the peer: “{text}”, 0.4 s before" in verdict.cause


def test_a_message_to_us_by_a_moderator_comes_first() -> None:
    text = '{"type":"user_removed","reason":"You have been removed from this room by a moderator","room":"general"}'
    verdict = opened(said(text, 99.5)).verdict(loss(100, FEED, code=1000, reason=""))
    assert verdict.cause == (
        f"closed by peer: 1000 normal closure; last message from the peer: “{text}”, 0.5 s before; {BARRED}"
    )
    assert verdict.next == "ask the service operator why; reconnecting is unlikely to help before that"


def test_what_a_person_writes_in_a_chat_is_not_said_to_us() -> None:
    text = '{"type":"chat","user":"bob","text":"You have been banned by a moderator"}'
    assert BARRED not in opened(said(text, 99.5)).verdict(loss(100, FEED, code=1000, reason="")).cause


def test_a_broker_that_shuts_down_is_possibly_a_restart() -> None:
    frame = "ERROR\nmessage:Session has been closed because the broker is shutting down\n\n\0"
    verdict = opened(said(frame, 60), protocol="stomp").verdict(loss(60.1, FEED, code=1000, reason=""))
    assert verdict.cause.endswith("; possibly the server is restarting or under maintenance")
    assert verdict.next.startswith("no action needed if this is rare")


@pytest.mark.parametrize("reason", ["matching engine maintenance, slot 7", "draining shard eu-3"])
def test_words_of_a_shutdown_in_a_reason_that_is_not_understood_come_first(reason: str) -> None:
    verdict = alone(loss(code=4000, reason=reason))
    assert verdict.cause == (
        f"“{reason}”, 4000, closed by peer; possibly the server is restarting or under maintenance"
    )
    assert verdict.certainty == "inferred"


SEND_LESS = "send and subscribe less at once, open fewer connections, and compare with the service's limits"
LIMITED = "a rate or volume limit of the server was reached"


@pytest.mark.parametrize(
    ("code", "reason", "cause", "step"),
    [
        (
            1008,
            "Order entry session superseded by newer logon from 10.2.1.9",
            "a newer connection with the same identity replaced this one",
            "look for a second client with these credentials, and give each client its own",
        ),
        (
            1008,
            "Device certificate revoked by administrator",
            "the client certificate has expired or been revoked",
            "ask the service operator for a new certificate, and set tls.cert and tls.key to it",
        ),
        (
            1003,
            "Binary frames are not supported on this channel",
            "the server does not accept binary messages here",
            "send text instead of binary messages",
        ),
        (
            4003,
            "Free plan allows 2 hours per connection. Upgrade for unlimited streaming.",
            "the server's limit on connection lifetime was reached",
            "no action needed if the limit is known: expect the disconnect, or reconnect before it",
        ),
        (
            4429,
            "You sent 130 messages in 60s, slow down. Banned until 14:30 UTC",
            LIMITED,
            f"do not reconnect before 14:30 UTC; {SEND_LESS}",
        ),
    ],
)
def test_a_plain_reason_is_stated_and_has_the_step_that_fits_it(code: int, reason: str, cause: str, step: str) -> None:
    verdict = alone(loss(code=code, reason=reason))
    assert verdict.cause == f"“{reason}”, {code}, closed by peer; {cause}"
    assert (verdict.next, verdict.certainty) == (step, "stated")


LOOK_UP = "look up this reason and the code in the service documentation"


def test_a_reason_that_asks_for_another_address_is_not_nothing_to_do() -> None:
    reason = "Shard 7 draining: reconnect to wss://eu2.example.net within 30 seconds"
    verdict = alone(loss(code=1013, reason=reason))
    assert verdict.cause == (
        f"“{reason}”, 1013, closed by peer; possibly the server is restarting or under maintenance"
    )
    assert verdict.next == (
        f"as the reason asks, connect to wss://eu2.example.net if you trust it; {LOOK_UP}; if it happens "
        "often, ask the server operator about its deployments"
    )


@pytest.mark.parametrize("until", ["14:30 UTC", "2026-12-01T08:00:00Z", "1770000000"])
def test_a_ban_within_a_reason_that_is_not_understood_says_when_to_dial_again(until: str) -> None:
    verdict = alone(loss(code=4321, reason=f"Flux score 9 of 5; blocked until {until}."))
    assert verdict.next == f"do not reconnect before {until}; {LOOK_UP}"


def test_a_restart_that_names_a_time_asks_for_more_than_nothing() -> None:
    verdict = alone(loss(code=1012, reason="Server is restarting, reconnect in 5s"))
    assert verdict.next == (
        "wait 5s before reconnecting; if it happens often, ask the server operator about its deployments"
    )
