"""A difference takes one document to the other, whatever they are."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.thoroughness import times
from wsmon.model.diff import (
    Added,
    ArrayEdit,
    Edit,
    ObjectEdit,
    Removed,
    UnchangedItems,
    Value,
    ValueChange,
    canonical_json,
    decode_json,
    diff,
    leaves,
)

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]) | st.floats(-1, 1)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(["id", "a", "b", "c"]), inner, max_size=4)
    ),
    max_leaves=30,
)


def as_read(document: object) -> Value:
    return decode_json(msgspec.json.encode(document))


def apply(edit: Edit | None, before: Value) -> Value:
    """Return the second document, made of the first one and the difference."""
    match edit, before:
        case None, _:
            return before
        case ((ValueChange(_, after) | Added(after)), _):
            return after
        case ObjectEdit(edits), dict():
            changed: dict[str, Value] = dict(before)
            for name, part in edits:
                if isinstance(part, Removed):
                    del changed[name]
                else:
                    changed[name] = apply(part, before.get(name))
            return changed
        case ArrayEdit(items), list():
            return list(applied(items, before))
    raise AssertionError("the edit is of another document")


def applied(edits: tuple[Edit | UnchangedItems, ...], before: list[Value]) -> Iterator[Value]:
    at = 0
    for edit in edits:
        match edit:
            case UnchangedItems(count):
                yield from before[at : at + count]
                at += count
            case Added(after):
                yield after
            case Removed():
                at += 1
            case _:
                yield apply(edit, before[at])
                at += 1
    assert at == len(before)


@given(DOCUMENTS, DOCUMENTS)
@settings(max_examples=times(300))
def test_the_difference_applied_to_the_first_gives_the_second(before: object, after: object) -> None:
    first, second = as_read(before), as_read(after)
    edit = diff(first, second)

    assert canonical_json(apply(edit, first)) == canonical_json(second)
    assert (edit is None) == (canonical_json(first) == canonical_json(second)) == (not list(leaves(edit)))


@given(DOCUMENTS)
def test_a_document_does_not_differ_from_itself(document: object) -> None:
    assert diff(as_read(document), as_read(document)) is None
