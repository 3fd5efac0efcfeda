"""Requests and replies of JSON-RPC and Phoenix: which belong together, and a reply with the id of a live request."""

from __future__ import annotations

import pytest

from wsmon.serve.request_pairing import PairedRequest, rejoined, replied_id, reply_to, request_of


@pytest.mark.parametrize(
    ("payload", "request_"),
    [
        (
            b'{"jsonrpc":"2.0","id":7,"method":"get","params":{"b":1,"a":2}}',
            PairedRequest(b"7", "get", b'{"a":2,"b":1}'),
        ),
        (b'{"method":"SUBSCRIBE","params":["x"],"id":"q"}', PairedRequest(b'"q"', "SUBSCRIBE", b'["x"]')),
        (b'["3","4","room:1","new_msg",{}]', PairedRequest(b'"4"', "new_msg room:1", b"", "room:1", b'"3"')),
        (
            b'{"topic":"room:1","event":"phx_join","payload":{},"ref":"1"}',
            PairedRequest(b'"1"', "phx_join room:1", b"", "room:1", b"", True),
        ),
    ],
)
def test_a_request(payload: bytes, request_: PairedRequest) -> None:
    assert request_of(payload) == request_


@pytest.mark.parametrize(
    "payload",
    [b"", b"x", b"[1,2]", b'{"id":1,"result":2}', b'{"method":"note"}', b'{"method":"note","id":null}', b"{",
     b'[null,null,"room:1","new_msg",{}]', b'["1","2","room:1","phx_reply",{}]', b'{"method":5,"id":1}'],
)  # fmt: skip
def test_no_request(payload: bytes) -> None:
    assert request_of(payload) is None


@pytest.mark.parametrize(
    ("payload", "id_"),
    [
        (b'{"jsonrpc":"2.0","id":7,"result":1}', b"7"),
        (b'{"id":"q","error":{}}', b'"q"'),
        (b'["3","4","room:1","phx_reply",{}]', b'"4"'),
        (b'{"method":"note","params":{}}', b""),
        (b'{"id":null,"error":{}}', b""),
        (b'["3",null,"room:1","new_msg",{}]', b""),
        (b"\xff", b""),
    ],
)
def test_the_id_that_a_message_answers(payload: bytes, id_: bytes) -> None:
    assert replied_id(payload) == id_


def test_a_reply_has_the_live_id_and_all_else_byte_for_byte() -> None:
    request = PairedRequest(b'"live"', "get")
    reply = b'{"jsonrpc":"2.0","id":7,"result":{"p": 1.50,"u":"\\u00e9"}}'
    assert reply_to(reply, request) == b'{"jsonrpc":"2.0","id":"live","result":{"p": 1.50,"u":"\\u00e9"}}'


def test_a_phoenix_reply_has_the_live_references() -> None:
    request = PairedRequest(b'"9"', "phx_join room:1", b"", "room:1", b'"8"', True)
    assert reply_to(b'["1","1","room:1","phx_reply",{"status":"ok"}]', request) == (
        b'["8","9","room:1","phx_reply",{"status":"ok"}]'
    )
    assert reply_to(b'{"topic":"room:1","event":"phx_reply","payload":{},"ref":"1"}', request) == (
        b'{"topic":"room:1","event":"phx_reply","payload":{},"ref":"9"}'
    )


def test_pushes_of_phoenix_get_the_reference_of_the_live_join() -> None:
    live = {"room:1": b'"8"'}
    assert rejoined(b'["1",null,"room:1","tick",{}]', live) == b'["8",null,"room:1","tick",{}]'
    for unchanged in (b'["1",null,"room:2","tick",{}]', b'[null,null,"room:1","tick",{}]', b'{"id":1}', b"\x00"):
        assert rejoined(unchanged, live) == unchanged
