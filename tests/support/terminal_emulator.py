"""A terminal as far as wsmon uses one: cells with styles, moved to, written, erased. For tests and benchmarks."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

from rich.cells import cell_len

from wsmon.tui.terminal.driver import PLAIN, style_after

TOKENS = re.compile(
    r"\x1b\[(?P<row>\d*);?(?P<column>\d*)H|\x1b\[(?P<style>[0-9;]*)m|(?P<erase>\x1b\[[23]J|\x1b\[\?1049[hl])"
    r"|\x1b\[[0-9;?>$<]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\"
    r"|(?P<newline>\n)|(?P<text>[^\x00-\x1f\x7f]+)|[\x00-\x1a\x1c-\x1f\x7f]|\x1b[=>78M]"
)
UNFINISHED = re.compile(r"\x1b[^a-zA-Z@-~\x07]{0,200}$|\x1b\[[0-9;?>$<]*$|\x1b[\]P][^\x07]{0,100000}$")
BLANK = (" ", PLAIN)


class TerminalEmulator:
    """Fed with what an application writes."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.cells = [[BLANK] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._style = PLAIN
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, octets: bytes) -> None:
        """Show what was written; sequences may come in pieces."""
        text = self._rest + self._decoder.decode(octets)
        cut = UNFINISHED.search(text)
        whole, self._rest = (text[: cut.start()], text[cut.start() :]) if cut else (text, "")
        for token in TOKENS.finditer(whole):
            self._obey(token)

    def lines(self) -> list[str]:
        """What is seen."""
        return ["".join(character for character, _ in row) for row in self.cells]

    def text(self) -> str:
        """The lines in one."""
        return "\n".join(self.lines())

    def _obey(self, token: re.Match[str]) -> None:
        if token["text"]:
            self._write(token["text"])
        elif token["style"] is not None:
            self._style = style_after(token["style"], self._style)
        elif token["row"] is not None:
            self._row = min(max(int(token["row"] or 1), 1), self.rows) - 1
            self._column = min(max(int(token["column"] or 1), 1), self.columns) - 1
        elif token["newline"]:
            self._row, self._column = min(self._row + 1, self.rows - 1), 0
        elif token["erase"]:
            self.cells = [[BLANK] * self.columns for _ in range(self.rows)]

    def _write(self, text: str) -> None:
        if text.isascii() or all(cell_len(character) == 1 for character in text):
            fitting = text[: self.columns - self._column]
            place = slice(self._column, self._column + len(fitting))
            self.cells[self._row][place] = [(character, self._style) for character in fitting]
            self._column += len(fitting)
            return
        for character in text:
            width = cell_len(character)
            if width and self._column + width <= self.columns:
                self._put(character)
                for _ in range(width - 1):
                    self._put("")

    def _put(self, character: str) -> None:
        self.cells[self._row][self._column] = (character, self._style)
        self._column += 1
