"""Sieves: trees over the marks of blocks."""

from __future__ import annotations

import pytest

from wsmon.store.search.block_filter import (
    ALL_BLOCKS,
    EVERYWHERE,
    NOWHERE,
    Between,
    Sieve,
    all_of,
    any_of,
    blocks,
    marked,
)

MASKS = {1: 0b0011, 2: 0b0110, 3: 0, 4: 0}


class FakeSegment:
    """A segment with these marks."""

    first_ns, last_ns = 100, 200

    def __init__(self) -> None:
        self.asked: list[int] = []

    def mask(self, mark: int) -> int:
        self.asked.append(mark)
        return MASKS[mark]


def let_through(sieve: Sieve) -> int:
    return blocks(sieve, FakeSegment())


@pytest.mark.parametrize(
    ("sieve", "expected"),
    [
        (EVERYWHERE, ALL_BLOCKS),
        (NOWHERE, 0),
        (marked(1), 0b0011),
        (marked(1, 2), 0b0010),
        (all_of((marked(1), marked(2))), 0b0010),
        (any_of((marked(1), marked(2))), 0b0111),
        (any_of((marked(3), all_of((marked(2), Between(None, None))))), 0b0110),
        (Between(150, 160), ALL_BLOCKS),
        (Between(200, None), ALL_BLOCKS),
        (Between(None, 100), ALL_BLOCKS),
        (Between(201, None), 0),
        (Between(None, 99.5), 0),
    ],
)
def test_blocks_let_through(sieve: Sieve, expected: int) -> None:
    assert let_through(sieve) == expected


def test_what_says_nothing_is_left_out_of_the_tree() -> None:
    one = marked(1)
    assert (all_of((EVERYWHERE, one)), all_of(()), all_of((one, NOWHERE))) == (one, EVERYWHERE, NOWHERE)
    assert (any_of((NOWHERE, one)), any_of(()), any_of((one, EVERYWHERE))) == (one, NOWHERE, EVERYWHERE)


def test_a_mark_that_no_block_has_ends_the_look_at_the_others() -> None:
    segment = FakeSegment()
    assert (blocks(marked(3, 4), segment), len(segment.asked)) == (0, 1)
