"""Request heads as applications send them, cut anywhere, and what is sent on of them."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidHandshake

from tests.support.relays import ANSWER
from wsmon.engine.http_head import MAX_HEAD_BYTES, MAX_HEADER_LINES, HeadReader
from wsmon.relay.request_head import RequestError, RequestHead, RequestReader

REQUEST = (
    b"GET /feed?x=1 HTTP/1.1\r\n"
    b"host: 127.0.0.1:9000\r\n"
    b"Upgrade: h2c, WebSocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Cookie:  a=b\r\n"
    b"X-Folded: one\r\n"
    b"\ttwo\r\n"
    b"x-bare: \xff\n"
    b"\r\n"
)


def read(data: bytes) -> RequestHead:
    head = RequestReader().feed(data)
    assert head is not None
    return head


class TestReading:
    def test_a_head_is_the_same_wherever_its_bytes_are_cut_and_what_follows_is_kept(self) -> None:
        whole = read(REQUEST)
        assert whole.headers == (
            ("host", "127.0.0.1:9000"),
            ("Upgrade", "h2c, WebSocket"),
            ("Connection", "Upgrade"),
            ("Cookie", "a=b"),
            ("X-Folded", "one two"),
            ("x-bare", "ÿ"),
        )
        assert (whole.method, whole.target, whole.path, whole.version) == ("GET", "/feed?x=1", "/feed", "HTTP/1.1")
        for at in range(1, len(REQUEST)):
            reader = RequestReader()
            assert reader.feed(REQUEST[:at]) is None
            assert reader.feed(REQUEST[at:] + b"\x81\x85") == whole
            assert reader.rest == b"\x81\x85"

    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"\x16\x03\x01\x02\x00\x01\n", 400),
            (b"GET / HTTP/2.0\r\n", 400),
            (b"GET  / HTTP/1.1\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n folded\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nnothing\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\na: b\rHost: c\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\na: b\r\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\na: b\0\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\na: b\r\n\r\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (MAX_HEADER_LINES + 1), 431),
            (b"G" * (MAX_HEAD_BYTES + 1), 431),
            (b"GET / HTTP/1.1\r\na: " + b"b" * MAX_HEAD_BYTES, 431),
            (b"\r\n" * MAX_HEAD_BYTES, 431),
        ],
        ids=range(14),
    )
    def test_what_is_no_request_or_has_no_end_is_refused(self, data: bytes, status: int) -> None:
        with pytest.raises(RequestError) as raised:
            RequestReader().feed(data)
        assert raised.value.status == status

    @pytest.mark.parametrize(
        ("request_bytes", "asks"),
        [
            (REQUEST, True),
            (REQUEST.replace(b"GET", b"POST"), False),
            (REQUEST.replace(b"WebSocket", b"spdy"), False),
            (b"GET /health HTTP/1.1\r\n\r\n", False),
        ],
    )
    def test_an_upgrade_is_told_from_other_requests(self, request_bytes: bytes, asks: bool) -> None:
        assert read(request_bytes).asks_for_upgrade is asks

    @pytest.mark.parametrize(
        ("target", "path", "path_and_query"),
        [
            (b"http://relay.test:9000/feed?x=1", "/feed", "/feed?x=1"),
            (b"ws://relay.test?x=1", "/", "/?x=1"),
            (b"WSS://relay.test", "/", "/"),
            (b"/feed?to=http://a/b", "/feed", "/feed?to=http://a/b"),
            (b"*", "*", "*"),
        ],
    )
    def test_a_target_may_be_a_whole_url(self, target: bytes, path: str, path_and_query: str) -> None:
        head = read(REQUEST.replace(b"/feed?x=1", target))
        assert (head.path, head.path_and_query) == (path, path_and_query)


class TestAnswers:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ((), ""),
            ((b"Upgrade: websocket", b"Upgrade: h2c"), "Upgrade"),
            ((b"Connection: Upgrade\r\n", b""), "Connection"),
            ((b"s3pPLMBi", b"XXXXXXXX"), "Sec-WebSocket-Accept"),
            ((b"Connection", b"Sec-WebSocket-Extensions: x-own\r\nSec-WebSocket-Protocol: v2\r\nConnection"), ""),
            ((b"Connection", b"Sec-WebSocket-Protocol: v3\r\nConnection"), "v3"),
        ],
    )
    def test_an_answer_that_a_client_has_to_refuse_is_told_from_others(
        self, changes: tuple[bytes, bytes] | tuple[()], words: str
    ) -> None:
        answer = HeadReader().feed(ANSWER.replace(*changes) if changes else ANSWER)
        assert answer is not None
        key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v1, v2\r\n"
        request = read(REQUEST.replace(b"Cookie", key + b"Cookie"))
        if words:
            with pytest.raises(InvalidHandshake, match=words):
                request.check(answer)
        else:
            request.check(answer)


class TestSendingOn:
    def test_nothing_but_target_and_replaced_headers_differs(self) -> None:
        sent = read(REQUEST).rewritten("/v2/feed?x=1", [("Host", "example.com"), ("X-Key", "s"), ("X-Key", "t")])
        expected = REQUEST.replace(b"/feed", b"/v2/feed").replace(b"host: 127.0.0.1:9000", b"Host: example.com")
        assert sent == expected.removesuffix(b"\r\n") + b"X-Key: s\r\nX-Key: t\r\n\r\n"

    def test_a_target_that_is_a_whole_url_is_replaced_as_a_whole(self) -> None:
        sent = read(REQUEST.replace(b"/feed?x=1", b"http://relay.test/feed?x=1")).rewritten("/v2/feed?x=1", ())
        assert sent == REQUEST.replace(b"/feed", b"/v2/feed")

    def test_a_replaced_header_goes_with_its_folded_lines_and_its_repetitions(self) -> None:
        sent = read(REQUEST.replace(b"Cookie", b"X-FOLDED")).rewritten("/feed?x=1", [("x-folded", "new")])
        assert b"two" not in sent
        assert sent.count(b"olded") == 1

    def test_a_head_without_changes_is_sent_on_byte_for_byte(self) -> None:
        assert read(b"\r\n" + REQUEST).rewritten("/feed?x=1", ()) == REQUEST
