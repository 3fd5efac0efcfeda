"""The first line: what is recorded, how it is, and what was lost. What matters most is dropped last."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from wsmon.model import units as fmt
from wsmon.model.snapshot import Health, Snapshot
from wsmon.tui.palette import Meaning, Span, width_of
from wsmon.tui.panes.connections_table import meaning_of, severity, word
from wsmon.tui.widgets.text_view import SpanLine

SPARK_WIDTH = 8
SLOW_COMMIT_MS = 500.0
# DESIGN.md, section 11: events are visible after 150 ms; thrice that is worth a colour
GAP = 3
# cells between parts, where there is room


@dataclass(frozen=True, slots=True)
class Recording:
    """What the header says about the recorder."""

    is_on: bool
    since_ns: int | None = None
    # wall time of the start of the run, or of its end; None = not known
    is_awaited: bool = False
    # nobody knows yet: the screen has just been opened


@dataclass(frozen=True, slots=True)
class Part:
    """Some spans that are shown together or not at all; the least important goes first."""

    importance: int
    spans: tuple[Span, ...]
    labelled: tuple[Span, ...] = ()
    # the same with a label or a chart, where there is room; empty = it has none


class Header(SpanLine):
    """One line about everything."""

    def show(self, name: str, snapshot: Snapshot, recording: Recording, health: Health | None, now_ns: int) -> None:
        """Draw it as of ``now_ns``."""
        self.draw(header_line(name, snapshot, recording, health, now_ns, self.size.width))


def header_line(
    name: str, snapshot: Snapshot, recording: Recording, health: Health | None, now_ns: int, width: int
) -> tuple[Span, ...]:
    """What fits into ``width`` cells."""
    statuses = _statuses(snapshot)
    parts = [
        Part(9, ((name, "strong"),)),
        Part(8, _recording(recording, now_ns)),
        Part(10, statuses, () if recording.is_on or not statuses else (("at the end ", "dim"), *statuses)),
        Part(7, _rate(snapshot), (*_rate(snapshot), (" ", "text"), *_spark(snapshot))),
        _size(snapshot),
        *_health(health),
    ]
    parts = [part for part in parts if part.spans]
    while len(parts) > 1 and _needed(parts) > width:
        parts.remove(min(parts, key=lambda part: part.importance))
    for part in sorted(parts, key=lambda part: -part.importance):
        longer = [replace(each, spans=each.labelled) if each is part and part.labelled else each for each in parts]
        parts = longer if _needed(longer) <= width else parts
    return _join(parts, width)


def _recording(recording: Recording, now_ns: int) -> tuple[Span, ...]:
    if recording.is_awaited:
        return (("○ asking the recorder", "dim"),)
    if not recording.is_on:
        return (("○ not recording", "problem"),)
    since = f" {fmt.duration(now_ns - recording.since_ns)}" if recording.since_ns is not None else ""
    return (("● ", "status-open"), (f"recording{since}", "text"))


def _statuses(snapshot: Snapshot) -> tuple[Span, ...]:
    states = sorted((row.state for row in snapshot.connections if row.state.spec.enabled), key=severity)
    numbers: Counter[str] = Counter(word(state) for state in states)
    meanings: dict[str, Meaning] = {word(state): meaning_of(state) for state in states}
    spans: list[Span] = []
    for label, number in numbers.items():
        spans += [(" · ", "dim")] if spans else []
        spans.append((f"{number} {label}", meanings[label]))
    return tuple(spans)


def _rate(snapshot: Snapshot) -> tuple[Span, ...]:
    newest = snapshot.messages_per_s[-1:] or (0,)
    return ((f"{fmt.rate(newest[0])} msg/s", "text"),)


def _spark(snapshot: Snapshot) -> tuple[Span, ...]:
    return ((fmt.sparkline(snapshot.messages_per_s, SPARK_WIDTH), "direction-in"),) if snapshot.messages_per_s else ()


def _size(snapshot: Snapshot) -> Part:
    size = fmt.size(snapshot.bounds.size_bytes)
    return Part(3, ((size, "text"),), (("store ", "dim"), (size, "text")))


def _health(health: Health | None) -> list[Part]:
    if health is None:
        return []
    is_slow = health.commit_lag_ms > SLOW_COMMIT_MS or health.is_paused
    lag = f"lag {fmt.milliseconds(health.commit_lag_ms)}" + (", paused" if health.is_paused else "")
    lost = f"lost {fmt.count(health.events_shed)}"
    lag_kind: Meaning = "caution" if is_slow else "dim"
    lost_kind: Meaning = "problem" if health.events_shed else "dim"
    events = "event" if health.events_shed == 1 else "events"
    return [
        Part(11 if is_slow else 4, ((lag, lag_kind),), ((f"commit {lag}", lag_kind),)),
        Part(12 if health.events_shed else 5, ((lost, lost_kind),), ((f"{lost} {events}", lost_kind),)),
    ]


def _needed(parts: list[Part]) -> int:
    return sum(width_of(part.spans) for part in parts) + 2 * len(parts)


def _join(parts: list[Part], width: int) -> tuple[Span, ...]:
    gap = min(GAP, 1 + max(0, width - _needed(parts)) // max(1, len(parts)) + 1)
    spans: list[Span] = [(" ", "text")]
    for part in parts:
        spans += [*part.spans, (" " * gap, "text")]
    return tuple(span for span in spans if span[0])
