"""What the terminal shows, so that only what differs is sent: a frame of 20 KB becomes one of 2. Pure.

Textual writes every line of a changed widget, and names every colour anew. Here each frame is compared with the cells
that are there already, as curses does it. Where the terminal may disagree about a width, everything is sent as it is;
where something unknown was sent, nothing is taken to be there any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len

from wsmon.tui.styles_of_cells import PLAIN, CellStyle, after, change

_TOKENS = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|\x1b\[(?P<style>[0-9;]*)m"
    r"|(?P<harmless>\x1b\[\?2026[hl]|\x1b\[6n|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[\s\S]*?\x1b\\|\x07)"
    r"|(?P<newline>\r?\n)"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|(?P<unknown>[\s\S])"
)
# harmless: frames around a frame, a question, titles, the clipboard, and what goes through tmux

Cell = tuple[str, CellStyle]
Place = tuple[int, int]
# row and column, from 1


class Canvas:
    """One terminal's cells. Every frame begins and ends in the default style."""

    def __init__(self) -> None:
        self._rows: dict[int, list[Cell | None]] = {}
        # by number; None = not known
        self._at: Place | None = None
        # where the terminal's cursor is; None = not known
        self._shown = PLAIN

    def forget(self) -> None:
        """What the terminal shows is not known any more."""
        self._rows.clear()
        self._at = None

    def painted(self, frame: str) -> str:
        """What to send so that the terminal shows what it would after ``frame``."""
        return "".join(self._pieces(frame))

    def _pieces(self, frame: str) -> Iterator[str]:
        wanted, self._shown = PLAIN, PLAIN
        place = self._at
        owed = ""
        # newlines that count only if no move follows
        for token in _TOKENS.finditer(frame):
            text = token[0]
            match token.lastgroup:
                case "column":
                    place, owed = (int(token["row"]), int(token["column"])), ""
                case "style":
                    wanted = after(token["style"], wanted)
                case "newline":
                    owed += text
                case "text" if not owed and place is not None and _is_narrow(text):
                    yield from self._differing(text, wanted, place)
                    place = (place[0], place[1] + len(text))
                case "text":
                    yield from self._sent(owed + text, wanted, place)
                    place, owed = None, ""
                case "harmless":
                    yield text
                case _:
                    yield from self._sent(owed + text, wanted, place)
                    self.forget()
                    place, owed = None, ""
        if owed:
            yield from self._sent(owed, wanted, place)
        else:
            yield self._moved(place)
        yield change(self._shown, PLAIN)

    def _differing(self, text: str, style: CellStyle, place: Place) -> Iterator[str]:
        """The part of a text that is not there already."""
        number, column = place
        row = self._rows.setdefault(number, [])
        start, end = column - 1, column - 1 + len(text)
        if len(row) < end:
            row.extend([None] * (end - len(row)))
        cells: list[Cell | None] = [(character, style) for character in text]
        before = row[start:end]
        if before == cells:
            return
        first = next(at for at, cell in enumerate(cells) if before[at] != cell)
        last = next(at for at in range(len(cells) - 1, -1, -1) if before[at] != cells[at])
        row[start:end] = cells
        yield self._moved((number, column + first))
        yield change(self._shown, style)
        self._shown = style
        yield text[first : last + 1]
        self._at = (number, column + last + 1)

    def _sent(self, text: str, style: CellStyle, place: Place | None) -> Iterator[str]:
        """All of a text whose cells cannot be counted on; its row is not known any more, nor where the cursor is."""
        yield self._moved(place)
        yield change(self._shown, style)
        self._shown = style
        yield text
        self._at = None
        if place is None or "\n" in text:
            self._rows.clear()
        else:
            self._rows.pop(place[0], None)

    def _moved(self, place: Place | None) -> str:
        """The move to a place, if it takes one; none where nobody knows the place: it is where the text before ends."""
        if place is None or place == self._at:
            return ""
        self._at = place
        return f"\x1b[{place[0]};{place[1]}H"


def _is_narrow(text: str) -> bool:
    """Whether each character surely takes one cell."""
    return text.isascii() or all(cell_len(character) == 1 for character in text)
