"""The batch predicate: what is certain, what is only possible, and which columns it asks for."""

from __future__ import annotations

import msgspec

from tests.support.builders import message
from tests.support.queries import query as parse
from wsmon.query.batch_predicate import BatchPredicate, MessageColumns, has_pattern, mask_of, rows_of

PAYLOADS = (b'{"type":"trade","qty":5}', b'{"type":"trade","qty":"50"}', b'{"type":"book","qty":[1,70]}', None)
NO_PAYLOAD = {"payload": None}
KINDS = [msgspec.structs.replace(message("", connection=name), **NO_PAYLOAD, type=name) for name in ("a", "b")]


def columns(kinds: list[int] | None = None) -> MessageColumns:
    """Four messages, of two connections in turn."""
    fields = {"id": (1, 2, 3, 4), "topic": ("room:1", None, "hall", None), "duration": (1_000_000, None, 7_000_000, 9)}
    return MessageColumns(KINDS, kinds or [0, 1, 0, 1], PAYLOADS, fields)  # type: ignore[arg-type]  # literal keys


def decided(text: str) -> tuple[list[int], list[int]]:
    """The rows that may match a query, and those that do."""
    (decision,) = BatchPredicate([parse(text)]).decide(columns())
    return list(rows_of(decision.possible, 4)), list(rows_of(decision.certain, 4))


def certain(text: str) -> list[int]:
    """The rows that match a query without a doubt."""
    possible, found = decided(text)
    assert possible == found
    return found


def test_words_are_found_in_the_payload_the_kind_and_the_topic() -> None:
    assert (certain("TRADE"), certain("hall"), certain("-trade"), certain("b book")) == ([0, 1], [2], [2, 3], [2])


def test_a_needle_across_the_border_of_two_payloads_is_none() -> None:
    assert certain('"}{"') == []
    assert certain("5}") == [0]
    assert certain(PAYLOADS[0].decode() + "x" * 300) == []


def test_values_at_a_path_are_numbers_texts_and_items_of_arrays() -> None:
    assert (certain("$.qty>=50"), certain("$.qty:5,1"), certain("$.type:t*"), certain("$.none:*")) == (
        [1, 2],
        [0, 2],
        [0, 1],
        [],
    )
    assert certain("conn:a $.qty>=50") == [2]
    assert certain("$.type:trade OR $.qty>=50") == [0, 1, 2]
    assert certain("-$.qty>=50") == [0, 3]


def test_columns_and_kinds_decide_their_fields() -> None:
    assert (certain("lat>5ms"), certain("conn:b"), certain("topic:room*"), certain("type:c")) == ([2], [1, 3], [0], [])


def test_an_expression_is_only_possible_where_its_texts_are() -> None:
    assert decided("/bo+k/") == ([2], [])
    assert decided(r"/\d\d/") == ([0, 1, 2, 3], [])
    assert decided(r"conn:a -/bo+k/") == ([0, 2], [0])
    assert [has_pattern(parse(text)) for text in ("/a/", "topic~/a/", "-(b OR $.x~/a/)", "a")] == [
        True,
        True,
        True,
        False,
    ]


def test_kinds_that_come_later_are_decided_too() -> None:
    predicate = BatchPredicate([parse("conn:a*")])
    kinds = [KINDS[1]]
    batch = MessageColumns(kinds, [0], (b"",), {"id": (1,)})
    assert predicate.decide(batch)[0].possible == 0
    kinds.append(msgspec.structs.replace(message("", connection="a2"), **NO_PAYLOAD))
    batch = MessageColumns(kinds, [1, 0], (b"", b""), {"id": (2, 3)})
    assert list(rows_of(predicate.decide(batch)[0].certain, 2)) == [0]


def test_only_the_columns_that_queries_need_are_asked_for() -> None:
    assert BatchPredicate([parse("conn:a"), parse("gap>1")]).fields == {"id", "gap"}
    assert BatchPredicate([parse("trade")]).fields == {"id", "topic"}


def test_a_mask_has_a_byte_for_each_row() -> None:
    assert (mask_of([1, 3], 4), list(rows_of(0x01000100, 4))) == (0x01000100, [1, 3])
