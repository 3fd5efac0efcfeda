"""Waterfalls: NX-10, NX-14, and trees that no application would draw."""

from __future__ import annotations

import msgspec

from wsmon.model.events import SpanId
from wsmon.model.spans import Span, WaterfallRow, waterfall

MS = 1_000_000


def span(name: str, start_ms: int, parent: str = "") -> Span:
    return Span(SpanId(name), parent, "trace", name, name, start_ms * MS, 7_000 * MS + start_ms * MS)


def drawn(*spans: Span) -> list[tuple[str, int, int]]:
    return [(bar.span.name, bar.offset_ns // MS, bar.depth) for bar in waterfall(spans)]


def test_nx14_a_child_lies_under_its_root_at_its_offset() -> None:
    root = msgspec.structs.replace(span("root", 100), duration_ns=10 * MS, status="ok", attributes={"status": 200})
    child = msgspec.structs.replace(span("child", 102, "root"), duration_ns=3 * MS, attributes={"rows": 12})
    assert waterfall([child, root]) == (WaterfallRow(root, 0, 0), WaterfallRow(child, 2 * MS, 1))


def test_nx14_nothing_is_an_empty_waterfall() -> None:
    assert waterfall(()) == ()


def test_nx10_nested_spans_lie_deeper_and_deeper() -> None:
    assert drawn(span("inner", 2, "outer"), span("outer", 1, "root"), span("root", 0)) == [
        ("root", 0, 0),
        ("outer", 1, 1),
        ("inner", 2, 2),
    ]


def test_what_began_together_is_drawn_parents_first_then_by_id() -> None:
    spans = (span("a", 0, "z"), span("b", 0, "z"), span("z", 0))
    assert drawn(*spans) == drawn(*reversed(spans)) == [("z", 0, 0), ("a", 0, 1), ("b", 0, 1)]


def test_a_parent_that_is_not_there_makes_a_root() -> None:
    assert drawn(span("child", 5, "evicted"), span("grandchild", 6, "child")) == [("child", 0, 0), ("grandchild", 1, 1)]


def test_parents_in_a_circle_are_drawn_all_the_same() -> None:
    assert {name for name, _, _ in drawn(span("a", 0, "b"), span("b", 1, "a"), span("c", 2, "c"))} == {"a", "b", "c"}


def test_ten_thousand_levels_are_drawn() -> None:
    deep = [span(str(level), level, str(level - 1)) for level in range(10_000)]
    assert waterfall(reversed(deep))[-1].depth == 9_999
