"""Spans as lines."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.builders import MONO_0_NS, T0_NS
from wsmon.model.ids import SpanId
from wsmon.model.spans import Span
from wsmon.tui.waterfall_lines import waterfall_lines

MS = 1_000_000


def span(span_id: str, parent: str, name: str, start_ms: int, took_ms: int | None, status: str = "ok") -> Span:
    return Span(
        SpanId(span_id), parent, "request", "", name, T0_NS, MONO_0_NS + start_ms * MS,
        None if took_ms is None else took_ms * MS, status,  # type: ignore[arg-type]  # one of the statuses
    )  # fmt: skip


SPANS = (span("a", "", "whole", 0, 100), span("b", "a", "half", 50, 50, "error"), span("c", "b", "lost", 75, None))


def shown(width: int, *, ascii_only: bool = False) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in waterfall_lines(SPANS, width, ascii_only=ascii_only)]


def test_bars_lie_where_the_spans_were() -> None:
    assert shown(82, ascii_only=True) == [
        "request whole                  +0.0 ms    100 ms " + "=" * 33,
        "  request half                  +50 ms     50 ms " + " " * 16 + "=" * 16,
        "    request lost                +75 ms         – " + " " * 24 + "=",
    ]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_lines_of_wide_panes_fit(width: int) -> None:
    assert all(cell_len(line) <= max(width, 33) for line in shown(width))


def test_no_span_is_no_line() -> None:
    assert waterfall_lines((), 80) == ()


def test_foreign_names_are_safe() -> None:
    hostile = span("a", "", "\x1b[31m[/b]\u202e", 0, 1)

    assert all(text.isprintable() for line in waterfall_lines((hostile,), 80) for text, _ in line)
