"""Paths in few cells."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from wsmon.tui.text import short_path

HOME = Path("/home/ann")
EXPORT = HOME / "exports" / "2026" / "demo-20261121-032209.jsonl"


@pytest.mark.parametrize(
    ("path", "width", "expected"),
    [
        (EXPORT, 80, "~/exports/2026/demo-20261121-032209.jsonl"),
        (Path("/tmp/demo.jsonl"), 80, "/tmp/demo.jsonl"),
        (EXPORT, 40, "…/2026/demo-20261121-032209.jsonl"),
        (EXPORT, 30, "…/demo-20261121-032209.jsonl"),
        (EXPORT, 24, "demo-202611…032209.jsonl"),
        (HOME, 80, "~"),
        (HOME / "a\x1b[31mb.csv", 80, "~/a␛[31mb.csv"),
    ],
)
def test_the_name_of_the_file_stays_and_what_is_left_out_says_so(path: Path, width: int, expected: str) -> None:
    assert short_path(path, HOME, width) == expected


@pytest.mark.parametrize("width", range(1, 60))
def test_it_never_grows_beyond_its_width(width: int) -> None:
    for path in (EXPORT, Path("/") / ("红茶" * 20) / "é.csv", Path("/")):
        assert cell_len(short_path(path, HOME, width)) <= width
