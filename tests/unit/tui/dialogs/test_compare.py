"""Two events compared, and how that reads."""

from __future__ import annotations

from datetime import UTC

import pytest
from rich.cells import cell_len

from tests.support.builders import loss, message, numbered
from tests.support.screen_harness import COMPACT, stage
from wsmon.model.events import Event
from wsmon.tui.dialogs.compare import (
    TEXT_LIMIT,
    CompareDialog,
    ComparisonForm,
    FieldChange,
    compare,
    comparison_lines,
)
from wsmon.tui.glyphs import ASCII, UNICODE, Glyphs

TRADE = '{"e":"trade","s":"BTC","d":{"p":97120.50,"ids":[1,2]}}'
LATER = '{"e":"trade","s":"ETH","d":{"p":97120.50,"ids":[1,2,3]}}'


def pair(first: Event, second: Event) -> tuple[Event, Event]:
    before, after = numbered([first, second])
    return before, after


def shown(
    first: Event, second: Event, way: ComparisonForm = "JSON", width: int = 70, glyphs: Glyphs = UNICODE
) -> list[str]:
    lines = comparison_lines(compare(*pair(first, second), way), width, UTC, glyphs)
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_json_is_compared_by_its_structure() -> None:
    assert shown(message(TRADE, type="trade"), message(LATER, 1.5, type="trades")) == [
        "- #1  14:02:24.000  binance-spot  trade",
        "+ #2  14:02:25.500  binance-spot  trades",
        "1.5 s apart",
        "",
        "~ Type        trade → trades",
        "~ Size        54 B → 56 B",
        "",
        "Payloads as JSON: 2 differences  · f: as text, bytes",
        '~ $.s  "BTC" → "ETH"',
        "+ $.d.ids[2]  3",
    ]


def test_the_same_message_again_has_no_difference() -> None:
    lines = shown(message(TRADE), message(TRADE, 0.004))
    assert lines[2:6] == ["4.0 ms apart", "", "fields are identical", ""]
    assert lines[6:] == ["Payloads as JSON: no difference  · f: as text, bytes"]


def test_text_is_compared_by_lines_and_what_is_the_same_is_left_out() -> None:
    before = "\n".join(f"line {number}" for number in range(20))
    assert shown(message(before), message(before.replace("line 7", "another")))[6:] == [
        "Payloads as text: 2 differences  · f: as bytes",
        "  line 0",
        "  line 1",
        "    3 more the same",
        "  line 5",
        "  line 6",
        "- line 7",
        "+ another",
        "  line 8",
        "  line 9",
        "    8 more the same",
        "  line 18",
        "  line 19",
    ]


def test_bytes_are_compared_in_rows_with_their_places() -> None:
    assert shown(message(bytes(40)), message(bytes(20) + b"\xff" + bytes(19)))[6:] == [
        "Payloads as bytes: 2 differences",
        f"  000000  {' '.join(['00'] * 16)}",
        f"- 000010  {' '.join(['00'] * 16)}",
        f"+ 000010  {' '.join(['00'] * 4 + ['ff'] + ['00'] * 11)}",
        f"  000020  {' '.join(['00'] * 8)}",
    ]


def test_what_cannot_be_compared_as_wanted_is_compared_in_the_next_way() -> None:
    deep = "[" * 10_000 + "]" * 10_000
    assert compare(*pair(message(deep), message(TRADE))).form == "text"
    assert compare(*pair(message(b"\xff"), message(TRADE))).form == "bytes"
    assert compare(*pair(message(b"\xff"), message(TRADE)), "text").form == "bytes"


def test_of_a_loss_the_fields_are_compared() -> None:
    found = compare(*pair(loss(0, code=1006, reason=""), loss(1, "coinbase", code=1008, reason="rate limit")))
    assert found.fields == (
        FieldChange("Connection", "deribit", "coinbase"),
        FieldChange("Code", "1006", "1008"),
        FieldChange("Reason", "", "rate limit"),
    )
    assert shown(loss(0), loss(1))[-1] == "neither event has a payload"
    assert shown(loss(0), message("x", 1))[-1] == "only #2 has a payload"


def test_what_was_cut_or_is_too_long_is_said() -> None:
    lines = shown(message(b"a" * (TEXT_LIMIT + 1)), message("{", truncated=True), "bytes")
    assert lines[-2:] == [
        "#2 was truncated before storing: the rest is not compared",
        "the first 1.0 MiB of each compared",
    ]


def test_long_values_stand_one_under_the_other() -> None:
    lines = shown(message('{"a":"' + "x" * 40 + '"}'), message('{"a":"' + "y" * 40 + '"}'), width=60)
    assert lines[-3:] == ["~ $.a", f'    - "{"x" * 40}"', f'    + "{"y" * 40}"']


HOSTILE = "[/b]\x1b[31m\x1b]0;x\x07\x9b\u202e"


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("width", [30, 80, 200])
@pytest.mark.parametrize("way", ["JSON", "text", "bytes"])
def test_hostile_text_is_clean_and_fits(way: ComparisonForm, width: int, glyphs: Glyphs) -> None:
    first = message(f'{{"{HOSTILE.encode().hex()}{"w" * 300}\u202e":1}}', type=HOSTILE, reason=HOSTILE)
    second = message(f"plain {HOSTILE}\n" * 40, type="other")
    for one, other in ((first, second), (first, first), (second, first)):
        lines = shown(one, other, way, width, glyphs)
        assert all(line.isprintable() and cell_len(line) <= width for line in lines)
        assert glyphs is UNICODE or all(line.isascii() for line in lines)


async def test_each_press_of_the_key_is_the_next_form_also_before_the_answer_to_the_one_before() -> None:
    on, wanted = stage(), list[ComparisonForm]()
    found = compare(*pair(message(TRADE), message(LATER, 1.5)))
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        on.app.push_screen(CompareDialog(found, lambda form, _: wanted.append(form), lambda _: ("", "dim")))
        await pilot.press("f", "f", "f")
    assert (found.form, wanted) == ("JSON", ["text", "bytes", "JSON"])
