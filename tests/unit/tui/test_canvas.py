"""What is sent to the terminal: less than Textual writes, and the same picture."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.terminal_emulator import TerminalEmulator
from tests.support.thoroughness import times
from wsmon.tui.terminal.driver import ScreenBuffer

# Wider than all that is written in a row: Textual writes nothing past the edge
COLUMNS, ROWS = 300, 4
RED, BOLD, ON_BLUE, RESET = "\x1b[38;2;255;0;0m", "\x1b[1m", "\x1b[48;5;4m", "\x1b[0m"


def at(row: int, column: int, text: str, style: str = "") -> str:
    """A text at a place, as Textual writes it."""
    return f"\x1b[{row};{column}H{style}{text}{RESET if style else ''}"


texts = st.text(st.sampled_from("abc xyz─●日é\u0301🎉"), min_size=1, max_size=5)
styles = st.sampled_from(["", RED, BOLD, ON_BLUE, f"{RED}{ON_BLUE}", "\x1b[7;31m", "\x1b[90;104m"])
pieces = st.builds(at, st.integers(1, ROWS), st.integers(1, 6), texts, styles)
odd = st.sampled_from(
    ["\x1b[2J", "\x1b[?2026h", "\x1b[6n", "\x1b]0;title\x07", "\r\n", "\n", "\x1b[?25l", "plain", "\x07"]
)
frames = st.lists(st.one_of(pieces, pieces, pieces, odd), max_size=8).map("".join)


@settings(max_examples=times(300))
@given(st.lists(frames, max_size=6))
def test_the_terminal_shows_what_textual_meant(written: list[str]) -> None:
    meant, shown, canvas = TerminalEmulator(COLUMNS, ROWS), TerminalEmulator(COLUMNS, ROWS), ScreenBuffer()
    for frame in written:
        meant.feed(frame.encode())
        shown.feed(canvas.painted(frame).encode())
        assert shown.cells == meant.cells


def test_what_is_there_already_is_not_sent_again() -> None:
    canvas = ScreenBuffer()
    frame = at(1, 1, "orders   open", RED) + at(2, 1, "trades", BOLD)
    assert canvas.painted(frame) == f"\x1b[1;1H{RED}orders   open\x1b[2;1H\x1b[0;1mtrades{RESET}"
    assert canvas.painted(frame) == ""


def test_of_a_line_only_the_middle_that_differs_is_sent() -> None:
    canvas = ScreenBuffer()
    canvas.painted(at(3, 5, "14:02:24.118 trade", RED))
    assert canvas.painted(at(3, 5, "14:02:24.955 trade", RED)) == f"\x1b[3;14H{RED}955\x1b[3;23H{RESET}"


def test_another_style_is_another_cell() -> None:
    canvas = ScreenBuffer()
    canvas.painted(at(1, 1, "loss"))
    assert canvas.painted(at(1, 1, "loss", RED)) == f"\x1b[1;1H{RED}loss{RESET}"


def test_where_the_terminal_may_count_cells_in_another_way_everything_is_sent() -> None:
    canvas = ScreenBuffer()
    frame = at(1, 1, "日本") + "more" + at(2, 1, "plain")
    first = canvas.painted(frame)
    assert canvas.painted(frame) == first.removesuffix("\x1b[2;1Hplain") + "\x1b[2;6H"


@pytest.mark.parametrize("unknown", ["\x1b[2J", "\x1b[?1049h", "\x1bc", "\t"])
def test_after_something_unknown_everything_is_sent_again(unknown: str) -> None:
    canvas = ScreenBuffer()
    frame = at(1, 1, "abc")
    canvas.painted(frame)
    canvas.painted(unknown)
    assert canvas.painted(frame) == frame


def test_what_was_forgotten_is_sent_again() -> None:
    canvas = ScreenBuffer()
    frame = at(1, 1, "abc")
    canvas.painted(frame)
    canvas.forget()
    assert canvas.painted(frame) == frame


@pytest.mark.parametrize(
    "passed",
    [
        "\x1b[6n",
        "\x1b[?2026h",
        "\x1b]52;c;YQ==\a",
        "\x1bPtmux;\x1b\x1b]52;c;YQ==\a\x1b\\",
        "\x1bP\x1b]52;c;\x1b\\",
        "\a",
    ],
)
def test_what_shows_nothing_passes_and_nothing_is_forgotten(passed: str) -> None:
    canvas = ScreenBuffer()
    canvas.painted(at(1, 1, "abc"))
    assert canvas.painted(passed) == passed
    assert canvas.painted(at(1, 1, "abc")) == ""


def test_attributes_are_taken_back_by_a_reset_and_colours_one_by_one() -> None:
    canvas = ScreenBuffer()
    both = canvas.painted(f"\x1b[1;1H{RED}{ON_BLUE}a{RESET}{ON_BLUE}b{RESET}{BOLD}c{RESET}d")
    assert both == "\x1b[1;1H\x1b[38;2;255;0;0;48;5;4ma\x1b[39mb\x1b[0;1mc\x1b[0md"
