"""Messages of MessagePack that may hold too many values are known without decoding them."""

from __future__ import annotations

import pytest

from wsmon.model.msgpack_cost import is_too_costly

ARRAY = b"\xdd\0\x02\0\0"


@pytest.mark.parametrize(
    ("payload", "is_it"),
    [
        (b"", False),
        (b"\x90" * 2**16, False),
        (ARRAY + b"\x80" * 2**17, True),
        (ARRAY + b"\x01" * 2**17, False),
        (b"\x01" * 2**20, False),
        (b"\x01" * (2**20 + 1), True),
    ],
)
def test_size_and_containers_say_what_a_message_costs(payload: bytes, is_it: bool) -> None:
    assert is_too_costly(payload) == is_it
