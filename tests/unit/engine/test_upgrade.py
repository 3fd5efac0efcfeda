"""The outcome of an upgrade: when it is known, and what is kept of it."""

from __future__ import annotations

import pytest

from wsmon.engine.http_head import BODY_LIMIT_BYTES, ResponseHead
from wsmon.engine.upgrade import (
    KEPT_BYTES,
    BadUpgradeError,
    HttpInStreamError,
    IncompleteHeadError,
    NotHttpError,
    StrayResponse,
    Upgrade,
    UpgradeReader,
    UpgradeRefusedError,
)

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX-Other: \xc3\xbc\r\n\r\n"


def refusal(stream: bytes) -> UpgradeRefusedError:
    """The refusal in a stream, once it has ended."""
    reader = UpgradeReader()
    outcome = reader.feed(stream) or reader.finish()
    assert isinstance(outcome, UpgradeRefusedError)
    return outcome


def test_h2_an_upgrade_hands_on_what_decides_about_it() -> None:
    reader = UpgradeReader()
    outcome = reader.feed(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: a\r\n\r\n" + SWITCH + b"\x81\x00")
    assert isinstance(outcome, Upgrade)
    assert (outcome.interim, outcome.rest) == ((100, 103), b"\x81\x00")
    assert outcome.canonical() == b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    assert outcome.head.headers == (("Upgrade", "websocket"), ("X-Other", "ü"))


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (
            b"HTTP/1.0 101 Switching Protocols\r\n\r\n",
            "HTTP/1.0 101 Switching Protocols, and an upgrade needs HTTP/1.1",
        ),
        (b"HTTP/2 101 x\r\n\r\n", "HTTP/2 101 x, and an upgrade needs HTTP/1.1"),
        (b"HTTP/1.1 101 x\r\nUpgrade\r\n\r\n", "invalid header line “Upgrade”"),
        (b"HTTP/1.1 x\r\n", "the status line is malformed: “HTTP/1.1 x”"),
        (b"HTTP/1.1 101 x\r\n" + b"A: b\r\n" * 300, "the response has more than 256 header lines"),
    ],
)
def test_h2_an_upgrade_that_breaks_the_rules(stream: bytes, problem: str) -> None:
    outcome = UpgradeReader().feed(stream)
    assert isinstance(outcome, BadUpgradeError)
    assert str(outcome) == problem


@pytest.mark.parametrize(
    "stream",
    [
        b"HTTP/1.1 401 Unauthorized\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 500\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n",
        b"HTTP/1.1 403 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_h1_a_refusal_without_an_end_is_settled_by_its_head(stream: bytes) -> None:
    reader = UpgradeReader()
    assert reader.feed(stream) is None
    assert reader.is_settled
    assert isinstance(reader.finish(), UpgradeRefusedError)


def test_h1_a_refusal_with_its_whole_body_needs_no_more_bytes() -> None:
    outcome = UpgradeReader().feed(b"HTTP/1.1 401 x\r\nWWW-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\nno")
    assert isinstance(outcome, UpgradeRefusedError)
    assert (outcome.head.headers[0], outcome.body) == (("WWW-Authenticate", "Bearer"), b"no")


def test_h1_no_more_is_read_of_a_large_body_than_is_kept() -> None:
    reader = UpgradeReader()
    assert reader.feed(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3000000\r\n\r\n<html>") is None
    outcome = reader.feed(b"x" * KEPT_BYTES)
    assert isinstance(outcome, UpgradeRefusedError)
    assert outcome.body == b"<html>" + b"x" * (BODY_LIMIT_BYTES - 6)


@pytest.mark.parametrize(
    ("rest", "is_whole", "problem"),
    [
        (b"", False, ""),
        (b"\r\n", True, ""),
        (b"A: b\r\n" * 300, False, "the response has more than 256 header lines"),
        (b"A: " + b"x" * 100_000, False, "the head of the response is longer than 72 KiB"),
        (b"no header\r\n\r\n", True, ""),
    ],
)
def test_h1_status_and_headers_are_never_lost(rest: bytes, is_whole: bool, problem: str) -> None:
    refused = refusal(b"HTTP/1.1 401 x\r\nWWW-Authenticate: Bearer\r\n" + rest)
    head = refused.head
    assert (head.status, head.headers[0], head.is_whole) == (401, ("WWW-Authenticate", "Bearer"), is_whole)
    assert refused.problem == problem


def test_bytes_that_are_no_http_are_settled_at_once_and_quoted() -> None:
    reader = UpgradeReader()
    assert reader.feed(b"SSH") is None
    assert reader.is_settled
    assert reader.feed(b"-2.0") is None
    outcome = reader.finish()
    assert isinstance(outcome, NotHttpError)
    assert outcome.first == b"SSH-2.0"
    assert isinstance(reader.feed(b"x" * 64), NotHttpError)


@pytest.mark.parametrize("stream", [b"HTTP/1.1 101 Switching\r\nUp", b"HTT", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_an_answer_that_breaks_off(stream: bytes) -> None:
    reader = UpgradeReader()
    assert (reader.finish(), reader.feed(stream), reader.is_settled) == (None, None, False)
    outcome = reader.finish()
    assert isinstance(outcome, IncompleteHeadError)
    assert outcome.first == stream


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"\x15\x03\x03\x00\x02\x02\x28", "tls"),
        (b"\x16\x03\x01\x00\x10", "tls"),
        (b"\0\0\0\x04\0\0\0\0\0", "http2"),
        (b"\0\0\x05\x04\0\0\0\0\0", "other"),
        (b" <!DOCTYPE html>", "no_status_line"),
        (b"220 mail.example ESMTP", "other"),
        (b"", "other"),
    ],
)
def test_h2_what_bytes_that_are_no_http_look_like(first: bytes, kind: str) -> None:
    assert NotHttpError(first).kind == kind


def stray(*pieces: bytes) -> HttpInStreamError:
    reader = StrayResponse()
    for piece in pieces[:-1]:
        assert reader.feed(piece) is None
    return reader.feed(pieces[-1]) or reader.finish()


@pytest.mark.parametrize(
    ("pieces", "head", "body", "sentence"),
    [
        (
            (b"HTTP/1.1 400 Bad Request\r\n", b"Content-Length: 3\r\n\r\n", b"EIO"),
            ResponseHead("HTTP/1.1", 400, "Bad Request", (("Content-Length", "3"),)),
            b"EIO",
            "after the upgrade the server sent HTTP/1.1 400 Bad Request",
        ),
        (
            (b"HTTP/1.1 500 x\r\nServ",),
            ResponseHead("HTTP/1.1", 500, "x", is_whole=False),
            b"",
            "after the upgrade the server sent HTTP/1.1 500 x",
        ),
        (
            (b"HTTP/1.1 100 Continue\r\n\r\n",),
            ResponseHead("HTTP/1.1", 100, "Continue"),
            b"",
            "after the upgrade the server sent HTTP/1.1 100 Continue",
        ),
        ((b"HTTP/nonsense\r\n",), None, b"", "after the upgrade the server sent “HTTP/nonsense”"),
    ],
)
def test_h5_an_http_response_in_the_stream(
    pieces: tuple[bytes, ...], head: ResponseHead | None, body: bytes, sentence: str
) -> None:
    fault = stray(*pieces)
    assert (fault.head, fault.body, str(fault)) == (head, body, sentence)
