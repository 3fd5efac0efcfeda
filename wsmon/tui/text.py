"""Foreign text in terminal cells: what is cut says so, and long lines break lazily; wide characters count two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Literal, get_args

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color

from wsmon.model.sanitize import sanitize

# What a kind of text looks like: names of meanings to styles, from the variables of the theme.
#
# Panes that draw lines by themselves name a meaning; nobody but the theme knows the colour.

Role = Literal[
    "text", "strong", "dim", "rule", "key-name", "problem", "caution",
    "status-open", "status-connecting", "status-loss", "status-stalled", "status-closed", "status-off",
    "direction-in", "direction-out",
]  # fmt: skip
ROLES: tuple[Role, ...] = get_args(Role)

StyledText = tuple[str, Role]
Line = tuple[StyledText, ...]


def width_of(spans: Sequence[StyledText]) -> int:
    """How many cells spans take."""
    return sum(cell_len(text) for text, _ in spans)


class RoleStyles:
    """The styles of one theme."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """``variables`` are those of ``App.theme_variables``."""
        self._variables = variables
        self._styles: dict[Role, Style] = {"text": Style(), "strong": Style(bold=True)}
        attribute = variables.get("cursor-text-style", "none")
        self._cursor_attributes = Style() if attribute == "none" else Style.parse(attribute)

    def style(self, role: Role) -> Style:
        """Its colour, for use over the background of the pane."""
        if role not in self._styles:
            self._styles[role] = Style(color=self._color(role))
        return self._styles[role]

    def cursor(self, has_focus: bool) -> Style:
        """The background of the line under the cursor."""
        if not has_focus:
            return Style(bgcolor=self._color("cursor-blurred-background"))
        return Style(bgcolor=self._color("cursor-background")) + self._cursor_attributes

    def _color(self, variable: str) -> RichColor:
        return Color.parse(self._variables[variable]).rich_color


CUT = "…"
# Cells; below, two ends say less than one
MIN_NAME = 5
# A letter and the four marks that sanitize() leaves on it: what is longer cannot fit
CODES_PER_CELL = 5


def clip(text: str, width: int, cut: str = CUT) -> str:
    """``text`` in at most ``width`` cells; where something is left out, the last cell says so."""
    if width <= 0:
        return ""
    if len(text) <= width and text.isascii():
        return text
    head = text[: CODES_PER_CELL * width + 1]
    if len(head) == len(text) and cell_len(text) <= width:
        return text
    return set_cell_size(head, width - 1).rstrip() + cut


def left(text: str, width: int, cut: str = CUT) -> str:
    """``text`` in exactly ``width`` cells, left-aligned."""
    clipped = clip(text, width, cut)
    return clipped + " " * (width - cell_len(clipped))


def keep_ends(text: str, width: int, cut: str = CUT) -> str:
    """A name in exactly ``width`` cells; names differ at their ends, so what is left out is in the middle."""
    if len(text) <= width or not text.isascii() or width < MIN_NAME:
        return left(text, width, cut)
    tail = (width - len(cut)) // 2
    return text[: width - len(cut) - tail] + cut + text[-tail:]


def right(text: str, width: int, cut: str = CUT) -> str:
    """``text`` in exactly ``width`` cells, right-aligned."""
    clipped = clip(text, width, cut)
    return " " * (width - cell_len(clipped)) + clipped


def wrap(text: str, width: int) -> Iterator[str]:
    """Lines of at most ``width`` cells, broken at spaces where that leaves more than half a line.

    Lazy, and linear in what is taken: of a line of a mebibyte, only what is shown costs anything.
    """
    width = max(2, width)  # a wide character needs two cells
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
    """What fits into a line from ``start`` on; cuts no more text off than marks can make necessary."""
    for codes in (width + 1, CODES_PER_CELL * width + 1):
        rest = text[start : start + codes]
        line = (chop_cells(rest, width) or [rest])[0]  # marks without a letter make no line at all
        if len(line) < len(rest) or start + len(rest) == len(text):
            break
    return line


# Blocks of lines side by side. Pure.

GAP = 2


def beside(first: Sequence[Line], second: Sequence[Line], width: int) -> Iterator[Line]:
    """Two blocks, each in half of ``width``; lines that are too long are cut, and say so."""
    half = (width - GAP) // 2
    for one, other in zip_longest(first, second, fillvalue=()):
        yield (*fitted(one, half, is_filled=True), (" " * GAP, "text"), *fitted(other, width - GAP - half))


def fitted(line: Line, width: int, *, is_filled: bool = False) -> Line:
    """A line in at most (or exactly) ``width`` cells."""
    used = width_of(line)
    if used <= width:
        return (*line, (" " * (width - used), "text")) if is_filled and used < width else line
    found: list[StyledText] = []
    for text, role in line:
        found.append((clip(text, width), role))
        width -= cell_len(found[-1][0])
        if found[-1][0] != text:
            break
    return tuple(found)


# Paths in few cells: the name of the file stays, what is left out says so.

# Characters; the kernel takes no longer path
LIMIT = 4096
# Cells of a name's end that stay: what tells one export from the next, and the format
SUFFIX = 12


def short_path(path: Path, home: Path, width: int) -> str:
    """``~/exports/orders.jsonl``; shortened on the left, and in the middle of its name where even that is too long."""
    shown = Path("~") / path.relative_to(home) if path.is_relative_to(home) else path
    whole = sanitize(str(shown), LIMIT)
    if cell_len(whole) <= width:
        return whole
    parts = [sanitize(part, LIMIT) for part in shown.parts] or [whole]
    for first in range(1, len(parts)):
        rest = f"{CUT}/{'/'.join(parts[first:])}"
        if cell_len(rest) <= width:
            return rest
    name = parts[-1]
    end = name[-SUFFIX:]
    head = width - cell_len(end)
    return clip(name, head) + end if head > 1 else clip(name, width)
