"""What the screen stands on: the store, the recorder, the clock, and the keys in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wsmon.ports import Clock, RecorderControl, StoreView
from wsmon.tui.bookmarks import Notebook
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.keymap import Keymap
from wsmon.tui.options import AppOptions, Exporter
from wsmon.tui.session_state import Remembered
from wsmon.tui.store_threads import Answers


@dataclass(frozen=True, slots=True)
class Backing:
    """Handed to the screen when it is built."""

    views: Callable[[], StoreView]
    # each call opens another one, for the thread that calls
    clock: Clock
    options: AppOptions
    keymap: Keymap
    control: RecorderControl | None
    # None = there is no recorder to talk to
    exporter: Exporter
    notebook: Notebook
    answers: Answers
    # short questions: lanes, density, statistics
    searches: Answers
    # long ones
    glyphs: Glyphs
    # the signs that the terminal has at the start
    remembered: Remembered
    # how the screen was left
    forgotten: str
    # why that is not known; empty = it is
