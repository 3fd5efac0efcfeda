"""The waterfall of a trace: its spans in time, and how deep each lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wsmon.model.spans import Span


class Bar(NamedTuple):
    """A span as a waterfall shows it."""

    span: Span
    offset_ns: int
    # from the earliest start
    depth: int
    # 0: its parent is not among the spans


def waterfall(spans: Iterable[Span]) -> tuple[Bar, ...]:
    """The spans of a trace by their start, parents before children that began with them.

    Parents that form a circle raise nothing: one of them counts as the outermost.
    """
    by_id: dict[str, Span] = {span.span_id: span for span in spans}
    if not by_id:
        return ()
    origin_ns = min(span.start_mono_ns for span in by_id.values())
    depths = _depths({span_id: span.parent_id for span_id, span in by_id.items()})
    bars = (Bar(span, span.start_mono_ns - origin_ns, depths[span.span_id]) for span in by_id.values())
    return tuple(sorted(bars, key=lambda bar: (bar.offset_ns, bar.depth, bar.span.span_id)))


def _depths(parents: Mapping[str, str]) -> dict[str, int]:
    """How many ancestors each has, without recursion: a peer chooses how deep they nest."""
    depths: dict[str, int] = {}
    for start in parents:
        chain: dict[str, None] = {}
        ancestor = start
        while ancestor in parents and ancestor not in depths and ancestor not in chain:
            chain[ancestor] = None
            ancestor = parents[ancestor]
        depth = depths.get(ancestor, -1)
        for each in reversed(chain):
            depth += 1
            depths[each] = depth
    return depths
