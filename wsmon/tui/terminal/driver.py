"""What the terminal shows, so that only what differs is sent: a frame of 20 KB becomes one of 2. Pure.

Textual writes every line of a changed widget, and names every colour anew. Here each frame is compared with the cells
that are there already, as curses does it. Where the terminal may disagree about a width, everything is sent as it is;
where something unknown was sent, nothing is taken to be there any more.
"""

from __future__ import annotations

import re
import termios
import tty
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from queue import Queue
from typing import Any, NamedTuple

from rich.cells import cell_len
from textual.app import App
from textual.driver import Driver

# What a cell looks like, as codes of the terminal, and the shortest way from one look to another. Pure.

# How many codes a colour takes: 38;2;R;G;B and 38;5;N
_COLOR_CODES = {"2": 5, "5": 3}
_TEXT = re.compile(r"3[0-79]|9[0-7]")
_GROUND = re.compile(r"4[0-79]|10[0-7]")


class CellStyle(NamedTuple):
    """Each as codes; empty = the terminal's default."""

    text: str = ""
    ground: str = ""
    others: str = ""
    """Bold, reverse and the like."""


PLAIN = CellStyle()
# Asks where the cursor is: every terminal has answered that since the VT100.
QUESTION = "\x1b[6n"


@lru_cache(4096)
def style_after(codes: str, before: CellStyle) -> CellStyle:
    """The style that ``CSI codes m`` leaves."""
    text, ground, others = before
    parts = codes.split(";")
    while parts:
        first, taken = parts[0], 1
        if first in ("", "0"):
            text = ground = others = ""
        elif first in ("38", "48") and len(parts) > 1 and parts[1] in _COLOR_CODES:
            taken = _COLOR_CODES[parts[1]]
            color = ";".join(parts[:taken])
            text, ground = (color, ground) if first == "38" else (text, color)
        elif _TEXT.fullmatch(first):
            text = "" if first == "39" else first
        elif _GROUND.fullmatch(first):
            ground = "" if first == "49" else first
        else:
            others = f"{others};{first}" if others else first
        parts = parts[taken:]
    return CellStyle(text, ground, others)


@lru_cache(4096)
def style_change(shown: CellStyle, wanted: CellStyle) -> str:
    """The shortest way from one style to another: attributes can only be added, colours also be taken back."""
    if wanted == shown:
        return ""
    anew = f"\x1b[{';'.join(part for part in ('0', wanted.others, wanted.text, wanted.ground) if part)}m"
    if wanted == PLAIN or (shown.others and shown.others != wanted.others):
        return anew
    parts = [wanted.others] if shown.others != wanted.others else []
    parts += [wanted.text or "39"] if shown.text != wanted.text else []
    parts += [wanted.ground or "49"] if shown.ground != wanted.ground else []
    step = f"\x1b[{';'.join(parts)}m"
    return step if len(step) <= len(anew) else anew


# harmless: frames around a frame, a question, titles, the clipboard, and what goes through tmux
_TOKENS = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|\x1b\[(?P<style>[0-9;]*)m"
    r"|(?P<harmless>\x1b\[\?2026[hl]|\x1b\[6n|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[\s\S]*?\x1b\\|\x07)"
    r"|(?P<newline>\r?\n)"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|(?P<unknown>[\s\S])"
)

Cell = tuple[str, CellStyle]
# Row and column, from 1
Place = tuple[int, int]


class ScreenBuffer:
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
                    wanted = style_after(token["style"], wanted)
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
        yield style_change(self._shown, PLAIN)

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
        yield style_change(self._shown, style)
        self._shown = style
        yield text[first : last + 1]
        self._at = (number, column + last + 1)

    def _sent(self, text: str, style: CellStyle, place: Place | None) -> Iterator[str]:
        """All of a text whose cells cannot be counted on; its row is not known any more, nor where the cursor is."""
        yield self._moved(place)
        yield style_change(self._shown, style)
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


# What Textual keeps to itself about the terminal: how much waits to be written, and writing as it is.
#
# Both reach for private attributes (Textual 8.2); where these are missing, nothing seems to wait and nothing is
# written.
# A contract test holds this against the installed version.


def backlog(app: App[Any]) -> int:
    """How many writes wait for the terminal; from any thread."""
    writer = getattr(getattr(app, "_driver", None), "_writer_thread", None)
    queue = getattr(writer, "_queue", None)
    return queue.qsize() if isinstance(queue, Queue) else 0


def buffered(driver: type[Driver]) -> type[Driver]:
    """A driver that sends only what the terminal does not show yet.

    It also survives being stopped by somebody else than ^Z: Textual would begin anew without having ended, with two
    threads that read keys, and leave the terminal raw. And it goes on from the event loop, not from the signal's
    handler, which may stand in the middle of a write.
    """

    class Frugal(driver):  # type: ignore[misc, valid-type]  # Textual finds out at run time which driver it is
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.canvas = ScreenBuffer()
            self._has_terminal = False

        def write(self, data: str) -> None:
            self._has_terminal = True
            if sent := self.canvas.painted(data):
                super().write(sent)

        def suspend_application_mode(self) -> None:
            super().suspend_application_mode()
            self._has_terminal = False

        def resume_application_mode(self) -> None:
            was_stopped_unasked = self._has_terminal
            if was_stopped_unasked:
                self._let_reader_end()
                self.suspend_application_mode()
            super().resume_application_mode()
            if was_stopped_unasked:
                self.send_message(self.SignalResume())

        def _let_reader_end(self) -> None:
            """The keys that a thread was about to read when it was stopped are gone to the shell, which also reads
            whole lines: without a terminal that gives each byte, and an answer from it, that thread would wait.
            """
            with suppress(termios.error):
                tty.setcbreak(self.fileno, termios.TCSANOW)
            self.write(QUESTION)

        def _sigcont_application(self, *_: object) -> None:
            self._loop.call_soon_threadsafe(super()._sigcont_application)

    return Frugal


def forget(app: App[Any]) -> None:
    """What the terminal shows is not known any more: send everything once."""
    canvas = getattr(getattr(app, "_driver", None), "canvas", None)
    if isinstance(canvas, ScreenBuffer):
        canvas.forget()


def write(app: App[Any], sequence: str) -> bool:
    """Send a control sequence to the terminal; whether there was one to send it to."""
    driver = getattr(app, "_driver", None)
    if driver is None:
        return False
    driver.write(sequence)
    return True
