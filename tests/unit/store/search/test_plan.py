"""What a query asks of the index: as much as every match has, and nothing that a match may lack."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from decimal import Decimal, localcontext

import msgspec
import pytest

from tests.support.queries import query
from tests.support.thoroughness import times
from wsmon.query.ast import FieldName, Item
from wsmon.store.codec import NAME_CODES
from wsmon.store.search.block_filter import (
    ANY_BLOCK,
    NO_BLOCK,
    BlockFilter,
    InPeriod,
    all_of,
    any_of,
    has_marks,
    matching_blocks,
    needle_filter,
)
from wsmon.store.search.marks import (
    BACKSLASH_MARK,
    EXPONENT_MARK,
    PAGES,
    SLOTS_A_PAGE,
    PythonTextMarks,
    name_marks,
    source_marks,
)
from wsmon.store.search.plan import compile_block_filter

REJECTED, MARGIN = needle_filter(b"rejected"), needle_filter(b"margin")
ESCAPED = has_marks(BACKSLASH_MARK)


def no_source(_field: FieldName, _item: Item) -> Iterable[int] | None:
    return ()


def block_filter(text: str) -> BlockFilter:
    return compile_block_filter(query(text), no_source)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ANY_BLOCK),
        ("rejected", REJECTED),
        ("REJECTED", REJECTED),
        ("rejected margin", all_of((REJECTED, MARGIN))),
        ("rejected OR margin", any_of((REJECTED, MARGIN))),
        ("rejected OR zq", ANY_BLOCK),
        ("rejected -margin", REJECTED),
        ("-rejected", ANY_BLOCK),
        ("reason:rejected", REJECTED),
        ("type:rejected", REJECTED),
        ("topic:*rejected*margin?", all_of((REJECTED, MARGIN))),
        ("error:*", ANY_BLOCK),
        ("text!=rejected", ANY_BLOCK),
        ("text~/rejected/", REJECTED),
        (r"/^rejected\s\d+/", REJECTED),
        ("/rejected|margin/", any_of((REJECTED, needle_filter(b"margin")))),
        (r"/rejected|\d+/", ANY_BLOCK),
        ("/[0-9a-f]{8}/", ANY_BLOCK),
        ("topic~/[0-9a-f]{8}/", ANY_BLOCK),
        ("-/[0-9a-f]{8}/", ANY_BLOCK),
        ("/[0-9a-f]{2}/", ANY_BLOCK),
        ("text~/x*/", ANY_BLOCK),
        ("size>10kb", ANY_BLOCK),
        ("name:message.sent", has_marks(*name_marks(NAME_CODES["message.sent"]))),
        ("$.status:rejected", any_of((ESCAPED, all_of((needle_filter(b"status"), REJECTED))))),
        ("$.status>5", any_of((ESCAPED, needle_filter(b"status")))),
        ("$.status:null", any_of((ESCAPED, needle_filter(b"status")))),
        ("$.status:*", any_of((ESCAPED, needle_filter(b"status")))),
        ("conn:nobody", NO_BLOCK),
    ],
)
def test_block_filters(text: str, expected: BlockFilter) -> None:
    assert block_filter(text) == expected


@pytest.mark.parametrize(
    ("number", "spellings"),
    [
        ("1234567", ("1234567", "1234566.99999999")),
        ("999777555", ("999777555", "999777554.999999")),
        ("-999777555.0", ("-999777555.0", "999777555", "999777554.999999")),
        ("9.99777555E8", ("9.99777555e8", "999777555", "999777554.999999")),
        ("97120.55", ("97120.55", "97120.5499999999")),
        ("100000", ("100000", "99999.9999999999")),
        ("0.12345", ("0.12345", "0.123449999999999")),
        ("123456789012345", ("123456789012345", "123456789012344")),
    ],
)
def test_a_number_at_a_path_is_where_one_of_its_spellings_is(number: str, spellings: tuple[str, ...]) -> None:
    spelled = (needle_filter(spelling.encode()) for spelling in spellings)
    value = any_of((has_marks(EXPONENT_MARK), *spelled))
    assert block_filter(f"$.status={number}") == any_of((ESCAPED, all_of((needle_filter(b"status"), value))))


@pytest.mark.parametrize("number", ["0", "0.0", "1e-400", "1234567890123456", "1e15", "1e-15", "777"])
def test_a_number_that_may_be_spelled_in_any_way_is_not_asked_for(number: str) -> None:
    assert block_filter(f"$.status={number}") == any_of((ESCAPED, needle_filter(b"status")))


def spellings(number: Decimal, rolls: random.Random) -> Iterator[str]:
    """Texts of JSON for a number, or for one so near that the same may be read."""
    with localcontext() as context:
        context.prec = 60
        near = number * (1 + Decimal(rolls.choice((-1, 1))).scaleb(-rolls.randint(15, 25)))
        shift = rolls.randint(-30, 30)
        for each in (number, near, Decimal(float(number)), near.quantize(Decimal(1).scaleb(number.adjusted() - 17))):
            yield f"{each:f}"
            yield f"{each:f}" + ("0" * shift if "." in f"{each:f}" else "." + "0" * (1 + abs(shift)))
            yield f"{each.scaleb(shift):f}{rolls.choice('eE')}{-shift:{rolls.choice(('', '+'))}}"


class OneBlock:
    """A segment whose only block has one text."""

    first_ns = last_ns = 0

    def __init__(self, text: str) -> None:
        marks = PythonTextMarks()
        marks.add([text])
        self._lane = bytearray(SLOTS_A_PAGE * PAGES)
        marks.take(self._lane, 1)

    def mask(self, mark: int) -> int:
        return self._lane[mark]


def test_whatever_reads_as_a_number_is_where_it_is_looked_for() -> None:
    rolls = random.Random(1)
    equal = left_out = 0
    for _ in range(times(300)):
        number = Decimal(rolls.choice((-1, 1)) * rolls.randrange(10 ** rolls.randint(1, 15))).scaleb(
            -rolls.randint(0, 9)
        )
        text = f"{number:f}"
        asked = block_filter(f"$.status={text}")
        for spelling in spellings(number, rolls):
            lets_through = matching_blocks(asked, OneBlock(f'{{"status":{spelling}}}')) == 1
            is_equal = msgspec.json.decode(spelling) == float(text)
            assert lets_through or not is_equal, (text, spelling)
            equal += is_equal
        other = f'{{"status":{rolls.randrange(10**9)}}}'
        left_out += matching_blocks(asked, OneBlock(other)) == 0
    assert equal > 1_000
    assert left_out > 150


def test_a_word_of_event_names_is_where_they_are() -> None:
    names = [name for name in NAME_CODES if "subscri" in name]
    assert names
    assert block_filter("subscri") == any_of(
        (needle_filter(b"subscri"), any_of(has_marks(*name_marks(NAME_CODES[name])) for name in names))
    )


def test_a_period_is_asked_of_the_times_of_segments() -> None:
    found = block_filter("since:2026-01-01T00:00:00Z")
    assert isinstance(found, InPeriod)
    assert (found.low_ns, found.high_ns) == (1_767_225_600 * 10**9, None)


def test_few_sources_are_asked_for_and_many_are_not() -> None:
    few = compile_block_filter(query("session:a*"), lambda _field, _item: (3, 4))
    assert few == any_of((has_marks(*source_marks(3)), has_marks(*source_marks(4))))
    assert compile_block_filter(query("session:a*"), lambda _field, _item: None) == ANY_BLOCK


def test_a_word_that_may_be_in_a_name_of_a_connection_is_where_its_events_are() -> None:
    def found(field: FieldName, _item: Item) -> Iterable[int]:
        return (5,) if field == "connection" else ()

    assert compile_block_filter(query("rejected"), found) == any_of((REJECTED, has_marks(*source_marks(5))))
