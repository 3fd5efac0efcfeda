"""Columns hold in a real terminal whatever characters a payload has, and nothing is left behind."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.support.builders import message
from tests.support.processes import WSMON
from tests.support.recordings import recorded
from tests.support.tmux_terminal import TmuxTerminal
from tests.support.tour_world import user_of
from wsmon.tui.cell_text import cell_text

pytestmark = [pytest.mark.usefixtures("tmux"), pytest.mark.timeout(180)]

PEOPLE = ("\U0001f469", "\U0001f468", "\U0001f9d1", "\U0001f44d", "\U0001f44b", "\u270b", "\u261d")
TONES = tuple(map(chr, range(0x1F3FB, 0x1F400)))
KEYCAPS = tuple(f"{each}\ufe0f\u20e3" for each in "0123456789#*")
EMOJI_STYLE = tuple(f"{each}\ufe0f" for each in "❤☁✈☎✉✏☺♥♠✔⚠⚡☀⭐©®™ℹ↔▶◀☑✂")
FLAGS = tuple(
    "".join(chr(0x1F1E6 + ord(letter) - 97) for letter in country)
    for country in ("de", "fr", "gb", "us", "jp", "in", "br", "za", "se", "kr", "it", "es", "ch", "at", "nl", "pl")
)
FAMILIES = (
    "👩\u200d🚀",
    "👨\u200d👩\u200d👧",
    "🏳\ufe0f\u200d🌈",
    "👩🏽\u200d💻",
    "🧑\u200d🤝\u200d🧑",
    "🐻\u200d❄\ufe0f",
)
INDIC = tuple(
    f"{chr(letter)}{chr(mark)}"
    for block, letters in ((0x900, range(0x915, 0x91B)), (0xB80, (0xB95, 0xBA8, 0xBAE)), (0x980, range(0x995, 0x999)))
    for letter in letters
    for mark in range(block + 0x3E, block + 0x4D)
    if unicodedata.category(chr(mark)) in ("Mc", "Mn")
)
OTHERS = (
    "䷀",
    "☰",
    "𝌆",
    "㉈",
    "각",
    "각",
    "שָׁ",
    "ลํ้า",
    "가",
    "e\u0301",
    "①",
    "½",
    "…",
    "世界",
    "·",
    "🫠",
    "⸺",
    "꧅",
    "\U0001fae8",
)
CLUSTERS = (
    *(f"{who}{tone}" for who in PEOPLE for tone in TONES),
    *KEYCAPS,
    *EMOJI_STYLE,
    *FLAGS,
    *FAMILIES,
    *INDIC,
    *OTHERS,
)

# Writes each text at the start of a line, and asks the terminal in which column its cursor is
MEASURE = """
import json, re, sys, termios, tty
texts = json.load(open(sys.argv[1]))
before = termios.tcgetattr(0)
tty.setraw(0)
columns = []
for text in texts:
    sys.stdout.write("\\r\\x1b[K" + text + "\\x1b[6n")
    sys.stdout.flush()
    answer = ""
    while not answer.endswith("R"):
        answer += sys.stdin.read(1)
    columns.append(int(re.search(r";(\\d+)R", answer)[1]) - 1)
termios.tcsetattr(0, termios.TCSANOW, before)
json.dump(columns, open(sys.argv[2], "w"))
print("\\r\\nmeasured all")
"""


def test_the_terminal_counts_cells_as_the_screen_does(tmp_path: Path) -> None:
    assert len(CLUSTERS) > 200
    shown = [cell_text(each) for each in CLUSTERS]
    (tmp_path / "texts.json").write_text(json.dumps(shown))
    (tmp_path / "measure.py").write_text(MEASURE)
    with user_of(tmp_path) as environ, TmuxTerminal("cells", 80, 24, environ, tmp_path) as terminal:
        terminal.run(sys.executable, "measure.py", "texts.json", "columns.json")
        terminal.until(r"measured all\n")
    columns = json.loads((tmp_path / "columns.json").read_text())

    wrong = [
        (ascii(text), column, cell_len(text))
        for text, column in zip(shown, columns, strict=True)
        if column != cell_len(text)
    ]
    assert wrong == []


def test_no_residue_is_left_where_lines_of_all_clusters_scrolled(tmp_path: Path) -> None:
    events = [message(f"{each} is one {each}{each} of many", number / 10) for number, each in enumerate(CLUSTERS)]
    store = recorded(tmp_path / "store.db", events, "binance-spot")
    with user_of(tmp_path) as environ, TmuxTerminal("residue", 80, 24, environ, tmp_path) as terminal:
        terminal.run(WSMON, "open", store)
        terminal.until("4 Log")
        terminal.press("4", "z", "Home")
        terminal.until(r"\\U0001f3fb is one")
        for key in ("NPage", "NPage", "PPage", "NPage", "NPage", "NPage", "PPage", "Up", "Down", "NPage"):
            terminal.press(key)
        terminal.press("T")
        terminal.until(r"\n *–")
        # The banner comes when it is known that no recorder runs, and moves the lines
        terminal.comes_to("last event", 3.0)
        seen = terminal.settled()
        terminal.press("C-l")
        assert terminal.settled() == seen
        rows = [line for line in seen.splitlines() if " is one" in line]
        assert len(rows) > 15
        ends = {cell_len(line.rstrip("│┃ ")) for line in rows}
        assert len(ends) == 1, rows
        terminal.press("q")
