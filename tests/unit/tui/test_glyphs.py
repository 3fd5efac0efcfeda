from __future__ import annotations

from dataclasses import astuple, fields

import pytest
from rich.cells import cell_len

from wsmon.tui.glyphs import ASCII, UNICODE, Glyphs

LANES = [field.name for field in fields(Glyphs) if field.name.startswith("lane_")]
SIGNS = ["received", "sent", "heartbeat", "open", "waiting", "loss", "closed", "warning", "note"]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_every_glyph_takes_one_cell(glyphs: Glyphs) -> None:
    texts = [text for text in astuple(glyphs) if isinstance(text, str)]

    assert [text for text in texts if cell_len(text) != len(text) or (len(text) != 1 and text != glyphs.blocks)] == []


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("names", [LANES, SIGNS], ids=["lanes", "signs"])
def test_glyphs_that_stand_side_by_side_differ_in_shape(glyphs: Glyphs, names: list[str]) -> None:
    shapes = [getattr(glyphs, name) for name in names]

    assert len(set(shapes)) == len(shapes)


def test_in_ascii_a_tilde_is_a_stall_and_a_hash_a_full_bar() -> None:
    values = {field.name: str(getattr(ASCII, field.name)) for field in fields(Glyphs)}

    assert [name for name, value in values.items() if "~" in value] == ["lane_stalled"]
    assert [name for name, value in values.items() if "#" in value] == ["blocks"]


def test_ascii_is_ascii() -> None:
    assert all(text.isascii() for text in astuple(ASCII) if isinstance(text, str))
