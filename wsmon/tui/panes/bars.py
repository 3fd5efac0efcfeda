"""Bars of the screen: header (recording, connections, rates, losses), banner of warnings, footer with keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.timer import Timer

from wsmon.model import bundle as bundles
from wsmon.model import units as fmt
from wsmon.model.bundle import BundleManifest
from wsmon.model.snapshot import Health, Snapshot
from wsmon.model.units import SECOND_NS
from wsmon.tui.actions import BY_ID, FOOTER, FOOTER_END, key_label
from wsmon.tui.cell_text import cell_text
from wsmon.tui.layout import PaneName
from wsmon.tui.panes.connections_table import severity, status_role, status_word
from wsmon.tui.text import Line, Role, StyledText, clip, short_path, width_of
from wsmon.tui.widgets.text_view import TextLine, WrappedText

SPARK_WIDTH = 8
# Events are to be visible after 150 ms (docs/design.md, section 9); from about thrice that on, the delay is shown
SLOW_COMMIT_MS = 500.0
# Cells between parts of the header, where there is room
PART_GAP = 3
# How long the footer shows a sentence: long enough to read it twice
NOTICE_S = 6.0
# How long an answer to what the user did stays before an announcement replaces it
HOLD_S = 3.0
# How long the introduction is shown: a user who starts wsmon for the first time reads the screen too
INTRODUCTION_S = 15.0
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
    is_over: bool = False
    """The recording had ended before the screen was opened."""
    is_imported: bool = False
    """No recorder wrote it: it was imported."""
    bundle: BundleManifest | None = None
    """Of the incident bundle that is shown; None = it is a recording."""


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


@dataclass(frozen=True, slots=True)
class FooterKey:
    """A key of the footer."""

    action_id: str
    texts: Line


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence of the footer, and the path that it is about."""

    texts: tuple[str, ...]
    """The longest first; the longest that fits is shown."""
    role: Role = "text"
    path: Path | None = None


class Footer(TextLine):
    """The last line of the screen: the keys of a pane, which can be clicked, or for a while a sentence.

    A sentence answers what the user did, or announces what happened by itself: that waits while an answer is fresh.
    """

    @dataclass
    class KeyClicked(Message):
        """The user clicked a key."""

        action_id: str

    def __init__(self, keys: Mapping[str, Sequence[str]], *, id: str | None = None) -> None:  # noqa: A002
        """``keys``: action id → keys in force."""
        super().__init__(id=id)
        self._keys = keys
        self._pane: PaneName = "log"
        self._timer: Timer | None = None
        self._notice = Notice(("",))
        self._hold: Timer | None = None
        """Runs while an answer is fresh."""
        self._waiting: Notice | None = None
        """The newest announcement, while an answer is fresh."""

    def on_mount(self) -> None:
        """Show the keys."""
        self._show_keys()

    def on_resize(self) -> None:
        """Show what fits into the new width."""
        if self._timer is None:
            self._show_keys()
        else:
            self._show_notice()

    def set_pane(self, pane: PaneName) -> None:
        """Show the keys of this pane from now on: it has the focus."""
        if pane != self._pane:
            self._pane = pane
            if self._timer is None:
                self._show_keys()

    def on_click(self, event: events.Click) -> None:
        """Report the key that was clicked; a click on a sentence brings the keys back."""
        if self._timer is not None:
            self._timer.stop()
            self._show_keys()
        elif (clicked := key_at(footer_keys(self._keys, self._pane, self.size.width), event.x)) is not None:
            self.post_message(self.KeyClicked(clicked.action_id))

    def say(self, text: str, role: Role = "text", path: Path | None = None) -> None:
        """Show an answer for a while, and the path that it is about."""
        self._show_for(NOTICE_S, Notice((text,), role, path), hold_s=HOLD_S)

    def introduce(self, texts: tuple[str, ...]) -> None:
        """Show for a while the longest of these texts that fits."""
        self._show_for(INTRODUCTION_S, Notice(texts), hold_s=INTRODUCTION_S)

    def announce(self, text: str, role: Role) -> None:
        """Show for a while what happened by itself; after an answer that is fresh."""
        if self._hold is not None:
            self._waiting = Notice((text,), role)
        else:
            self._show_for(NOTICE_S, Notice((text,), role))

    def _end_hold(self) -> None:
        self._hold, waiting, self._waiting = None, self._waiting, None
        if waiting is not None:
            self._show_for(NOTICE_S, waiting)

    def _show_for(self, duration_s: float, notice: Notice, *, hold_s: float = 0.0) -> None:
        for timer in (self._timer, self._hold):
            if timer is not None:
                timer.stop()
        self._timer = self.set_timer(duration_s, self._show_keys)
        self._hold = self.set_timer(hold_s, self._end_hold) if hold_s else None
        self._notice = notice
        self._show_notice()

    def _show_notice(self) -> None:
        line = notice_line(self._notice, Path("~").expanduser(), self.size.width)
        self.draw(((line, self._notice.role),))

    def _show_keys(self) -> None:
        self._timer = None
        self.draw(tuple(text for key in footer_keys(self._keys, self._pane, self.size.width) for text in key.texts))


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
        HeaderPart(9, ((cell_text(name, TEXT_LIMIT), "strong"),)),
        HeaderPart(8, _recording(recording, now_ns), _bundle(recording.bundle)),
        HeaderPart(10, statuses, _labelled_statuses(statuses, recording)),
        HeaderPart(7, _rate(snapshot), (*_rate(snapshot), (" ", "text"), *_spark(snapshot))),
        _size(snapshot),
        *_health(health),
        HeaderPart(6, ((zone_name(now_ns), "dim"),)),
    ]
    parts = [part for part in parts if part.texts]
    while len(parts) > 1 and _needed(parts) > width:
        parts.remove(min(parts, key=lambda part: part.importance))
    for part in sorted(parts, key=lambda part: -part.importance):
        longer = [replace(each, texts=each.labelled) if each is part and part.labelled else each for each in parts]
        parts = longer if _needed(longer) <= width else parts
    return _join(parts, width)


def _recording(recording: Recording, now_ns: int) -> Line:
    if recording.bundle is not None:
        return ((f"○ bundle, {bundles.period(recording.bundle)}", "text"),)
    if recording.is_awaited:
        return (("○ connecting to recorder…", "dim"),)
    if not recording.is_on:
        ended = fmt.moment(recording.since_ns, now_ns) if recording.since_ns is not None else ""
        if recording.is_imported:
            return ((f"○ imported, ends {ended}" if ended else "○ imported", "text"),)
        if recording.is_over:
            return ((f"○ recording, ended {ended}" if ended else "○ recording, ended", "text"),)
        return (("○ not recording", "problem"),)
    since = f" {_lasting(now_ns - recording.since_ns)}" if recording.since_ns is not None else ""
    return (("● ", "status-open"), (f"recording{since}", "text"))


def _bundle(manifest: BundleManifest | None) -> Line:
    """The longer form about a bundle; none for a recording."""
    if manifest is None:
        return ()
    # A bundle may come from anywhere
    origin = cell_text(bundles.origin(manifest), TEXT_LIMIT)
    return ((f"○ bundle from {origin}, {bundles.period(manifest)}", "text"),)


def _lasting(nanoseconds: int) -> str:
    """Return a duration; minutes alone are spelled as seconds are: ``46 s``, ``1 min``, ``2h14m``."""
    text = fmt.duration(nanoseconds)
    return f"{text.removesuffix('m')} min" if text.endswith("m") and "h" not in text else text


def _labelled_statuses(statuses: Line, recording: Recording) -> Line:
    if recording.is_on or not statuses:
        return ()
    return (*statuses, (" at the end" if recording.is_imported or recording.bundle else " when recording ended", "dim"))


def zone_name(now_ns: int) -> str:
    """Return the name of the zone that times are shown in: "UTC", "CET"."""
    return datetime.fromtimestamp(now_ns // SECOND_NS).astimezone().tzname() or ""


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
    parts: list[HeaderPart] = []
    if health.commit_lag_ms > SLOW_COMMIT_MS or health.is_paused:
        delay = f"write delay {fmt.milliseconds(health.commit_lag_ms)}" + (", paused" if health.is_paused else "")
        parts.append(HeaderPart(11, ((delay, "caution"),)))
    if health.events_shed:
        parts.append(HeaderPart(12, ((f"events lost {fmt.count(health.events_shed)}", "problem"),)))
    return parts


def _needed(parts: list[HeaderPart]) -> int:
    return sum(width_of(part.texts) for part in parts) + 2 * len(parts)


def _join(parts: list[HeaderPart], width: int) -> Line:
    gap = min(PART_GAP, 1 + max(0, width - _needed(parts)) // max(1, len(parts)) + 1)
    texts: list[StyledText] = [(" ", "text")]
    for part in parts:
        texts += [*part.texts, (" " * gap, "text")]
    return tuple(text for text in texts if text[0])


def notice_line(notice: Notice, home: Path, width: int) -> str:
    """Return a sentence and the path it is about, in at most ``width`` cells."""
    sentences = [f" {cell_text(text, TEXT_LIMIT)}" for text in notice.texts]
    sentence = next((each for each in sentences if cell_len(each) <= width), sentences[-1])
    if notice.path is None:
        return clip(sentence, width)
    room = max(LEAST_PATH, width - cell_len(sentence) - 1)
    return clip(f"{sentence} {short_path(notice.path, home, room)}", width)


def footer_keys(keys: Mapping[str, Sequence[str]], pane: PaneName, width: int) -> tuple[FooterKey, ...]:
    """Return the keys of a pane that fit into a width: those of the pane first, at the end those of every pane.

    Where room is scarce the pane's last ones go, then those of every pane; how to quit is shown at any width.
    """
    of_pane = [_footer_key(action_id, keys) for action_id in FOOTER[pane] if keys.get(action_id)]
    of_all = [_footer_key(action_id, keys) for action_id in FOOTER_END if keys.get(action_id)]
    while len(of_all) > 1 and _footer_width(of_all) > width:
        of_all.pop()
    while of_pane and _footer_width([*of_pane, *of_all]) > width:
        of_pane.pop()
    return (*of_pane, *reversed(of_all))


def key_at(shown: Sequence[FooterKey], x: int) -> FooterKey | None:
    """Return the key of the footer that is drawn at a cell; None where there is none."""
    for key in shown:
        x -= width_of(key.texts)
        if x < 0:
            return key
    return None


def _footer_key(action_id: str, keys: Mapping[str, Sequence[str]]) -> FooterKey:
    label = BY_ID[action_id].label
    return FooterKey(action_id, ((f" {key_label(keys[action_id][0])}", "key-name"), (f" {label} ", "text")))


def _footer_width(shown: Sequence[FooterKey]) -> int:
    # The last blank needs no room
    return sum(width_of(key.texts) for key in shown) - 1
