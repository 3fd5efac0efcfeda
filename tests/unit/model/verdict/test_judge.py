"""Verdicts: who ended a session or an attempt, the evidence, and the sentence about it."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from tests.support.builders import dialled, event, loss, message, refused, stall, usable
from tests.support.verdicts import VerdictHarness, alone, broken, silent
from wsmon.model.ends import CODE_MEANINGS, code_meaning
from wsmon.model.events import CloseBy, Event, Json, Verdict
from wsmon.model.verdict.close_codes import ANSWERS_STEP, CODE_ADVICE, advice_on_code
from wsmon.model.verdict.history import History
from wsmon.model.verdict.judge import judge

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
    ended = loss(
        code=code,
        by="heartbeat",
        reason="",
        error="closed by wsmon: no pong",
        error_type="heartbeat_timeout",
    )
    verdict = alone(ended)
    meaning = "heartbeat timeout" if code == 1011 else code_meaning(code)
    assert (verdict.by, verdict.code) == ("heartbeat", f"{code} {meaning}, sent by wsmon")
    assert verdict.cause.startswith("closed by wsmon: no pong; ")


@pytest.mark.parametrize("code", CODES)
def test_a_code_that_we_sent_for_a_fault_of_the_peer_is_ours(code: int) -> None:
    verdict = alone(loss(code=code, by="us", reason="", error_type="protocol", error="the peer broke the protocol: x"))
    assert verdict.by == "us"
    assert verdict.cause == (
        f"closed by wsmon with {code}: the peer broke the protocol: x; the server, or something on the network path, "
        "sent data that violates the WebSocket protocol"
    )


@pytest.mark.parametrize("by", ["us", "network", "proxy"])
@pytest.mark.parametrize("code", [None, *CODES])
def test_the_verdict_names_the_side_that_ended_it(code: int | None, by: CloseBy) -> None:
    assert alone(loss(code=code, by=by, reason="", error_type="reset", error="reset")).by == by


def opened(*events: Event) -> VerdictHarness:
    """A session that has been open since second 1."""
    harness = VerdictHarness()
    harness.judge(dialled(0, FEED), usable(1, FEED), *events)
    return harness


SLOW_STORE = "10 s before, wsmon itself stopped reading for 4.0 s because its store was too slow"
DISK = "check the disk of this machine, or record less: a smaller profile, or capture.payloads = false"


@pytest.mark.parametrize(
    ("ended", "hint"),
    [
        (silent(41_000.0), f"{SLOW_STORE}: we may have missed a pong meanwhile"),
        (broken("reset", after_s=21), f"{SLOW_STORE}: the other side possibly timed out"),
        (broken("eof", after_s=21), f"{SLOW_STORE}: the other side possibly timed out"),
        (loss(21, code=1011, reason=""), f"{SLOW_STORE}: the other side possibly timed out"),
        (loss(21, code=1011, reason="keepalive ping timeout"), SLOW_STORE),
        (loss(21, code=1008, reason="slow consumer"), SLOW_STORE),
    ],
)
def test_a_slow_store_before_an_end_is_a_hint_beside_it(ended: Event, hint: str) -> None:
    ended = msgspec.structs.replace(ended, mono_ns=event(after_s=20).mono_ns)
    without, verdict = opened().verdict(ended), opened(paused(10, 4_000.0)).verdict(ended)
    assert verdict.cause == f"{without.cause}; {hint}"
    assert set(verdict.next.split("; ")) == {*without.next.split("; "), DISK}
    assert (verdict.evidence, verdict.certainty) == ((3,), without.certainty)


def test_the_step_for_the_recorder_comes_first_where_the_peer_waited_for_an_answer() -> None:
    verdict = opened(paused(10, 6_000.0)).verdict(loss(12, code=1011, reason="keepalive ping timeout"))
    assert verdict.next.startswith(f"{DISK}; ")
    assert opened(paused(10, 6_000.0)).verdict(broken("eof", after_s=12)).next.endswith(f"; {DISK}")


@pytest.mark.parametrize(
    "ended",
    [
        *(loss(10.8, code=code, reason="") for code in (1000, 1001, 1002, 1007, 1008, 1009, 1012, 1013, 4401)),
        loss(10.8, code=1008, reason="token expired"),
        loss(10.8, code=1011, reason="database timeout"),
        broken("tls", after_s=10.8),
        broken("tls", by="peer", after_s=10.8),
        broken("tcp_unreachable", after_s=10.8),
        broken("protocol", by="us", after_s=10.8),
        broken("eof", after_s=10 + 25),
    ],
)
def test_a_slow_store_is_not_named_where_it_leads_to_no_such_end(ended: Event) -> None:
    assert opened(paused(10, 4_000.0)).verdict(ended) == opened().verdict(ended)


@pytest.mark.parametrize(("lasted_ms", "before_s"), [(40.0, 1.0), (600.0, 18.0)])
def test_a_short_pause_is_not_named(lasted_ms: float, before_s: float) -> None:
    ended = broken("reset", after_s=10 + before_s)
    assert opened(paused(10, lasted_ms)).verdict(ended) == opened().verdict(ended)


def test_a_pause_counts_until_the_session_ends() -> None:
    harness = VerdictHarness()
    harness.judge(dialled(0, FEED), usable(1, FEED), paused(10, 4_000.0), broken("eof", after_s=11))
    verdict = harness.verdict(dialled(12, FEED, attempt=2), usable(12.1, FEED), broken("eof", after_s=12.2))
    assert "its store was too slow" not in verdict.cause


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
    assert verdict.cause == ("gave up after 2 retries; all attempts allowed by reconnect.max_attempts failed")


def test_an_error_that_no_retry_mends_says_so() -> None:
    end = event("connection.transition", 9, FEED, to_status="error", error_type="handshake", error="no usable URL: x")
    assert alone(end).cause == "no usable URL: x; the URL cannot be used; retrying cannot help"


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


STOOD_STILL = "just before, wsmon itself was stalled for 6.0 s and could not respond"
FIND_OUT = "find out why this process or machine was stalled: suspended, stopped, a paused container, no CPU time"


def after_standstill(ended: Event, suspended_ms: float = 6_000.0, resumed_ms: float = 40.0, **ages: float) -> Event:
    """The end, after a standstill of the recorder that was over so long before it."""
    own = {"suspended_ms": suspended_ms, "resumed_ms": resumed_ms}
    return msgspec.structs.replace(ended, meta={**(ended.meta or {}), **own, **ages})


@pytest.mark.parametrize(("code", "reason"), [
    (1011, "keepalive ping timeout"), (1000, "ping timed out"), (1001, "No response from ping frame."),
    (4000, "heartbeat timeout"), (1008, "Ping/Pong timeout"), (1011, "no pong for 5 s"),
])  # fmt: skip
def test_d2_a_peer_that_was_not_answered_while_the_recorder_stood_still(code: int, reason: str) -> None:
    ended = loss(code=code, reason=reason)
    without, verdict = alone(ended), alone(after_standstill(ended))
    assert verdict.cause == f"{without.cause}; {STOOD_STILL}"
    # What the last frames in and out say of the path does not count after a standstill
    assert without.next.startswith(ANSWERS_STEP)
    assert verdict.next == f"{FIND_OUT}{without.next.removeprefix(ANSWERS_STEP)}"
    assert verdict.certainty == "stated"


@pytest.mark.parametrize(
    ("ended", "hint"),
    [
        (broken("eof"), "the other side possibly timed out"),
        (broken("reset"), "the other side possibly timed out"),
        (loss(code=1005, reason=""), "the other side possibly timed out"),
        (loss(code=1011, reason=""), "the other side possibly timed out"),
        (silent(200.0), "we may have missed a pong meanwhile"),
    ],
)
def test_d2_an_end_without_a_reason_after_a_standstill_is_possibly_due_to_it(ended: Event, hint: str) -> None:
    without, verdict = alone(ended), alone(after_standstill(ended))
    assert verdict.cause == f"{without.cause}; {STOOD_STILL}: {hint}"
    assert verdict.next == f"{FIND_OUT}; {without.next}"


@pytest.mark.parametrize(
    "ended",
    [
        *(loss(code=code, reason="") for code in (1002, 1007, 1008, 1009, 1013, 4401)),
        broken("tls", by="peer"),
        broken("tls"),
        broken("tcp_timeout"),
        broken("tcp_unreachable"),
    ],
)
def test_a_standstill_beside_a_code_or_a_fault_of_its_own_is_a_mere_fact(ended: Event) -> None:
    without, verdict = alone(ended), alone(after_standstill(ended))
    assert verdict.cause == f"{without.cause}; {STOOD_STILL}"
    assert (verdict.next, verdict.certainty) == (without.next, without.certainty)


@pytest.mark.parametrize(("code", "reason", "suspended_ms"), [
    (1008, "account suspended by admin", 6_000.0), (1012, "", 6_000.0), (1000, "", 6_000.0), (1001, "", 6_000.0),
    (1011, "keepalive ping timeout", 300.0), (1000, "idle for 10 minutes", 6_000.0),
])  # fmt: skip
def test_a_standstill_explains_nothing_that_the_peer_explains_otherwise(
    code: int, reason: str, suspended_ms: float
) -> None:
    ended = loss(code=code, reason=reason)
    assert alone(after_standstill(ended, suspended_ms)) == alone(ended)


@pytest.mark.parametrize(("code", "reason"), [
    (1008, "shopping cart closed"), (4000, "developing"), (1011, "database timeout"), (4000, "stale token"),
    (1011, "no pong for 20 s"), (1011, "upstream heartbeat missed"),
])  # fmt: skip
def test_a_standstill_beside_a_reason_that_is_not_understood_is_a_mere_fact(code: int, reason: str) -> None:
    without = alone(loss(code=code, reason=reason))
    verdict = alone(after_standstill(loss(code=code, reason=reason)))
    assert verdict.cause == f"{without.cause}; just before, wsmon itself was stalled for 6.0 s and could not respond"
    assert (verdict.next, verdict.certainty) == (without.next, without.certainty)


@pytest.mark.parametrize(("lasted_s", "said"), [(119, "119 s"), (300, "5m"), (3_600, "1h"), (28_800, "8h")])
@pytest.mark.parametrize("reason", ["", "Connection timed out"])
def test_d2_a_long_standstill_is_named_first_however_long_the_peer_was_not_heard(
    lasted_s: float, said: str, reason: str
) -> None:
    ended = loss(code=1000, reason=reason) if reason else broken("eof")
    # A machine that slept: the clock of the frames stood still as well
    for heard_s in (lasted_s + 2, 100.0):
        verdict = alone(after_standstill(ended, lasted_s * 1000.0, 2_000.0, last_in_ms=heard_s * 1000.0))
        fact = f"; just before, wsmon itself was stalled for {said} and could not respond"
        assert verdict.cause.endswith(f"{fact}: the other side possibly timed out")
        assert verdict.next.startswith(FIND_OUT)


@pytest.mark.parametrize(
    ("last_in_ms", "when"), [(8_000.0, "just before"), (50.0, "just before"), (5_500.0, "after the last")]
)
def test_a_standstill_whose_end_was_not_measured_is_bounded_by_what_was_heard(last_in_ms: float, when: str) -> None:
    ended = broken("eof", meta={"attempt": 1, "open": True, "suspended_ms": 6_000.0, "last_in_ms": last_in_ms})
    assert f"; {when}" in alone(ended).cause
    assert ("the other side possibly timed out" in alone(ended).cause) is (when == "just before")


def test_a_limit_that_the_peer_names_is_stated() -> None:
    assert alone(loss(code=4008, reason="Rate limited")).certainty == "stated"


def test_a_standstill_that_was_over_long_before_is_a_mere_fact() -> None:
    fact = "wsmon itself was stalled for 6.0 s and could not respond"
    for resumed_ms, when in {41_000.0: "until 41 s before", 5_000.0: "just before"}.items():
        ages = {"last_in_ms": resumed_ms - 100, "resumed_ms": resumed_ms}
        assert f"; {when}, {fact}: the other" in alone(after_standstill(broken("eof"), **ages)).cause
    long_ago = alone(after_standstill(broken("eof"), resumed_ms=125_000.0))
    assert long_ago.cause.endswith(f"; until 2m05s before, {fact}")
    assert FIND_OUT not in long_ago.next


@pytest.mark.parametrize("error_type", ["eof", "reset"])
def test_a_standstill_after_which_the_peer_sent_frames_is_a_mere_fact(error_type: str) -> None:
    ended = broken(error_type)
    verdict = alone(after_standstill(ended, 2_000.0, resumed_ms=90_000.0))
    fact = "until 90 s before, wsmon itself was stalled for 2.0 s and could not respond"
    assert verdict.cause == f"{alone(ended).cause}; {fact}"
    assert verdict.next == "check the server log at this time"


def test_a_missed_pong_that_the_peer_names_leads_to_a_standstill_whatever_came_after_it() -> None:
    ended = loss(code=1001, reason="No pong from client within 30s, goodbye")
    verdict = alone(after_standstill(ended, 45_000.0, resumed_ms=20_000.0))
    assert verdict.next.startswith(FIND_OUT)


def test_a_peer_that_closes_for_silence_after_a_standstill_of_ours_has_it_named_first() -> None:
    ages = {"last_in_ms": 41_000.0, "last_out_ms": 41_000.0}
    ended = after_standstill(loss(code=4009, reason="Idle timeout"), 40_000.0, 900.0, **ages)
    verdict = alone(ended)
    assert verdict.cause.endswith(
        "; just before, wsmon itself was stalled for 40 s and could not respond: nothing could be sent meanwhile"
    )
    assert verdict.next.startswith(f"{FIND_OUT}; ")
    long_silent = after_standstill(ended, 40_000.0, last_in_ms=900_000.0, last_out_ms=900_000.0)
    assert "stood still" not in alone(long_silent).cause


def test_a_long_standstill_before_a_normal_closure_without_a_reason_is_possibly_why() -> None:
    verdict = alone(after_standstill(loss(code=1000, reason=""), 40_000.0))
    assert verdict.cause.endswith("was stalled for 40 s and could not respond: the other side possibly timed out")
    assert verdict.next.startswith(FIND_OUT)


CHAT = '{"type":"error","message":"token expired"}'
CODES_WITH_ONE_MEANING = (1002, 1003, 1007, 1009, 1010, 1012, 1013, 1014, 3000, 3003, 3008)


def refused_login(after_s: float, error: str = "bad key") -> Event:
    return event("auth.failed", after_s, FEED, direction="in", error_type="refused", error=error)


@pytest.mark.parametrize("words", ["bye", '{"type":"error","message":"E77"}', "Error: the moon is full"])
@pytest.mark.parametrize("code", CODES_WITH_ONE_MEANING)
def test_v1_a_code_with_a_meaning_comes_before_words_which_are_only_quoted(code: int, words: str) -> None:
    ended = loss(90, code=code, reason="")
    without, verdict = alone(ended), opened(message(words, 89.7, FEED)).verdict(ended)
    said = without.cause.partition("; ")
    assert verdict.cause == f"{said[0]}; last message from the peer: “{words}”, 0.3 s before; {said[2]}"
    assert (verdict.next, verdict.certainty, verdict.evidence_text) == (without.next, without.certainty, words)


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1009, 1010, 1012, 1013, 1014, 3008])
def test_words_that_are_understood_come_before_a_code_with_another_meaning(code: int) -> None:
    verdict = opened(message(CHAT, 89.7, FEED)).verdict(loss(90, code=code, reason=""))
    usual = CODE_ADVICE[code]
    assert verdict.cause == (
        f"closed by peer: {code} {CODE_MEANINGS[code]}; last message from the peer: “{CHAT}”, 0.3 s before; possibly "
        f"a credential has expired or been revoked; {code} usually means: {usual.cause.removeprefix('usually ')}"
    )
    assert verdict.next == f"renew the token and check when it expires; if that is not it: {usual.next}"
    assert verdict.certainty == "inferred"


def test_an_error_of_the_protocol_that_is_not_understood_comes_before_a_code_with_one_meaning() -> None:
    text = "Access refused for user 'feed' on queue /queue/orders"
    frame = f"ERROR\nmessage:{text}\n\n\0"
    read = event("error.occurred", 90, FEED, direction="in", type="ERROR", error_type="peer_error", error=text)
    verdict = opened(message(frame, 90, FEED), read).verdict(loss(90.05, code=1002, reason=""))
    assert verdict.cause.endswith(
        "; 1002 usually means: the server received something from the client that the protocol does not allow"
    )
    assert verdict.next == (
        "look up this message in the service documentation, and check what was sent before it; if that is not "
        "it: check the last frames sent, and test without intermediate proxies: some alter frames"
    )
    assert (verdict.by, verdict.certainty) == ("peer", "inferred")


@pytest.mark.parametrize("is_read", [True, False])
def test_a_server_of_stomp_that_closes_with_1002_after_every_error_is_taken_at_its_words(is_read: bool) -> None:
    text = "Session expired, please log in again"
    frame = f"ERROR\nmessage:{text}\ncontent-length:0\n\n\0"
    read = event("error.occurred", 90, FEED, direction="in", type="ERROR", error_type="peer_error", error=text)
    said = [message(frame, 90, FEED), *([read] if is_read else [])]
    verdict = opened(*said).verdict(loss(90.02, code=1002, reason=""))
    assert verdict.cause.endswith(
        "; possibly the login or server-side session is no longer valid; 1002 usually means: the server received "
        "something from the client that the protocol does not allow"
    )
    assert verdict.next == (
        "log in again: renew the token or the session, and connect with the new one; if that is not it: check the "
        "last frames sent, and test without intermediate proxies: some alter frames"
    )
    assert (verdict.by, verdict.certainty) == ("peer", "inferred")


def test_words_of_the_meaning_of_a_code_leave_it_the_cause() -> None:
    words = '{"type":"error","message":"Message too big"}'
    verdict = opened(message(words, 89.7, FEED)).verdict(loss(90, code=1009, reason=""))
    assert verdict.cause.endswith("0.3 s before; a message from the client is larger than the server accepts")
    assert (verdict.next, verdict.certainty) == (CODE_ADVICE[1009].next, "stated")


def test_words_before_a_code_that_must_never_be_sent_tell_possibly() -> None:
    verdict = opened(message(CHAT, 89.7, FEED)).verdict(loss(90, code=1015, reason=""))
    assert verdict.cause.endswith(
        "; possibly a credential has expired or been revoked; this code must never be sent in a close frame: the "
        "server, or something in front of it, violates the protocol"
    )


CHECK_RULES = "check the credentials, the service's limits and the last messages sent"


@pytest.mark.parametrize(
    ("words", "rule", "step"),
    [
        (
            '{"type":"error","message":"Rate limit exceeded"}',
            "a rate or volume limit of the server was reached",
            "send and subscribe less at once, open fewer connections, and compare with the service's limits",
        ),
        (CHAT, "a credential has expired or been revoked", "renew the token"),
    ],
)
def test_words_name_the_rule_of_which_a_policy_violation_only_says_that_it_was_broken(
    words: str, rule: str, step: str
) -> None:
    ended = loss(90, code=1008, reason="")
    verdict = opened(message(words, 89.9, FEED)).verdict(ended)
    assert verdict.cause == (
        f"closed by peer: 1008 policy violation; last message from the peer: “{words}”, 0.1 s before; possibly "
        f"{rule}; 1008 usually means: a server policy was violated"
    )
    assert verdict.next.startswith(step)
    assert verdict.next.endswith(f"; if that is not it: {CHECK_RULES}")
    assert verdict.certainty == "inferred"


def test_a_login_that_the_protocol_saw_refused_names_the_rule_that_was_broken() -> None:
    verdict = opened(refused_login(89.9)).verdict(loss(90, code=1008, reason=""))
    assert verdict == Verdict(
        "peer",
        "1008 policy violation",
        "closed by peer: 1008 policy violation; last message from the peer: “bad key”, 0.1 s before; the server "
        "refused the login",
        "check the credentials and what they are allowed to do",
        (3,),
        "bad key",
        "stated",
    )


def test_a_server_that_goes_away_is_believed_before_words_that_say_nothing() -> None:
    verdict = opened(message("bye", 89.7, FEED)).verdict(loss(90, code=1001, reason=""))
    assert (
        "“bye”, 0.3 s before; usually the server, or a proxy in front of it, is shutting down or moving its "
        "clients elsewhere"
    ) in verdict.cause
    assert verdict.next.endswith("; the peer's last message may explain the cause")


def test_an_error_just_before_a_server_goes_away_possibly_tells_what_to_do() -> None:
    words = '{"type":"error","code":429,"message":"Too many requests"}'
    verdict = opened(message(words, 89.9, FEED)).verdict(loss(90, code=1001, reason=""))
    assert f"“{words}”, 0.1 s before; possibly a rate or volume limit of the server was reached" in verdict.cause
    assert (
        "; 1001 usually means: the server, or a proxy in front of it, is shutting down or moving its clients elsewhere"
    ) in verdict.cause
    assert verdict.next.startswith("send and subscribe less at once, open fewer connections,")
    assert "; if that is not it: no action needed if this is rare" in verdict.next
    assert verdict.certainty == "inferred"


@pytest.mark.parametrize(
    ("code", "reason", "meaning", "step"),
    [
        (
            1008,
            "Anti-cheat violation",
            ("1008 usually means: a server policy was violated"),
            "; check the last messages sent",
        ),
        (4000, "Lobby closed by host", "the code is specific to the service", ""),
        (
            1000,
            "Match finished",
            "1000 usually means: the server considers the session finished",
            "; if it happens regularly, ask whether the server limits connection lifetime",
        ),
        (
            1013,
            "Shard is hot, retry in 5s",
            "1013 usually means: the server is overloaded and dropping connections",
            "; connect less often: raise reconnect.initial, and open fewer connections",
        ),
    ],
)
def test_a_reason_that_is_not_understood_comes_first_and_is_to_be_looked_up(
    code: int, reason: str, meaning: str, step: str
) -> None:
    wait = "wait 5s before reconnecting; " if "5s" in reason else ""
    assert alone(loss(code=code, reason=reason)) == Verdict(
        "peer",
        f"{code} {code_meaning(code)}",
        f"“{reason}”, {code}, closed by peer; {meaning}",
        f"{wait}look up this reason and the code in the service documentation{step}",
        certainty="inferred",
    )


def test_words_that_are_understood_tell_more_than_a_reason_that_is_not() -> None:
    verdict = opened(message(CHAT, 89.9, FEED)).verdict(loss(90, code=4000, reason="Lobby closed"))
    assert verdict.cause == (
        f"“Lobby closed”, 4000, closed by peer; last message from the peer: “{CHAT}”, 0.1 s before; "
        "possibly a credential has expired or been revoked"
    )
    assert verdict.next.startswith("look up this reason and the code in the service documentation; renew the")


def test_an_error_that_the_protocol_read_and_after_which_the_peer_went_on_sending_is_no_last_word() -> None:
    said = event("error.occurred", 88.6, FEED, direction="in", error_type="refused", error="Too many requests")
    verdict = opened(said, message('{"t":1}', 89.9, FEED)).verdict(loss(90, code=1000, reason=""))
    assert verdict.cause == (
        "closed by peer: 1000 normal closure; peer error 1.4 s before: “Too many requests”; it continued "
        f"sending afterwards; {advice_on_code(1000, '').cause}"
    )
    # A farewell belongs to the error before it
    bye = opened(said, message('{"type":"close"}', 89.9, FEED)).verdict(loss(90, code=1000, reason=""))
    assert "; last message from the peer: “Too many requests”, 1.4 s before; a rate or volume limit" in bye.cause


@pytest.mark.parametrize("code", [1000, 1005, 1011, 4001])
def test_words_before_a_code_that_says_little_are_possibly_the_cause(code: int) -> None:
    verdict = opened(message(CHAT, 89.7, FEED)).verdict(loss(90, code=code, reason=""))
    assert f"last message from the peer: “{CHAT}”, 0.3 s before; possibly " in verdict.cause
    assert verdict.certainty == "inferred"


@pytest.mark.parametrize(("before_s", "certainty"), [(0.1, "stated"), (5.0, "inferred")])
def test_v1_a_login_that_the_protocol_saw_refused_explains_a_vague_code(before_s: float, certainty: str) -> None:
    failed = event("auth.failed", 90 - before_s, FEED, direction="in", error_type="refused", error="wrong password")
    verdict = opened(failed).verdict(loss(90, code=1000, reason=""))
    assert (verdict.certainty, verdict.evidence) == (certainty, (3,))
    said = "last message from the peer: “wrong password”, 0.1 s before; the server rejected the credentials"
    if certainty == "inferred":
        said = "a login was refused 5.0 s before: “wrong password”; possibly the server rejected the credentials"
    assert f"; {said}" in verdict.cause


@pytest.mark.parametrize("words", [CHAT, "Invalid key"])
@pytest.mark.parametrize("error_type", ["eof", "reset"])
def test_words_before_an_end_without_a_close_frame_are_never_certain(error_type: str, words: str) -> None:
    verdict = opened(message(words, 89.9, FEED)).verdict(broken(error_type, after_s=90))
    assert f"“{words}”, 0.1 s before; possibly " in verdict.cause
    assert verdict.next.endswith("; if that is not it, check the server log at this time")
    assert verdict.certainty == "inferred"


def test_an_error_that_answers_one_request_is_quoted_and_explains_nothing() -> None:
    said = '{"id":7,"error":{"code":-32602,"message":"invalid token"}}'
    answered = event("error.occurred", 89.9, FEED, direction="in", ref="7", error_type="-32602", error="invalid token")
    verdict = opened(message(said, 89.9, FEED), answered).verdict(broken("eof", after_s=90))
    quoted = f"; the peer's last message, a reply to a request: “{said}”, 0.1 s before; "
    assert f"{quoted}often the server or something on the network path" in verdict.cause
    assert verdict.next.startswith("check the server log at this time")
    assert "may say why" not in verdict.next


@pytest.mark.parametrize("error_type", ["tls", "tcp_timeout", "tcp_unreachable"])
def test_a_fault_of_the_path_is_not_explained_by_words_or_heartbeats(error_type: str) -> None:
    beat = event("heartbeat.received", 60, FEED, direction="in", size=0)
    verdict = opened(beat, message(CHAT, 89.9, FEED)).verdict(broken(error_type, after_s=90))
    assert verdict.next == alone(broken(error_type)).next
    assert "possibly" not in verdict.cause


@pytest.mark.parametrize("reason", ["user logged out", "match is over"])
def test_v5_the_reason_of_the_peer_is_the_cause_however_many_end_together(reason: str) -> None:
    harness = VerdictHarness()
    for name in ("a", "b", FEED):
        harness.judge(dialled(0, name), usable(1, name))
    harness.judge(loss(100, "a", code=1000, reason=reason), loss(100, "b", code=1000, reason=reason))
    verdict = harness.verdict(loss(100.1, FEED, code=1000, reason=reason))
    assert verdict.cause.startswith(f"“{reason}”, 1000, closed by peer; ")
    assert verdict.cause.endswith("; 2 other connections to this host disconnected in the same way within 2 s")
    assert verdict.certainty == alone(loss(code=1000, reason=reason)).certainty


@pytest.mark.parametrize("reason", ["timeout", "read timeout", "Connection timed out."])
def test_a_timeout_of_the_peer_after_a_silence_is_possibly_an_idle_timeout(reason: str) -> None:
    ages = {"last_in_ms": 60_000.0, "last_out_ms": 61_000.0}
    quiet = loss(90, code=1000, reason=reason, open_s=90, meta=ages)
    verdict = opened(message("Error: password wrong", 89.7, FEED)).verdict(quiet)
    assert verdict.cause.startswith(
        f"“{reason}”, 1000, closed by peer; last message from the peer: “Error: password wrong”, "
    )
    assert verdict.cause.endswith("; no traffic in either direction for 60 s before: possibly an idle timeout")
    busy = alone(loss(90, code=1000, reason=reason, open_s=90))
    assert "idle" not in busy.cause.partition("; ")[2].rpartition("; ")[2]


@pytest.mark.parametrize(
    ("error_type", "before_s", "is_named"),
    [("eof", 25.0, True), ("reset", 25.0, True), ("reset", 0.1, False), ("eof", 1.5, False), ("eof", 130.0, False),
     ("tls", 25.0, False), ("tcp_unreachable", 25.0, False)],
)  # fmt: skip
def test_v7_an_unanswered_heartbeat_needs_a_wait_and_a_cut(error_type: str, before_s: float, *, is_named: bool) -> None:
    beat = event("heartbeat.received", 200 - before_s, FEED, direction="in", size=0)
    verdict = opened(beat).verdict(broken(error_type, after_s=200))
    assert ("possibly a heartbeat of the server that wsmon did not answer" in verdict.cause) is is_named


@pytest.mark.parametrize(("code", "is_named"), [(1000, True), (1011, True), (4001, True), (1001, False), (1008, False)])
def test_an_unanswered_heartbeat_beside_a_code_is_a_hint(code: int, *, is_named: bool) -> None:
    beat = event("heartbeat.received", 65, FEED, direction="in", size=0)
    verdict = opened(beat).verdict(loss(90, code=code, reason=""))
    assert ("possibly a heartbeat of the server that wsmon did not answer" in verdict.cause) is is_named
    if code == 1011:
        assert verdict.cause.startswith("closed by peer: 1011 internal error; internal server error")


@pytest.mark.parametrize("error_type", ["eof", "reset"])
def test_d2_a_standstill_that_hardly_a_peer_notices_is_a_mere_fact(error_type: str) -> None:
    without = alone(broken(error_type))
    verdict = alone(after_standstill(broken(error_type), 600.0))
    assert verdict.cause == f"{without.cause}; just before, wsmon itself was stalled for 0.6 s and could not respond"
    assert verdict.next == without.next


def test_words_of_the_peer_come_before_a_standstill_of_ours() -> None:
    ended = after_standstill(broken("eof", after_s=90))
    verdict = opened(message(CHAT, 89.9, FEED)).verdict(ended)
    assert verdict.next.endswith(f"; {FIND_OUT}")
    assert f"“{CHAT}”, 0.1 s before; possibly " in verdict.cause


def test_v1_a_refused_login_whose_text_is_not_understood_is_a_refused_login() -> None:
    verdict = opened(refused_login(89.9)).verdict(loss(90, code=1000, reason=""))
    assert verdict.cause.endswith("; last message from the peer: “bad key”, 0.1 s before; the server refused the login")
    assert verdict.next == "check the credentials and what they are allowed to do"


def test_a_login_that_succeeded_since_was_not_refused() -> None:
    ended = broken("eof", after_s=90)
    accepted = event("auth.completed", 89.8, FEED)
    assert opened(refused_login(89.5), accepted).verdict(ended).cause == opened().verdict(ended).cause


def test_a_peer_that_goes_on_sending_after_it_refused_a_login_lives_with_that() -> None:
    verdict = opened(refused_login(85), message('{"px":1}', 89.9, FEED)).verdict(broken("reset", after_s=90))
    assert "; a login was refused 5.0 s before: “bad key”; often the server crashed or was killed" in verdict.cause
    assert verdict.next == alone(broken("reset")).next


def test_v7_a_reason_about_a_heartbeat_names_the_one_of_the_protocol_that_we_left_unanswered() -> None:
    beat = event("heartbeat.received", 70, FEED, direction="in", size=0)
    verdict = opened(beat).verdict(loss(90, code=1000, reason="ping timeout"))
    assert verdict.cause == (
        "“ping timeout”, 1000, closed by peer; wsmon did not answer the server's heartbeat in time; possibly a "
        "heartbeat of the server that wsmon did not answer: the last one came 20.0 s before"
    )
    assert "; if it is a heartbeat of its protocol: set answer = true" in verdict.next
    assert (verdict.evidence, verdict.certainty) == ((3,), "inferred")


@pytest.mark.parametrize("reason", ["STOMP died", ""])
def test_a_heartbeat_that_wsmon_had_agreed_to_and_left_out_may_be_the_cause(reason: str) -> None:
    error = "no heartbeat sent within 2 s, as was agreed"
    left_out = event("error.occurred", 85, FEED, error_type="heartbeat_not_sent", error=error)
    verdict = opened(left_out).verdict(loss(90, code=1000, reason=reason))
    assert f"; possibly the heartbeats that wsmon left out: {error}" in verdict.cause
    assert verdict.next.startswith("set answer = true, so that wsmon sends them")
    assert (verdict.evidence, verdict.certainty) == ((3,), "inferred")


def test_w7_an_error_before_a_feed_that_went_on_is_a_fact_and_not_the_cause() -> None:
    refused_words, tick = message('{"error":"Too many requests"}', 88.6, FEED), message('{"t":1}', 89.9, FEED)
    ended = loss(90, code=1000, reason="")
    without, verdict = opened(tick).verdict(ended), opened(refused_words, tick).verdict(ended)
    assert verdict.cause == (
        'closed by peer: 1000 normal closure; peer error 1.4 s before: “{"error":"Too many requests"}”; it '
        f"continued sending afterwards; {advice_on_code(1000, '').cause}"
    )
    assert (f"{verdict.next}; the peer's last message may explain the cause", verdict.certainty) == (
        without.next,
        "inferred",
    )


def test_a3_an_end_that_the_peer_announced_is_possibly_that_end() -> None:
    notice = '{"event":"notice","msg":"The connection will soon be closed for a service upgrade. Please reconnect."}'
    assert opened(message(notice, 60, FEED)).verdict(broken("eof", after_s=90)) == Verdict(
        "network",
        "no close frame",
        f"no close frame: connection lost (1006); announced 30.0 s before: “{notice}”; possibly the server is "
        "restarting or under maintenance",
        "no action needed if this is rare; if it happens often, ask the server operator about its deployments; if that "
        "is not it, check the server log at this time",
        evidence_text=notice,
        certainty="inferred",
    )


def test_a3_an_announcement_is_remembered_while_a_feed_goes_on() -> None:
    notice = '{"event":"notice","msg":"The connection will soon be closed for a service upgrade."}'
    feed = (message(f'{{"channel":"trades","n":{n}}}', 61 + n, FEED) for n in range(28))
    verdict = opened(message(notice, 60, FEED), *feed).verdict(broken("eof", after_s=90))
    assert f"; announced 30.0 s before: “{notice}”; possibly the server is restarting" in verdict.cause


def test_a4_a_close_inside_messages_is_a_statement() -> None:
    assert opened(message('c[3000,"Go away!"]', 89.9, FEED)).verdict(loss(90, code=1000, reason="")) == Verdict(
        "peer",
        "1000 normal closure",
        'closed by peer: 1000 normal closure; last message from the peer: “c[3000,"Go away!"]”, 0.1 s before; with '
        "this SockJS message the server closed deliberately, with code 3000",
        "look up its code and reason in the service documentation",
        evidence_text='c[3000,"Go away!"]',
        certainty="stated",
    )


def closed_within(ended: Event, code: int, reason: str) -> Event:
    """The same, where the protocol of the session read the close of the peer in a message."""
    close: Json = {"code": code, "reason": reason}
    return msgspec.structs.replace(ended, meta={**(ended.meta or {}), "protocol_close": close})


def test_a4_a_close_that_the_protocol_read_counts_more_than_the_close_frame() -> None:
    said = message('c[4003,"token expired"]', 89.9, FEED)
    verdict = opened(said).verdict(closed_within(loss(90, code=1000, reason=""), 4003, "token expired"))
    assert verdict.cause.startswith("“token expired”, 4003, closed by peer in a message; the close frame has 1000; ")
    assert (verdict.by, verdict.code, verdict.certainty) == ("peer", "4003 application-defined", "stated")
    assert verdict.next.startswith("renew the token")
    assert "last message" not in verdict.cause


def test_a4_a_close_that_the_protocol_read_counts_without_a_close_frame() -> None:
    ended = loss(90, code=None, by="network", reason="", error_type="eof", error="connection lost")
    verdict = opened().verdict(closed_within(ended, 3000, ""))
    assert verdict.cause.startswith("3000 unauthorized, closed by peer in a message; no close frame; ")
    assert verdict.by == "peer"


def test_w4_a_connection_that_graphql_refused_is_a_refused_login() -> None:
    said = '{"type":"connection_error","payload":{"message":"no such tenant"}}'
    failed = event("auth.failed", 89.9, FEED, direction="in", error_type="graphql", error="no such tenant")
    verdict = opened(message(said, 89.9, FEED), failed).verdict(loss(90, code=1011, reason=""))
    assert f"“{said}”, 0.1 s before; the server refused the login" in verdict.cause
    assert (verdict.next, verdict.certainty) == ("check the credentials and what they are allowed to do", "stated")


HEDGE = re.compile(r"\b(?:usually|possibly|likely|may|looks like)\b", re.IGNORECASE)
QUOTED = re.compile("“[^”]*”")
REASONS = (
    "", "Normal closure", "token expired", "rate limit exceeded", "idle timeout", "timeout", "keepalive ping timeout",
    "maintenance window", "Match finished", "Anti-cheat violation", "may be idle, likely", "session timeout",
)  # fmt: skip
WORDS = (None, CHAT, "bye", '{"type":"error","message":"Too many requests"}', '{"px":1}')
ENDS = tuple(
    (code, error_type, reason)
    for code, error_type in (
        *((code, "") for code in (1000, 1001, 1002, 1005, 1008, 1011, 1012, 1013, 1014, 3000, 3008, 3999, 4000, 4401)),
        (None, "eof"),
        (None, "reset"),
        (None, "tls"),
        (None, "tcp_timeout"),
    )
    for reason in (REASONS if code is not None and code != 1005 else ("",))
)
# Seconds of each session, age of the last frame in, age of the last frame out, number of sessions, standstill
HISTORIES = (
    (90.0, 0.3, 5.0, 1, 0.0),
    (90.0, 60.0, 60.0, 1, 0.0),
    (90.0, 60.0, 60.0, 4, 0.0),
    (0.4, 0.1, 0.2, 4, 0.0),
    (70.0, 0.3, 0.2, 4, 0.0),
    (90.0, 41.0, 41.0, 1, 40_000.0),
)


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize(("code", "error_type", "reason"), ENDS)
def test_no_verdict_overclaims(
    code: int | None, error_type: str, reason: str, history: tuple[float, float, float, int, float]
) -> None:
    open_s, in_s, out_s, times, stood_still_ms = history
    ages = {"attempt": 1, "open": True, "last_in_ms": in_s * 1000, "last_out_ms": out_s * 1000}
    own = {"suspended_ms": stood_still_ms, "resumed_ms": 900.0} if stood_still_ms else {}
    by, error = ("network", "it broke") if code is None else ("peer", "")
    says: dict[str, Any] = {"code": code, "by": by, "reason": reason, "error_type": error_type, "error": error}
    for words in WORDS:
        harness, verdict = VerdictHarness(), None
        for n in range(times):
            ended_s = n * 1000 + open_s
            said = () if words is None else (message(words, ended_s - min(in_s, 0.1), FEED),)
            end = loss(ended_s, FEED, open_s=open_s, meta={**ages, **own}, **says)
            verdict = harness.verdict(dialled(n * 1000, FEED), usable(n * 1000, FEED), *said, end)
        assert verdict is not None
        cause, step = (QUOTED.sub("", text) for text in (verdict.cause, verdict.next))
        assert verdict.certainty != "stated" or not HEDGE.search(cause)
        if any(f"{number} of the last" in cause or f"the last {number}" in cause for number in range(2, 9)):
            assert "no action needed if this is rare" not in step
        if in_s < 1:
            assert "idle" not in f"{cause}; {step}"
        if reason:
            assert verdict.cause.startswith(f"“{reason}”, {code}, closed by peer; ")


def test_two_connections_that_fell_silent_know_of_each_other_however_they_ended() -> None:
    harness = VerdictHarness()
    for name in ("a", FEED):
        harness.judge(dialled(0, name), usable(1, name))
    ages = {"attempt": 1, "open": True, "last_in_ms": 25_000.0, "last_out_ms": 20_000.0}
    ours = msgspec.structs.replace(silent(25_000.0), mono_ns=event(after_s=99.6).mono_ns)
    harness.judge(msgspec.structs.replace(ours, source=dialled(0, "a").source))
    cut = harness.verdict(broken("eof", after_s=100, meta=ages))
    assert "; another connection to this host also fell silent and disconnected within 2 s" in cut.cause
    assert "possibly the path to this host, or the host itself, failed" in cut.cause
    assert (
        "compare with connections to other hosts: if these stayed, the cause is more likely this server or the "
        "path to it"
    ) in cut.next
