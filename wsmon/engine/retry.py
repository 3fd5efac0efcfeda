"""Retry policy: what a failure means (type, sentence, who ended it), whether to retry, and after which delay.

Pure: exceptions and facts in, ``Failure`` and seconds out. Sentences may quote the peer and the configuration;
``Reporter`` redacts them when it emits them.
"""

from __future__ import annotations

import errno
import re
import resource
import socket
import ssl
import traceback
from dataclasses import dataclass
from typing import Literal

from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidProxyStatus,
    InvalidURI,
    PayloadTooBig,
    ProtocolError,
    ProxyError,
    TooManyFragments,
)

from wsmon.config.specs import ReconnectSpec
from wsmon.engine.http_head import ResponseHead, quoted
from wsmon.engine.loop import Phase
from wsmon.engine.tap import MAX_FRAGMENTS, InvalidUtf8Error, WriteOverflowError
from wsmon.engine.upgrade import (
    BadUpgradeError,
    HttpInStreamError,
    IncompleteHeadError,
    NotHttpError,
    UpgradeError,
    UpgradeRefusedError,
)
from wsmon.errors import WsmonError
from wsmon.model.events import CloseBy
from wsmon.model.http import retry_after_s, status_phrase

# slow: not before ``SLOW_S``
Retry = Literal["yes", "slow", "no"]

# Refused credentials and bad certificates are not resolved in seconds, and asking again may lock an account
SLOW_S = 60.0
# Characters of a server's own reason phrase in a sentence; the event has all of it
PHRASE_CHARS = 80
# Refusals that only a change of the configuration or of the server resolves
SLOW_STATUSES = frozenset({301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 407, 410, 421, 426, 451})

# Beginnings of OpenSSL reasons that quote an alert of the peer; one of TLS 1.0 is "tlsv1 unrecognized name"
_ALERTS = ("sslv3 alert ", "tlsv1 ", "tlsv13 alert ")
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL})


class OpenTimeoutError(WsmonError):
    """The dial took longer than ``open_timeout``."""


class RedirectRefusedError(WsmonError):
    """A redirect that ``redirects`` does not allow."""


class TlsFileError(WsmonError):
    """A file of ``tls`` that cannot be used."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a session did not open, or ended."""

    error_type: str
    error: str
    close_by: CloseBy
    retry: Retry = "yes"
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    """The start of the response's body, decoded."""
    status_line: str = ""
    """Of the response, where it says more than its status; else empty."""
    retry_after: str = ""
    """``Retry-After`` as the peer wrote it; empty where there was none."""


@dataclass(frozen=True, slots=True)
class DialProgress:
    """How far a dial had got when it failed."""

    host: str
    port: int
    phase: Phase
    open_timeout_s: float
    is_proxied: bool = False
    answer: UpgradeError | None = None
    """What arrived of an answer to the upgrade; None where nothing did."""


def classify_dial(error: BaseException, progress: DialProgress) -> Failure:
    """Return why a dial failed; an unknown error is ours (``internal``) and is retried."""
    match error:
        case OpenTimeoutError():
            return _open_timeout(progress)
        case RedirectRefusedError():
            return _redirect(error)
        case TlsFileError():
            return Failure("tls", str(error), "us", "slow")
        case UpgradeRefusedError():
            return _refusal(error)
        case UpgradeError():
            return _no_upgrade(error)
        case InvalidProxy() | ProxyError() | ImportError():
            return _proxy(error)
        case InvalidMessage():
            return _no_response(error)
        case InvalidURI():
            return Failure("handshake", f"no usable URL: {error.msg}", "us", "no")
        case InvalidHandshake():
            return Failure("handshake", f"bad answer to the upgrade: {error}", "refusal", "slow")
        case OSError():
            return _network(error, progress)
    return internal(error)


def classify_loss(error: BaseException | None) -> Failure:
    """Return why an open connection was lost without a close frame; ``None`` is a plain end of the TCP stream."""
    match error:
        case None:
            return Failure("eof", "the TCP connection ended without a close frame", "network")
        case ssl.SSLError():
            return _tls_failure(error)
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return Failure("reset", "the TCP connection was reset", "network")
        case OSError():
            kind, sentence = _os_error(error)
            return Failure(kind, f"the connection was lost: {sentence}", "network")
    return internal(error)


def classify_fault(fault: Exception) -> Failure:
    """Return what the peer did that made us fail the connection."""
    match fault:
        case InvalidUtf8Error():
            return Failure("invalid_utf8", str(fault), "us")
        case UnicodeDecodeError():
            return Failure("invalid_utf8", f"invalid UTF-8 in a close frame: {fault.reason}", "us")
        case PayloadTooBig():
            return Failure("message_too_big", _too_big(fault), "us")
        case TooManyFragments():
            return Failure("message_too_big", f"too many fragments in one message (limit {MAX_FRAGMENTS:,})", "us")
        case HttpInStreamError():
            return _stray_response(fault)
        case WriteOverflowError():
            return Failure("write_overflow", str(fault), "us")
        case ProtocolError():
            return Failure("protocol", f"the peer broke the protocol: {fault}", "us")
    return internal(fault)


def internal(error: BaseException) -> Failure:
    """Return an error of ours: its type, text and place, without values of variables."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    return Failure("internal", f"internal error: {type(error).__name__}: {error}{place}", "us")


def _too_big(fault: PayloadTooBig) -> str:
    limit = f"the limit is {fault.max_size}"
    # The size is unknown where the limit was reached while decompressing
    if fault.size is None:
        return f"message too big: {limit} bytes"
    return f"message too big: {fault.size + (fault.current_size or 0)} bytes, {limit}"


def _open_timeout(progress: DialProgress) -> Failure:
    within = f"within {progress.open_timeout_s:g} s"
    match progress.phase:
        case "dns":
            return Failure("dns", f"no answer from DNS for {progress.host} {within}", "network")
        case "tcp" if progress.is_proxied:
            return Failure("proxy", f"no TCP connection to the proxy {within}", "proxy")
        case "tcp":
            return Failure("tcp_timeout", f"no TCP connection to {progress.host}:{progress.port} {within}", "network")
        case "proxy":
            return Failure("proxy", f"no answer from the proxy {within}", "proxy")
        case "tls":
            return Failure("open_timeout", f"no TLS handshake {within}", "network")
        case "upgrade":
            return _upgrade_timeout(progress.answer, within)
        case "":
            return Failure("open_timeout", f"not connected {within}", "network")


def _upgrade_timeout(answer: UpgradeError | None, within: str) -> Failure:
    match answer:
        case None:
            return Failure("open_timeout", f"no answer to the upgrade {within}", "network")
        case UpgradeRefusedError():
            return _refusal(answer)
        case IncompleteHeadError():
            sentence = f"no complete answer to the upgrade {within}: {quoted(answer.first)}"
            return Failure("open_timeout", sentence, "network")
    return _no_upgrade(answer)


def _refusal(error: UpgradeRefusedError) -> Failure:
    head = error.head
    status = head.status
    standard = status_phrase(status)
    answer = f"{status} {standard}".rstrip()
    if head.phrase and head.phrase != standard:
        is_long = len(head.phrase) > PHRASE_CHARS
        answer += f" (“{head.phrase[: PHRASE_CHARS - 1]}…”)" if is_long else f" (“{head.phrase}”)"
    sentence = f"{answer}: the server refused the upgrade"
    if error.problem:
        sentence += f"; {error.problem}"
    elif not head.is_whole:
        sentence += ", and its answer broke off within the headers"
    return Failure(
        "http_status",
        sentence,
        "refusal",
        "slow" if status in SLOW_STATUSES or status < 300 else "yes",
        status,
        head.headers,
        error.body,
        _own_status_line(head),
        next(iter(head.values("Retry-After")), ""),
    )


def _own_status_line(head: ResponseHead) -> str:
    """Return the status line where it says more than the status does; else empty."""
    usual = ("HTTP/1.1", status_phrase(head.status))
    return "" if (head.version, head.phrase) in (usual, ("HTTP/1.1", "")) else head.status_line


def _redirect(error: RedirectRefusedError) -> Failure:
    cause = error.__cause__
    if not isinstance(cause, UpgradeRefusedError):
        return Failure("redirect_refused", str(error), "refusal", "slow")
    head = cause.head
    return Failure("redirect_refused", str(error), "refusal", "slow", head.status, head.headers, cause.body)


def _no_upgrade(error: UpgradeError) -> Failure:
    """Return the failure of an answer that neither switches protocols nor refuses to."""
    match error:
        case NotHttpError():
            match error.kind:
                case "tls":
                    sentence = "the answer to the upgrade is a TLS record: this port expects TLS"
                case "http2":
                    sentence = "the answer to the upgrade is an HTTP/2 frame: this port does not speak HTTP/1.1"
                case "no_status_line":
                    sentence = f"the answer to the upgrade has no status line: {quoted(error.first)}"
                case "other":
                    sentence = f"the answer to the upgrade is no HTTP: {quoted(error.first)}"
            return Failure("handshake", sentence, "refusal", "slow")
        case IncompleteHeadError():
            return Failure(
                "eof", f"the connection ended within the answer to the upgrade: {quoted(error.first)}", "network"
            )
    head = error.head if isinstance(error, BadUpgradeError) else None
    status, headers = (head.status, head.headers) if head is not None else (None, ())
    return Failure("handshake", f"bad answer to the upgrade: {error}", "refusal", "slow", status, headers)


def _stray_response(fault: HttpInStreamError) -> Failure:
    head = fault.head
    if head is None:
        return Failure("http_in_stream", str(fault), "us")
    return Failure("http_in_stream", str(fault), "us", "yes", head.status, head.headers, fault.body)


def _proxy(error: InvalidProxy | ProxyError | ImportError) -> Failure:
    match error:
        case InvalidProxyStatus():
            status = error.response.status_code
            sentence = f"the proxy refused: {status} {status_phrase(status)}".rstrip()
            retry: Retry = "slow" if status in SLOW_STATUSES else "yes"
            return Failure("proxy", sentence, "proxy", retry, status, headers=tuple(error.response.headers.raw_items()))
        case InvalidProxy():
            return Failure("proxy", f"no usable proxy: {error.msg}", "us", "no")
        case ImportError():
            return Failure("proxy", "SOCKS needs python-socks: pip install 'wsmon[socks]'", "us", "no")
    cause = f": {error.__cause__}" if error.__cause__ else ""
    return Failure("proxy", f"the proxy failed: {error}{cause}", "proxy")


def _no_response(error: InvalidMessage) -> Failure:
    """Return the failure of an answer that the library reports: the stream ended before the first byte of one."""
    cause = error.__cause__
    if isinstance(cause, EOFError):
        return Failure("eof", "the connection ended before an answer to the upgrade", "network")
    return Failure("handshake", f"bad answer to the upgrade: {cause or error}", "refusal", "slow")


def _network(error: OSError, progress: DialProgress) -> Failure:
    where = f"{progress.host}:{progress.port}"
    match error:
        case ssl.SSLCertVerificationError():
            return Failure("tls_certificate", f"certificate refused: {error.verify_message.rstrip('.')}", "us", "slow")
        case ssl.SSLError():
            return _tls_failure(error)
    if ours := out_of_descriptors(error):
        return Failure("descriptors", ours, "us")
    is_about_proxy = progress.is_proxied and progress.phase not in ("tls", "upgrade")
    if isinstance(error, socket.gaierror):
        kind, sentence = "dns", f"cannot find host: {error.strerror}"
    elif progress.phase == "tls":
        kind, sentence = "tls", "the connection ended during the TLS handshake"
    else:
        kind, sentence = _os_error(error)
    if is_about_proxy:
        return Failure("proxy", f"cannot reach the proxy: {sentence}", "proxy")
    return Failure(kind, f"{sentence} ({where})" if kind.startswith(("tcp", "dns")) else sentence, "network")


def out_of_descriptors(error: OSError) -> str:
    """Return a sentence where this process, or this machine, may open no more files; empty for other errors."""
    match _number(error):
        case errno.EMFILE:
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            return f"too many open files: wsmon may open {limit:,}"
        case errno.ENFILE:
            return "too many open files on this machine"
    return ""


def _number(error: OSError) -> int | None:
    """Return the number of an error; asyncio joins the errors of several addresses into a text without one."""
    if error.errno is not None:
        return error.errno
    numbers = _ERRNO.findall(str(error))
    return int(numbers[-1]) if numbers else None


def _os_error(error: OSError) -> tuple[str, str]:
    """Return type and sentence."""
    number = _number(error)
    if number == errno.ECONNREFUSED:
        return "tcp_refused", "connection refused"
    if number == errno.ETIMEDOUT:
        return "tcp_timeout", "TCP timed out"
    if number in _UNREACHABLE:
        return "tcp_unreachable", f"unreachable: {error.strerror or error}"
    if isinstance(error, ConnectionError) or number in (errno.ECONNRESET, errno.EPIPE):
        return "reset", "the TCP connection was reset"
    return "tcp_unreachable", error.strerror or str(error) or type(error).__name__


def _tls_failure(error: ssl.SSLError) -> Failure:
    """Return a failure of TLS: by the peer where it sent an alert, else by the network."""
    reason = _tls_reason(error)
    return Failure("tls", f"TLS failed: {reason}", "peer" if reason.startswith(_ALERTS) else "network")


def _tls_reason(error: ssl.SSLError) -> str:
    # Absent on errors that Python itself raises
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or error).replace("_", " ").lower()


def next_delay_s(retry: ReconnectSpec, attempt: int, roll: float) -> float:
    """Return the seconds before the ``attempt``-th retry in a row (1 = the first); ``roll`` is random in [0, 1).

    min(max, initial × factor^(attempt − 1)) × (1 − jitter × roll)
    """
    try:
        raw_s = retry.initial_s * retry.factor ** (attempt - 1)
    except OverflowError:
        raw_s = retry.max_s
    return min(retry.max_s, raw_s) * (1.0 - retry.jitter * roll)


def least_delay(failure: Failure, wall_s: float) -> tuple[float, str]:
    """Return the seconds to wait at least after a failure, and why, in words; ``wall_s`` is in seconds since 1970."""
    slow_s = SLOW_S if failure.retry == "slow" else 0.0
    asked_s = retry_after_s(failure.retry_after, wall_s) or 0.0
    if asked_s > slow_s:
        return asked_s, f"Retry-After asks for {asked_s:.0f} s"
    return slow_s, "refused, backing off" if slow_s else ""
