"""What texts are marked with: wherever a needle is, its marks are."""

from __future__ import annotations

import random

import pytest

from wsmon.store.search.block_filter import (
    ANY_BLOCK,
    BACKSLASH_MARK,
    SLOTS,
    backslash_marks,
    matching_blocks,
    name_marks,
    needle_filter,
    source_marks,
    text_marks,
    tokens_of,
)

TEXT = b'{"type":"Trade","symbol":"BTC-USD","seq":1048576,"id":"9f0c2d1e8b7a6543","who":"J\xc3\xb6rg"}'


class OneBlock:
    """A segment whose only block has one text."""

    first_ns = last_ns = 0

    def __init__(self, text: bytes) -> None:
        self._marks = text_marks(set(tokens_of(text)))

    def mask(self, mark: int) -> int:
        return int(mark in self._marks)


def lets_through(needle: bytes, text: bytes) -> bool:
    return matching_blocks(needle_filter(needle), OneBlock(text)) & 1 == 1


def test_tokens_are_folded_and_end_at_every_other_ascii_sign() -> None:
    assert tokens_of(b"a_B-c\x00D.5\xc3\x89 ") == [b"a", b"b", b"c", b"d", b"5\xc3\x89"]


def test_every_part_of_a_text_is_let_through() -> None:
    parts = {TEXT[start:end] for start in range(len(TEXT)) for end in range(start + 1, len(TEXT) + 1)}
    assert [part for part in parts if not lets_through(part, TEXT) or not lets_through(part.swapcase(), TEXT)] == []


def test_every_part_of_random_bytes_is_let_through() -> None:
    rolls = random.Random(1)
    for _ in range(300):
        text = bytes(rolls.choices(b"ab1 2c3\xff_", k=30))
        start = rolls.randrange(30)
        assert lets_through(text[start : start + rolls.randint(1, 12)], text), text


@pytest.mark.parametrize(
    "needle",
    [b"rejected", b"usdt", b"BTC-EUR", b"order", b"1048677", b"9f0c2d1e8b7a6544", b"type quote", b"J\xc3\xbcrg"],
)
def test_what_is_not_there_is_left_out(needle: bytes) -> None:
    assert not lets_through(needle, TEXT)


@pytest.mark.parametrize("needle", [b"", b"zq", b"777", b"7777", b"{[-]}", b"z q z q"])
def test_short_pieces_tell_nothing(needle: bytes) -> None:
    assert needle_filter(needle) == ANY_BLOCK


def test_a_backslash_has_a_mark_that_no_text_has() -> None:
    assert (backslash_marks([b"a", b"b\\u0061"]), backslash_marks([b"a", b"b"])) == ({BACKSLASH_MARK}, set())
    assert BACKSLASH_MARK == SLOTS  # every other mark is below


def test_sources_and_names_have_marks_of_their_own() -> None:
    marks = [*map(source_marks, range(1, 500)), *map(name_marks, range(1, 120))]
    assert len(set(marks)) == len(marks)
    assert {len(each) for each in marks} <= {2, 3}
    assert all(0 <= mark < SLOTS for each in marks for mark in each)


def test_marks_do_not_change_since_stores_hold_them() -> None:
    assert sorted(text_marks({b"trade", b"seq42", b"12345"})) == [0, 509, 6032, 9809, 13119, 14857]
    assert (sorted(source_marks(7)), sorted(name_marks(20))) == ([8974, 9417, 10012], [285, 3750, 8721])
