"""Spans as lines."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.support.builders import span
from wsmon.tui.dialogs.waterfall import waterfall_lines

SPANS = (
    span("a", "", "request", "whole", 0, 100),
    span("b", "a", "request", "half", 50, 50, "error"),
    span("c", "b", "request", "lost", 75, None),
)


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
    hostile = span("a", "", "request", "\x1b[31m[/b]\u202e", 0, 1)

    assert all(text.isprintable() for line in waterfall_lines((hostile,), 80) for text, _ in line)


def test_what_went_wrong_stands_below_its_span() -> None:
    failed = span("a", "", "request", "get", 0, 5, "error", error="not authorised")
    lines = ["".join(text for text, _ in line).rstrip() for line in waterfall_lines((failed, SPANS[2]), 60)]
    assert lines[1] == "  not authorised"
    assert len(lines) == 3
