"""Lines of styled text: wrapped between words, and the panes that show them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pane_app import PaneApp
from wsmon.tui.text import Line, StyledText, width_of
from wsmon.tui.widgets.text_view import ScrollPane, TextPane, WrappedText, wrap_line

HINT: tuple[StyledText, ...] = (("j k", "key-name"), (" scroll  ", "dim"), ("Esc", "key-name"), (" close", "dim"))
TEXTS = st.lists(st.tuples(st.text("ab 日é-", max_size=9), st.sampled_from(["text", "dim", "key-name"])), max_size=6)


def texts(line: tuple[StyledText, ...], width: int, indent: int = 0) -> list[str]:
    return ["".join(text for text, _ in part) for part in wrap_line(line, width, indent)]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, ["j k scroll  Esc close"]),
        (21, ["j k scroll  Esc close"]),
        (20, ["j k scroll", "Esc close"]),
        (9, ["j k", "scroll", "Esc close"]),
    ],
)
def test_a_key_stays_with_the_word_that_says_what_it_does(width: int, expected: list[str]) -> None:
    assert texts(HINT, width) == expected


def test_lines_that_go_on_are_indented_and_a_word_may_be_of_several_spans() -> None:
    assert texts((("one ", "text"), ("conn:", "key-name"), ("x two", "dim")), 10, 2) == ["one conn:x", "  two"]


def test_a_line_that_is_too_long_is_broken_between_words_below_its_label() -> None:
    line: Line = (("state   ", "dim"), ("reconnecting", "status-loss"), (" · open 59m in all", "text"))
    assert texts(line, 24, 8) == ["state   reconnecting ·", "        open 59m in all"]
    assert list(wrap_line(line, 80, 8)) == [line]


def test_a_word_that_is_too_long_is_cut_into_pieces() -> None:
    assert texts((("/exports/orders.jsonl is there", "text"),), 8) == ["/exports", "/orders.", "jsonl is", "there"]


@given(TEXTS, st.integers(4, 30), st.integers(0, 3))
def test_nothing_but_blanks_is_left_out_and_no_line_is_too_wide(
    found: list[StyledText], width: int, indent: int
) -> None:
    line = tuple(found)
    parts = list(wrap_line(line, width, indent))
    assert all(width_of(part) <= max(width, indent + 2) for part in parts)
    whole = "".join(text for part in parts for text, _ in part)
    assert "".join(whole.split()) == "".join("".join(text for text, _ in line).split())


def numbered_lines(count: int) -> tuple[Line, ...]:
    return tuple(((f"line {number}", "text"),) for number in range(count))


class Cursor(TextPane):
    """A pane whose cursor the test moves."""

    def put(self, cursor: int) -> None:
        self.draw(self.lines, cursor)
        self.show_cursor()


async def test_a_cursor_scrolls_as_little_as_needed_and_the_heading_stays() -> None:
    pane = Cursor(heading=1)
    app = PaneApp(pane)
    async with app.run_test(size=(22, 7)) as pilot:
        pane.draw(numbered_lines(20), 1)
        seen = []
        for cursor in (4, 5, 19, 18, 3, 1):
            pane.put(cursor)
            await pilot.pause()
            seen.append((app.lines()[0], pane.scroll_offset.y))
        assert seen == [("line 0", top) for top in (0, 1, 15, 15, 2, 0)]


async def test_only_lines_that_changed_are_painted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pane = Cursor()
    app = PaneApp(pane)
    async with app.run_test(size=(22, 7)) as pilot:
        pane.draw(numbered_lines(5), 1)
        await pilot.pause()
        painted: list[int] = []
        monkeypatch.setattr(pane, "refresh", lambda *regions, **_: painted.extend(region.y for region in regions))
        pane.draw(pane.lines, 3)
        pane.draw((*pane.lines[:2], (("new", "text"),), *pane.lines[3:]), 3)
        pane.draw(pane.lines, 3)
        assert painted == [1, 3, 2]


async def test_a_pane_without_a_cursor_scrolls_by_lines_pages_and_to_its_ends() -> None:
    pane = ScrollPane()
    app = PaneApp(pane)
    async with app.run_test(size=(22, 12)) as pilot:
        pane.draw(numbered_lines(100))
        await pilot.pause()
        tops = []
        for key in ("j", "space", "ctrl+d", "k", "b", "ctrl+u", "ctrl+u", "G", "g"):
            await pilot.press(key)
            tops.append(pane.scroll_offset.y)
        assert tops == [1, 11, 16, 15, 5, 0, 0, 90, 0]


async def test_wrapped_text_is_as_high_as_its_lines() -> None:
    text = WrappedText((HINT,))
    app = PaneApp(text)
    async with app.run_test(size=(30, 6)):
        assert [text.get_content_height(text.size, text.size, width) for width in (40, 12, 4)] == [1, 2, 6]
        text.draw((("a", "text"),))
        assert text.get_content_height(text.size, text.size, 4) == 1
