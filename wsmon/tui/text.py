"""Styled text for terminal cells: roles and their styles, clipping, padding, wrapping, lines side by side, short paths.

Widths are in cells: wide characters count two. Where text is left out, a sign says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Literal, get_args

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color

from wsmon.tui.cell_text import cell_text

# Lines name the role of a text; only the theme knows its colour.
Role = Literal[
    "text", "strong", "dim", "rule", "key-name", "problem", "caution",
    "status-open", "status-connecting", "status-loss", "status-stalled", "status-closed", "status-off",
    "direction-in", "direction-out",
]  # fmt: skip
ROLES: tuple[Role, ...] = get_args(Role)

StyledText = tuple[str, Role]
Line = tuple[StyledText, ...]

CUT = "…"
# In fewer cells, the beginning of a name says more than its two ends
MIN_BOTH_ENDS = 5
# A letter and the four marks that cell_text() leaves on it: a text with more code points a cell does not fit
CODES_PER_CELL = 5
# Cells between two blocks that stand side by side
COLUMN_GAP = 2
# Characters of a path that are cleaned; the kernel takes no longer path
PATH_LIMIT = 4096
# Cells of a file name's end that are always shown: the part that tells two exports apart, and the format
NAME_END = 12


class RoleStyles:
    """The style of each role in one theme."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """``variables`` are those of ``App.theme_variables``."""
        self._variables = variables
        self._styles: dict[Role, Style] = {"text": Style(), "strong": Style(bold=True)}
        attribute = variables.get("cursor-text-style", "none")
        self._cursor_attributes = Style() if attribute == "none" else Style.parse(attribute)

    def style(self, role: Role) -> Style:
        """Return the style of a role, without a background: it is laid over that of the pane."""
        if role not in self._styles:
            self._styles[role] = Style(color=self._color(role))
        return self._styles[role]

    def cursor(self, has_focus: bool) -> Style:
        """Return the style that is laid over the line under the cursor."""
        if not has_focus:
            return Style(bgcolor=self._color("cursor-blurred-background"))
        return Style(bgcolor=self._color("cursor-background")) + self._cursor_attributes

    def _color(self, variable: str) -> RichColor:
        return Color.parse(self._variables[variable]).rich_color


def width_of(texts: Sequence[StyledText]) -> int:
    """Return the width of styled texts in cells."""
    return sum(cell_len(text) for text, _ in texts)


def clip(text: str, width: int, cut: str = CUT) -> str:
    """Return ``text`` in at most ``width`` cells; the last cell is ``cut`` where something is left out."""
    if width <= 0:
        return ""
    if len(text) <= width and text.isascii():
        return text
    head = text[: CODES_PER_CELL * width + 1]
    if len(head) == len(text) and cell_len(text) <= width:
        return text
    return set_cell_size(head, width - 1).rstrip() + cut


def left(text: str, width: int, cut: str = CUT) -> str:
    """Return ``text`` in exactly ``width`` cells, left-aligned."""
    clipped = clip(text, width, cut)
    return clipped + " " * (width - cell_len(clipped))


def right(text: str, width: int, cut: str = CUT) -> str:
    """Return ``text`` in exactly ``width`` cells, right-aligned."""
    clipped = clip(text, width, cut)
    return " " * (width - cell_len(clipped)) + clipped


def keep_ends(text: str, width: int, cut: str = CUT) -> str:
    """Return a name in exactly ``width`` cells; a long one is cut in its middle, since names differ at their ends."""
    if len(text) <= width or not text.isascii() or width < MIN_BOTH_ENDS:
        return left(text, width, cut)
    tail = (width - len(cut)) // 2
    return text[: width - len(cut) - tail] + cut + text[-tail:]


def wrap(text: str, width: int) -> Iterator[str]:
    """Yield ``text`` in lines of at most ``width`` cells, broken at spaces where that leaves more than half a line.

    Lazy, and linear in the lines that are taken: of a text of a mebibyte, only the lines that are shown cost anything.
    """
    # A wide character needs two cells
    width = max(2, width)
    start = 0
    while True:
        line = _first_line(text, start, width)
        rest_at = start + len(line)
        if rest_at >= len(text):
            yield line
            return
        space = line.rfind(" ")
        if space > width // 2 and text[rest_at] != " ":
            line = line[:space]
        yield line
        start += len(line)
        while text.startswith(" ", start):
            start += 1
        if start >= len(text):
            return


def _first_line(text: str, start: int, width: int) -> str:
    """Return the part of ``text`` from ``start`` on that fits into ``width`` cells.

    Most lines need one code point a cell; only where marks take more, a longer part of the text is measured.
    """
    for codes in (width + 1, CODES_PER_CELL * width + 1):
        rest = text[start : start + codes]
        # Marks without a letter make no line at all
        line = (chop_cells(rest, width) or [rest])[0]
        if len(line) < len(rest) or start + len(rest) == len(text):
            break
    return line


def fit_line(line: Line, width: int, *, is_filled: bool = False) -> Line:
    """Return a line in at most ``width`` cells, or with ``is_filled`` in exactly as many."""
    used = width_of(line)
    if used <= width:
        return (*line, (" " * (width - used), "text")) if is_filled and used < width else line
    fitted: list[StyledText] = []
    for text, role in line:
        fitted.append((clip(text, width), role))
        width -= cell_len(fitted[-1][0])
        if fitted[-1][0] != text:
            break
    return tuple(fitted)


def side_by_side(first: Sequence[Line], second: Sequence[Line], width: int) -> Iterator[Line]:
    """Yield the lines of two blocks, each block in half of ``width``; lines that are too long are clipped."""
    half = (width - COLUMN_GAP) // 2
    gap: StyledText = (" " * COLUMN_GAP, "text")
    for one, other in zip_longest(first, second, fillvalue=()):
        yield (*fit_line(one, half, is_filled=True), gap, *fit_line(other, width - COLUMN_GAP - half))


def short_path(path: Path, home: Path, width: int) -> str:
    """Return a path like ``~/exports/orders.jsonl`` in at most ``width`` cells.

    Leading folders are left out first; where the name alone is too long, it is cut before its end.
    """
    shown = Path("~") / path.relative_to(home) if path.is_relative_to(home) else path
    whole = cell_text(str(shown), PATH_LIMIT)
    if cell_len(whole) <= width:
        return whole
    parts = [cell_text(part, PATH_LIMIT) for part in shown.parts] or [whole]
    for first in range(1, len(parts)):
        rest = f"{CUT}/{'/'.join(parts[first:])}"
        if cell_len(rest) <= width:
            return rest
    name = parts[-1]
    end = name[-NAME_END:]
    head = width - cell_len(end)
    return clip(name, head) + end if head > 1 else clip(name, width)
