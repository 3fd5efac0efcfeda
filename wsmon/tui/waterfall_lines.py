"""The spans of a session as lines: what, since when, for how long, and a bar on the session's own scale. Pure."""

from __future__ import annotations

from wsmon.model import units as fmt
from wsmon.model.sanitize import sanitize
from wsmon.model.spans import Span, WaterfallRow, waterfall
from wsmon.model.units import MS_NS
from wsmon.tui.palette import Meaning
from wsmon.tui.palette import Span as Text
from wsmon.tui.text import clip, left, right

MAX_INDENT = 6
# levels; deeper nesting shows its depth no more
NAME_LIMIT = 200
TIME_WIDTH = 10
LEAST_BAR = 8
MEANINGS: dict[str, Meaning] = {
    "ok": "status-open", "error": "status-loss", "abandoned": "status-stalled", "orphan": "dim", "open": "text",
}  # fmt: skip


def waterfall_lines(spans: tuple[Span, ...], width: int, *, ascii_only: bool = False) -> tuple[tuple[Text, ...], ...]:
    """A line for each span, by its start, and one for what went wrong with it."""
    bars = waterfall(spans)
    end_ns = max((bar.offset_ns + (bar.span.duration_ns or 0) for bar in bars), default=0)
    name_width = max(10, min(36, width // 3))
    lines: list[tuple[Text, ...]] = []
    for bar in bars:
        lines.append(_line(bar, max(1, end_ns), name_width, width, ascii_only=ascii_only))
        problem = sanitize(bar.span.error or bar.span.error_type, NAME_LIMIT, ascii_only=ascii_only)
        if problem:
            indent = "  " * (min(bar.depth, MAX_INDENT) + 1)
            lines.append(((clip(indent + problem, width, "~" if ascii_only else "…"), "problem"),))
    return tuple(lines)


def _line(bar: WaterfallRow, whole_ns: int, name_width: int, width: int, *, ascii_only: bool) -> tuple[Text, ...]:
    span = bar.span
    indent = "  " * min(bar.depth, MAX_INDENT)
    label = span.operation if span.name in ("", span.operation) else f"{span.operation} {span.name}"
    meaning = MEANINGS[span.status]
    took = fmt.NONE if span.duration_ns is None else fmt.milliseconds(span.duration_ns / MS_NS)
    start = f"+{fmt.milliseconds(bar.offset_ns / MS_NS)}"
    spans: list[Text] = [
        (left(indent + sanitize(label, NAME_LIMIT, ascii_only=ascii_only), name_width), "text"),
        (right(start, TIME_WIDTH + 1), "dim"),
        (right(took, TIME_WIDTH) + " ", meaning),
    ]
    room = width - name_width - 2 * TIME_WIDTH - 2
    if room >= LEAST_BAR:
        before = min(room - 1, bar.offset_ns * room // whole_ns)
        cells = min(room - before, max(1, (span.duration_ns or 0) * room // whole_ns))
        spans.append((" " * before + ("=" if ascii_only else "━") * cells, meaning))
    return tuple(spans)
