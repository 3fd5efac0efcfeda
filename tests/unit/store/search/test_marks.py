"""What texts are marked with: wherever a needle is, its marks are."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.thoroughness import times
from wsmon.store.search.block_filter import ANY_BLOCK, matching_blocks, needle_filter
from wsmon.store.search.marks import (
    BACKSLASH_MARK,
    EXPONENT_MARK,
    IS_COMPILED,
    PAGES,
    SLOTS,
    SLOTS_A_PAGE,
    PythonTextMarks,
    name_marks,
    new_text_marks,
    source_marks,
    tokens_of,
)

TEXT = b'{"type":"Trade","symbol":"BTC-USD","seq":1048576,"id":"9f0c2d1e8b7a6543","who":"J\xc3\xb6rg"}'


def marks_of(*texts: bytes) -> set[int]:
    """The marks of a block with these texts."""
    marks = PythonTextMarks()
    marks.add([text.decode("utf-8", "surrogateescape") for text in texts])
    lane = bytearray(SLOTS_A_PAGE * PAGES)
    marks.take(lane, 1)
    return {mark for mark, bits in enumerate(lane) if bits}


class OneBlock:
    """A segment whose only block has one text."""

    first_ns = last_ns = 0

    def __init__(self, text: bytes) -> None:
        self._marks = marks_of(text)

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


@pytest.mark.parametrize(
    ("texts", "marks"),
    [
        ((b"a", b"b"), set()),
        ((b"a", b"b\\u0061"), {BACKSLASH_MARK}),
        ((b"1e3",), {EXPONENT_MARK}),
        ((b"a", b'{"x":-1.5E+3}'), {EXPONENT_MARK}),
        ((b"[0,\t1e-9]",), {EXPONENT_MARK}),
        ((b'{"x":"1e3"}', b'{"e":1}', b"1e", b"3", b"7-1e3", b"a1e3", b"x:.5e3"), set()),
    ],
)
def test_backslashes_and_exponents_have_marks_that_no_text_has(texts: tuple[bytes, ...], marks: set[int]) -> None:
    assert {mark for mark in marks_of(*texts) if mark >= SLOTS} == marks


def test_marks_count_distinct_tokens_until_they_are_taken() -> None:
    marks = PythonTextMarks()
    assert [marks.add(["one two", "ONE"]), marks.add(["two three"])] == [2, 3]
    marks.take(bytearray(SLOTS_A_PAGE * PAGES), 1)
    assert marks.add(["one"]) == 1


def test_sources_and_names_have_marks_of_their_own() -> None:
    marks = [*map(source_marks, range(1, 500)), *map(name_marks, range(1, 120))]
    assert len(set(marks)) == len(marks)
    assert {len(each) for each in marks} <= {2, 3}
    assert all(0 <= mark < SLOTS for each in marks for mark in each)


# Words, numbers, signs of JSON, bytes that are not UTF-8
_CHARS = st.sampled_from('0123456789eE.+-[]:,{} aAzZ\\"\t\x0b\u00fc\u212a\udc80_')
_TEXTS = st.lists(st.text(_CHARS, max_size=40) | st.text(st.characters(codec="utf-8")), max_size=4)


@pytest.mark.skipif(
    not IS_COMPILED and "WSMON_MARKS" not in os.environ, reason="wsmon-marks is not installed: .ci/native does it"
)
@settings(max_examples=times(200), deadline=None)
@given(st.lists(st.tuples(_TEXTS, st.booleans()), min_size=1, max_size=4), st.integers(0, 7))
def test_the_compiled_marks_are_those_of_python(steps: list[tuple[list[str], bool]], bit: int) -> None:
    compiled, python = new_text_marks(), PythonTextMarks()
    assert type(compiled).__module__ == "wsmon_marks"
    for texts, is_last in steps:
        assert compiled.add(texts) == python.add(texts)
        if is_last:
            lanes = [bytearray(SLOTS_A_PAGE * PAGES) for _ in range(2)]
            compiled.take(lanes[0], 1 << bit)
            python.take(lanes[1], 1 << bit)
            assert lanes[0] == lanes[1]


def test_marks_do_not_change_since_stores_hold_them() -> None:
    assert sorted(marks_of(b"trade seq42", b"12345")) == [4368, 5258, 6336, 7101, 8679, 8950]
    assert (sorted(source_marks(7)), sorted(name_marks(20))) == ([2097, 8920, 9022], [8815, 12366, 15245])
