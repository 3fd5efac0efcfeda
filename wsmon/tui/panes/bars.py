"""Bars of the screen: header (recording, connections, rates, losses), banner of warnings, footer with keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.cells import cell_len
from textual.timer import Timer

from wsmon.model import units as fmt
from wsmon.model.snapshot import Health, Snapshot
from wsmon.tui.actions import ACTIONS, key_label
from wsmon.tui.cell_text import cell_text
from wsmon.tui.panes.connections_table import severity, status_role, status_word
from wsmon.tui.text import Line, Role, StyledText, clip, left, short_path, width_of
from wsmon.tui.widgets.text_view import TextLine, WrappedText

SPARK_WIDTH = 8
# Events are to be visible after 150 ms (docs/design.md, section 9); from about thrice that on, the lag has a colour
SLOW_COMMIT_MS = 500.0
# Cells between parts of the header, where there is room
PART_GAP = 3
# How long the footer shows a sentence: long enough to read it twice
NOTICE_S = 6.0
# These are shown at any width: they lead to all others
LAST_STANDING = ("app.help", "app.palette")
# Characters of a sentence
TEXT_LIMIT = 500
# Cells of a path after a sentence
LEAST_PATH = 20


@dataclass(frozen=True, slots=True)
class Recording:
    """The recorder, as the header shows it."""

    is_on: bool
    since_ns: int | None = None
    """Wall time of the start of the run, or of its end; None = unknown."""
    is_awaited: bool = False
    """The recorder has not answered yet: the screen has just been opened."""


@dataclass(frozen=True, slots=True)
class HeaderPart:
    """Texts of the header that are shown together or not at all; the least important part is left out first."""

    importance: int
    texts: Line
    labelled: Line = ()
    """The texts with a label or a chart, where there is room; empty = there is no longer form."""


class Header(TextLine):
    """The first line of the screen."""

    def show(self, name: str, snapshot: Snapshot, recording: Recording, health: Health | None, now_ns: int) -> None:
        """Draw it as of ``now_ns``."""
        self.draw(header_line(name, snapshot, recording, health, now_ns, self.size.width))


class Footer(TextLine):
    """The last line of the screen: keys, or for a while a sentence."""

    def __init__(self, keys: Mapping[str, Sequence[str]], *, id: str | None = None) -> None:  # noqa: A002
        """``keys``: action id → keys in force."""
        super().__init__(id=id)
        self._keys = keys
        self._timer: Timer | None = None
        self._notice: tuple[str, Role, Path | None] = ("", "text", None)

    def on_mount(self) -> None:
        """Show the keys."""
        self._show_keys()

    def on_resize(self) -> None:
        """Show what fits into the new width."""
        if self._timer is None:
            self._show_keys()
        else:
            self._show_notice()

    def say(self, text: str, role: Role = "text", path: Path | None = None) -> None:
        """Show a sentence for a while, and the path that it is about."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(NOTICE_S, self._show_keys)
        self._notice = text, role, path
        self._show_notice()

    def _show_notice(self) -> None:
        text, role, path = self._notice
        self.draw(((notice_line(text, path, Path("~").expanduser(), self.size.width), role),))

    def _show_keys(self) -> None:
        self._timer = None
        self.draw(footer_line(self._keys, self.size.width))


class Banner(WrappedText):
    """A warning below the header; hidden while there is none."""

    def show(self, text: str) -> None:
        """Show a warning; an empty one hides the banner."""
        self.display = bool(text)
        self.draw(((f" ⚠ {cell_text(text, TEXT_LIMIT)}", "text"),) if text else ())


def header_line(
    name: str, snapshot: Snapshot, recording: Recording, health: Health | None, now_ns: int, width: int
) -> Line:
    """Return the header in ``width`` cells; the parts that matter least are left out first."""
    statuses = _statuses(snapshot)
    parts = [
        HeaderPart(9, ((name, "strong"),)),
        HeaderPart(8, _recording(recording, now_ns)),
        HeaderPart(10, statuses, () if recording.is_on or not statuses else (("at the end ", "dim"), *statuses)),
        HeaderPart(7, _rate(snapshot), (*_rate(snapshot), (" ", "text"), *_spark(snapshot))),
        _size(snapshot),
        *_health(health),
    ]
    parts = [part for part in parts if part.texts]
    while len(parts) > 1 and _needed(parts) > width:
        parts.remove(min(parts, key=lambda part: part.importance))
    for part in sorted(parts, key=lambda part: -part.importance):
        longer = [replace(each, texts=each.labelled) if each is part and part.labelled else each for each in parts]
        parts = longer if _needed(longer) <= width else parts
    return _join(parts, width)


def _recording(recording: Recording, now_ns: int) -> Line:
    if recording.is_awaited:
        return (("○ asking the recorder", "dim"),)
    if not recording.is_on:
        return (("○ not recording", "problem"),)
    since = f" {fmt.duration(now_ns - recording.since_ns)}" if recording.since_ns is not None else ""
    return (("● ", "status-open"), (f"recording{since}", "text"))


def _statuses(snapshot: Snapshot) -> Line:
    states = sorted((row.state for row in snapshot.connections if row.state.spec.enabled), key=severity)
    numbers: Counter[str] = Counter(status_word(state) for state in states)
    roles: dict[str, Role] = {status_word(state): status_role(state) for state in states}
    texts: list[StyledText] = []
    for label, number in numbers.items():
        texts += [(" · ", "dim")] if texts else []
        texts.append((f"{number} {label}", roles[label]))
    return tuple(texts)


def _rate(snapshot: Snapshot) -> Line:
    newest = snapshot.messages_per_s[-1:] or (0,)
    return ((f"{fmt.rate(newest[0])} msg/s", "text"),)


def _spark(snapshot: Snapshot) -> Line:
    return ((fmt.sparkline(snapshot.messages_per_s, SPARK_WIDTH), "direction-in"),) if snapshot.messages_per_s else ()


def _size(snapshot: Snapshot) -> HeaderPart:
    size = fmt.size(snapshot.bounds.size_bytes)
    return HeaderPart(3, ((size, "text"),), (("store ", "dim"), (size, "text")))


def _health(health: Health | None) -> list[HeaderPart]:
    if health is None:
        return []
    is_slow = health.commit_lag_ms > SLOW_COMMIT_MS or health.is_paused
    lag = f"lag {fmt.milliseconds(health.commit_lag_ms)}" + (", paused" if health.is_paused else "")
    lost = f"lost {fmt.count(health.events_shed)}"
    lag_kind: Role = "caution" if is_slow else "dim"
    lost_kind: Role = "problem" if health.events_shed else "dim"
    events = "event" if health.events_shed == 1 else "events"
    return [
        HeaderPart(11 if is_slow else 4, ((lag, lag_kind),), ((f"commit {lag}", lag_kind),)),
        HeaderPart(12 if health.events_shed else 5, ((lost, lost_kind),), ((f"{lost} {events}", lost_kind),)),
    ]


def _needed(parts: list[HeaderPart]) -> int:
    return sum(width_of(part.texts) for part in parts) + 2 * len(parts)


def _join(parts: list[HeaderPart], width: int) -> Line:
    gap = min(PART_GAP, 1 + max(0, width - _needed(parts)) // max(1, len(parts)) + 1)
    texts: list[StyledText] = [(" ", "text")]
    for part in parts:
        texts += [*part.texts, (" " * gap, "text")]
    return tuple(text for text in texts if text[0])


def notice_line(text: str, path: Path | None, home: Path, width: int) -> str:
    """Return a sentence and the path it is about, in at most ``width`` cells."""
    sentence = f" {cell_text(text, TEXT_LIMIT)}"
    if path is None:
        return clip(sentence, width)
    room = max(LEAST_PATH, width - cell_len(sentence) - 1)
    return clip(f"{sentence} {short_path(path, home, room)}", width)


def footer_line(keys: Mapping[str, Sequence[str]], width: int) -> Line:
    """Return the keys that fit into a width, at least those of help and commands."""
    shown = [action for action in ACTIONS if action.in_footer and keys.get(action.id)]
    entries: dict[str, Line] = {
        action.id: ((f" {key_label(keys[action.id][0])}", "key-name"), (f" {action.label} ", "text"))
        for action in shown
    }
    droppable = [id_ for id_ in reversed(entries) if id_ not in LAST_STANDING]
    # The last blank needs no room
    while droppable and sum(width_of(entry) for entry in entries.values()) > width + 1:
        del entries[droppable.pop(0)]
    line: list[StyledText] = [text for entry in entries.values() for text in entry]
    return tuple(line) if width_of(line) <= width + 1 else ((left("? help", width), "text"),)
