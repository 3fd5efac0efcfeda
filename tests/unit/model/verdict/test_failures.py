"""What failed dials and unannounced losses mean."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import dialled, event, usable
from tests.support.verdicts import VerdictHarness, alone, attempt, broken, missed, silent
from wsmon.model.events import CloseBy, Json, Verdict

FEED = "deribit"
GONE = "the network path is dead, or the server hangs"
NO_PONG = f"and no pong came in this session: possibly the server does not answer pings, {GONE}"
NO_ANSWER = f"and no heartbeat was answered in this session: possibly the server does not answer this heartbeat, {GONE}"


@pytest.mark.parametrize(
    ("error_type", "by", "words"),
    [
        ("eof", "network", "cut the connection"),
        ("reset", "network", "crashed or was killed"),
        ("tls", "network", "encrypted stream broke"),
        ("tcp_timeout", "network", "stopped answering"),
        ("tcp_unreachable", "network", "no route to the server: likely the local network changed, is asleep or down"),
        ("protocol", "us", "violates the WebSocket protocol"),
        ("invalid_utf8", "us", "not valid UTF-8"),
        ("message_too_big", "us", "the server sent a message larger than max_message"),
        ("write_overflow", "us", "the server is not reading what the client sends, and too much is queued"),
        ("internal", "us", "a wsmon bug"),
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
        "no close frame: connection lost (1006); often the server or something on the network path (a load balancer, "
        "NAT, VPN) cut the connection; a killed process looks the same, and many servers and proxies close this way "
        "at a deploy, a missed pong or an application error, among others",
        "check the server log at this time",
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
                "data still arrived 0.2 s before the end, but no pong came in time: possibly the server "
                "does not answer pings, or the reply is queued behind the data"
            ),
        ),
        (
            50.0,
            (
                "data still arrived until the end, but no pong came in time: possibly the server "
                "does not answer pings, or the reply is queued behind the data"
            ),
        ),
        (None, "nothing ever arrived after the handshake"),
    ],
)
def test_a_heartbeat_tells_silence_from_a_missing_answer(last_in_ms: float | None, words: str) -> None:
    verdict = VerdictHarness().verdict(dialled(0, FEED), usable(1, FEED), missed(), silent(last_in_ms))
    assert (verdict.by, verdict.evidence) == ("heartbeat", (3,))
    assert verdict.cause == f"closed by wsmon: no pong for 20 s; {words}"


@pytest.mark.parametrize(
    ("last_in_ms", "words"),
    [
        (50.0, "data still arrived until the end, but not the expected heartbeat reply"),
        (3_000.0, "data still arrived 3.0 s before the end, but not the expected heartbeat reply"),
        (
            41_000.0,
            f"nothing at all arrived for 41 s, {NO_ANSWER}",
        ),
    ],
)
def test_a_heartbeat_of_the_protocol_whose_wait_is_unknown(last_in_ms: float, words: str) -> None:
    late = event(
        "heartbeat.timeout", 21, FEED, size=0, error_type="timeout", error="no ping from the server within 45 s"
    )
    said = "closed by wsmon: no answer to the protocol's heartbeat"
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
        "1011 heartbeat timeout, sent by wsmon",
        "closed by wsmon: no pong for 20 s; nothing at all arrived for 41 s: likely the network path is dead, "
        "or the server hangs",
        "check the network path, and whether the server still serves others",
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
        f"{error}; the server, or something in front of it, accepted the connection and TLS, then closed it during "
        "the upgrade: possibly it is overloaded, its backend is down, or it does not accept this host, path or "
        "upgrades"
    )
    assert "wss://" not in verdict.next
    assert alone(plain).next.startswith("check the port and whether the URL should begin with wss://")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("certificate has expired", "has expired"),
        ("certificate is not yet valid", "is not valid yet"),
        ("self-signed certificate", "the server's certificate is self-signed"),
        ("self-signed certificate in certificate chain", "an unknown authority"),
        (
            "unable to get local issuer certificate",
            (
                "the certificate authority is unknown here, or possibly the server does not send an intermediate "
                "certificate"
            ),
        ),
        ("Hostname mismatch, certificate is not valid for 'a.test'.", "is for another name"),
        ("IP address mismatch, certificate is not valid for '127.0.0.1'.", "is for another name"),
        ("certificate revoked", "the certificate has been revoked"),
        ("path length constraint exceeded", "the server certificate failed verification"),
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
        (
            "tls",
            "TLS failed: tlsv13 alert certificate required",
            "the other side requires a client certificate and received none",
        ),
        (
            "tls",
            "TLS failed: tlsv1 alert unknown ca",
            "the other side does not know the authority that signed the client certificate",
        ),
        ("tls", "TLS failed: tlsv1 unrecognized name", "the other side does not know this host name"),
        ("tls", "TLS failed: tlsv1 alert protocol version", "no common TLS version"),
        ("tls", "TLS failed: sslv3 alert handshake failure", "no common TLS version or cipher"),
        (
            "tls",
            "the connection ended during the TLS handshake",
            "often a firewall that filters host names, or a server without TLS on this port",
        ),
        ("tls", "tls.ca cannot be used (a.pem): no", "a file in the tls settings is not usable"),
        ("tls", "TLS failed: bad signature", "TLS failed on the network path"),
        ("dns", "cannot find host: Name or service not known (x.test:80)", "host name not found (NXDOMAIN)"),
        ("dns", "cannot find host: Temporary failure in name resolution (x:80)", "no name server responded"),
        ("dns", "no answer from DNS for x.test within 10 s", "no name server responded"),
        ("dns", "cannot find host: No address associated with hostname (x:80)", "has no address"),
        ("tcp_refused", "connection refused (127.0.0.1:80)", "nothing listens on that port"),
        (
            "tcp_unreachable",
            "unreachable: No route to host (10.0.0.1:80)",
            "no route to that address: likely the network is down, or a route or firewall blocks it",
        ),
        ("tcp_timeout", "no TCP connection to x:80 within 10 s", "drops the packets"),
        ("proxy", "the proxy refused: 407 Proxy Authentication Required", "the proxy requires credentials"),
        ("proxy", "the proxy refused: 403 Forbidden", "possibly the host, the port, or this client"),
        ("proxy", "the proxy refused: 502 Bad Gateway", "could not reach the server"),
        ("proxy", "the proxy refused: 503 Service Unavailable", "the server, or is overloaded itself"),
        ("proxy", "cannot reach the proxy: connection refused", "the proxy is down"),
        ("proxy", "no answer from the proxy within 10 s", "the proxy is down"),
        ("proxy", "SOCKS needs python-socks: pip install 'wsmon[socks]'", "as it is configured"),
        ("proxy", "the proxy failed: odd", "likely the peer closed the connection, or is not a proxy of this kind"),
        (
            "open_timeout",
            "no TLS handshake within 10 s",
            "no TLS response on this port: possibly overloaded, or not a TLS port",
        ),
        ("open_timeout", "no answer to the upgrade within 10 s", "did not respond"),
        ("open_timeout", "not connected within 10 s", "too slow"),
        ("handshake", "no usable URL: bad", "the URL cannot be used"),
        ("handshake", "the answer to the upgrade is no HTTP: x", "a non-HTTP server listens on this port"),
        (
            "handshake",
            "bad answer to the upgrade: x",
            (
                "the response violates the upgrade rules: possibly a cache or proxy on the network path, or a faulty "
                "server"
            ),
        ),
        ("handshake", "bad answer to the upgrade: unsupported subprotocol: foo", "a subprotocol that was not offered"),
        (
            "handshake",
            "bad answer to the upgrade: Unsupported extension: x",
            "an extension that was not offered",
        ),
        (
            "reset",
            "the TCP connection was reset",
            "the other side, or a firewall on the network path, cut the connection during connect",
        ),
        (
            "eof",
            "the connection ended before an answer to the upgrade",
            (
                "the server accepted the connection and closed it without responding: possibly overloaded, or it "
                "expects TLS on this port"
            ),
        ),
        ("internal", "internal error: KeyError: 'x'", "a wsmon bug"),
        ("never heard of", "strange", "no known cause"),
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
        f"{error}; the server's HTTP layer responded on an upgraded connection; response body: “Token "
        "expired”; a credential in the request has expired or been revoked"
    )
    assert verdict.next == "renew the credential named in the response and check when it expires"
