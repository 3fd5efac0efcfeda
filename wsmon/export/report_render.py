"""The timeline of a report as SVG: a lane a connection, losses and incidents on it, messages below.

Colours are classes that the page defines, so that it can be light, dark or printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import groupby

from wsmon.model.durations import SECOND_NS
from wsmon.model.sanitize import sanitize
from wsmon.model.statistics import Density
from wsmon.model.statuses import Status
from wsmon.model.timeline import Lane

WIDTH, NAMES, LANE, BAR, DENSITY = 1_000, 160, 30, 14, 60
# pixels: of the lanes, of the names before them, of a lane's height, of its bar, of the messages' height
AXIS = 26
TICKS = 6
_NAME_LIMIT = 22
# characters

CLASSES: dict[Status, str] = {
    "websocket_connected": "open",
    "connecting": "dial",
    "connected": "dial",
    "reconnecting": "wait",
    "disconnected": "lost",
    "error": "lost",
    "closed": "off",
    "initialized": "off",
}
_WORST = ("lost", "wait", "dial", "off", "open")
# what a pixel shows that has several: trouble


class Scale:
    """Times as pixels."""

    def __init__(self, since_ns: int, until_ns: int) -> None:
        self._since_ns = since_ns
        self._length_ns = max(1, until_ns - since_ns)

    def pixel(self, at_ns: int) -> int:
        """The column of a time, within the picture."""
        return min(WIDTH - 1, max(0, (at_ns - self._since_ns) * WIDTH // self._length_ns))

    def after(self, at_ns: int) -> int:
        """The column that what ends at a time no longer fills."""
        return min(WIDTH, (at_ns - self._since_ns) * WIDTH // self._length_ns)

    def ticks(self) -> Iterator[tuple[int, str]]:
        """Columns and times (UTC) of the axis."""
        for number in range(TICKS + 1):
            at = datetime.fromtimestamp((self._since_ns + self._length_ns * number // TICKS) / SECOND_NS, UTC)
            shown = at.strftime("%H:%M:%S" if self._length_ns < 86_400 * SECOND_NS else "%m-%d %H:%M")
            yield WIDTH * number // TICKS, shown


def timeline_svg(lanes: Sequence[Lane], density: Density, since_ns: int, until_ns: int) -> str:
    """The picture; its size follows the connections, never the traffic."""
    scale = Scale(since_ns, until_ns)
    below = len(lanes) * LANE
    height = below + DENSITY + AXIS
    parts = [
        f'<svg viewBox="0 0 {NAMES + WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg" class="timeline">',
        *(part for number, lane in enumerate(lanes) for part in _lane(lane, number * LANE, scale)),
        *_density(density, below),
        *_axis(scale, height),
        "</svg>",
    ]
    return "\n".join(parts)


def _lane(lane: Lane, top: int, scale: Scale) -> Iterator[str]:
    name = escape(sanitize(lane.connection, _NAME_LIMIT))
    yield f'<text x="0" y="{top + BAR + 4}" class="name">{name}</text>'
    for start, end, kind in _runs(_columns(lane, scale)):
        yield f'<rect x="{NAMES + start}" y="{top + 6}" width="{end - start}" height="{BAR}" class="{kind}"/>'
    times = [(one.start_ns, one.end_ns) for one in lane.incidents]
    for start, end in sorted({(scale.pixel(begin), scale.pixel(end) + 1) for begin, end in times}):
        x, width = NAMES + start, max(2, end - start)
        yield f'<rect x="{x}" y="{top + BAR + 8}" width="{width}" height="3" class="incident"/>'
    for at in sorted({scale.pixel(mark.at_ns) for mark in lane.losses}):
        x = NAMES + at
        yield f'<path d="M{x} {top + 6}l-4 -6h8z" class="lost"/>'


def _columns(lane: Lane, scale: Scale) -> list[str]:
    """The class of every column; empty where nothing was recorded."""
    columns = [""] * WIDTH
    for stretch in lane.stretches:
        kind = CLASSES[stretch.status]
        start = scale.pixel(stretch.start_ns)
        for column in range(start, max(start + 1, scale.after(stretch.end_ns))):
            columns[column] = min(kind, columns[column] or kind, key=_WORST.index)
    return columns


def _runs(columns: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    start = 0
    for kind, of_kind in groupby(columns):
        end = start + sum(1 for _ in of_kind)
        if kind:
            yield start, end, kind
        start = end


def _density(density: Density, top: int) -> Iterator[str]:
    """Messages as bars, errors in front of them; both scaled to the busiest time."""
    most = max((*density.messages, *density.errors, 1))
    width = WIDTH / max(1, len(density.messages))
    for kind, counts in (("messages", density.messages), ("errors", density.errors)):
        for number, count in enumerate(counts):
            if count:
                height = max(1.0, count / most * (DENSITY - 8))
                x, y = NAMES + number * width, top + DENSITY - height
                yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{kind}"/>'
    yield f'<text x="0" y="{top + DENSITY - 4}" class="name">messages, ≤ {most:,} a bar</text>'


def _axis(scale: Scale, height: int) -> Iterator[str]:
    for x, shown in scale.ticks():
        yield f'<line x1="{NAMES + x}" y1="0" x2="{NAMES + x}" y2="{height - AXIS + 4}" class="tick"/>'
        anchor = "end" if x == WIDTH else "middle" if x else "start"
        yield f'<text x="{NAMES + x}" y="{height - 6}" text-anchor="{anchor}" class="axis">{shown}</text>'
