"""Widgets that draw lines of styled text: one line, wrapped text, a pane of lines with a cursor, a pane that scrolls.

Only lines that changed are painted again: a line costs some hundred bytes on its way to the terminal, a whole pane ten
thousand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from wsmon.tui.actions import Move, bindings, moved
from wsmon.tui.text import Line, RoleStyles, StyledText, width_of

# Words, and the blanks between them
PIECES = re.compile(r"\s+|\S+")


class StatusChanged(Message):
    """The text beside a pane's title changed: the longest wording first, plain text, never markup."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = texts


class ActionRefused(Message):
    """An action of a pane cannot be done; the sentence says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence


class TextLine(Widget):
    """One line of styled text."""

    DEFAULT_CSS = "TextLine { height: 1; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id, classes=classes)
        self._line: Line = ()
        self._base: Style | None = None
        self._styles: RoleStyles | None = None

    @property
    def line(self) -> Line:
        """The line that is shown."""
        return self._line

    def draw(self, line: Line) -> None:
        """Show this line from now on."""
        if line != self._line:
            self._line = line
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Render one line of the widget as cells."""
        if self._base is None or self._styles is None:
            self._base, self._styles = self.rich_style, RoleStyles(self.app.theme_variables)
        return draw_line(self.line_at(y), self.size.width, self._base, self._styles)

    def line_at(self, y: int) -> Line:
        """Return the styled text on line ``y`` of the widget."""
        return self._line if y == 0 else ()

    def notify_style_update(self) -> None:
        """Forget the styles: the theme changed."""
        super().notify_style_update()
        self._base = self._styles = None


class WrappedText(TextLine):
    """Lines of styled text, wrapped at the width of the widget, which is as high as they need."""

    DEFAULT_CSS = "WrappedText { height: auto; }"

    def __init__(
        self,
        lines: Iterable[Line] = (),
        *,
        id: str | None = None,  # noqa: A002 (Textual's name)
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._text = tuple(lines)
        self._wrapped: tuple[int, tuple[Line, ...]] = (0, ())
        """A width, and the text wrapped at it."""

    @property
    def line(self) -> Line:
        """All of the text as one line."""
        return tuple(text for line in self._text for text in line)

    def draw(self, line: Line) -> None:
        """Show this line from now on, wrapped."""
        self.draw_lines((line,))

    def draw_lines(self, lines: Iterable[Line]) -> None:
        """Show these lines from now on, each wrapped."""
        if (text := tuple(lines)) != self._text:
            self._text, self._wrapped = text, (0, ())
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines the text needs at a width."""
        return max(1, len(self._lines(width)))

    def line_at(self, y: int) -> Line:
        """Return a line of the wrapped text."""
        lines = self._lines(self.size.width)
        return lines[y] if y < len(lines) else ()

    def _lines(self, width: int) -> tuple[Line, ...]:
        if self._wrapped[0] != width:
            self._wrapped = width, tuple(part for line in self._text for part in wrap_line(line, width))
        return self._wrapped[1]


class TextPane(ScrollView, can_focus=True):
    """Lines of styled text with an optional cursor; the first ``heading`` lines do not scroll."""

    def __init__(self, *, heading: int = 0, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._heading = heading
        self._lines: Sequence[Line] = ()
        self._cursor: int | None = None
        """Number of the line under the cursor; None = there is no cursor."""
        self._base: Style | None = None
        self._styles: RoleStyles | None = None

    @property
    def width(self) -> int:
        """Cells of a line, without the scroll bar."""
        return self.scrollable_content_region.width

    @property
    def lines(self) -> Sequence[Line]:
        """The lines that are shown."""
        return self._lines

    def draw(self, lines: Sequence[Line], cursor: int | None = None) -> None:
        """Show these lines; ``cursor`` is the number of the line under the cursor."""
        before, self._lines = self._lines, lines
        repainted, self._cursor = {self._cursor, cursor} if cursor != self._cursor else set(), cursor
        if len(before) != len(lines):
            self.virtual_size = Size(0, len(lines))
            self.refresh()
            return
        top = self.scroll_offset.y
        in_sight = (*range(self._heading), *range(self._heading + top, top + self.size.height))
        for number in in_sight:
            if number < len(lines) and (before[number] != lines[number] or number in repainted):
                self._refresh_number(number)

    def show_cursor(self, lines: int = 1) -> None:
        """Scroll as little as needed to bring the cursor into sight, which is on the first of so many lines."""
        if self._cursor is None:
            return
        top = self.scroll_offset.y
        lowest = self._cursor + lines - max(1, self.size.height)
        wanted = min(max(top, lowest), max(0, self._cursor - self._heading))
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """Render one line in sight as cells."""
        if self._base is None or self._styles is None:
            self._base, self._styles = self.rich_style, RoleStyles(self.app.theme_variables)
        number = y if y < self._heading else y + self.scroll_offset.y
        line = self._lines[number] if number < len(self._lines) else ()
        over = self._styles.cursor(self.has_focus or not self.can_focus) if number == self._cursor else None
        return draw_line(line, self.size.width, self._base, self._styles, over)

    def notify_style_update(self) -> None:
        """Forget the styles: the theme changed."""
        super().notify_style_update()
        self._base = self._styles = None

    def on_focus(self) -> None:
        """Give the cursor its full colour."""
        self._refresh_cursor()

    def on_blur(self) -> None:
        """Give the cursor the colour of a pane without the focus."""
        self._refresh_cursor()

    def _refresh_cursor(self) -> None:
        if self._cursor is not None:
            self._refresh_number(self._cursor)

    def _refresh_number(self, number: int) -> None:
        y = number if number < self._heading else number - self.scroll_offset.y
        self.refresh(Region(0, y, self.size.width, 1))


class ScrollPane(TextPane):
    """Lines of styled text that scroll as a whole, without a cursor."""

    BINDINGS = bindings("move")

    def action_move(self, move: Move) -> None:
        """Scroll by lines or pages, or to an end."""
        top = moved(move, self.scroll_offset.y, self.size.height, len(self.lines))
        self.scroll_to(y=max(0, top), animate=False, force=True)


def draw_line(line: Line, width: int, base: Style, styles: RoleStyles, over: Style | None = None) -> Strip:
    """Return styled text as cells, cut or filled to ``width``; ``over`` is laid over all of it (a cursor)."""
    ground = base + over if over is not None else base
    segments = [Segment(text, base + styles.style(role) + (over or Style())) for text, role in line]
    return Strip(segments).adjust_cell_length(width, ground)


def wrap_line(line: Line, width: int, indent: int = 0) -> Iterator[Line]:
    """Yield a line in lines of at most ``width`` cells, broken between words; all but the first are indented.

    The name of a key stays on the line of the word after it, which says what the key does.
    """
    width = max(2 + indent, width)
    # The usual case
    if width_of(line) <= width:
        yield _stripped(line)
        return
    wrapped: list[StyledText] = []
    used = 0
    for unit in _units(line, width - indent):
        cells = width_of(unit)
        if used + cells > width:
            if _is_blank(unit):
                continue
            yield _stripped(wrapped)
            wrapped, used = ([(" " * indent, "text")] if indent else []), indent
        wrapped += unit
        used += cells
    yield _stripped(wrapped)


def _units(line: Line, width: int) -> Iterator[list[StyledText]]:
    """Yield the pieces that stay on one line, and the blanks between them; none is wider than ``width``."""
    unit: list[StyledText] = []
    for text, role in line:
        for piece in PIECES.findall(text):
            is_apart = piece.isspace() and not (unit and unit[-1][1] == "key-name")
            if unit and (is_apart or _is_blank(unit) or width_of(unit) + cell_len(piece) > width):
                yield unit
                unit = []
            *parts, last = chop_cells(piece, width)
            yield from ([(part, role)] for part in parts)
            unit.append((last, role))
    if unit:
        yield unit


def _is_blank(unit: Sequence[StyledText]) -> bool:
    return all(text.isspace() for text, _ in unit)


def _stripped(line: Sequence[StyledText]) -> Line:
    """Return a line without the blanks at its end."""
    kept = list(line)
    while kept and kept[-1][0].isspace():
        kept.pop()
    return tuple(kept)
