"""The screen of an app as a small SVG: a line of the file is a line of the screen, so that a difference can be read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.app import App
from textual.strip import Strip

CELL = (10, 20)
FONTS = "DejaVu Sans Mono, Menlo, Consolas, monospace"
# The characters of these are 0.602 em wide
FONT_SIZE = 16.6
# Braille and what comes after it is drawn in some other font, of another width
BEYOND_THE_FONTS = "\u2800"
# Below the upper edge of a line
BASELINE = 15
# What stands together; the next starts at a cell of its own, whatever the font did to this one
WORDS = re.compile(r"\S+(?: \S+)*")


class Ink(NamedTuple):
    """How a character is drawn; colours as ``#rrggbb``."""

    color: str
    background: str
    attributes: str
    """Of SVG."""


class Run(NamedTuple):
    """Characters of one line that are drawn the same way."""

    column: int
    text: str
    ink: Ink


def screen_svg(app: App[Any]) -> str:
    """The screen as it is, dialogs and all, as SVG."""
    strips = app.screen._compositor.render_strips()  # there is no public way to the cells
    lines = [list(_runs(strip, app.ansi_theme)) for strip in strips]
    paper = _commonest((run.ink.background, cell_len(run.text)) for line in lines for run in line)
    color = _commonest((run.ink.color, len(run.text.strip())) for line in lines for run in line)
    width, height = app.size.width * CELL[0], app.size.height * CELL[1]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" fill="{color}"'
        f' font-family="{FONTS}" font-size="{FONT_SIZE}" xml:space="preserve">'
    )
    whole = f'<rect width="{width}" height="{height}" fill="{paper}"/>'
    drawn = (_line(number, runs, paper, color) for number, runs in enumerate(lines))
    return "\n".join((head, whole, *drawn, "</svg>\n"))


def _line(number: int, runs: list[Run], paper: str, color: str) -> str:
    """The backgrounds of a line that differ from the paper, then its text."""
    top, height = number * CELL[1], CELL[1]
    rects = "".join(
        f'<rect x="{start * CELL[0]}" y="{top}" width="{cells * CELL[0]}" height="{height}" fill="{background}"/>'
        for start, cells, background in _backgrounds(runs)
        if background != paper
    )
    spans = "".join(_spans(runs, color))
    return rects + (f'<text y="{top + BASELINE}">{spans}</text>' if spans else "")


def _spans(runs: Iterable[Run], color: str) -> Iterator[str]:
    for column, text, ink in runs:
        fill = "" if ink.color == color else f' fill="{ink.color}"'
        for words in WORDS.finditer(text):
            x = (column + cell_len(text[: words.start()])) * CELL[0]
            width = f' textLength="{cell_len(words[0]) * CELL[0]}"' if max(words[0]) >= BEYOND_THE_FONTS else ""
            yield f'<tspan x="{x}"{width}{fill}{ink.attributes}>{escape(words[0])}</tspan>'


def _backgrounds(runs: Iterable[Run]) -> Iterator[tuple[int, int, str]]:
    """First cell, cells and colour of what has one colour behind it."""
    start, end, color = 0, 0, ""
    for column, text, ink in runs:
        if ink.background != color:
            if end > start:
                yield start, end - start, color
            start, color = column, ink.background
        end = column + cell_len(text)
    if end > start:
        yield start, end - start, color


def _runs(strip: Strip, theme: TerminalTheme) -> Iterator[Run]:
    column, start, text, ink = 0, 0, "", None
    for segment in strip:
        found = _ink(segment.style or Style.null(), theme)
        if found != ink:
            if ink is not None:
                yield Run(start, text, ink)
            start, text, ink = column, "", found
        text += segment.text
        column += segment.cell_length
    if ink is not None:
        yield Run(start, text, ink)


def _ink(style: Style, theme: TerminalTheme) -> Ink:
    color = _hex(style.color, theme, is_text=True)
    background = _hex(style.bgcolor, theme, is_text=False)
    if style.reverse:
        color, background = background, color
    attributes = "".join(
        attribute
        for is_so, attribute in (
            (style.bold, ' font-weight="bold"'),
            (style.italic, ' font-style="italic"'),
            (style.underline, ' text-decoration="underline"'),
            (style.strike, ' text-decoration="line-through"'),
            (style.dim, ' opacity="0.6"'),
        )
        if is_so
    )
    return Ink(color, background, attributes)


def _hex(color: Color | None, theme: TerminalTheme, *, is_text: bool) -> str:
    return (color or Color.default()).get_truecolor(theme, foreground=is_text).hex


def _commonest(counted: Iterable[tuple[str, int]]) -> str:
    """The colour of most cells."""
    found: Counter[str] = Counter()
    for color, cells in counted:
        found[color] += cells
    return found.most_common(1)[0][0]
