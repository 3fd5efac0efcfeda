"""Lines of spans that break between words where the widget is too narrow for them, and the widget that shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len, chop_cells
from textual.geometry import Size

from wsmon.tui.palette import Line, Span, width_of
from wsmon.tui.widgets.text_view import SpanLine

PIECES = re.compile(r"\s+|\S+")


def wrap_spans(line: Line, width: int, indent: int = 0) -> Iterator[Line]:
    """The line in lines of at most ``width`` cells; all but the first begin with ``indent`` blanks.

    A key stays on the line of the word that says what it does.
    """
    width = max(2 + indent, width)
    if width_of(line) <= width:  # nearly all
        yield _without_end(line)
        return
    made: list[Span] = []
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


def _units(line: Line, width: int) -> Iterator[list[Span]]:
    """What stays together, and the blanks between; nothing wider than ``width``."""
    unit: list[Span] = []
    for text, meaning in line:
        for piece in PIECES.findall(text):
            is_apart = piece.isspace() and not (unit and unit[-1][1] == "key-name")
            if unit and (is_apart or _is_blank(unit) or width_of(unit) + cell_len(piece) > width):
                yield unit
                unit = []
            *parts, last = chop_cells(piece, width)
            yield from ([(part, meaning)] for part in parts)
            unit.append((last, meaning))
    if unit:
        yield unit


def _is_blank(unit: Sequence[Span]) -> bool:
    return all(text.isspace() for text, _ in unit)


def _without_end(line: Sequence[Span]) -> Line:
    """Without the blanks at its end."""
    kept = list(line)
    while kept and kept[-1][0].isspace():
        kept.pop()
    return tuple(kept)


class SpanText(SpanLine):
    """As high as its lines are, broken for its width."""

    DEFAULT_CSS = "SpanText { height: auto; }"

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
        # lines for a width

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
            self._wrapped = width, tuple(part for line in self._text for part in wrap_spans(line, width))
        return self._wrapped[1]
