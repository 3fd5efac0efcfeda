"""Questions, prompts, finders and choosers on an application of their own."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App
from textual.screen import ModalScreen
from textual.widgets import Input

from tests.support.pane_app import PaneApp
from wsmon.tui.dialogs.base import (
    Chooser,
    ConfirmDialog,
    ConfirmOption,
    Dialog,
    FinderDialog,
    PromptDialog,
    detach_dialog,
    disable_dialog,
    quit_dialog,
    reconnect_dialog,
)
from wsmon.tui.text import Line
from wsmon.tui.theme import DEFAULT_THEME, ThemeLibrary
from wsmon.tui.widgets.text_view import TextPane, WrappedText

NAMES = ("binance", "bitstamp", "kraken")
OPEN = object()


class Host(App[None]):
    """Shows one dialog and keeps its result."""

    CSS = ".dialog { width: 60; height: auto; }"

    def __init__(self, dialog: ModalScreen[Any]) -> None:
        super().__init__()
        self.dialog = dialog
        self.result: object = OPEN
        for theme in ThemeLibrary().themes.values():
            self.register_theme(theme)
        self.theme = DEFAULT_THEME

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(ThemeLibrary().themes[DEFAULT_THEME].variables)

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self.keep)

    def keep(self, result: object) -> None:
        self.result = result

    def said(self, selector: str) -> str:
        """The text of a line of the dialog."""
        return "".join(text for text, _ in self.dialog.query_one(selector, WrappedText).line).strip()


class Finder(FinderDialog[str]):
    """Finds names."""

    NOTHING = "no such name"

    def __init__(self) -> None:
        super().__init__("a name")

    def find(self, text: str) -> tuple[str, ...]:
        return tuple(name for name in NAMES if text in name)

    def line(self, result: str, width: int) -> Line:
        return ((result, "text"),)

    def first(self, results: tuple[str, ...]) -> int:
        return 1

    def listed(self) -> list[str]:
        return ["".join(text for text, _ in line) for line in self.query_one("#finder-list", TextPane).lines]


def question() -> ConfirmDialog:
    options = ConfirmOption("y", "yes", "do it", "at once"), ConfirmOption("n", "no", "leave it", "as it is")
    return ConfirmDialog("Do it?", "It takes long.", options)


@pytest.mark.parametrize(("key", "result"), [("y", "yes"), ("n", "no"), ("escape", None), ("enter", OPEN), ("x", OPEN)])
async def test_a_question_is_answered_by_the_key_of_an_option_alone(key: str, result: object) -> None:
    host = Host(question())
    async with host.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        assert host.result is result or host.result == result


def test_the_questions_of_the_screen_name_what_they_do() -> None:
    asked = [
        (dialog.title, [(each.key, each.value) for each in dialog._options])
        for dialog in (quit_dialog(), detach_dialog(None))
    ]
    assert asked == [("Quit wsmon", [("d", "detach"), ("s", "stop")]), ("Detach", [("d", "detach")])]
    assert "orders is open" in reconnect_dialog("orders")._text
    assert "Disable orders?" in disable_dialog("orders")._text


async def test_a_prompt_says_what_is_wrong_and_takes_what_is_right() -> None:
    prompt = PromptDialog("Name", "", (("any name", "dim"),), lambda text: "too short" if len(text) < 3 else "")
    host = Host(prompt)
    async with host.run_test(size=(80, 24)) as pilot:
        assert host.said("#prompt-note") == "any name"
        await pilot.press(*"ab", "enter")
        assert (host.said("#prompt-note"), host.result) == ("too short", OPEN)
        await pilot.press("c", "space", "enter")
        assert host.result == "abc"


async def test_a_finder_lists_what_the_text_finds_and_the_arrows_choose() -> None:
    finder = Finder()
    host = Host(finder)
    async with host.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert (finder.listed(), finder.chosen) == (list(NAMES), "bitstamp")
        await pilot.press("down", "down")
        assert finder.chosen == "binance"
        await pilot.press(*"bi")
        assert (finder.listed(), finder.chosen) == (["binance", "bitstamp"], "binance")
        await pilot.press("up", "enter")
        assert host.result == "bitstamp"


async def test_a_finder_that_finds_nothing_says_so_and_enter_does_nothing() -> None:
    finder = Finder()
    host = Host(finder)
    async with host.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"xyz", "down", "enter")
        assert (finder.listed(), finder.chosen, host.result) == (["  no such name"], None, OPEN)
        assert not finder.query_one(Input).cursor_blink


@pytest.mark.parametrize(("height", "breakpoint_class"), [(9, "-low"), (17, "-tight"), (18, "-high")])
async def test_a_low_terminal_takes_frame_and_blank_lines_from_a_dialog(height: int, breakpoint_class: str) -> None:
    host = Host(question())
    async with host.run_test(size=(80, height)) as pilot:
        await pilot.pause()
        assert host.dialog.has_class(breakpoint_class)


class Title(Dialog[None]):
    TITLE = "A title"


async def test_a_dialog_without_content_has_title_and_hint() -> None:
    host = Host(Title())
    async with host.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert (host.said("#dialog-title"), host.said("#dialog-hint")) == ("A title", "Esc close")


async def test_a_chooser_turns_both_ways_and_says_so() -> None:
    chooser = Chooser("What", ("all", "matches", "session"), id="what")
    app = PaneApp(chooser)
    async with app.run_test(size=(30, 5), message_hook=app.hear) as pilot:
        seen = []
        for key in ("right", "l", "space", "left", "h"):
            await pilot.press(key)
            seen.append(chooser.index)
        assert seen == [1, 2, 0, 2, 1]
        assert len(app.heard_of(Chooser.OptionChanged)) == 5
        assert "".join(text for text, _ in chooser.line) == "What     ‹ matches ›"


async def test_a_dialog_is_dismissed_once_whatever_is_typed_ahead() -> None:
    app = Host(PromptDialog("Go to", "", (), lambda _: ""))
    async with app.run_test() as pilot:
        app.dialog.dismiss("first")
        app.dialog.dismiss("second")
        await pilot.pause()
        assert (app.result, len(app.screen_stack)) == ("first", 1)


async def test_a_dialog_that_ends_below_another_one_closes_after_it() -> None:
    app, above = Host(PromptDialog("below", "", (), lambda _: "")), PromptDialog("above", "", (), lambda _: "")
    async with app.run_test() as pilot:
        await app.push_screen(above)
        app.dialog.dismiss("result")
        await pilot.pause()
        assert (app.result, app.screen) == (OPEN, above)
        above.dismiss("other")
        await pilot.pause()
        assert (app.result, len(app.screen_stack)) == ("result", 1)
