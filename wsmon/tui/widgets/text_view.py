"""Widgets that draw lines of spans: only lines that changed are painted again.

A changed line costs some hundred bytes on its way to the terminal, a whole pane ten thousand.
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

from wsmon.tui.actions import bindings
from wsmon.tui.text import Line, RoleStyles, StyledText, width_of


def draw_line(line: Line, width: int, base: Style, palette: RoleStyles, over: Style | None = None) -> Strip:
    """Spans as cells, cut or filled to ``width``; ``over`` is laid over all of it (a cursor)."""
    ground = base + over if over is not None else base
    segments = [Segment(text, base + palette.style(role) + (over or Style())) for text, role in line]
    return Strip(segments).adjust_cell_length(width, ground)


class TextLine(Widget):
    """One line of spans."""

    DEFAULT_CSS = "TextLine { height: 1; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id, classes=classes)
        self._line: Line = ()
        self._ground: Style | None = None
        self._palette: RoleStyles | None = None

    @property
    def line(self) -> Line:
        """What it shows."""
        return self._line

    def draw(self, line: Line) -> None:
        """Show this line from now on."""
        if line != self._line:
            self._line = line
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The cells of the line."""
        if self._ground is None or self._palette is None:
            self._ground, self._palette = self.rich_style, RoleStyles(self.app.theme_variables)
        return draw_line(self.line_at(y), self.size.width, self._ground, self._palette)

    def line_at(self, y: int) -> Line:
        """What is on a line of the widget."""
        return self._line if y == 0 else ()

    def notify_style_update(self) -> None:
        """Forget the colours."""
        super().notify_style_update()
        self._ground = self._palette = None


class TextPane(ScrollView, can_focus=True):
    """Many lines of spans, the first ``heading`` of which do not scroll, and a cursor if there is one."""

    def __init__(self, *, heading: int = 0, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._heading = heading
        self._lines: Sequence[Line] = ()
        self._cursor: int | None = None
        self._ground: Style | None = None
        self._palette: RoleStyles | None = None

    @property
    def width(self) -> int:
        """Cells of a line, without the scroll bar."""
        return self.scrollable_content_region.width

    @property
    def lines(self) -> Sequence[Line]:
        """What it shows."""
        return self._lines

    def draw(self, lines: Sequence[Line], cursor: int | None = None) -> None:
        """Show these lines; ``cursor`` is the number of the line under the cursor."""
        before, self._lines = self._lines, lines
        moved, self._cursor = {self._cursor, cursor} if cursor != self._cursor else set(), cursor
        if len(before) != len(lines):
            self.virtual_size = Size(0, len(lines))
            self.refresh()
            return
        for number, (old, new) in enumerate(zip(before, lines, strict=True)):
            if old != new or number in moved:
                self._refresh_number(number)

    def show_cursor(self) -> None:
        """Scroll as little as needed to have the cursor in sight."""
        if self._cursor is None:
            return
        top = self.scroll_offset.y
        lowest = self._cursor - max(1, self.size.height) + 1
        wanted = min(max(top, lowest), max(0, self._cursor - self._heading))
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """The cells of a line in sight."""
        if self._ground is None or self._palette is None:
            self._ground, self._palette = self.rich_style, RoleStyles(self.app.theme_variables)
        number = y if y < self._heading else y + self.scroll_offset.y
        line = self._lines[number] if number < len(self._lines) else ()
        over = self._palette.cursor(self.has_focus or not self.can_focus) if number == self._cursor else None
        return draw_line(line, self.size.width, self._ground, self._palette, over)

    def notify_style_update(self) -> None:
        """Forget the colours."""
        super().notify_style_update()
        self._ground = self._palette = None

    def on_focus(self) -> None:
        """The cursor gets its full colour."""
        self._refresh_cursor()

    def on_blur(self) -> None:
        """The cursor loses it."""
        self._refresh_cursor()

    def _refresh_cursor(self) -> None:
        if self._cursor is not None:
            self._refresh_number(self._cursor)

    def _refresh_number(self, number: int) -> None:
        y = number if number < self._heading else number - self.scroll_offset.y
        self.refresh(Region(0, y, self.size.width, 1))


class ScrollPane(TextPane):
    """Lines that scroll as a whole, without a cursor."""

    BINDINGS = bindings("move")

    def action_move_down(self) -> None:
        """One line down."""
        self._scroll(1)

    def action_move_up(self) -> None:
        """One line up."""
        self._scroll(-1)

    def action_move_page_down(self) -> None:
        """One page down."""
        self._scroll(self.size.height)

    def action_move_page_up(self) -> None:
        """One page up."""
        self._scroll(-self.size.height)

    def action_move_half_down(self) -> None:
        """Half a page down."""
        self._scroll(self.size.height // 2)

    def action_move_half_up(self) -> None:
        """Half a page up."""
        self._scroll(-(self.size.height // 2))

    def action_move_top(self) -> None:
        """To the first line."""
        self._scroll(-len(self.lines))

    def action_move_bottom(self) -> None:
        """To the last line."""
        self._scroll(len(self.lines))

    def _scroll(self, lines: int) -> None:
        self.scroll_to(y=max(0, self.scroll_offset.y + lines), animate=False, force=True)


# Lines of spans that break between words where the widget is too narrow for them, and the widget that shows them.

PIECES = re.compile(r"\s+|\S+")


def wrap_line(line: Line, width: int, indent: int = 0) -> Iterator[Line]:
    """The line in lines of at most ``width`` cells; all but the first begin with ``indent`` blanks.

    A key stays on the line of the word that says what it does.
    """
    width = max(2 + indent, width)
    if width_of(line) <= width:  # nearly all
        yield _without_end(line)
        return
    made: list[StyledText] = []
    used = 0
    for unit in _units(line, width - indent):
        cells = width_of(unit)
        if used + cells > width:
            if _is_blank(unit):
                continue
            yield _without_end(made)
            made, used = ([(" " * indent, "text")] if indent else []), indent
        made += unit
        used += cells
    yield _without_end(made)


def _units(line: Line, width: int) -> Iterator[list[StyledText]]:
    """What stays together, and the blanks between; nothing wider than ``width``."""
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


def _without_end(line: Sequence[StyledText]) -> Line:
    """Without the blanks at its end."""
    kept = list(line)
    while kept and kept[-1][0].isspace():
        kept.pop()
    return tuple(kept)


class WrappedText(TextLine):
    """As high as its lines are, broken for its width."""

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
        # Lines for a width
        self._wrapped: tuple[int, tuple[Line, ...]] = (0, ())

    @property
    def line(self) -> Line:
        """All of it in one."""
        return tuple(span for line in self._text for span in line)

    def draw(self, line: Line) -> None:
        """Show this line from now on."""
        if (line,) != self._text:
            self._text, self._wrapped = (line,), (0, ())
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the text needs."""
        return max(1, len(self._lines(width)))

    def line_at(self, y: int) -> Line:
        """A line of the text."""
        lines = self._lines(self.size.width)
        return lines[y] if y < len(lines) else ()

    def _lines(self, width: int) -> tuple[Line, ...]:
        if self._wrapped[0] != width:
            self._wrapped = width, tuple(part for line in self._text for part in wrap_line(line, width))
        return self._wrapped[1]


# What panes of every kind tell those around them.


class StatusChanged(Message):
    """What the title of the pane has to say: the longest text first; plain text, never markup."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = texts


class ActionRefused(Message):
    """What cannot be done, and why, in a sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence
