"""What a failure means (type, sentence, who), whether to try again, and when."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import (
    InvalidHeaderValue,
    InvalidMessage,
    InvalidProxy,
    InvalidProxyStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    PayloadTooBig,
    ProtocolError,
    ProxyError,
    TooManyFragments,
)
from websockets.http11 import Response

from wsmon.config.specs import ReconnectSpec
from wsmon.engine.http_head import ResponseHead
from wsmon.engine.loop import Phase
from wsmon.engine.retry import (
    DialProgress,
    Failure,
    OpenTimeoutError,
    RedirectRefusedError,
    Retry,
    TlsFileError,
    classify_dial,
    classify_fault,
    classify_loss,
    least_delay,
    next_delay_s,
)
from wsmon.engine.tap import InvalidUtf8Error, WriteOverflowError
from wsmon.engine.upgrade import (
    BadUpgradeError,
    HttpInStreamError,
    IncompleteHeadError,
    NotHttpError,
    UpgradeError,
    UpgradeRefusedError,
)

HOST, PORT = "host.test", 9443


def dialled(phase: Phase = "", *, is_proxied: bool = False) -> DialProgress:
    return DialProgress(HOST, PORT, phase, 10.0, is_proxied)


def response(status: int, body: bytes = b"", **headers: str) -> Response:
    return Response(status, "whatever", Headers({key.replace("_", "-"): value for key, value in headers.items()}), body)


def os_error(number: int) -> OSError:
    return OSError(number, f"Connect call failed ('127.0.0.1', {PORT})")


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] …")
    error.reason = reason
    return error


def certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] …")
    error.verify_message = "self-signed certificate"
    return error


def no_response(cause: Exception) -> InvalidMessage:
    error = InvalidMessage("did not receive a valid HTTP response")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            Failure("dns", "cannot find host: Name or service not known (host.test:9443)", "network"),
        ),
        (os_error(errno.ECONNREFUSED), Failure("tcp_refused", "connection refused (host.test:9443)", "network")),
        (os_error(errno.ETIMEDOUT), Failure("tcp_timeout", "TCP timed out (host.test:9443)", "network")),
        (
            OSError(errno.EHOSTUNREACH, "No route to host"),
            Failure("tcp_unreachable", "unreachable: No route to host (host.test:9443)", "network"),
        ),
        (
            OSError("Multiple exceptions: [Errno 101] Connect call failed, [Errno 111] Connect call failed"),
            Failure("tcp_refused", "connection refused (host.test:9443)", "network"),
        ),
        (ConnectionResetError(), Failure("reset", "the TCP connection was reset", "network")),
        (
            certificate_error(),
            Failure("tls_certificate", "certificate refused: self-signed certificate", "us", "slow"),
        ),
        (
            tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE"),
            Failure("tls", "TLS failed: sslv3 alert handshake failure", "peer"),
        ),
        (tls_error("TLSV1_UNRECOGNIZED_NAME"), Failure("tls", "TLS failed: tlsv1 unrecognized name", "peer")),
        (tls_error("TLSV1_ALERT_PROTOCOL_VERSION"), Failure("tls", "TLS failed: tlsv1 alert protocol version", "peer")),
        (tls_error("WRONG_VERSION_NUMBER"), Failure("tls", "TLS failed: wrong version number", "network")),
        (no_response(EOFError()), Failure("eof", "the connection ended before an answer to the upgrade", "network")),
        (
            NotHttpError(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
            Failure("handshake", "the answer to the upgrade is no HTTP: “SSH-2.0-OpenSSH_9.2p1”", "refusal", "slow"),
        ),
        (
            NotHttpError(b"\x15\x03\x01\x00\x02\x02\x46"),
            Failure("handshake", "the answer to the upgrade is a TLS record: this port expects TLS", "refusal", "slow"),
        ),
        (
            NotHttpError(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64"),
            Failure(
                "handshake",
                "the answer to the upgrade is an HTTP/2 frame: this port does not speak HTTP/1.1",
                "refusal",
                "slow",
            ),
        ),
        (
            NotHttpError(b"<html>hello"),
            Failure("handshake", "the answer to the upgrade has no status line: “<html>hello”", "refusal", "slow"),
        ),
        (
            IncompleteHeadError(b"HTTP/1.1 101 Switching"),
            Failure(
                "eof", "the connection ended within the answer to the upgrade: “HTTP/1.1 101 Switching”", "network"
            ),
        ),
        (
            BadUpgradeError("missing Sec-WebSocket-Accept header", ResponseHead("HTTP/1.1", 101, "", (("X", "y"),))),
            Failure(
                "handshake",
                "bad answer to the upgrade: missing Sec-WebSocket-Accept header",
                "refusal",
                "slow",
                101,
                (("X", "y"),),
            ),
        ),
        (
            BadUpgradeError("the status line is malformed", None, b"HTTP/1.1 abc"),
            Failure(
                "handshake",
                "bad answer to the upgrade: the status line is malformed: “HTTP/1.1 abc”",
                "refusal",
                "slow",
            ),
        ),
        (
            InvalidUpgrade("Upgrade", "h2c"),
            Failure("handshake", "bad answer to the upgrade: invalid Upgrade header: h2c", "refusal", "slow"),
        ),
        (
            InvalidHeaderValue("Sec-WebSocket-Accept", "x"),
            Failure(
                "handshake", "bad answer to the upgrade: invalid Sec-WebSocket-Accept header: x", "refusal", "slow"
            ),
        ),
        (
            NegotiationError("no subprotocols supported"),
            Failure("handshake", "bad answer to the upgrade: no subprotocols supported", "refusal", "slow"),
        ),
        (
            RedirectRefusedError("redirect to x refused"),
            Failure("redirect_refused", "redirect to x refused", "refusal", "slow"),
        ),
        (TlsFileError("tls.ca cannot be used"), Failure("tls", "tls.ca cannot be used", "us", "slow")),
        (
            ImportError("needs python-socks"),
            Failure("proxy", "SOCKS needs python-socks: pip install 'wsmon[socks]'", "us", "no"),
        ),
        (
            InvalidProxy("ftp://x", "scheme ftp isn't supported"),
            Failure("proxy", "no usable proxy: scheme ftp isn't supported", "us", "no"),
        ),
        (
            InvalidProxyStatus(response(407)),
            Failure("proxy", "the proxy refused: 407 Proxy Authentication Required", "proxy", "slow", 407),
        ),
        (
            InvalidProxyStatus(response(502)),
            Failure("proxy", "the proxy refused: 502 Bad Gateway", "proxy", "yes", 502),
        ),
        (
            ProxyError("failed to connect to SOCKS proxy"),
            Failure("proxy", "the proxy failed: failed to connect to SOCKS proxy", "proxy"),
        ),
        (
            InvalidURI("http://x", "scheme isn't ws or wss"),
            Failure("handshake", "no usable URL: scheme isn't ws or wss", "us", "no"),
        ),
        (KeyError("x"), Failure("internal", "internal error: KeyError: 'x'", "us")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_failed_dial(error: Exception, failure: Failure) -> None:
    assert classify_dial(error, dialled()) == failure


@pytest.mark.parametrize(
    ("phase", "is_proxied", "kind", "sentence"),
    [
        ("dns", False, "dns", "no answer from DNS for host.test within 10 s"),
        ("tcp", False, "tcp_timeout", "no TCP connection to host.test:9443 within 10 s"),
        ("tcp", True, "proxy", "no TCP connection to the proxy within 10 s"),
        ("proxy", True, "proxy", "no answer from the proxy within 10 s"),
        ("tls", False, "open_timeout", "no TLS handshake within 10 s"),
        ("upgrade", False, "open_timeout", "no answer to the upgrade within 10 s"),
        ("", False, "open_timeout", "not connected within 10 s"),
    ],
)
def test_open_timeout_names_the_phase(phase: Phase, is_proxied: bool, kind: str, sentence: str) -> None:
    failure = classify_dial(OpenTimeoutError("late"), dialled(phase, is_proxied=is_proxied))
    assert (failure.error_type, failure.error, failure.retry) == (kind, sentence, "yes")


def test_before_the_tunnel_it_is_the_proxy_that_cannot_be_reached() -> None:
    failure = classify_dial(os_error(errno.ECONNREFUSED), dialled("tcp", is_proxied=True))
    assert failure == Failure("proxy", "cannot reach the proxy: connection refused", "proxy")


def test_a_peer_that_hangs_up_on_tls_fails_tls() -> None:
    failure = classify_dial(ConnectionResetError(), dialled("tls", is_proxied=True))
    assert failure == Failure("tls", "the connection ended during the TLS handshake", "network")


@pytest.mark.parametrize(
    ("status", "phrase", "retry"),
    [
        (200, "OK", "slow"),
        (401, "Unauthorized", "slow"),
        (403, "Forbidden", "slow"),
        (404, "Not Found", "slow"),
        (429, "Too Many Requests", "yes"),
        (500, "Internal Server Error", "yes"),
        (503, "Service Unavailable", "yes"),
        (599, "", "yes"),
    ],
)
def test_refused_upgrade_keeps_status_headers_and_the_beginning_of_the_body(
    status: int, phrase: str, retry: str
) -> None:
    headers = (("Retry-After", "7"), ("Server", "s"))
    error = UpgradeRefusedError(ResponseHead("HTTP/1.1", status, phrase, headers), b"x" * 100)
    assert classify_dial(error, dialled("upgrade")) == Failure(
        "http_status",
        f"{f'{status} {phrase}'.rstrip()}: the server refused the upgrade",
        "refusal",
        retry,  # type: ignore[arg-type]  # parametrized
        status,
        headers,
        b"x" * 100,
        "",
        "7",
    )


@pytest.mark.parametrize(
    ("head", "sentence", "status_line"),
    [
        (
            ResponseHead("HTTP/1.0", 403, "Forbidden"),
            "403 Forbidden: the server refused the upgrade",
            "HTTP/1.0 403 Forbidden",
        ),
        (ResponseHead("HTTP/1.1", 403, ""), "403 Forbidden: the server refused the upgrade", ""),
        (
            ResponseHead("HTTP/1.1", 403, "no such plan"),
            "403 Forbidden (“no such plan”): the server refused the upgrade",
            "HTTP/1.1 403 no such plan",
        ),
        (
            ResponseHead("HTTP/1.1", 403, "x" * 100),
            f"403 Forbidden (“{'x' * 79}…”): the server refused the upgrade",
            f"HTTP/1.1 403 {'x' * 100}",
        ),
        (
            ResponseHead("HTTP/1.1", 403, "Forbidden", is_whole=False),
            "403 Forbidden: the server refused the upgrade, and its answer broke off within the headers",
            "",
        ),
    ],
)
def test_h2_a_refusal_says_what_its_status_line_says(head: ResponseHead, sentence: str, status_line: str) -> None:
    failure = classify_dial(UpgradeRefusedError(head), dialled("upgrade"))
    assert (failure.error, failure.status_line) == (sentence, status_line)


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (None, "open_timeout", "no answer to the upgrade within 10 s"),
        (
            IncompleteHeadError(b"HTTP/1.1 100 Continue\r\n\r\n"),
            "open_timeout",
            "no complete answer to the upgrade within 10 s: “HTTP/1.1 100 Continue”",
        ),
        (
            UpgradeRefusedError(ResponseHead("HTTP/1.1", 401, "Unauthorized", is_whole=False)),
            "http_status",
            "401 Unauthorized: the server refused the upgrade, and its answer broke off within the headers",
        ),
        (
            UpgradeRefusedError(
                ResponseHead("HTTP/1.1", 401, "Unauthorized", is_whole=False), problem="the head is longer than 72 KiB"
            ),
            "http_status",
            "401 Unauthorized: the server refused the upgrade; the head is longer than 72 KiB",
        ),
        (NotHttpError(b"+OK"), "handshake", "the answer to the upgrade is no HTTP: “+OK”"),
    ],
)
def test_h1_an_unfinished_answer_is_named_when_the_time_is_over(
    answer: UpgradeError | None, kind: str, sentence: str
) -> None:
    failure = classify_dial(OpenTimeoutError("late"), DialProgress(HOST, PORT, "upgrade", 10.0, answer=answer))
    assert (failure.error_type, failure.error) == (kind, sentence)


def test_a_refused_redirect_keeps_status_and_headers() -> None:
    error = RedirectRefusedError("redirect to ws://x refused")
    headers = (("Location", "ws://x"),)
    error.__cause__ = UpgradeRefusedError(ResponseHead("HTTP/1.1", 302, "Found", headers))
    assert classify_dial(error, dialled("upgrade")) == Failure(
        "redirect_refused", "redirect to ws://x refused", "refusal", "slow", 302, headers
    )


def test_h5_an_http_response_in_the_stream_keeps_its_bytes() -> None:
    head = ResponseHead("HTTP/1.1", 400, "Bad Request", (("Server", "s"),))
    assert classify_fault(HttpInStreamError(head, b"no", b"HTTP/1.1 4")) == Failure(
        "http_in_stream",
        "after the upgrade the server sent HTTP/1.1 400 Bad Request",
        "us",
        "yes",
        400,
        (("Server", "s"),),
        b"no",
    )


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (None, "eof", "the TCP connection ended without a close frame"),
        (ConnectionResetError(104, "reset"), "reset", "the TCP connection was reset"),
        (BrokenPipeError(), "reset", "the TCP connection was reset"),
        (
            TimeoutError(errno.ETIMEDOUT, "Connection timed out"),
            "tcp_timeout",
            "the connection was lost: TCP timed out",
        ),
        (ssl.SSLError(1, "[SSL: BAD_RECORD_MAC]"), "tls", "TLS failed: [ssl: bad record mac]"),
    ],
)
def test_lost_connection(error: BaseException | None, kind: str, sentence: str) -> None:
    assert classify_loss(error) == Failure(kind, sentence, "network")


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        (
            InvalidUtf8Error(UnicodeDecodeError("utf-8", b"a\xff", 1, 2, "invalid start byte")),
            "invalid_utf8",
            "invalid UTF-8 in a text message: invalid start byte at byte 1",
        ),
        (
            UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
            "invalid_utf8",
            "invalid UTF-8 in a close frame: invalid start byte",
        ),
        (
            PayloadTooBig(2048, 1024),
            "message_too_big",
            "message too big: 2048 bytes, the limit is 1024",
        ),
        (PayloadTooBig(600, 524, 500), "message_too_big", "message too big: 1100 bytes, the limit is 1024"),
        (PayloadTooBig(None, 1024), "message_too_big", "message too big: the limit is 1024 bytes"),
        (TooManyFragments(4096), "message_too_big", "too many fragments in one message (limit 4,096)"),
        (WriteOverflowError("the peer reads nothing"), "write_overflow", "the peer reads nothing"),
        (ProtocolError("invalid opcode"), "protocol", "the peer broke the protocol: invalid opcode"),
    ],
)
def test_fault_of_the_peer(fault: Exception, kind: str, sentence: str) -> None:
    assert classify_fault(fault) == Failure(kind, sentence, "us")


def test_mistake_of_ours_tells_its_place_and_no_variables() -> None:
    canary = "canary-value"
    try:
        [][len(canary)]
    except IndexError as error:
        failure = classify_fault(error)
    assert failure.error.startswith("internal error: IndexError: list index out of range (test_retry.py:")
    assert canary not in failure.error


@pytest.mark.parametrize(
    "error",
    [
        os_error(errno.ECONNREFUSED),
        os_error(errno.ETIMEDOUT),
        os_error(errno.EHOSTUNREACH),
        os_error(errno.ENETUNREACH),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        ssl.SSLError(1, "[SSL: TLSV1_ALERT_INTERNAL_ERROR] tlsv1 alert internal error"),
        KeyError("what nobody knows"),
    ],
    ids=lambda error: f"{type(error).__name__}-{getattr(error, 'errno', '')}",
)
def test_eh_01_what_may_pass_and_what_is_unknown_is_tried_again(error: Exception) -> None:
    assert classify_dial(error, dialled()).retry == "yes"


@pytest.mark.parametrize("status", [401, 403])
def test_eh_01_refused_credentials_are_tried_again_slowly(status: int) -> None:
    refused = UpgradeRefusedError(ResponseHead("HTTP/1.1", status, ""))
    assert classify_dial(refused, dialled("upgrade")).retry == "slow"


PLAIN = ReconnectSpec(initial_s=0.1, max_s=0.5, factor=2.0, jitter=0.0)


@pytest.mark.parametrize(("attempt", "delay_s"), [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.5), (5, 0.5), (10**6, 0.5)])
def test_delay_grows_by_factor_up_to_max(attempt: int, delay_s: float) -> None:
    assert next_delay_s(PLAIN, attempt, 0.7) == pytest.approx(delay_s)


@pytest.mark.parametrize(("attempt", "bounds"), [(1, (0.8, 1.0)), (2, (1.6, 2.0)), (3, (3.2, 4.0)), (9, (24.0, 30.0))])
def test_jitter_only_shortens(attempt: int, bounds: tuple[float, float]) -> None:
    spec = ReconnectSpec()
    assert (next_delay_s(spec, attempt, 1.0), next_delay_s(spec, attempt, 0.0)) == pytest.approx(bounds)


def test_factor_one_is_linear() -> None:
    spec = ReconnectSpec(initial_s=1.0, factor=1.0, jitter=0.0)
    assert [next_delay_s(spec, attempt, 0.0) for attempt in (1, 2, 10)] == [1.0, 1.0, 1.0]


def test_bo_02_delays_double_up_to_the_cap() -> None:
    assert [next_delay_s(PLAIN, attempt, 0.0) for attempt in (1, 2, 3, 5)] == pytest.approx([0.1, 0.2, 0.4, 0.5])


def test_bo_03_jitter_spreads_delays_within_its_share() -> None:
    spec = ReconnectSpec(initial_s=0.1, max_s=30.0, factor=2.0, jitter=0.25)
    rolls = [roll / 100 for roll in range(100)]
    first, second = ([next_delay_s(spec, attempt, roll) for roll in rolls] for attempt in (1, 2))
    assert all(0.075 <= delay_s <= 0.125 for delay_s in first)
    assert all(0.150 <= delay_s <= 0.250 for delay_s in second)
    assert len(set(first)) == len(rolls)


@pytest.mark.parametrize(
    ("attempt", "bounds"),
    [(1, (0.8, 1.0)), (2, (1.6, 2.0)), (3, (3.2, 4.0)), (4, (6.4, 8.0)), (5, (12.8, 16.0)), (6, (24.0, 30.0))],
)
def test_bo_04_the_default_policy_lies_in_its_bounds(attempt: int, bounds: tuple[float, float]) -> None:
    spec = ReconnectSpec()
    assert (next_delay_s(spec, attempt, 1.0), next_delay_s(spec, attempt, 0.0)) == pytest.approx(bounds)


def test_bo_06_one_second_doubles_up_to_thirty_or_another_cap() -> None:
    spec = ReconnectSpec(jitter=0.0)
    assert [next_delay_s(spec, number + 1, 0.5) for number in (0, 1, 2, 3, 10)] == [1.0, 2.0, 4.0, 8.0, 30.0]
    assert next_delay_s(ReconnectSpec(jitter=0.0, max_s=5.0), 11, 0.5) == 5.0


@pytest.mark.parametrize(
    ("retry", "retry_after", "expected"),
    [
        ("yes", "", (0.0, "")),
        ("yes", "nonsense", (0.0, "")),
        ("slow", "", (60.0, "refused, backing off")),
        ("slow", "5", (60.0, "refused, backing off")),
        ("slow", "120", (120.0, "Retry-After asks for 120 s")),
        ("yes", "5", (5.0, "Retry-After asks for 5 s")),
    ],
)
def test_a_failure_may_ask_for_a_while_and_says_why(retry: Retry, retry_after: str, expected: object) -> None:
    failure = Failure("http_status", "the server answered HTTP 401", "refusal", retry, retry_after=retry_after)
    assert least_delay(failure, 0.0) == expected
