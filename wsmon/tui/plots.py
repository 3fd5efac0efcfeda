"""Curves and bars in terminal cells: braille dots, two by four a cell, and blocks of eighths. Pure.

A value that is zero still has its dot at the bottom; where there is no value there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

BRAILLE = 0x2800
DOTS_HIGH = 4
DOTS_WIDE = 2
_DOT = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
# of a cell, by column and height from the bottom (Unicode, "Braille Patterns")
EIGHTHS = "▏▎▍▌▋▊▉█"

Values = Sequence[float | None]


def curve(area: Values, lines: Sequence[Values], top: float, height: int) -> tuple[str, ...]:
    """Rows from the top down: the area below one series, and a dot for each value of others.

    A cell holds two values; ``top`` is what reaches the upper edge, and what is higher is drawn there.
    """
    columns = -(-len(area) // DOTS_WIDE)
    cells = [[0] * columns for _ in range(height)]
    for x, value in enumerate(area):
        for y in range(_dots(value, top, height)):
            _set(cells, x, y)
    for line in lines:
        for x, value in enumerate(line):
            if dots := _dots(value, top, height):
                _set(cells, x, dots - 1)
    return tuple("".join(chr(BRAILLE + cell) if cell else " " for cell in row) for row in reversed(cells))


def bar(share: float, width: int) -> str:
    """A bar of a share (0…1) of ``width`` cells; what is more than nothing is seen."""
    eighths = max(round(share * width * len(EIGHTHS)), 1 if share > 0 else 0)
    whole, rest = divmod(eighths, len(EIGHTHS))
    return EIGHTHS[-1] * whole + (EIGHTHS[rest - 1] if rest else "")


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20 …, so that the scale of a plot does not change with every value."""
    step = 1.0
    while step < value:
        step *= 10
    return next(scale for scale in (step / 10, step / 5, step / 2, step) if scale >= value)


def stretched(values: Values, columns: int) -> Values:
    """As many values as there are columns of dots, each as often as it takes; not fewer than there are."""
    number = len(values)
    return values if number >= columns or not number else [values[at * number // columns] for at in range(columns)]


def _dots(value: float | None, top: float, height: int) -> int:
    """How many dots high a value is; 0 for none."""
    if value is None:
        return 0
    highest = height * DOTS_HIGH
    return 1 + round(min(1.0, value / top) * (highest - 1)) if top > 0 else 1


def _set(cells: list[list[int]], x: int, y: int) -> None:
    cells[y // DOTS_HIGH][x // DOTS_WIDE] |= _DOT[x % DOTS_WIDE][y % DOTS_HIGH]
