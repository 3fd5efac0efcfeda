"""The tour: every action by its key in a real terminal, before servers whose content is known.

    python -m tests.support.tour [FOLDER]

Walks at 120×40, and the main part of it at 80×24. Each step waits for what proves that its action did what it says.
Leaves captures as text and PNG in FOLDER (tests/tui/captures).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import WSMON
from tests.support.tmux_terminal import TmuxTerminal
from tests.support.tour_steps import Chapter, Step
from tests.support.tour_table import CHAPTERS
from tests.support.tour_world import world

SIZES = ((80, 24), (120, 40))
# From this width on every chapter is walked
WHOLE_COLUMNS = 120
# After so long a key that may be pressed more than once is pressed again
AGAIN_S = 2.0


def chapters(columns: int) -> tuple[Chapter, ...]:
    """Those that are walked on a screen so wide."""
    return tuple(chapter for chapter in CHAPTERS if chapter.is_short or columns >= WHOLE_COLUMNS)


def tour(columns: int, rows: int, captures: Path, *, as_pictures: bool) -> Iterator[str]:
    """Walk; what was seen, a line each. Raises AssertionError where a step does not do what it says."""
    with world() as place, TmuxTerminal(f"wsmon-tour-{columns}", columns, rows, place.environ, place.home) as terminal:
        terminal.run(WSMON)
        terminal.until(r"orders +reconnecting in (1m|[2-5]\d s)")
        pictures = 0
        for chapter in chapters(columns):
            for step in chapter.steps:
                walk(terminal, step, f"{columns}×{rows}, {chapter.name}")
                if step.says:
                    pictures += 1
                    name = f"{columns}x{rows}-{pictures:02}-{chapter.name}"
                    terminal.keep(captures / name, as_picture=as_pictures)
                    yield f"{name}: {step.says}"
        yield place.check_store()
        yield place.check_exports()


def walk(terminal: TmuxTerminal, step: Step, where: str) -> None:
    """Do a step, and see that it had its effect."""
    place = f"{where}: {' '.join(step.keys)}{step.types} {' '.join(step.actions)}"
    if step.spoils:
        terminal.spoil(step.spoils)
        terminal.until(step.spoils)
    before = terminal.until(step.hides)
    if step.shows and (step.keys or step.types):
        assert not re.search(step.shows, before), f"{place}: shown before it: {step.shows}\n{before}"
    try:
        for _ in range(step.at_most - 1):
            terminal.press(*step.keys)
            if terminal.comes_to(step.shows, AGAIN_S):
                return
        if step.keys:
            terminal.press(*step.keys)
        if step.types:
            terminal.type(step.types)
        if step.shows:
            terminal.until(step.shows)
        if step.hides:
            terminal.until(step.hides, gone=True)
    except AssertionError as error:
        raise AssertionError(f"{place}: {error}") from error


def main() -> None:
    """Walk at both sizes and print what was seen."""
    captures = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "tui" / "captures"
    os.environ.pop("NO_COLOR", None)
    for columns, rows in SIZES:
        print(f"{columns} × {rows}")
        for line in tour(columns, rows, captures, as_pictures=True):
            print(f"  {line}")
    print(f"captures are in {captures}")


if __name__ == "__main__":
    main()
