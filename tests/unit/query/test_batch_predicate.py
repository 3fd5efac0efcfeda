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


def of_texts(text: str, *payloads: bytes) -> list[int]:
    """The payloads that match a query."""
    batch = MessageColumns(KINDS, [0] * len(payloads), payloads, {"id": range(len(payloads))})
    (decision,) = BatchPredicate([parse(text)]).decide(batch)
    assert decision.possible == decision.certain
    return list(rows_of(decision.certain, len(payloads)))


def test_a_text_at_a_path_is_found_however_json_writes_it() -> None:
    payloads = (
        b'{"s":"sell"}',
        b'{"s":"s\\u0065ll"}',
        b'{"\\u0073":"SELL"}',
        b'{"x":"sell"}',
        b'{"s" : "buy"}',
        b"sell",
    )
    assert (of_texts("$.s:sell", *payloads), of_texts("$.s:s*,buy", *payloads)) == ([0, 1, 2], [0, 1, 2, 4])
    assert of_texts("-$.s:*el*", *payloads) == [3, 4, 5]
    # Read as null, and an array that is written anew
    assert of_texts("$.s:null", b'{"s":NaN}', b'{"s":null}', b'{"s":"NaN"}') == [0, 1]
    assert of_texts("$.s:*ab-c*", b'{"s":{"a":["ab-c", 1]}}', b'{"s":[ "ab-c" ]}', b'{"s":"ab_c"}') == [0, 1]


def test_numbers_at_a_path_are_read_one_by_one_where_one_is_unusual() -> None:
    usual = (b'{"p":"1.5"}', b'{"p":"-20"}', b'{"q":1}')
    assert of_texts("$.p>=1.5", *usual) == [0]
    assert of_texts("$.p>=1.5", *usual, b'{"p":"1e1"}', b'{"p":"9007199254740993"}', b'{"p":" 9"}') == [0, 3, 4]
    assert of_texts("$.p>=1.5", *usual, b'{"p":[2,"x"]}', b'{"p":2}', b"[]", b'{"p":3}{"q":1}') == [0, 3, 4, 6]
    assert of_texts("$.p.q>=2", b'{"p":{"q":2}}', b'{"p":3}', b"{}") == [0]
