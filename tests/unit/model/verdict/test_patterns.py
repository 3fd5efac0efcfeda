"""What the last losses have in common, and that a few samples or noise are no pattern."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.builders import dialled, event, loss, refused, usable
from tests.support.verdicts import VerdictHarness
from wsmon.model.events import Event, Verdict

FEED = "deribit"


def session(
    start_s: float,
    open_s: float,
    *,
    out_s: float | None = None,
    in_s: float = 0.3,
    login_s: float | None = None,
    connection: str = FEED,
    **fields: Any,
) -> Iterator[Event]:
    """A session of that length: so long before its end was the last frame sent; so long after opening the login."""
    yield dialled(start_s, connection)
    yield usable(start_s, connection)
    if login_s is not None:
        yield event("auth.completed", start_s + login_s, connection)
    ages = {"last_in_ms": in_s * 1000} | ({} if out_s is None else {"last_out_ms": out_s * 1000})
    cut: dict[str, Any] = {"code": None, "by": "network", "reason": "", "error_type": "eof", "error": "cut"}
    if fields.get("by") == "peer":
        cut["error"] = ""
    yield loss(
        start_s + open_s, connection, open_s=open_s, **(cut | {"meta": {"attempt": 1, "open": True, **ages}} | fields)
    )


def last(*sessions: Iterator[Event]) -> Verdict:
    """The verdict on the end of the last session."""
    return VerdictHarness().verdict(*(each for events in sessions for each in events))


IDLE = "possibly an idle timeout on the network path or at the server"
LOST = "no close frame: connection lost (1006)"


def test_an_idle_timeout_is_read_from_the_silence_in_both_directions() -> None:
    silences = [60.0, 60.3, 59.7, 60.0, 12.0, 60.4, 60.0, 59.9, 60.3]
    verdict = last(
        *(session(number * 1000, 100 + number * 37, out_s=s, in_s=s + 2) for number, s in enumerate(silences))
    )
    assert verdict == Verdict(
        "network",
        "no close frame",
        f"{LOST}; 8 of the last 9 sessions dropped 60.0 ± 0.2 s after the last frame in either direction: {IDLE}",
        "set ping.interval below 30 s",
        (3, 6, 9, 12, 18, 21, 24),
        certainty="inferred",
    )


@pytest.mark.parametrize(("out_s", "in_s"), [(60.0, 0.3), (0.3, 60.0)])
def test_v6_a_silence_in_one_direction_is_no_idle_timeout(out_s: float, in_s: float) -> None:
    verdict = last(*(session(n * 1000, 100 + n * 37, out_s=out_s, in_s=in_s) for n in range(4)))
    assert ("idle timeout" in verdict.cause, "set ping.interval below" in verdict.next) == (False, False)


def test_a_peer_that_cuts_when_we_sent_nothing_may_wait_for_a_message() -> None:
    verdict = last(*(session(n * 1000, 100 + n * 37, out_s=60.0) for n in range(4)))
    assert verdict.cause == (
        f"{LOST}; the last 4 sessions all dropped 60.0 ± 0.0 s after the last frame that wsmon sent: possibly the "
        "server expects a message from the client, such as its own heartbeat"
    )
    assert "heartbeat.send" in verdict.next


def test_a_peer_that_was_silent_while_we_went_on_sending_may_have_a_limit_on_that() -> None:
    verdict = last(*(session(n * 1000, 100 + n * 37, out_s=0.3, in_s=60.0) for n in range(4)))
    assert verdict.cause == (
        f"{LOST}; the last 4 sessions all dropped 60.0 ± 0.0 s after the last frame from the server, while wsmon "
        "continued sending: possibly a timeout for server inactivity: of a proxy in front of it, such as nginx, or "
        "its own"
    )
    assert verdict.next.startswith(
        "lower ping.interval, so that the server sends pongs, which count as activity; ask its operator for the limit"
    )


@pytest.mark.parametrize("silences", [(5.0, 5.4, 5.8), (60.0, 64.0, 68.0)])
def test_v6_silences_that_spread_are_no_timer(silences: tuple[float, ...]) -> None:
    verdict = last(*(session(n * 1000, 100 + n * 37, out_s=s, in_s=s) for n, s in enumerate(silences)))
    assert verdict.certainty == "inferred"
    assert "of the last" not in verdict.cause
    assert "the last 3" not in verdict.cause


@pytest.mark.parametrize(
    ("code", "reason", "is_idle"),
    [(1000, "", True), (1001, "", True), (1005, "", True), (1000, "see you", False), (1011, "", False)],
)
def test_an_idle_timeout_closes_without_a_reason_and_with_its_own_codes(code: int, reason: str, is_idle: bool) -> None:
    says: dict[str, Any] = {"code": code, "by": "peer", "reason": reason, "error_type": ""}
    verdict = last(*(session(n * 1000, 100 + n * 37, out_s=60.0, in_s=60.0, **says) for n in range(4)))
    assert (IDLE in verdict.cause) is is_idle


def test_v6_a_feed_that_is_closed_for_maintenance_again_and_again() -> None:
    says: dict[str, Any] = {"code": 1012, "by": "peer", "reason": "maintenance window", "error_type": ""}
    verdict = last(*(session(n * 10, 8.3, in_s=0.1, **says) for n in range(5)))
    assert verdict.cause == (
        "“maintenance window”, 1012, closed by peer; the server is restarting or under maintenance; the last "
        "5 sessions all dropped "
        "8.3 ± 0.0 s after opening"
    )
    # What comes again and again is not rare: the step of the pattern leads
    assert verdict.next == (
        "ask the server operator for the limit; until then expect the disconnect, or reconnect before it; if it "
        "happens often, ask the server operator about its deployments"
    )
    assert verdict.certainty == "stated"


def test_a_silence_as_long_as_the_session_may_be_a_limit_on_its_life() -> None:
    verdict = last(*(session(n * 1000, 60.2, out_s=60.0, in_s=60.1) for n in range(3)))
    assert "60.0 ± 0.0 s after the last frame in either direction" in verdict.cause
    assert verdict.next == (
        "set ping.interval below 30 s; if that changes nothing, it is possibly a limit on connection lifetime"
    )


def test_a_lifetime_with_traffic_until_the_end_is_a_limit() -> None:
    verdict = last(*(session(n * 100_000, 86_400 + n, out_s=19.0 if n % 2 else 3.0) for n in range(4)))
    assert verdict.cause == (
        f"{LOST}; the last 4 sessions all dropped 1d ± 1 s after opening: possibly a limit on connection "
        "lifetime, at "
        "the server or something in front of it"
    )
    assert verdict.evidence == (3, 6, 9)


def test_pings_that_fit_into_a_lifetime_do_not_make_it_an_idle_timer() -> None:
    verdict = last(*(session(n * 1000, 70.0, out_s=10.0) for n in range(3)))
    assert "70.0 ± 0.0 s after opening" in verdict.cause


def test_a_token_that_runs_out_is_counted_from_the_login() -> None:
    verdict = last(*(session(n * 2000, 305 + n * 40, login_s=5 + n * 40, out_s=n * 3.0) for n in range(3)))
    assert verdict.cause == (
        f"{LOST}; the last 3 sessions all dropped 300.0 ± 0.0 s after the login: possibly the login expires "
        "after that time"
    )
    assert verdict.next == "renew the login or the token earlier than 300.0 s after it was issued"


def test_the_same_minute_of_different_hours_is_a_job() -> None:
    starts = [0.0, 3_600.0 + 20, 3 * 3_600.0 - 15]
    verdict = last(*(session(at_s + 100 - n * 40, 900 + n * 40, out_s=2.0 * n) for n, at_s in enumerate(starts)))
    assert verdict.cause == (
        f"{LOST}; the last 3 sessions all dropped about 18 min past the hour, in 3 different hours: possibly "
        "an hourly job"
    )


def test_losses_of_one_minute_are_no_hourly_job() -> None:
    verdict = last(*(session(n * 20, 9.0 + n, out_s=1.0 + n) for n in range(4)))
    assert "hour" not in verdict.cause


def test_sessions_that_are_accepted_and_rejected() -> None:
    verdict = last(*(session(n * 10, 0.2 + n) for n in range(3)))
    assert verdict.cause == (
        f"{LOST}; the last 3 sessions all dropped within 5 s of opening: possibly the server accepts the "
        "connection and "
        "then rejects it"
    )
    assert verdict.next.startswith("check credentials, subscriptions and what is sent first")


def test_faults_of_the_way_are_no_rejections() -> None:
    broken: dict[str, Any] = {"error_type": "tls", "error": "TLS failed: decryption failed or bad record mac"}
    verdict = last(*(session(n * 10, 0.2 + n, **broken) for n in range(4)))
    assert verdict.cause == (
        "TLS failed: decryption failed or bad record mac; the encrypted stream broke: likely something on the "
        "network path altered or cut it"
    )


def test_an_alert_of_the_server_is_its_own_word() -> None:
    alert: dict[str, Any] = {
        "by": "peer",
        "error_type": "tls",
        "error": "TLS failed: tlsv13 alert certificate required",
    }
    verdict = last(session(0, 0.2, **alert))
    assert (verdict.by, verdict.code) == ("peer", "no close frame")
    assert verdict.cause.startswith(
        "TLS failed: tlsv13 alert certificate required; the other side requires a client certificate and received none"
    )


@pytest.mark.parametrize(
    ("code", "said", "step"),
    [
        (3000, "3000 unauthorized", "check the credentials: missing, wrong or expired"),
        (1013, "1013 try again later", "connect less often: raise reconnect.initial, and open fewer connections"),
        (1000, "1000 normal closure", "check credentials, subscriptions and what is sent first; "),
        (1005, "no code given", "check credentials, subscriptions and what is sent first; "),
        (4001, "4001 application-defined", "look up the code in the service documentation; if the pattern"),
    ],
)
def test_the_code_of_a_peer_that_rejects_is_said_and_tells_what_to_do(code: int, said: str, step: str) -> None:
    says: dict[str, Any] = {"code": code, "by": "peer", "error_type": "", "error": ""}
    verdict = last(*(session(n * 10, 0.2 + n, **says) for n in range(3)))
    assert verdict.cause.startswith(f"closed by peer: {said}; ")
    assert "; the last 3 sessions all dropped within 5 s of opening" in f"; {verdict.cause}"
    assert verdict.next.startswith(step)


def test_what_the_peer_says_as_it_rejects_comes_first_and_tells_what_to_do() -> None:
    says: dict[str, Any] = {"code": 1008, "by": "peer", "reason": "token expired", "error_type": ""}
    verdict = last(*(session(n * 10, 0.2 + n, **says) for n in range(3)))
    assert verdict.cause == (
        "“token expired”, 1008, closed by peer; a credential has expired or been revoked; the "
        "last 3 sessions all dropped within 5 s of opening"
    )
    assert verdict.next == "renew the token and check when it expires"


def test_a_limit_that_is_named_again_and_again() -> None:
    says: dict[str, Any] = {"code": 1008, "by": "peer", "reason": "too many subscriptions", "error_type": ""}
    verdict = last(*(session(n * 1000, 100 + n * 37, **(says if n else {})) for n in range(4)))
    assert (verdict.by, verdict.code, verdict.evidence) == ("peer", "1008 policy violation", (6, 9))
    assert verdict.cause == (
        "“too many subscriptions”, 1008, closed by peer; a rate or volume limit of the server was reached; "
        "3 of the last 4 sessions reported a limit"
    )


def test_attempts_that_are_refused_for_their_rate() -> None:
    verdict = VerdictHarness().verdict(
        *(each for n in range(3) for each in (dialled(n, FEED), refused(n + 0.1, status=429)))
    )
    assert verdict.cause.endswith("the last 3 attempts all reported a limit")
    assert (verdict.by, verdict.code, verdict.evidence) == ("refusal", "HTTP 429 Too Many Requests", (2, 4))


def test_connections_to_one_host_that_break_together() -> None:
    url = {"attempt": 1, "url": "wss://u:p@stream.example.net/other"}
    harness = VerdictHarness()
    harness.judge(dialled(0, "a"), dialled(0, "b", meta=url), dialled(0, FEED))
    harness.judge(loss(100, "a", code=1001, reason=""), loss(101, "b", code=1001, reason=""))
    verdict = harness.verdict(loss(101.9, FEED, code=1001, reason="", open_s=90))
    assert verdict.evidence == (4, 5)
    assert verdict.cause.startswith(
        "closed by peer: 1001 going away; usually the server, or a proxy in front of it, is shutting down or moving "
        "its clients elsewhere"
    )
    assert verdict.cause.endswith(
        "; 2 other connections to this host disconnected in the same way within 2 s: possibly a shared cause at the "
        "server"
    )
    assert verdict.next == (
        "ask the server operator what happened at this time; if it happens often, ask the server operator about "
        "restarts and rebalancing"
    )


def neighbours(*names: str) -> VerdictHarness:
    """Connections to one host that are open."""
    harness = VerdictHarness()
    for name in names:
        harness.judge(dialled(0, name), usable(1, name))
    return harness


CUT: dict[str, Any] = {"code": None, "by": "network", "reason": "", "error_type": "eof", "open_s": 90.0}


def test_v5_two_connections_that_end_differently_have_no_common_cause() -> None:
    harness = neighbours("a", FEED)
    harness.judge(loss(100, "a", code=4400, reason="Invalid message received"))
    verdict = harness.verdict(loss(101, FEED, code=4403, reason="Forbidden"))
    assert verdict.cause == (
        "“Forbidden”, 4403, closed by peer; the server rejected the credentials, or does not allow this"
    )
    assert verdict.evidence == ()


def test_v4_a_neighbour_that_flaps_is_no_cause() -> None:
    harness = neighbours("flap", "idle", FEED)
    for start_s in (97.0, 98.2, 99.4):
        harness.judge(
            dialled(start_s, "flap"), usable(start_s, "flap"), loss(start_s + 0.6, "flap", code=1012, reason="restart")
        )
    verdict = harness.verdict(loss(100.5, FEED, code=1008, reason="account suspended by admin", open_s=99.0))
    assert verdict.cause == (
        "“account suspended by admin”, 1008, closed by peer; the service operator, or an automatic rule, closed this "
        "connection or account deliberately"
    )
    assert verdict.next.startswith("ask the service operator why")


def test_a_neighbour_that_flaps_with_the_same_end_is_no_cause_either() -> None:
    harness = neighbours("flap", FEED)
    for start_s in (97.0, 98.2):
        harness.judge(dialled(start_s, "flap"), usable(start_s, "flap"), loss(start_s + 0.6, "flap", **CUT))
    assert "other connection" not in harness.verdict(loss(99.5, FEED, **CUT)).cause


def test_a_connection_that_flaps_shows_nothing_about_its_host() -> None:
    harness = neighbours("a", "b", FEED)
    harness.judge(loss(80, FEED, **CUT), dialled(81, FEED), usable(82, FEED))
    harness.judge(loss(100, "a", **CUT), loss(100, "b", **CUT))
    assert "other connection" not in harness.verdict(loss(100.5, FEED, **CUT)).cause


@pytest.mark.parametrize(("others", "lost", "is_common"), [(1, 1, True), (2, 1, False), (3, 2, True), (2, 2, True)])
def test_losses_together_are_three_or_all_of_the_host(others: int, lost: int, is_common: bool) -> None:
    names = [f"other{number}" for number in range(others)]
    harness = neighbours(*names, FEED)
    for name in names[:lost]:
        harness.judge(loss(100, name, **CUT))
    verdict = harness.verdict(loss(101, FEED, **CUT))
    assert ("possibly a shared cause (server or network)" in verdict.cause) is is_common
    assert verdict.next.startswith("compare with connections to other hosts") is is_common


def test_a_shared_end_beside_a_reason_of_the_peer_is_no_more_than_a_fact() -> None:
    harness = neighbours("a", "b", FEED)
    harness.judge(loss(100, "a", code=1012, reason="restart"), loss(100, "b", code=1012, reason="restart"))
    verdict = harness.verdict(loss(101, FEED, code=1012, reason="restart"))
    assert verdict.cause == (
        "“restart”, 1012, closed by peer; the server is restarting or under maintenance; 2 other connections "
        "to this host "
        "disconnected in the same way within 2 s"
    )
    assert verdict.certainty == "stated"


@pytest.mark.parametrize(
    ("url", "lost_s"),
    [("wss://elsewhere.example.net/", 101.0), ("wss://stream.example.net/", 90.0), ("wss://[", 101.0)],
)
def test_other_hosts_and_other_times_are_no_common_cause(url: str, lost_s: float) -> None:
    harness = VerdictHarness()
    harness.judge(dialled(0, "a", meta={"url": url}), dialled(0, FEED), loss(lost_s, "a", code=1001, reason=""))
    assert harness.verdict(loss(101.5, FEED, code=1001, reason="", open_s=90)).evidence == ()


def test_a_connection_that_moved_to_another_host_has_other_neighbours() -> None:
    harness = VerdictHarness()
    harness.judge(dialled(0, "a"), dialled(0, FEED), dialled(50, FEED, meta={"url": "wss://new.example.net/"}))
    harness.judge(loss(100, "a", code=1001, reason=""))
    assert harness.verdict(loss(101, FEED, code=1001, reason="", open_s=50)).evidence == ()


def test_two_losses_are_no_pattern() -> None:
    assert "of the last" not in last(*(session(n * 1000, 60.0, out_s=60.0) for n in range(2))).cause


def test_half_of_the_losses_are_no_pattern() -> None:
    times = [60.0, 20.0, 60.0, 33.0, 60.0, 47.0, 60.0]
    verdict = last(*(session(n * 1_000, 100 + n * 91, out_s=at_s) for n, at_s in enumerate(times)))
    assert verdict.cause.startswith("no close frame: connection lost (1006); ")


def test_a_loss_that_does_not_fit_is_not_explained_by_the_others() -> None:
    times = [60.0, 60.0, 60.0, 60.0, 17.0]
    verdict = last(*(session(n * 1_000, 100 + n * 91, out_s=at_s) for n, at_s in enumerate(times)))
    assert verdict.evidence == ()


def test_our_own_heartbeat_is_not_taken_for_an_idle_timer() -> None:
    ours: dict[str, Any] = {"by": "heartbeat", "code": 1011, "error_type": "heartbeat_timeout", "error": "no pong"}
    verdict = last(*(session(n * 1000, 100 + n * 37, out_s=20.0, **ours) for n in range(4)))
    assert "timer" not in verdict.cause


def test_a_server_that_answers_no_ping_has_neither_a_limit_on_lifetimes_nor_rejects_clients() -> None:
    ours: dict[str, Any] = {"by": "heartbeat", "code": 1011, "reason": "keepalive ping timeout"}
    ours |= {"error_type": "heartbeat_timeout", "error": "closed by wsmon: no pong for 20 s"}
    for open_s in (4.0, 40.0):
        verdict = last(*(session(n * 1000, open_s, out_s=20.0, login_s=0.1, **ours) for n in range(6)))
        assert verdict.cause.startswith("closed by wsmon: no pong for 20 s; ")
        assert verdict.next == "check whether the server answers pings at all; ping.interval = 0 turns ours off"


def test_a_peer_that_cuts_who_never_sends_may_have_an_idle_timer() -> None:
    mute: dict[str, Any] = {"meta": {"attempt": 1, "open": True}}
    verdict = last(*(session(n * 1000, 60.0, **mute) for n in range(4)))
    assert verdict.cause == (
        f"{LOST}; the last 4 sessions all dropped 60.0 ± 0.0 s after opening, without a frame since: {IDLE}"
    )
    assert verdict.next == (
        "set ping.interval below 30 s; if that changes nothing, it is possibly a limit on connection lifetime"
    )


def test_what_we_ended_is_no_part_of_a_pattern() -> None:
    ours: dict[str, Any] = {"by": "us", "code": 1009, "error_type": "message_too_big", "error": "message too big"}
    verdict = last(*(session(n * 1000, 100 + n * 37, out_s=60.0, **ours) for n in range(4)))
    assert verdict.cause.startswith("closed by wsmon with 1009: message too big; ")


def test_twenty_losses_are_remembered() -> None:
    early = (session(n * 1000, 100 + n * 37, out_s=3.0 * n, in_s=3.0 * n) for n in range(30))
    late = (session((30 + n) * 1000, 100 + n * 37, out_s=60.0, in_s=60.0) for n in range(21))
    assert last(*early, *late).cause.startswith(f"{LOST}; the last 21 sessions all dropped 60.0 ± 0.0 s")


FAULTS: list[dict[str, Any]] = [
    {"error_type": "tcp_unreachable", "error": "no route to host"},
    {"error_type": "tcp_timeout", "error": "timed out"},
    {"error_type": "tls", "error": "TLS failed: bad record mac"},
    {"error_type": "tls", "error": "TLS failed: alert internal error", "by": "peer"},
    {"meta": {"attempt": 1, "open": True, "last_in_ms": 60_000.0, "last_out_ms": 60_000.0, "suspended_ms": 6_000.0}},
    {"by": "heartbeat", "code": 1011, "error_type": "heartbeat_timeout", "error": "closed by wsmon: no pong"},
]


@pytest.mark.parametrize("fault", FAULTS)
def test_v6_faults_of_the_path_and_our_own_part_are_no_pattern(fault: dict[str, Any]) -> None:
    for open_s, silence_s in ((90.0, 60.0), (60.0, 60.0), (90.0, 0.1), (0.4, 0.1)):
        verdict = last(*(session(n * 1000, open_s, out_s=silence_s, in_s=silence_s, **fault) for n in range(5)))
        assert "the last 5" not in verdict.cause
        assert verdict.evidence == ()


@pytest.mark.parametrize("fault", FAULTS)
def test_v5_faults_of_the_path_and_our_own_part_have_no_shared_cause(fault: dict[str, Any]) -> None:
    harness = neighbours("a", "b", FEED)
    for name in ("a", "b"):
        harness.judge(loss(100, name, **(CUT | fault)))
    assert "other connection" not in harness.verdict(loss(100.5, FEED, **(CUT | fault))).cause


@pytest.mark.parametrize(
    "other",
    [
        {"error_type": "reset"},
        {"error_type": "tcp_timeout"},
        {"code": 1001, "by": "peer", "error_type": ""},
        {"meta": {"attempt": 1, "open": True, "last_in_ms": 60_000.0, "last_out_ms": 60_000.0}},
    ],
)
def test_v5_only_ends_of_one_kind_after_a_like_silence_have_a_shared_cause(other: dict[str, Any]) -> None:
    harness = neighbours("a", "b", FEED)
    harness.judge(loss(100, "a", **(CUT | other)), loss(100, "b", **(CUT | other)))
    assert "other connection" not in harness.verdict(loss(100.5, FEED, **CUT)).cause


@pytest.mark.parametrize(("open_s", "silence_s"), [(90.0, 60.0), (86_400.0, 0.1), (0.4, 0.1)])
def test_v6_ends_of_several_kinds_are_no_timer(open_s: float, silence_s: float) -> None:
    kinds: list[dict[str, Any]] = [
        {"code": 1000, "by": "peer", "error_type": ""},
        {"error_type": "reset"},
        {"code": 1001, "by": "peer", "error_type": ""},
        {},
    ]
    ends = (session(n * 100_000, open_s, out_s=silence_s, in_s=silence_s, **kind) for n, kind in enumerate(kinds))
    assert "of the last" not in (cause := last(*ends).cause)
    assert "the last 4" not in cause


def test_ends_with_a_reason_of_their_own_are_no_pattern_for_one_without() -> None:
    told: dict[str, Any] = {"code": 1008, "by": "peer", "reason": "token expired", "error_type": ""}
    assert last(*(session(n * 1000, 60.0, **(told if n < 4 else {})) for n in range(5))).evidence == ()


def test_v5_others_that_ended_after_our_standstill_name_the_recorder() -> None:
    harness = neighbours("a", "b", FEED)
    still: dict[str, Any] = CUT | {"meta": {"attempt": 1, "open": True, "last_in_ms": 50.0, "suspended_ms": 6_000.0}}
    harness.judge(loss(100, "a", **still), loss(100, "b", **still))
    verdict = harness.verdict(loss(100.5, FEED, **CUT))
    assert verdict.cause == (
        f"{LOST}; 2 other connections to this host disconnected within 2 s, after wsmon itself was stalled: possibly "
        "the stall caused this disconnect too"
    )
    assert verdict.next.startswith(
        "find out why this process or machine was stalled: suspended, stopped, a paused container, no CPU time"
    )
    assert harness.verdict(loss(100.6, FEED, code=1008, reason="token expired")).evidence == ()


@pytest.mark.parametrize("code", [1001, 1012])
def test_a_restart_that_comes_as_soon_as_a_session_is_open_is_not_rare(code: int) -> None:
    verdict = last(*(session(n * 10, 0.4, code=code, by="peer", error_type="") for n in range(4)))
    assert verdict.cause.endswith("; the last 4 sessions all dropped within 5 s of opening")
    assert verdict.next.startswith("check credentials, subscriptions and what is sent first; ")
    assert "rare" not in verdict.next
    assert "; if it happens often, ask the server operator about " in verdict.next


@pytest.mark.parametrize("code", [1011, 1014])
def test_a_code_with_a_meaning_and_a_pattern_of_rejections_have_one_next_step(code: int) -> None:
    says: dict[str, Any] = {"code": code, "by": "peer", "error_type": ""}
    verdict = last(*(session(n * 10, 0.4, **says) for n in range(3)))
    assert verdict.cause.endswith("; the last 3 sessions all dropped within 5 s of opening")
    assert "credentials" not in verdict.next


def test_v6_a_timeout_of_the_peer_after_equal_silences_is_possibly_an_idle_timeout() -> None:
    says: dict[str, Any] = {"code": 1000, "by": "peer", "reason": "timeout", "error_type": ""}
    verdict = last(*(session(n * 1000, 100 + n * 37, out_s=60.0, in_s=60.0, **says) for n in range(4)))
    assert verdict.cause.startswith("“timeout”, 1000, closed by peer; ")
    assert verdict.cause.endswith(
        f"; the last 4 sessions all dropped 60.0 ± 0.0 s after the last frame in either direction: {IDLE}"
    )
    assert verdict.next.endswith("; if the pattern continues: set ping.interval below 30 s")
    assert "lifetime" not in verdict.cause.rpartition("; ")[2]


def test_a_reason_that_says_nothing_fits_an_idle_timer() -> None:
    says: dict[str, Any] = {"code": 1000, "by": "peer", "reason": "Normal closure", "error_type": ""}
    assert IDLE in last(*(session(n * 1000, 100 + n * 37, out_s=30.0, in_s=30.0, **says) for n in range(3))).cause


def test_a_peer_that_was_silent_itself_waits_for_no_message_of_ours() -> None:
    says: dict[str, Any] = {"code": 4000, "by": "peer", "reason": "", "error_type": ""}
    verdict = last(*(session(n * 1000, 100 + n * 37, out_s=60.0, in_s=60.0, **says) for n in range(4)))
    assert verdict.cause == "closed by peer: 4000 application-defined; the code is specific to the service"


def test_connections_that_were_silent_and_end_together_may_have_the_same_idle_timer() -> None:
    quiet: dict[str, Any] = CUT | {"meta": {"attempt": 1, "open": True, "last_in_ms": 60_000.0}}
    harness = neighbours("a", FEED)
    harness.judge(loss(100, "a", **quiet))
    cause = harness.verdict(loss(100.5, FEED, **quiet)).cause
    assert cause.endswith(": possibly a shared cause (server or network), or the same idle timeout")
