"""Foreign text in terminal cells: what is cut says so, and long lines break lazily; wide characters count two."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells, set_cell_size

CUT = "…"
MIN_NAME = 5
# cells; below, two ends say less than one
CODES_PER_CELL = 5
# a letter and the four marks that sanitize() leaves on it: what is longer cannot fit


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


def both_ends(text: str, width: int, cut: str = CUT) -> str:
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
