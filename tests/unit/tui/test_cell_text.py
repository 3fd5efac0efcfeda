from __future__ import annotations

import pytest
from rich.cells import cell_len

from wsmon.model.sanitize import sanitize
from wsmon.tui.cell_text import cell_text, decode_cell_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("👍🏽", "👍\\U0001f3fd"),
        ("1\ufe0f\u20e3", "1\\ufe0f\\u20e3"),
        ("❤\ufe0f", "❤\\ufe0f"),
        ("🇫🇷", "\\U0001f1eb\\U0001f1f7"),
        ("👩\u200d🚀", "👩\\u200d🚀"),
        ("का", "क\\u093e"),
        ("நி", "ந\\u0bbf"),
        ("\u1112\u1161", "ᄒ\\u1161"),
        ("䷀", "\\u4dc0"),
        ("plain, Größe, 世界, e\u0301, 🎉", "plain, Größe, 世界, e\u0301, 🎉"),
    ],
)
def test_what_terminals_count_differently_is_escaped(text: str, expected: str) -> None:
    assert cell_text(text) == decode_cell_text(text.encode(), 100) == expected
    assert cell_text(expected) == expected
    assert cell_len(expected) == sum(map(cell_len, expected))


def test_text_that_is_not_in_columns_keeps_them() -> None:
    assert sanitize("का 👍🏽 ❤\ufe0f") == "का 👍🏽 ❤\ufe0f"


def test_ascii_and_lines_are_as_with_sanitize() -> None:
    assert cell_text("का\n", ascii_only=True) == "\\u0915\\u093e\\n"
    assert cell_text("a\nक\u093e", multiline=True) == "a\nक\\u093e"
    assert cell_text("x" * 11, 10) == "x" * 9 + "…"
