"""Redaction takes time in proportion to the message, whatever the message is."""

from __future__ import annotations

from time import process_time

import pytest

from wsmon.model.redact import Redactor

MIB = 1024 * 1024
# Linear is under 1 s, quadratic is minutes
LIMIT_S = 10.0

REDACTOR = Redactor(secrets=("canary-of-linear",))

HOSTILE = {
    "deep lists": b'{"token":' + b"[" * MIB,
    "deep lists without a key": b"[" * MIB,
    "one endless word": b"token" * (MIB // 5),
    "backslashes": b"\\" * MIB + b"token",
    "escaped quotes": b'{"token":' + b'"\\' * (MIB // 2),
    "strings in an object": b'"token":{' + b'"\\"' * (MIB // 3),
    "keys with open lists": b'"token":[}' * (MIB // 10),
    "texts with open lists": b'{"token: [' * (MIB // 10),
    "keys with open strings": b'"token":"\\' * (MIB // 10),
    "chained assignments": b"token=" * (MIB // 6),
    "keys in quotes": b'token="' * (MIB // 7),
    "single quotes": b"{'token':\"" * (MIB // 10),
    "escapes": b"\\u0074" * (MIB // 6),
    "escaped backslashes": b"\\u005c" * (MIB // 6),
    "signatures": b'{"signature":1}' * (MIB // 15),
    "schemes": b"://" * (MIB // 3),
    "broken authorities": b"://a:/" * (MIB // 6),
    "parameters": b"://" + b"?a" * (MIB // 2),
    "token shapes": b"eyJaaaaaaaa" * (MIB // 11) + b".",
    "bearers": b"bearer " * (MIB // 7),
    "spaces behind a key": b"token" + b" " * MIB,
    "header lines": b'{"x":"Cookie:a=\\"' + b'=\\"' * (MIB // 3),
    "headers in strings": b'{"authorization:\\"' * (MIB // 18),
    "percent signs": b"token%3D" * (MIB // 8),
}


@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_message_costs_linear_time(message: bytes) -> None:
    start_s = process_time()
    redacted, _ = REDACTOR.payload(message)
    assert process_time() - start_s < LIMIT_S
    assert REDACTOR.payload(redacted) == (redacted, False)
