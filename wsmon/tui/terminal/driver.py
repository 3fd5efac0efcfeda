"""Terminal driver that sends only what the terminal does not show yet: a frame of 20 KB becomes one of 2.

Textual writes every line of a changed widget, and names every colour anew. Here each frame is compared with the cells
that are shown already, as curses does. Where the terminal may disagree about the width of a character, the text is sent
as it is; after an unknown sequence all cells count as unknown.
"""

from __future__ import annotations

import errno
import re
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from queue import Queue
from typing import IO, Any, NamedTuple

from rich.cells import cell_len
from textual.app import App
from textual.driver import Driver

# How many codes of SGR a colour takes: 38;2;R;G;B and 38;5;N
_COLOR_CODES = {"2": 5, "5": 3}
_TEXT = re.compile(r"3[0-79]|9[0-7]")
_GROUND = re.compile(r"4[0-79]|10[0-7]")


class CellStyle(NamedTuple):
    """What a cell looks like, as codes of SGR; empty = the terminal's default."""

    text: str = ""
    ground: str = ""
    others: str = ""
    """Bold, reverse and the like."""


PLAIN = CellStyle()
# Asks where the cursor is: every terminal has answered that since the VT100.
QUESTION = "\x1b[6n"


@lru_cache(4096)
def style_after(codes: str, before: CellStyle) -> CellStyle:
    """Return the style after ``CSI codes m``."""
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
    """Return the shortest sequence from one style to another: attributes can only be added, colours also reset."""
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


# Harmless ones change no cell: synchronised output, the question, titles, the clipboard, and what goes through tmux.
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
    """The cells that one terminal shows. Every frame begins and ends in the default style."""

    def __init__(self) -> None:
        self._rows: dict[int, list[Cell | None]] = {}
        """Cells by the number of their row; None = not known."""
        self._at: Place | None = None
        """Where the terminal's cursor is; None = not known."""
        self._shown = PLAIN
        """The style that the terminal writes in."""

    def forget(self) -> None:
        """Count all cells as unknown."""
        self._rows.clear()
        self._at = None

    def painted(self, frame: str) -> str:
        """Return what to send so that the terminal shows what it would after ``frame``."""
        return "".join(self._pieces(frame))

    def _pieces(self, frame: str) -> Iterator[str]:
        wanted, self._shown = PLAIN, PLAIN
        place = self._at
        # Newlines that count only if no move follows.
        owed = ""
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
        """Yield the part of a text that is not shown already."""
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
        """Yield all of a text whose widths are uncertain; its row and the cursor are unknown then."""
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
        """Return the move to a place; empty where none is needed, or where the text before ends at an unknown place."""
        if place is None or place == self._at:
            return ""
        self._at = place
        return f"\x1b[{place[0]};{place[1]}H"


def _is_narrow(text: str) -> bool:
    """Whether each character takes one cell in every terminal."""
    return text.isascii() or all(cell_len(character) == 1 for character in text)


# The functions below read private attributes of Textual 8.2, which has no public way to its driver. Where these are
# missing, no write waits and nothing is written. A contract test compares them with the installed version.


def backlog(app: App[Any]) -> int:
    """Return how many writes wait for the terminal; from any thread."""
    writer = getattr(getattr(app, "_driver", None), "_writer_thread", None)
    queue = getattr(writer, "_queue", None)
    return queue.qsize() if isinstance(queue, Queue) else 0


class TerminalFile:
    """The file of a terminal, which may go away: what is written to it then is dropped.

    Textual's thread that writes would end with the error, and the app wait for ever for a place in its queue.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write text, if there is still a terminal."""
        with self._while_it_is_there():
            self._file.write(text)

    def flush(self) -> None:
        """Send what was written, if there is still a terminal."""
        with self._while_it_is_there():
            self._file.flush()

    def fileno(self) -> int:
        """Return the descriptor of the file."""
        return self._file.fileno()

    @contextmanager
    def _while_it_is_there(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # How Linux says that the terminal was hung up; SIGHUP ends the app
            if error.errno != errno.EIO:
                raise


def buffered(driver: type[Driver]) -> type[Driver]:
    """Derive a driver that sends only what the terminal does not show yet.

    It also survives a SIGSTOP that it did not send itself: Textual would start again without having stopped, with two
    threads that read keys, and leave the terminal raw. It continues on the event loop, not in the signal handler, which
    may interrupt a write. And a terminal that goes away sends SIGCONT with its SIGHUP: where that arrives while the app
    exits, the driver does not start again, or its new thread would read the end of the input for ever. What is written
    to a terminal that went away is dropped, see ``TerminalFile``.
    """

    class BufferedDriver(driver):  # type: ignore[misc, valid-type]  # Textual chooses the driver at run time
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            if (file := getattr(self, "_file", None)) is not None:
                self._file = TerminalFile(file)
            self.screen_buffer = ScreenBuffer()
            self._has_terminal = False
            self._is_suspending = False
            self._has_ended = False
            self._is_handed_over = False

        def write(self, data: str) -> None:
            # Another program has the terminal; everything is painted again when it is back
            if self._is_handed_over:
                return
            self._has_terminal = True
            if sent := self.screen_buffer.painted(data):
                super().write(sent)

        def suspend_application_mode(self) -> None:
            self._is_suspending = True
            super().suspend_application_mode()
            self._is_suspending = False
            self._has_terminal = False
            self._is_handed_over = True

        def stop_application_mode(self) -> None:
            # Textual stops for good as it stops to be suspended.
            self._has_ended = not self._is_suspending
            super().stop_application_mode()

        def resume_application_mode(self) -> None:
            if self._has_ended:
                return
            was_stopped_unasked = self._has_terminal
            if was_stopped_unasked:
                self._let_reader_end()
                self.suspend_application_mode()
            self._is_handed_over = False
            super().resume_application_mode()
            if was_stopped_unasked:
                self.send_message(self.SignalResume())

        def _let_reader_end(self) -> None:
            """Wake the thread that reads keys: it was stopped in a read whose keys went to the shell.

            The shell has set the terminal to whole lines: only in cbreak mode does the answer to a question arrive.
            """
            with suppress(termios.error):
                tty.setcbreak(self.fileno, termios.TCSANOW)
            self.write(QUESTION)

        def _sigcont_application(self, *_: object) -> None:
            # The signal is still handled when the loop has been closed.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(super()._sigcont_application)

    return BufferedDriver


def forget(app: App[Any]) -> None:
    """Send everything with the next paint: what the terminal shows is not known any more."""
    buffer = getattr(getattr(app, "_driver", None), "screen_buffer", None)
    if isinstance(buffer, ScreenBuffer):
        buffer.forget()


def write(app: App[Any], sequence: str) -> bool:
    """Send a control sequence to the terminal; returns whether there is one."""
    driver = getattr(app, "_driver", None)
    if driver is None:
        return False
    driver.write(sequence)
    return True
