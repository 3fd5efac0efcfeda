"""What is accepted as the head of an HTTP response, and what is kept of its body."""

from __future__ import annotations

import gzip
import zlib

import pytest

from wsmon.engine.http_head import (
    BODY_LIMIT_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADER_LINES,
    MAX_INTERIM,
    BodySoFar,
    HeadError,
    HeadReader,
    Problem,
    ResponseHead,
    body_so_far,
    decoded_body,
    quoted,
)


def head(*headers: tuple[str, str], status: int = 200) -> ResponseHead:
    return ResponseHead("HTTP/1.1", status, "", headers)


@pytest.mark.parametrize(
    ("stream", "read"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ResponseHead("HTTP/1.1", 200, "OK")),
        (b"HTTP/1.1 200\r\n\r\n", ResponseHead("HTTP/1.1", 200, "")),
        (b"HTTP/1.1 200 \r\n\r\n", ResponseHead("HTTP/1.1", 200, "")),
        (b"HTTP/1.0 503 Not now, please\r\n\r\n", ResponseHead("HTTP/1.0", 503, "Not now, please")),
        (b"HTTP/1.1 404 Not Found\nA: b\n\n", ResponseHead("HTTP/1.1", 404, "Not Found", (("A", "b"),))),
        (b"\r\n\nHTTP/1.1 204 x\r\n\r\n", ResponseHead("HTTP/1.1", 204, "x")),
        (b"HTTP/1.1 999 x\r\n\r\n", ResponseHead("HTTP/1.1", 999, "x")),
        (b"HTTP/1.1 200 OK\r\nA : b \r\nA:\r\n\r\n", ResponseHead("HTTP/1.1", 200, "OK", (("A", "b"), ("A", "")))),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\t c\r\n\r\n", ResponseHead("HTTP/1.1", 200, "OK", (("A", "b c"),))),
        (b"HTTP/1.1 200 OK\r\n folded\r\nA: b\r\n\r\n", ResponseHead("HTTP/1.1", 200, "OK", (("A", "b"),))),
        (b"HTTP/1.1 200 OK\r\nA: b\x00c\rd\r\n\r\n", ResponseHead("HTTP/1.1", 200, "OK", (("A", "b c d"),))),
        ("HTTP/1.1 200 Ü\r\nA: ✓\r\n\r\n".encode(), ResponseHead("HTTP/1.1", 200, "Ü", (("A", "✓"),))),
        (b"HTTP/1.1 200 \xdc\r\n\r\n", ResponseHead("HTTP/1.1", 200, "Ü")),
        (
            b"HTTP/1.1 200 OK\r\nno header\r\nA: b\r\nx y: z\r\n\r\n",
            ResponseHead("HTTP/1.1", 200, "OK", (("A", "b"),), bad_line="“no header”"),
        ),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ResponseHead("HTTP/1.1", 200, "OK")),
    ],
)
def test_h2_what_a_recipient_may_accept_is_accepted(stream: bytes, read: ResponseHead) -> None:
    reader = HeadReader()
    assert (reader.feed(stream + b"rest"), reader.rest) == (read, b"rest")


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "not_http"),
        (b"J\0\0\0\x0a8.0.36", "not_http"),
        (b"\xffHTTP/1.1 200 OK\r\n\r\n", "not_http"),
        (b"http/1.1 200 OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1 OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1 100 Continue\r\n\r\n\x81\x00", "malformed"),
        (b"HTTP/1.1 200 " + b"x" * MAX_HEAD_BYTES, "too_long"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (MAX_HEADER_LINES + 1), "too_long"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INTERIM + 1), "too_long"),
    ],
)
def test_h2_what_is_no_head_is_named(stream: bytes, problem: Problem) -> None:
    with pytest.raises(HeadError) as caught:
        HeadReader().feed(stream)
    assert caught.value.problem == problem


@pytest.mark.parametrize(
    "stream",
    [
        b"HTTP/1.1 200 OK\r\n" + b"A: " + b"x" * 65_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * MAX_HEADER_LINES + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * 8000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_INTERIM + b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_h2_large_heads_are_accepted_up_to_their_limits(stream: bytes) -> None:
    assert HeadReader().feed(stream) is not None


def test_a_partial_head_has_the_lines_that_arrived() -> None:
    reader = HeadReader()
    assert reader.partial() is None
    assert reader.feed(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nX-Cu") is None
    assert reader.partial() == ResponseHead(
        "HTTP/1.1", 401, "Unauthorized", (("WWW-Authenticate", "Bearer"),), is_whole=False
    )


CHUNKED = head(("Transfer-Encoding", "gzip, chunked"))


@pytest.mark.parametrize(
    ("of", "raw", "body"),
    [
        (head(), b"abc", BodySoFar(b"abc", False)),
        (head(("content-length", "3")), b"abcd", BodySoFar(b"abc", True)),
        (head(("Content-Length", "30")), b"abc", BodySoFar(b"abc", False)),
        (head(("Content-Length", "3"), ("Content-Length", "4")), b"abc", BodySoFar(b"abc", False)),
        (head(("Content-Length", "many")), b"abc", BodySoFar(b"abc", False)),
        (head(("Content-Length", "3"), status=304), b"", BodySoFar(b"", True)),
        (CHUNKED, b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\nX-T: 1\r\n\r\n", BodySoFar(b"abcde", True)),
        (CHUNKED, b"3\nabc\n0\n\n", BodySoFar(b"abc", True)),
        (CHUNKED, b"3\r\nabc\r\n5\r\nde", BodySoFar(b"abcde", False)),
        (CHUNKED, b"3\r\nabc\r\n5", BodySoFar(b"abc", False)),
        (CHUNKED, b"<html>\nx", BodySoFar(b"<html>\nx", False)),
    ],
)
def test_h1_a_body_has_a_length_chunks_or_no_end(of: ResponseHead, raw: bytes, body: BodySoFar) -> None:
    assert body_so_far(of, raw) == body


TEXT = b'{"error":"geo blocked"}'


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("X-GZIP", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)[2:-4]),
        ("gzip, deflate", zlib.compress(gzip.compress(TEXT, mtime=0))),
        ("identity", TEXT),
    ],
)
def test_a_compressed_body_is_decoded(coding: str, content: bytes) -> None:
    assert decoded_body(head(("Content-Encoding", coding)), content) == TEXT


def test_the_start_of_a_compressed_body_is_decoded() -> None:
    packed = gzip.compress(bytes(range(256)) * 100, mtime=0)
    decoded = decoded_body(head(("Content-Encoding", "gzip")), packed[: len(packed) // 2])
    assert decoded
    assert (bytes(range(256)) * 100).startswith(decoded)


def test_a_body_that_grows_without_end_is_cut() -> None:
    bomb = gzip.compress(b"x" * 10_000_000, mtime=0)
    assert decoded_body(head(("Content-Encoding", "gzip")), bomb) == b"x" * BODY_LIMIT_BYTES


@pytest.mark.parametrize(
    ("coding", "content", "shown"),
    [
        ("br", b"\x0b\x02\x80", b"[3 bytes, br: not decoded]"),
        ("gzip", b"plain text", b"[10 bytes, gzip: not decoded]"),
        ("gzip, gzip, gzip, gzip", b"x", b"[1 bytes, gzip: not decoded]"),
        ("zstd", b"", b""),
    ],
)
def test_a_body_that_cannot_be_decoded_is_described(coding: str, content: bytes, shown: bytes) -> None:
    assert decoded_body(head(("Content-Encoding", coding)), content) == shown


@pytest.mark.parametrize(
    ("first", "shown"),
    [
        (b"SSH-2.0\r\n", "“SSH-2.0”"),
        (b"a\x00\xff\nb", "“a\\x00\\xff\\nb”"),
        (b"x" * 70, f"“{'x' * 64}…”"),
    ],
)
def test_bytes_are_quoted_harmlessly(first: bytes, shown: str) -> None:
    assert quoted(first) == shown
