"""What failed dials and unannounced losses mean."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import dialled, event, usable
from tests.support.verdicts import VerdictHarness, alone, attempt, broken, missed, silent
from wsmon.model.events import CloseBy, Json, Verdict

FEED = "deribit"
GONE = "the network went silent, or the server hangs"
NO_PONG = f"and no pong came in this session: possibly the server answers no pings, {GONE}"
NO_ANSWER = f"and no heartbeat was answered in this session: possibly the server answers no such heartbeat, {GONE}"


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
        "no close frame: connection lost (1006); often the server or something on the way (a load balancer, NAT, VPN) "
        "cut the connection; a process that is killed looks like this too, and many servers and proxies end so at a "
        "deploy, a missed pong or an error of the application, among other occasions",
        "look in the log of the server at this time",
        certainty="inferred",
    )


@pytest.mark.parametrize(
    ("last_in_ms", "words"),
    [
        (41_000.0, f"nothing at all arrived for 41 s, {NO_PONG}"),
        (19_999.0, f"nothing at all arrived for 19 s, {NO_PONG}"),
        (18_500.0, f"nothing at all arrived for 18 s, {NO_PONG}"),
        (12_000.0, f"the last data arrived 8.0 s after our ping, and nothing for 12 s since, {NO_PONG}"),
        (
            200.0,
            (
                "data still arrived 0.2 s before the end, and no pong came in time: possibly the server "
                "does not answer pings, or the answer waits behind the data"
            ),
        ),
        (
            50.0,
            (
                "data still arrived until the end, and no pong came in time: possibly the server "
                "does not answer pings, or the answer waits behind the data"
            ),
        ),
        (None, "nothing ever arrived after the handshake"),
    ],
)
def test_a_heartbeat_tells_silence_from_a_missing_answer(last_in_ms: float | None, words: str) -> None:
    verdict = VerdictHarness().verdict(dialled(0, FEED), usable(1, FEED), missed(), silent(last_in_ms))
    assert (verdict.by, verdict.evidence) == ("heartbeat", (3,))
    assert verdict.cause == f"our heartbeat gave up: no pong for 20 s; {words}"


@pytest.mark.parametrize(
    ("last_in_ms", "words"),
    [
        (50.0, "data still arrived until the end, and not what the heartbeat waited for"),
        (3_000.0, "data still arrived 3.0 s before the end, and not what the heartbeat waited for"),
        (
            41_000.0,
            f"nothing at all arrived for 41 s, {NO_ANSWER}",
        ),
    ],
)
def test_a_heartbeat_of_the_protocol_whose_wait_is_unknown(last_in_ms: float, words: str) -> None:
    late = event("heartbeat.timeout", 21, FEED, size=0, error_type="timeout", error="no ping of the server within 45 s")
    said = "our heartbeat gave up: the peer did not answer the protocol's own"
    ended = msgspec.structs.replace(silent(last_in_ms), error=said)
    verdict = VerdictHarness().verdict(dialled(0, FEED), usable(1, FEED), late, ended)
    assert verdict.cause == f"{said}; {words}"
    assert "ping.interval" not in verdict.next


def test_a_server_that_answered_pings_before_likely_fell_silent() -> None:
    pong = event("heartbeat.responded", 10, FEED, direction="in", opcode="pong", size=4, duration_ns=18_000_000)
    opened = (dialled(0, FEED), usable(1, FEED))
    verdict = VerdictHarness().verdict(*opened, pong, missed(), silent(41_000.0))
    assert verdict == Verdict(
        "heartbeat",
        "1011 heartbeat timeout, sent by us",
        "our heartbeat gave up: no pong for 20 s; nothing at all arrived for 41 s: likely the network went silent, or "
        "the server hangs",
        "check the network between here and there, and whether the server still serves others",
        (4,),
        certainty="inferred",
    )
    without = VerdictHarness().verdict(*opened, missed(), silent(41_000.0))
    assert without.next.startswith("check whether the server answers pings at all; ping.interval = 0 turns ours off; ")
    # Of the session before
    harness = VerdictHarness()
    harness.judge(*opened, pong, broken("eof", after_s=11))
    assert NO_PONG in harness.verdict(*opened, missed(), silent(41_000.0)).cause


def test_a_server_that_hangs_up_after_tls_does_not_expect_tls() -> None:
    error = "the connection ended before an answer to the upgrade"
    plain = attempt("eof", error)
    verdict = alone(msgspec.structs.replace(plain, meta={**(plain.meta or {}), "tls_ms": 30.0}))
    assert verdict.cause == (
        f"{error}; the server, or what stands before it, took the connection and TLS, and hung up at the upgrade: "
        "possibly it is overloaded, what is behind it is down, or the host, the path or an upgrade is not wanted there"
    )
    assert "wss://" not in verdict.next
    assert alone(plain).next.startswith("check the port and whether the URL should begin with wss://")


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
        ("tls", "TLS failed: tlsv1 alert protocol version", "no version of TLS"),
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
        ("proxy", "the proxy refused: 403 Forbidden", "possibly the host, the port, or this client"),
        ("proxy", "the proxy refused: 502 Bad Gateway", "could not reach the server"),
        ("proxy", "the proxy refused: 503 Service Unavailable", "the server, or is overloaded itself"),
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


def test_w11_an_http_refusal_inside_the_stream_is_read_as_a_refusal() -> None:
    meta: dict[str, Json] = {
        "attempt": 1,
        "open": True,
        "response_headers": [["Content-Type", "application/json"]],
        "body": '{"message":"Token expired"}',
    }
    error = "after the upgrade the server sent HTTP/1.1 401 Unauthorized"
    verdict = alone(broken("http_in_stream", error, "us", meta=meta))
    assert verdict.cause == (
        f"{error}; the HTTP layer of the server answered on a connection that it had upgraded; the body says “Token "
        "expired”; a credential that the request carries is no longer valid: its time is over, or it was revoked"
    )
    assert verdict.next == "renew what the answer names, and check how long it lives"
