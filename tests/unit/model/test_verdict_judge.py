"""Who ended it and why: every close code by every initiator, refusals, TLS, DNS, silence and our own part in it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import dialled, event, loss, refused, stall, usable
from tests.support.verdicts import Court, alone
from wsmon.model.events import CloseBy, Event, Verdict
from wsmon.model.verdict import History, judge
from wsmon.model.verdict.close_codes import CODE_ADVICE, CODE_MEANINGS, code_meaning
from wsmon.protocols.graphql import CLOSE_CODES as GRAPHQL_CODES

CODES = [*range(1000, 1016), 3000, 3003, 3008, 3999, 4000, 4321, 4999, 2000, 999]
FEED = "deribit"


def attempt(error_type: str, error: str, by: CloseBy = "network") -> Event:
    """A dial that failed before an HTTP answer."""
    return refused(status=None, error_type=error_type, error=error, close_by=by, meta={"attempt": 2, "open": False})


def broken(error_type: str, error: str = "it broke", by: CloseBy = "network", **fields: Any) -> Event:
    """An open connection that ended without the peer's close frame."""
    return loss(code=None, by=by, reason="", open_s=90.0, error_type=error_type, error=error, **fields)


def silent(last_in_ms: float | None) -> Event:
    """An open connection that our heartbeat gave up, 20 s after its ping."""
    ages = {} if last_in_ms is None else {"last_in_ms": last_in_ms}
    said = "our heartbeat gave up: no pong for 20 s"
    meta = {"attempt": 1, "open": True, "last_out_ms": 20_000.0, **ages}
    return loss(21, code=1011, by="heartbeat", reason="", error_type="heartbeat_timeout", error=said, meta=meta)


def missed() -> Event:
    """The ping that was not answered."""
    return event(
        "heartbeat.timeout", 21, FEED, size=0, duration_ns=20_000_000_000, error_type="heartbeat_timeout", error="no"
    )


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
def test_whoever_ended_it_is_who_the_verdict_names(code: int | None, by: CloseBy) -> None:
    assert alone(loss(code=code, by=by, reason="", error_type="reset", error="reset")).by == by


@pytest.mark.parametrize(
    ("code", "meaning", "cause"),
    [
        (999, "invalid code", "must never be sent"),
        (1000, "normal closure", "considers the conversation done"),
        (1001, "going away", "is shutting down"),
        (1002, "protocol error", "read something from us that the protocol does not allow"),
        (1003, "unsupported data", "does not take this kind of message"),
        (1004, "reserved code", "must never be sent"),
        (1005, "no code given", "closed without saying why"),
        (1006, "no close frame", "must never be sent"),
        (1007, "invalid UTF-8", "text in a message of ours that is not valid UTF-8"),
        (1008, "policy violation", "a rule of the server was broken"),
        (1009, "message too big", "a message of ours is larger"),
        (1010, "extension missing", "an extension that is needed"),
        (1011, "internal error", "met an error of its own"),
        (1012, "service restart", "is restarting"),
        (1013, "try again later", "is overloaded"),
        (1014, "bad gateway", "a gateway before the server"),
        (1015, "TLS failure", "must never be sent"),
        (1016, "reserved code", "must never be sent"),
        (2999, "reserved code", "must never be sent"),
        (3000, "unauthorized", "does not accept who we are"),
        (3003, "forbidden", "does not allow this"),
        (3008, "timeout", "waited too long for something from us"),
        (3999, "registered by an application", "the service's own"),
        (4000, "application-defined", "the service's own"),
        (4999, "application-defined", "the service's own"),
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
    assert f"the protocol of the service calls this “{meaning}”" in verdict.cause


def test_each_known_code_has_a_cause_of_its_own() -> None:
    said = {code: alone(loss(code=code, reason="")) for code in CODE_MEANINGS if code not in (1004, 1006, 1015)}
    assert len({(verdict.cause, verdict.next) for verdict in said.values()}) == len(said)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("rate limit: 5 connections", "the server limits how much or how often, and the limit was reached"),
        ("keepalive ping timeout", "the heartbeat of the server found no answer from us in time"),
        ("Idle timeout", "the server closes connections on which nothing is sent for a while"),
        ("slow consumer", "the server gave up sending because we, or the path to us, took the data too slowly"),
        ("JWT expired", "the credentials ran out, or were not accepted"),
        ("Unauthorized", "the server does not accept who we are, or does not allow this"),
        ("shutting down for maintenance", "the server is restarting or under maintenance"),
        ("logged in elsewhere", "a newer connection with the same identity took the place of this one"),
        ("so long", CODE_ADVICE[1008].cause),
    ],
)
def test_the_words_of_the_peer_tell_more_than_its_code(reason: str, cause: str) -> None:
    assert alone(loss(code=1008, reason=reason)).cause == f"“{reason}”, 1008 by peer; {cause}"


def test_a_code_is_called_what_its_protocol_calls_it() -> None:
    meta = {"attempt": 1, "open": True, "code_meaning": "connection acknowledgement timeout"}
    assert alone(loss(code=4408, reason="", meta=meta)) == Verdict(
        "peer",
        "4408 connection acknowledgement timeout",
        "closed by peer: 4408 application-defined; the protocol of the service calls this “connection "
        "acknowledgement timeout”",
        "look up the code in the documentation of the service, and check the last messages sent",
    )


@pytest.mark.parametrize(
    ("error_type", "by", "words"),
    [
        ("eof", "network", "cut the connection"),
        ("reset", "network", "crashed or was killed"),
        ("tls", "network", "encrypted stream broke"),
        ("tcp_timeout", "network", "stopped answering"),
        ("tcp_unreachable", "network", "the way to the server is gone"),
        ("protocol", "us", "does not allow"),
        ("invalid_utf8", "us", "not valid UTF-8"),
        ("message_too_big", "us", "larger than is taken here"),
        ("write_overflow", "us", "does not read what we send"),
        ("internal", "us", "a fault of wsmon"),
    ],
)
def test_an_open_connection_that_broke(error_type: str, by: CloseBy, words: str) -> None:
    verdict = alone(broken(error_type, by=by))
    assert (verdict.by, verdict.code) == (by, "no close frame")
    assert words in verdict.cause


def test_the_end_of_tcp_without_a_close_frame_says_so_first() -> None:
    assert alone(broken("eof", "the TCP connection ended without a close frame")) == Verdict(
        "network",
        "no close frame",
        "no close frame: connection lost (1006); the server or something on the way (a load balancer, NAT, VPN) cut "
        "the connection; a process that is killed looks like this too",
        "look in the log of the server at this time; if it comes after a silence, set ping.interval lower",
    )


@pytest.mark.parametrize(
    ("last_in_ms", "words"),
    [
        (41_000.0, "nothing at all arrived for 41 s: the network went silent, or the server hangs"),
        (200.0, "data still arrived 0.2 s before the end: the server is alive, and does not answer pings in time"),
        (None, "nothing ever arrived after the handshake"),
    ],
)
def test_a_heartbeat_tells_silence_from_a_missing_answer(last_in_ms: float | None, words: str) -> None:
    verdict = Court().verdict(dialled(0, FEED), usable(1, FEED), missed(), silent(last_in_ms))
    assert (verdict.by, verdict.evidence) == ("heartbeat", (3,))
    assert verdict.cause == f"our heartbeat gave up: no pong for 20 s; {words}"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "not a WebSocket endpoint"),
        (301, "does not say where to"),
        (400, "does not accept the request as an upgrade"),
        (401, "wants credentials"),
        (403, "does not allow this"),
        (404, "nothing at this path"),
        (405, "no WebSocket endpoint"),
        (407, "a proxy wants credentials"),
        (408, "waited too long"),
        (410, "was removed"),
        (418, "does not accept the request"),
        (421, "does not serve the host"),
        (426, "removed the Upgrade header"),
        (429, "limits how often"),
        (451, "legal reasons"),
        (500, "an error of its own"),
        (501, "does not speak WebSocket"),
        (502, "a gateway before the server got no proper answer"),
        (503, "overloaded or under maintenance"),
        (504, "waited for it in vain"),
        (511, "wants a login"),
        (599, "failed"),
    ],
)
def test_a_refused_upgrade(status: int, words: str) -> None:
    verdict = alone(refused(status=status))
    assert (verdict.by, verdict.code.split()[:2]) == ("refusal", ["HTTP", str(status)])
    assert verdict.cause.startswith(f"the server answered HTTP {status}; ")
    assert words in verdict.cause


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (" 120 ", "wsmon waits 2m, as the server asks (Retry-After: 120); "),
        ("Sat, 10 Jan 2026 14:03:24 GMT", "wsmon waits 1m, as the server asks (Retry-After: Sat, 10 Jan 2026 14:0"),
        ("99999999999999", "wsmon waits 1h00m, its longest, of what the server asks (Retry-After: 99999999999999); "),
        ("soon", ""),
        ("0", ""),
        ("Wed, 21 Oct 2015 07:28:00 GMT", ""),
    ],
)
def test_what_a_server_asks_us_to_wait_is_told_as_far_as_we_do(status: int, asked: str, told: str) -> None:
    meta = {"attempt": 1, "open": False, "response_headers": [["retry-after", asked]]}
    step = alone(refused(status=status, meta=meta)).next
    assert (step.startswith(told), "Retry-After" in step) == (True, bool(told))


@pytest.mark.parametrize(
    "meta",
    [
        {"response_headers": [["Content-Type", "text/html; charset=utf-8"]]},
        {"body": "\n<!DOCTYPE html><title>Welcome to the hotel</title>"},
    ],
)
def test_a_web_page_instead_of_an_upgrade_is_a_captive_portal(meta: dict[str, object]) -> None:
    assert "the login page of a network" in alone(refused(status=200, meta=meta)).cause


def test_a_redirect_that_is_not_allowed_is_a_refusal() -> None:
    verdict = alone(refused(status=None, error_type="redirect_refused", error="redirected to https://else.test/"))
    assert verdict.cause.startswith("redirected to https://else.test/; the service has moved")
    assert verdict.next.startswith("use that address as the URL")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (None, "more than 10 redirects", "sends us in circles"),
        (None, "redirect to ws://a.test/ refused. It would leave TLS", "wsmon never follows there"),
        (None, "redirect to no WebSocket URL: ftp://a.test/", "cannot be used"),
        (302, "302 Found: the server refused the upgrade", "does not say where to"),
        (304, "304 Not Modified: the server refused the upgrade", "a cache answered"),
    ],
)
def test_a_redirect_that_leads_nowhere(status: int | None, error: str, words: str) -> None:
    kind = "redirect_refused" if status is None else "http_status"
    verdict = alone(refused(status=status, error_type=kind, error=error))
    assert words in verdict.cause
    assert "allow it" not in verdict.next


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("certificate has expired", "has expired"),
        ("certificate is not yet valid", "is not valid yet"),
        ("self-signed certificate", "no authority signed"),
        ("self-signed certificate in certificate chain", "an unknown authority"),
        ("unable to get local issuer certificate", "not known here"),
        ("Hostname mismatch, certificate is not valid for 'a.test'.", "is for another name"),
        ("IP address mismatch, certificate is not valid for '127.0.0.1'.", "is for another name"),
        ("certificate revoked", "took the certificate back"),
        ("path length constraint exceeded", "does not pass the checks"),
    ],
)
def test_a_certificate_that_was_refused_is_refused_by_us(message: str, words: str) -> None:
    verdict = alone(attempt("tls_certificate", f"certificate refused: {message}", "us"))
    assert (verdict.by, verdict.code) == ("us", "")
    assert verdict.cause.startswith(f"certificate refused: {message}; ")
    assert words in verdict.cause


@pytest.mark.parametrize(
    ("error_type", "error", "words"),
    [
        ("tls", "TLS failed: wrong version number", "does not speak TLS on this port"),
        ("tls", "TLS failed: record layer failure", "does not speak TLS on this port"),
        ("tls", "TLS failed: tlsv13 alert certificate required", "wants a certificate from us"),
        ("tls", "TLS failed: tlsv1 alert unknown ca", "behind our certificate"),
        ("tls", "TLS failed: tlsv1 unrecognized name", "knows no host of this name"),
        ("tls", "TLS failed: tlsv1 alert protocol version", "no version or cipher"),
        ("tls", "TLS failed: sslv3 alert handshake failure", "no version or cipher"),
        ("tls", "the connection ended during the TLS handshake", "a firewall that reads host names"),
        ("tls", "tls.ca cannot be used (a.pem): no", "a file of the tls settings"),
        ("tls", "TLS failed: bad signature", "TLS failed between here and there"),
        ("dns", "cannot find host: Name or service not known (x.test:80)", "the name does not exist"),
        ("dns", "cannot find host: Temporary failure in name resolution (x:80)", "no name server answered"),
        ("dns", "no answer from DNS for x.test within 10 s", "no name server answered"),
        ("dns", "cannot find host: No address associated with hostname (x:80)", "has no address"),
        ("tcp_refused", "connection refused (127.0.0.1:80)", "nothing listens on that port"),
        ("tcp_unreachable", "unreachable: No route to host (10.0.0.1:80)", "no way to that address"),
        ("tcp_timeout", "no TCP connection to x:80 within 10 s", "drops the packets"),
        ("proxy", "the proxy refused: 407 Proxy Authentication Required", "the proxy wants credentials"),
        ("proxy", "the proxy refused: 403 Forbidden", "does not allow this host"),
        ("proxy", "the proxy refused: 502 Bad Gateway", "could not reach the server"),
        ("proxy", "cannot reach the proxy: connection refused", "the proxy is down"),
        ("proxy", "no answer from the proxy within 10 s", "the proxy is down"),
        ("proxy", "SOCKS needs python-socks: pip install 'wsmon[socks]'", "as it is configured"),
        ("proxy", "the proxy failed: odd", "hung up on us, or is no proxy"),
        ("open_timeout", "no TLS handshake within 10 s", "does not begin TLS"),
        ("open_timeout", "no answer to the upgrade within 10 s", "did not answer"),
        ("open_timeout", "not connected within 10 s", "too slow"),
        ("handshake", "no usable URL: bad", "the URL cannot be used"),
        ("handshake", "the answer to the upgrade is no HTTP: x", "no HTTP server"),
        ("handshake", "bad answer to the upgrade: x", "breaks the rules of the upgrade"),
        ("handshake", "bad answer to the upgrade: unsupported subprotocol: foo", "a subprotocol that was not offered"),
        (
            "handshake",
            "bad answer to the upgrade: Unsupported extension: x",
            "an extension that was not offered",
        ),
        ("reset", "the TCP connection was reset", "cut the connection during the dial"),
        ("eof", "the connection ended before an answer to the upgrade", "hung up without an answer"),
        ("internal", "internal error: KeyError: 'x'", "a fault of wsmon"),
        ("never heard of", "strange", "nothing known"),
    ],
)
def test_a_dial_that_failed(error_type: str, error: str, words: str) -> None:
    verdict = alone(attempt(error_type, error))
    assert verdict.cause.startswith(f"{error}; ")
    assert words in verdict.cause


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
    verdict = Court().verdict(dialled(0, FEED), usable(1, FEED), paused(10, 4_000.0), ended)
    assert ("the first suspect is here" in verdict.cause, 3 in verdict.evidence) == (is_suspect, is_suspect)


def test_a_pause_too_short_for_anybody_to_notice_is_no_suspect() -> None:
    verdict = Court().verdict(dialled(0, FEED), usable(1, FEED), paused(10, 40.0), broken("eof", after_s=11))
    assert "suspect" not in verdict.cause


def test_the_suspicion_ends_with_the_session() -> None:
    court = Court()
    court.judge(dialled(0, FEED), usable(1, FEED), paused(10, 4_000.0), broken("eof", after_s=11))
    verdict = court.verdict(dialled(12, FEED, attempt=2), usable(12.1, FEED), broken("eof", after_s=12.2))
    assert "suspect" not in verdict.cause


def test_a_stall_before_a_loss_is_evidence() -> None:
    court = Court()
    verdict = court.verdict(dialled(0, FEED), usable(1, FEED), stall(50, FEED), broken("reset", after_s=60))
    assert verdict.evidence == (3,)


def test_a_fault_of_the_peer_is_evidence_of_why_we_closed() -> None:
    fault = event("error.occurred", 5, FEED, error_type="protocol", error="the peer broke the protocol")
    verdict = Court().verdict(dialled(0, FEED), usable(1, FEED), fault, broken("protocol", by="us", after_s=6))
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
    verdict = Court().verdict(dialled(0, FEED), refused(1), dialled(2, FEED, attempt=2), refused(3), end)
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
