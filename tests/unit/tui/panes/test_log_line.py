from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import msgspec
import pytest
from rich.cells import cell_len

from tests.support.builders import event, loss, message, pong, retry, usable
from wsmon.model.events import Event
from wsmon.tui.glyphs import ASCII
from wsmon.tui.panes.log_line import COLUMNS, ColumnName, LineStyle, TimeMode, automatic, line, without_room

STYLE = LineStyle(zone=UTC)
ALL = tuple(column.name for column in COLUMNS)
HOSTILE = "[/b]\x1b[31m\x1b]0;x\x07 \u202e \x9b é红茶"


def shown(each: Event, width: int, style: LineStyle = STYLE, previous: Event | None = None) -> str:
    text = "".join(text for text, _ in line(each, width, style, previous))
    assert cell_len(text) == width
    return text.rstrip()


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (30, "14:02:24 deribit  ✕ disconnec…"),
        (40, "14:02:24 deribit  ✕ disconnected “rate…"),
        (80, "14:02:24.118 deribit      ✕ disconnected  “rate limit: 5 connections”, 1008, cl…"),
        (
            120,
            (
                "14:02:24.118 deribit        ✕ disconnected   “rate limit: 5 connections”, 1008, closed by peer "
                "after 400 ms"
            ),
        ),
    ],
)
def test_a_loss_says_the_peers_reason_before_code_and_duration(width: int, expected: str) -> None:
    assert shown(loss(0.118), width) == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (20, "14:02:24 ↓ text [1,…"),
        (40, "14:02:24 bina…pot ↓ text [1,2,3]"),
        (80, "14:02:24.000 binance-spot ↓ text          [1,2,3]" + " " * 28 + "7 B"),
        (150, "14:02:24.000 binance-spot   00f067aa ↓ text           [1,2,3]" + " " * 86 + "7 B"),
        (
            200,
            "14:02:24.000          #7 binance-spot         00f067aa ↓ text               [1,2,3]" + " " * 114 + "7 B",
        ),
    ],
)  # fmt: skip
def test_columns_adapt_to_the_width(width: int, expected: str) -> None:
    assert shown(message("[1,2,3]", id=7), width) == expected


def test_sizes_are_right_aligned_whatever_the_characters_before() -> None:
    lines = [shown(message(text), 80) for text in ("plain " * 20, "红茶" * 40, "é" * 100, HOSTILE)]

    assert {cell_len(text) for text in lines} == {80}


def test_nothing_of_a_hostile_payload_reaches_the_line_raw() -> None:
    text = shown(message(HOSTILE * 20), 120)

    assert text.isprintable()
    assert "[/b]␛[31m␛]0;x␇" in text


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (pong(rtt_ms=18), "⇄ ping 18 ms"),
        (retry(), "╌ retrying       in 7.0 s (attempt 18)"),
        (usable(), "● open           after 212 ms"),
        (message(b"\x00\xff"), "↓ binary         00 ff"),
        (message("x", direction="out", type="subscribe"), "↑ subscribe      x"),
        (event("message.received", opcode="text", size=7), "↓ text           payload not stored"),
    ],
)
def test_the_word_comes_before_the_content(each: Event, expected: str) -> None:
    said, _, size = shown(each, 120)[28:].partition("   " * 6)

    assert said == expected
    assert size.strip() == (f"{each.size} B" if each.category == "message" else "")


def test_ascii_terminals_get_ascii() -> None:
    text = shown(loss(reason="Größe 红茶"), 120, LineStyle(zone=UTC, glyphs=ASCII))

    assert text.isascii()
    assert 'x disconnected   "Gr\\xf6\\xdfe \\u7ea2\\u8336", 1008, closed by peer after 400 ms' in text


@pytest.mark.parametrize(
    ("after_s", "previous", "expected"),
    [
        (0.25, message(after_s=0), "+0.250 s"),
        (59.9994, message(after_s=0), "+59.999 s"),
        (192, message(after_s=0), "+3m12s"),
        (7500, message(after_s=0), "+2h05m"),
        (0, message(after_s=1), "-1.000 s"),
        (1, None, "–"),
    ],
)
def test_differences_of_time_carry_their_unit(after_s: float, previous: Event | None, expected: str) -> None:
    mode: TimeMode = "delta"

    text = shown(message(after_s=after_s), 120, LineStyle(mode, UTC), previous)

    assert text[:12].strip() == expected


def test_clocks_of_different_runs_are_not_compared() -> None:
    other_run = event("self.run.started", 1, "")

    assert shown(message(after_s=2), 120, LineStyle("delta", UTC), other_run).lstrip().startswith("– ")


def test_what_is_cut_masked_or_large_has_a_sign() -> None:
    odd = message("x" * 200, truncated=True, redacted=True, size=70_000)

    assert shown(odd, 80).endswith("xx… ⊣■△    68 KiB")
    assert shown(odd, 40).endswith("xx… ⊣■△")
    assert shown(odd, 80, LineStyle(zone=UTC, glyphs=ASCII)).endswith("xx> TRL    68 KiB")


@pytest.mark.parametrize(
    ("chosen", "width", "expected"),
    [
        ((), 60, "14:02:24.000 ⇄ ping 18 ms"),
        (("took",), 60, "14:02:24.000 ⇄ ping 18 ms                              18 ms"),
        (("id", "what"), 60, "14:02:24.000          #7 ⇄ ping 18 ms"),
        (("session", "connection"), 60, "14:02:24.000 binance-spot 00f067aa ⇄ ping 18 ms"),
        (
            ("id", "connection", "session", "what", "ref", "took", "wire", "size"),
            60,
            "14:02:24.000 binance-spot ⇄ ping 18 ms",
        ),
    ],
)
def test_columns_are_chosen_and_those_that_do_not_fit_left_out(
    chosen: tuple[ColumnName, ...], width: int, expected: str
) -> None:
    assert shown(pong(id=7), width, LineStyle(zone=UTC, chosen=chosen)) == expected


@pytest.mark.parametrize("width", range(1, 200, 7))
def test_any_choice_of_columns_fits_any_width(width: int) -> None:
    for chosen in (ALL, ("wire", "ref"), ()):
        for each in (message("x" * 300, ref="r" * 30, redacted=True), loss(), event("self.run.started", connection="")):
            shown(each, width, LineStyle(zone=UTC, chosen=chosen))


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (29, ()),
        (30, ("connection",)),
        (60, ("connection", "what", "size")),
        (150, ("connection", "session", "what", "size")),
        (180, ("id", "connection", "session", "what", "size")),
    ],
)
def test_a_wider_line_has_more_columns_by_itself(width: int, expected: tuple[ColumnName, ...]) -> None:
    assert automatic(width) == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (200, ()),
        (80, ("id", "recording", "ref", "took", "wire")),
        (50, ("id", "recording", "session", "ref", "took", "wire", "size")),
        (20, ALL),
    ],
)
def test_where_there_is_no_room_the_columns_of_the_lowest_rank_go_first(
    width: int, expected: tuple[ColumnName, ...]
) -> None:
    assert without_room(width, ALL) == expected


def test_lines_of_several_recordings_have_their_names_in_a_column_or_where_it_is_narrow_before_the_connection() -> None:
    several = LineStyle(zone=UTC, has_recordings=True)
    one = message("[1]")
    each = msgspec.structs.replace(
        one, source=msgspec.structs.replace(one.source, connection="eu/orders", recording="eu")
    )

    assert automatic(60, has_recordings=True) == ("recording", "connection", "what", "size")
    assert automatic(59, has_recordings=True) == ("connection",)
    assert automatic(200, has_connection=False, has_recordings=True) == ("id", "session", "what", "size")
    assert shown(each, 80, several).startswith("14:02:24.000 eu       orders       ↓ text          [1]")
    assert shown(each, 50, several).startswith("14:02:24 eu/o…ers ↓ text [1]")
    assert shown(each, 80, replace(several, chosen=("connection",))).startswith("14:02:24.000 eu/orders    ↓ text [1]")


def test_a_column_that_this_version_does_not_know_is_left_out() -> None:
    style = LineStyle(zone=UTC, chosen=("mood", "size"))

    assert shown(message("[1,2,3]"), 80, style) == shown(message("[1,2,3]"), 80, replace(style, chosen=("size",)))


def test_names_and_ranks_of_columns_are_unique() -> None:
    assert len(set(ALL)) == len({column.drop_rank for column in COLUMNS}) == len(COLUMNS)


def test_times_have_their_day_on_demand() -> None:
    dated = LineStyle("dated", UTC)

    assert shown(message("[1]"), 80, dated).startswith("10 Jan 14:02:24.000 binance-spot ↓ text          [1]")
    assert shown(message("[1]"), 40, dated).startswith("10 Jan 14:02:24 bina…pot ↓ text [1]")


def test_lines_of_one_connection_lack_its_column_unless_it_was_chosen() -> None:
    one = LineStyle(zone=UTC, has_connection=False)

    assert shown(message("[1]"), 60, one).startswith("14:02:24.000 ↓ text          [1]")
    assert "binance-spot" in shown(message("[1]"), 60, replace(one, chosen=("connection",)))


def test_the_name_of_an_event_has_the_room_that_its_text_leaves() -> None:
    assert shown(event("self.run.started"), 80) == "14:02:24.000 binance-spot · recorder started"
    reloaded = event("self.config.reloaded", reason="alerts changed")
    assert shown(reloaded, 80) == "14:02:24.000 binance-spot · config reloaded alerts changed"
    long = event("self.config.reloaded", reason="x" * 80)
    assert shown(long, 80) == "14:02:24.000 binance-spot · config reloa… " + "x" * 37 + "…"
