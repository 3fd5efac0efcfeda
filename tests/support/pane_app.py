"""An application with one pane on it, in a theme of wsmon's, that keeps the messages of the pane."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import cairosvg
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.scrollbar import ScrollBar
from textual.widget import Widget

import wsmon.tui
from wsmon.tui.terminal.filters import ScrollMark
from wsmon.tui.theme import DEFAULT_THEME, ThemeLibrary

Heard = TypeVar("Heard", bound=Message)
STYLES = Path(wsmon.tui.__file__).parent / "styles"


class PaneApp(App[None]):
    """Shows one pane, as large as the terminal, with a border as the monitor has it."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen > Widget { border: round $rule; height: 1fr; width: 1fr; }"

    def __init__(self, pane: Widget, *styles: str, theme: str = DEFAULT_THEME) -> None:
        """``styles`` names files of ``wsmon/tui/styles``."""
        self._variables_of = ThemeLibrary().themes[theme]
        super().__init__(css_path=[STYLES / name for name in styles])
        self.animation_level = "none"
        ScrollBar.renderer = ScrollMark
        self.pane = pane
        self.heard: list[Message] = []
        for each in ThemeLibrary().themes.values():
            self.register_theme(each)
        self.theme = theme

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(self._variables_of.variables)

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        self.pane.focus()

    def lines(self) -> list[str]:
        """The inside of the pane as text, without the border, spaces at the end cut."""
        width, height = self.pane.size
        strips = self.pane.render_lines(Region(0, 0, width + 2, height + 2))[1:-1]
        return [strip.crop(1, width + 1).text.rstrip() for strip in strips]

    def hear(self, message: Message) -> None:
        """Keep a message, once however far it bubbles: the ``message_hook`` of ``run_test``."""
        if all(message is not each for each in self.heard[-50:]):
            self.heard.append(message)

    def heard_of(self, kind: type[Heard]) -> list[Heard]:
        """The messages of a kind, oldest first."""
        return [message for message in self.heard if isinstance(message, kind)]

    def picture(self, path: Path) -> None:
        """The screen as a PNG, for a person to look at."""
        cairosvg.svg2png(bytestring=self.export_screenshot().encode(), write_to=str(path), scale=1.0)
