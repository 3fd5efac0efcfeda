"""JSON-RPC messages: ids that are told apart, errors of any shape, and names of error codes."""

from __future__ import annotations

import msgspec
import pytest

from wsmon.protocols.base import MAX_NAME_CHARS
from wsmon.protocols.jsonrpc_messages import (
    NOTHING,
    ErrorObject,
    decode_envelope,
    error_object,
    error_type,
    id_key,
    id_ref,
    is_text,
    scalar,
)


def raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


@pytest.mark.parametrize(
    ("id_", "key", "ref"),
    [
        ("1", "1", "1"),
        ('"1"', '"1"', "1"),
        ('"a\\u0062"', '"ab"', "ab"),
        ("null", "null", ""),
        ("", "null", ""),
        ("[1]", "[1]", "[1]"),
    ],
)
def test_an_id_has_a_key_to_pair_and_a_form_to_show(id_: str, key: str, ref: str) -> None:
    assert (id_key(raw(id_)), id_ref(raw(id_))) == (key, ref)


def test_long_ids_stay_apart_and_short() -> None:
    one, other = (id_key(raw('"' + "x" * 1_000 + end + '"')) for end in "ab")
    assert one != other
    assert len(one) <= MAX_NAME_CHARS


@pytest.mark.parametrize(
    ("payload", "has_error"),
    [
        (b'{"id":1,"error":{"code":5}}', True),
        (b'{"id":1,"error":null,"result":2}', False),
        (b'{"id":1,"result":2}', False),
    ],
)
def test_an_error_of_null_is_none(payload: bytes, has_error: bool) -> None:
    assert decode_envelope(payload).has_error == has_error


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        ('{"code":-32601,"message":"no such"}', -32601, "no such"),
        ('"no such"', None, "no such"),
        ("7", None, None),
        ("", None, None),
    ],
)
def test_an_error_may_have_any_shape(error: str, code: object, text: object) -> None:
    found: ErrorObject = error_object(raw(error))
    assert (found.code, found.message) == (code, text)


@pytest.mark.parametrize(
    ("code", "name"),
    [(-32601, "method_not_found"), (10028, "rpc_10028"), (True, "rpc_error"), (None, "rpc_error"), ("x", "rpc_error")],
)
def test_a_code_is_named_or_numbered(code: object, name: str) -> None:
    assert error_type(code) == name


@pytest.mark.parametrize(
    ("value", "kept"),
    [(5, 5), (1.5, 1.5), (2**53, 2**53), (2**53 + 1, str(2**53 + 1)), ("x", "x"), (True, None), ([], None)],
)
def test_a_scalar_is_kept_as_every_reader_of_json_can_hold_it(value: object, kept: object) -> None:
    assert scalar(value) == kept


def test_binary_is_read_where_it_starts_like_json() -> None:
    assert [is_text(b" {}", opcode) for opcode in ("text", "binary", "ping")] == [True, True, False]
    assert (is_text(b"\x01", "binary"), is_text(b"\x01", "text")) == (False, True)
    assert bytes(NOTHING) == b""
