"""The detail pane on its own: cursor, folding, forms of the payload, search, and lines made on demand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.support.builders import event, loss, message, numbered, usable
from tests.support.pane_app import PaneApp
from tests.support.scene_stores import HOSTILE
from wsmon.model.events import Event
from wsmon.model.snapshot import OpenIncident
from wsmon.tui.cell_text import cell_text
from wsmon.tui.glyphs import UNICODE
from wsmon.tui.panes import detail_payload
from wsmon.tui.panes.detail import AHEAD, MOST_LINES, DetailPane, DetailValue, LazyRows, matching_lines
from wsmon.tui.panes.detail_fields import DetailLayout, DetailRow
from wsmon.tui.panes.detail_payload import decode_payload, detail_rows
from wsmon.tui.widgets.text_view import StatusChanged

TRADE = '{"e":"trade","data":{"p":97120.50,"q":"0.02","path":[1,2,{"last":null}],"is_maker":true},"note":"plain words"}'
EVENTS = (loss(0.118, id=42), message(TRADE, id=7), usable(id=3))
ROWS = 20
FOLLOWING = ["Live. Enter: show event · e: jump to latest problem", ""]


class Detail:
    """A detail pane on its own."""

    def __init__(self) -> None:
        self.pane = DetailPane(zone=UTC)
        self.app = PaneApp(self.pane, "detail.tcss")

    def run(self) -> AbstractAsyncContextManager[Pilot[None]]:
        return self.app.run_test(size=(62, ROWS + 2))

    async def show(self, pilot: Pilot[None], event: Event | None) -> list[str]:
        self.pane.show(event)
        await pilot.pause()
        return self.app.lines()


async def test_it_says_what_to_press_while_there_is_no_event() -> None:
    detail = Detail()
    async with detail.run() as pilot:
        assert detail.app.lines()[:2] == FOLLOWING
        await detail.show(pilot, loss())
        assert (await detail.show(pilot, None))[:2] == FOLLOWING


async def test_every_column_is_in_sight() -> None:
    detail = Detail()
    async with detail.run() as pilot:
        lines = await detail.show(pilot, loss(0.118))

        assert lines[0].rstrip("▁▂▃▄▅▆▇█ ").endswith("14:02:24.118")


async def test_keys_move_the_cursor_and_scroll_when_it_leaves() -> None:
    detail = Detail()
    async with detail.run() as pilot:
        first = await detail.show(pilot, usable())
        await pilot.press(*"j" * (ROWS - 1))
        assert detail.app.lines() == first
        await pilot.press("j")
        assert detail.app.lines()[0] == first[1]
        await pilot.press("k", "G")
        assert detail.app.lines()[-1].startswith("Run          1")
        await pilot.press("g")

        assert detail.app.lines() == first


async def test_another_event_is_shown_from_its_top_and_the_same_one_stays_where_it_is() -> None:
    first, second = numbered([usable(), message(TRADE)])
    detail = Detail()
    async with detail.run() as pilot:
        await detail.show(pilot, first)
        await pilot.press(*"j" * (ROWS + 2))
        scrolled = detail.app.lines()
        assert await detail.show(pilot, first) == scrolled

        assert (await detail.show(pilot, second))[0].startswith("↓ Message from binance-spot")


async def test_lines_are_made_as_they_come_into_sight() -> None:
    detail = Detail()
    async with detail.run() as pilot:
        await detail.show(pilot, message("[" + "1," * 2000 + "1]"))
        assert len(detail.pane.lines) == ROWS + AHEAD
        await pilot.press(*["space"] * 3)
        assert len(detail.pane.lines) == 4 * ROWS + AHEAD
        await pilot.press("G")

        assert len(detail.pane.lines) == 6 + 2003 + 8  # head, JSON, which event it is
        assert detail.app.lines()[-1].startswith("Run")


@pytest.mark.parametrize(
    "payload",
    [
        "[" + "1," * 500_000 + "1]",
        '{"a":"' + "x" * 1_000_000 + '"}',
        "[" * 1_000_000,
        "{" + "x" * 1_000_000,
        HOSTILE * 50_000,
        b"\xed\xa0\x80" * 300_000,
    ],
    ids=["numbers", "one text", "depth", "not JSON", "hostile", "surrogates"],
)
async def test_a_mebibyte_is_capped_and_says_so(payload: str | bytes) -> None:
    detail = Detail()
    async with detail.run() as pilot:
        await detail.show(pilot, message(payload, opcode="text"))
        await pilot.press("G")

        assert len(detail.pane.lines) <= MOST_LINES + 1
        assert "press x to export all" in "".join(text for line in detail.pane.lines for text, _ in line)
        assert all(line.isprintable() for line in detail.app.lines())


async def test_hostile_text_is_never_raw_on_the_screen() -> None:
    detail = Detail()
    events = [
        message(HOSTILE),
        message(HOSTILE.encode() + b"\xed\xa0\x80", opcode="text"),
        loss(reason=HOSTILE, error=HOSTILE),
    ]
    async with detail.run() as pilot:
        for each in numbered(events):
            lines = await detail.show(pilot, each)

            assert all(line.isprintable() for line in lines)
            assert any("[/b]␛[31m␛]0;x␇\\x9b\\u202e" in line for line in lines)


async def test_another_width_breaks_lines_anew() -> None:
    detail = Detail()
    async with detail.run() as pilot:
        await detail.show(pilot, message("word " * 100))
        await pilot.resize_terminal(30, 22)
        await pilot.pause()

        assert all(len(line) <= 28 for line in detail.app.lines())


def to_line(detail: Detail, begins: str) -> list[str]:
    """The keys that put the cursor on a line."""
    at = next(number for number, line in enumerate(detail.app.lines()) if line.strip().startswith(begins))
    return ["g", *"j" * at]


async def test_values_are_taken_along_with_their_paths() -> None:
    detail = Detail()
    async with detail.run() as pilot:
        await detail.show(pilot, message(TRADE))
        seen = []
        for begins in ('"e"', '"p"', '"path"', '"last"', "Payload"):
            await pilot.press(*to_line(detail, begins))
            seen.append(detail.pane.value)
        assert seen == [
            DetailValue("$.e", "trade"),
            DetailValue("$.data.p", "97120.50"),
            DetailValue("$.data.path", '[1,2,{"last":null}]'),
            DetailValue("$.data.path[2].last", "null"),
            None,
        ]


async def test_enter_folds_and_unfolds_and_the_cursor_stays_with_the_container() -> None:
    detail = Detail()
    async with detail.run() as pilot:
        whole = await detail.show(pilot, message(TRADE))
        await pilot.press(*to_line(detail, '"q"'), "enter")
        folded = detail.app.lines()
        assert [line.strip() for line in folded if line.strip().startswith('"')] == [
            '"e": "trade",',
            '"data": { 4 … },',
            '"note": "plain words"',
        ]
        assert detail.pane.value == DetailValue(
            "$.data", '{"p":97120.50,"q":"0.02","path":[1,2,{"last":null}],"is_maker":true}'
        )
        await pilot.press("enter")
        assert detail.app.lines() == whole
        await pilot.press("minus")
        assert detail.app.lines() == folded
        await pilot.press("plus")
        assert detail.app.lines() == whole


async def test_the_payload_is_shown_decoded_as_text_and_as_bytes() -> None:
    detail = Detail()
    async with detail.run() as pilot:
        await detail.show(pilot, message('{"a":1}'))
        seen = []
        for _ in range(4):
            lines = detail.app.lines()
            assert "Payload  JSON · text · hex  f" in lines
            seen.append(lines[lines.index("Payload  JSON · text · hex  f") + 1])
            await pilot.press("f")
            await pilot.pause()
        assert seen == ["{", '{"a":1}', '0000 7b 22 61 22  3a 31 7d    {"a":1}', "{"]
        await detail.show(pilot, message(b"abc\x00"))
        assert any(line.startswith("abc") for line in detail.app.lines())
        await pilot.press("f")
        assert any(line.startswith("0000 61 62 63 00") for line in detail.app.lines())


async def test_a_value_asks_for_events_like_it_or_unlike_it() -> None:
    detail = Detail()
    async with detail.app.run_test(size=(62, ROWS + 2), message_hook=detail.app.hear) as pilot:
        await detail.show(pilot, message(TRADE))
        await pilot.press(*to_line(detail, '"e"'), "equals_sign", *to_line(detail, '"p"'), "exclamation_mark", "g", "!")
        asked = [(each.term, each.is_excluded) for each in detail.app.heard_of(DetailPane.FilterRequested)]
        assert asked == [('$.e="trade"', False), ("$.data.p=97120.50", True), ("", True)]


async def test_a_field_is_taken_along_and_asks_for_events_like_it() -> None:
    detail = Detail()
    async with detail.app.run_test(size=(62, ROWS + 12), message_hook=detail.app.hear) as pilot:
        await detail.show(pilot, loss(0.118, id=42))
        await pilot.press(*to_line(detail, "Code"))
        assert detail.pane.value == DetailValue("code:1008", "1008 policy violation")
        await pilot.press("equals_sign", *to_line(detail, "Connection"), "exclamation_mark")
        asked = [(each.term, each.is_excluded) for each in detail.app.heard_of(DetailPane.FilterRequested)]
        assert asked == [("code:1008", False), ('connection="deribit"', True)]


async def test_a_text_is_found_also_in_what_was_folded_and_each_place_has_its_number() -> None:
    detail = Detail()
    async with detail.app.run_test(size=(62, ROWS + 2), message_hook=detail.app.hear) as pilot:
        await detail.show(pilot, message(TRADE))
        await pilot.press("minus")
        seen = []
        detail.pane.search("MAKER")
        detail.pane.search('":')
        for newer in (True, True, False, False):
            seen.append(detail.pane.value and detail.pane.value.path)
            detail.pane.go_to_match(newer=newer)
        detail.pane.search("nowhere")
        await pilot.pause()
        assert seen == ["$.data.is_maker", "$.note", "$.e", "$.note"]
        assert [each.texts[0] for each in detail.app.heard_of(StatusChanged)] == [
            "",
            "'MAKER' 1 of 1",
            "'\":' 7 of 8",
            "'\":' 8 of 8",
            "'\":' 1 of 8, wrapped",
            "'\":' 8 of 8, wrapped",
            "'\":' 7 of 8",
            "'nowhere' not found",
        ]
        await detail.show(pilot, loss(id=9))
        assert detail.app.heard_of(StatusChanged)[-1].texts[0] == "'nowhere' n N"


async def test_levels_of_json_are_shown_one_by_one() -> None:
    detail = Detail()
    async with detail.run() as pilot:
        whole = await detail.show(pilot, message(TRADE))
        shown = []
        for key in ("less_than_sign", "less_than_sign", "less_than_sign", "less_than_sign", "greater_than_sign"):
            await pilot.press(key)
            shown.append(sum(line.strip().startswith(('"', "{", "[", "]", "}")) for line in detail.app.lines()))
        assert shown == [12, 10, 5, 5, 10]
        await pilot.press("plus")
        assert detail.app.lines() == whole


async def test_the_content_of_a_protocol_is_shown_under_its_parts() -> None:
    detail = Detail()
    async with detail.app.run_test(size=(62, ROWS + 2), message_hook=detail.app.hear) as pilot:
        each = message(b'\x30\x0d\x00\x03a/b{"t":21}', type="PUBLISH", topic="a/b")
        lines = await detail.show(pilot, each)
        at = lines.index("Payload  MQTT PUBLISH JSON · text · hex  f")
        assert lines[at + 1 : at + 6] == ["Topic        a/b", "Quality      0", "{", '  "t": 21', "}"]
        await pilot.press(*to_line(detail, '"t"'), "equals_sign")
        assert detail.pane.value == DetailValue("$.t", "21")
        assert [each.term for each in detail.app.heard_of(DetailPane.FilterRequested)] == [""]


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":[' + b"1," * 8_000_000 + b"1]}",
        b'{"a":"' + b"x" * 16_000_000 + b'"}',
        b"[" * 10_000 + b"]" * 10_000,
        b"\xff" * 16_000_000,
        "\u202e\u2066".encode() * 2_000_000,
    ],
    ids=["numbers", "one text", "10,000 deep", "no UTF-8", "bidi"],
)
async def test_of_sixteen_mebibytes_only_the_first_page_is_read(
    payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned = 0

    def counted(text: str, *arguments: Any, **named: Any) -> str:
        nonlocal cleaned
        cleaned += len(text)
        return cell_text(text, *arguments, **named)

    monkeypatch.setattr(detail_payload, "cell_text", counted)
    detail = Detail()
    async with detail.run() as pilot:
        lines = await detail.show(pilot, message(payload, opcode="text"))
        assert len(detail.pane.lines) <= 2 * ROWS + AHEAD
        assert cleaned < 100_000
        assert all(line.isprintable() for line in lines)
        await pilot.press("minus", "plus")
        assert len(detail.pane.lines) <= 2 * ROWS + AHEAD


def rows_of(each: Event, width: int = 40) -> list[DetailRow]:
    return list(detail_rows(each, decode_payload(each), DetailLayout(width, UTC, UNICODE)))


def lines_at(rows: list[DetailRow], needle: str) -> list[str]:
    return ["".join(part for part, _ in rows[number].line).strip() for number in matching_lines(rows, needle)]


def test_case_does_not_count_and_nothing_is_nowhere() -> None:
    rows = rows_of(loss(0))
    assert lines_at(rows, "DERIBIT") == ["✕ Disconnected: deribit     14:02:24.000", "Connection   deribit"]
    assert matching_lines(rows, "") == ()
    assert matching_lines(rows, "nothing like it") == ()


def test_a_text_that_goes_over_the_end_of_a_line_is_found_where_it_begins() -> None:
    rows = rows_of(message('{"note":"' + "many words that go on and on " * 4 + 'end"}', type="x" * 60))
    assert len(lines_at(rows, "on and on many")) == 3
    assert len(lines_at(rows, "x" * 50)) == 1
    rows = rows_of(message("plain " * 20 + "needle in a haystack"), width=30)
    assert len(lines_at(rows, "in a haystack")) == 1


def test_two_fields_are_not_one_text() -> None:
    assert lines_at(rows_of(message("x", type="ab", topic="cd")), "abtopic") == []


@given(st.text(alphabet="ab ", min_size=1, max_size=200), st.integers(0, 199), st.integers(1, 12))
def test_whatever_stands_on_one_line_is_found(text: str, start: int, length: int) -> None:
    rows = [DetailRow(((line, "text"),)) for line in text.split(" ")]
    needle = text[start : start + length].split(" ")[0]
    found = matching_lines(rows, needle)
    assert bool(needle) == bool(found)
    assert {number for number, row in enumerate(rows) if needle and needle in row.line[0][0]} <= set(found)


def plain_rows(count: int) -> Iterator[DetailRow]:
    return (DetailRow(((f"line {number}", "text"),)) for number in range(count))


def test_rows_are_made_only_as_far_as_they_are_needed() -> None:
    rows = LazyRows()
    rows.begin(plain_rows(1_000), 10)
    counts = [len(rows.made)]
    for row, ahead in ((5, 20), (3, 0), (500, 0), (5_000, 10)):
        rows.move_to(row, ahead)
        counts.append(len(rows.made))
    assert (counts, rows.at) == ([10, 25, 25, 500, 1_000], 999)
    assert not rows.make(2_000)


def test_a_cursor_keeps_its_row_when_rows_are_made_anew_as_far_as_there_are_as_many() -> None:
    rows = LazyRows()
    rows.begin(plain_rows(50), 50)
    rows.move_to(40, 0)
    rows.begin(plain_rows(50), 45)
    assert (rows.at, len(rows.made)) == (40, 45)
    rows.begin(plain_rows(3), 45)
    assert (rows.at, rows.current) == (2, DetailRow((("line 2", "text"),)))
    rows.begin(plain_rows(0), 45)
    assert (rows.at, rows.current) == (0, None)


def test_more_rows_than_anyone_reads_end_with_a_remark() -> None:
    rows = LazyRows()
    rows.begin(plain_rows(2 * MOST_LINES), 1)
    rows.make(2 * MOST_LINES)
    assert len(rows.made) == MOST_LINES + 1
    assert rows.made[-1].line[0][0] == "10,000 lines shown: press x to export all of it"
    assert not rows.make(3 * MOST_LINES)


async def test_p3_an_open_incident_says_what_it_has_found_by_now_and_the_cursor_stays() -> None:
    opened = event("incident.opened", type="gap", reason="2 missing messages: BTC 3-4", id=9)
    detail = Detail()

    def found(sentence: str) -> None:
        detail.pane.show_incidents((OpenIncident(9, "gap", sentence, "feed"), OpenIncident(8, "stall", "no data")))

    async with detail.run() as pilot:
        found(opened.reason)
        first = await detail.show(pilot, opened)
        await pilot.press("j", "j")
        seen = []
        for number in (40, 1_204):
            found(f"{number:,} missing messages: BTC 3-4, 9 and 7 more")
            await pilot.pause()
            seen.append([line.rstrip() for line in detail.app.lines() if line.startswith(("Reason", "So far"))])
        assert not any(line.startswith("So far") for line in first)
        assert seen == [
            [
                "Reason       2 missing messages: BTC 3-4",
                f"So far       {number} missing messages: BTC 3-4, 9 and 7 more",
            ]
            for number in ("40", "1,204")
        ]
        detail.pane.show_incidents(())
        await pilot.pause()
        assert detail.app.lines() == first
