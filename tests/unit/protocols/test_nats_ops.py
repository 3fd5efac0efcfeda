"""NATS on the wire: where operations end, their fields, masks of credentials."""

from __future__ import annotations

from itertools import pairwise

import pytest

from wsmon.protocols.nats_ops import MAX_LINE_BYTES, NatsOperation, find_end, mask, read_members, read_operation
from wsmon.protocols.parts import MessageStream

SEED = b"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"


@pytest.mark.parametrize("size", range(1, 30))
def test_operations_are_whole_wherever_messages_end(size: int) -> None:
    operations = [
        b"PING\r\n",
        b"PUB a 4\r\n\r\n\r\n\r\n",
        b"HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
        b"+OK\r\n",
        b"sub a 1\r\n",
    ]
    said = b"".join(operations)
    stream, whole = MessageStream(find_end), []
    for start, end in pairwise([*range(0, len(said), size), len(said)]):
        parts = stream.feed("binary", said[start:end])
        whole += [said[start:end]] if parts is None else [part.payload for part in parts if not part.is_partial]
    assert whole == operations


@pytest.mark.parametrize(
    ("piece", "end"),
    [
        (b"P", -1), (b"PUB", -1), (b"-", -1), (b"PUB a 5\r", -1), (b"PUB a 5\r\n", 16), (b"PUB a 5\r\nhello", 16),
        (b"PUBLISH a\r\n", 11), (b"GET / HTTP/1.1\r\n", 16), (b'{"a":1}', 7), (b"PUB a\r\n", 7),
        (b"PUB a x\r\nPING\r\n", 9),
        (b"PING" + b" " * MAX_LINE_BYTES, MAX_LINE_BYTES + 4),
    ],
)  # fmt: skip
def test_a_piece_goes_on_and_what_is_no_operation_ends_with_the_message(piece: bytes, end: int) -> None:
    assert find_end(piece, 0, 0) == end


@pytest.mark.parametrize(
    ("message", "operation"),
    [
        (b"pub a.b\tr  5\r\nhello\r\n", NatsOperation("PUB", ("a.b", "r", "5"), "a.b\tr  5", b"hello")),
        (b"-ERR 'Stale Connection'\r\n", NatsOperation("-ERR", (), "'Stale Connection'")),
        (b"PING\r\n", NatsOperation("PING")),
        (b"PING", None),
        (b"PONGS\r\n", None),
    ],
)
def test_an_operation_is_its_name_its_words_and_its_payload(message: bytes, operation: NatsOperation | None) -> None:
    assert read_operation(message) == operation


def test_headers_may_begin_with_a_status() -> None:
    for body, status in ((b"NATS/1.0 503\r\n\r\n", 503), (b"NATS/1.0\r\nA: 503\r\n\r\n", None), (b"x", None)):
        assert NatsOperation("HMSG", body=body).status == status


def test_what_is_no_json_object_has_no_members() -> None:
    assert read_members('{"a":1}') == {"a": 1}
    assert read_members("[1]") == read_members("{") == read_members("") == {}


@pytest.mark.parametrize(
    ("sent", "masked"),
    [
        (b'CONNECT {"a":"b","pass":"b\\"c","e":"f"}\r\n', b'CONNECT {"a":"b","pass":"[FILTERED]","e":"f"}\r\n'),
        (b'CONNECT {"auth_token" : "b"}\r\n', b'CONNECT {"auth_token" : "[FILTERED]"}\r\n'),
        (b'connect {"jwt":"b","sig":"c"}\r\n', b'connect {"jwt":"[FILTERED]","sig":"[FILTERED]"}\r\n'),
        (b'CONNECT {"p\\u0061ss":"b"}\r\n', b'CONNECT {"p\\u0061ss":"[FILTERED]"}\r\n'),
        (b'CONNECT {"pass":12345,"a":1}\r\n', b'CONNECT {"pass":[FILTERED],"a":1}\r\n'),
        (b'PING\r\nCONNECT {"pass":"b"}\r\nPING\r\n', b'PING\r\nCONNECT {"pass":"[FILTERED]"}\r\nPING\r\n'),
        (b'CONNECT {"a":1,"pass":"half of it', b'CONNECT {"a":1,"pass":"[FILTERED]'),
        (b"PUB a 58\r\n" + SEED + b"\r\n", b"PUB a 58\r\n[FILTERED]\r\n"),
    ],
)  # fmt: skip
def test_credentials_are_masked(sent: bytes, masked: bytes) -> None:
    assert mask("text", sent) == (masked, True)


@pytest.mark.parametrize(
    "sent", [b'CONNECT {"user":"a","pass":"","nkey":"UABC"}\r\n', b'PUB a 12\r\n{"sig":"mine"}\r\n', b"", b"X" + SEED]
)
def test_what_is_no_credential_stays(sent: bytes) -> None:
    assert mask("text", sent) == (sent, False)


def test_after_many_members_the_rest_of_a_connect_is_masked_unread() -> None:
    members = b",".join(b'"m%d":1' % number for number in range(200))
    assert mask("text", b"CONNECT {" + members + b',"pass":"b"}\r\n') == (
        b"CONNECT {" + members + b",[FILTERED]\r\n",
        True,
    )
