"""Block filters: trees over the marks of blocks."""

from __future__ import annotations

import pytest

from wsmon.store.search.block_filter import (
    ALL_BLOCKS,
    ANY_BLOCK,
    NO_BLOCK,
    BlockFilter,
    InPeriod,
    all_of,
    any_of,
    has_marks,
    matching_blocks,
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


def let_through(block_filter: BlockFilter) -> int:
    return matching_blocks(block_filter, FakeSegment())


@pytest.mark.parametrize(
    ("block_filter", "expected"),
    [
        (ANY_BLOCK, ALL_BLOCKS),
        (NO_BLOCK, 0),
        (has_marks(1), 0b0011),
        (has_marks(1, 2), 0b0010),
        (all_of((has_marks(1), has_marks(2))), 0b0010),
        (any_of((has_marks(1), has_marks(2))), 0b0111),
        (any_of((has_marks(3), all_of((has_marks(2), InPeriod(None, None))))), 0b0110),
        (InPeriod(150, 160), ALL_BLOCKS),
        (InPeriod(200, None), ALL_BLOCKS),
        (InPeriod(None, 100), ALL_BLOCKS),
        (InPeriod(201, None), 0),
        (InPeriod(None, 99.5), 0),
    ],
)
def test_blocks_let_through(block_filter: BlockFilter, expected: int) -> None:
    assert let_through(block_filter) == expected


def test_what_says_nothing_is_left_out_of_the_tree() -> None:
    one = has_marks(1)
    assert (all_of((ANY_BLOCK, one)), all_of(()), all_of((one, NO_BLOCK))) == (one, ANY_BLOCK, NO_BLOCK)
    assert (any_of((NO_BLOCK, one)), any_of(()), any_of((one, ANY_BLOCK))) == (one, NO_BLOCK, ANY_BLOCK)


def test_a_mark_that_no_block_has_ends_the_look_at_the_others() -> None:
    segment = FakeSegment()
    assert (matching_blocks(has_marks(3, 4), segment), len(segment.asked)) == (0, 1)
