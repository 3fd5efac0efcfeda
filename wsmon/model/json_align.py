"""Which items of two JSON arrays belong together: the same, those about one thing, those in one place."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from decimal import Decimal
from difflib import SequenceMatcher
from typing import TypeAlias

Pair: TypeAlias = tuple[int | None, int | None]
# places in both arrays; None: only the other one has it

MOST_PAIRS = 250_000
# of items that are compared with each other: some 50 ms; longer arrays are paired by their places
NAMING = ("id", "key", "name", "symbol", "product_id", "instrument_name", "channel", "topic", "ref", "price")
# members that say what an object is about, the first that it has


def aligned(
    olds: Sequence[bytes], news: Sequence[bytes], before: Sequence[object], after: Sequence[object]
) -> Iterator[Pair]:
    """Pairs in the order of both arrays, each place once; ``olds`` and ``news`` are the items as JSON."""
    head = 0
    while head < min(len(olds), len(news)) and olds[head] == news[head]:
        yield head, head
        head += 1
    tail = 0
    while tail < min(len(olds), len(news)) - head and olds[-1 - tail] == news[-1 - tail]:
        tail += 1
    old, new = range(head, len(olds) - tail), range(head, len(news) - tail)
    for is_same, old_run, new_run in _runs([olds[at] for at in old], [news[at] for at in new], old, new):
        yield from zip(old_run, new_run, strict=True) if is_same else _by_name(before, after, old_run, new_run)
    for back in range(tail, 0, -1):
        yield len(olds) - back, len(news) - back


def _runs(
    olds: Sequence[Hashable], news: Sequence[Hashable], old: range, new: range
) -> Iterator[tuple[bool, range, range]]:
    """Runs that are the same in both, and what is between them; ``olds`` and ``news`` stand in these places."""
    if len(olds) * len(news) > MOST_PAIRS:
        yield False, old, new
        return
    matcher = SequenceMatcher(None, olds, news, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        yield tag == "equal", old[old_from:old_to], new[new_from:new_to]


def _by_name(before: Sequence[object], after: Sequence[object], old: range, new: range) -> Iterator[Pair]:
    """Items of the same name together; those without one by their places."""
    olds = [_name(before[at]) or f"old {at}" for at in old]
    news = [_name(after[at]) or f"new {at}" for at in new]
    for is_same, old_run, new_run in _runs(olds, news, old, new):
        yield from zip(old_run, new_run, strict=True) if is_same else _by_place(before, after, old_run, new_run)


def _by_place(before: Sequence[object], after: Sequence[object], old: range, new: range) -> Iterator[Pair]:
    for at_old, at_new in zip(old, new, strict=False):
        names = {_name(before[at_old]), _name(after[at_new])}
        if "" in names or len(names) == 1:
            yield at_old, at_new
        else:
            yield at_old, None
            yield None, at_new
    yield from ((at, None) for at in old[len(new) :])
    yield from ((None, at) for at in new[len(old) :])


def _name(item: object) -> str:
    """What an item is about: of an object a member that says so, of an array its first item (a price level's price).

    Empty where nothing says so.
    """
    match item:
        case dict():
            key = next((key for key in NAMING if isinstance(item.get(key), str | int | Decimal)), "")
            return f"{key} {type(item[key]).__name__} {item[key]}" if key else ""
        case [str() | int() | Decimal() as first, *_]:
            return f"0 {type(first).__name__} {first}"
    return ""
