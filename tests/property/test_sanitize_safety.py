"""Whatever a peer sends, the screen gets text that only shows."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.sanitize import decode, sanitize

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(ANY_TEXT, st.booleans(), st.booleans())
def test_nothing_invisible_is_left(text: str, multiline: bool, ascii_only: bool) -> None:
    safe = sanitize(text, multiline=multiline, ascii_only=ascii_only)
    left = {unicodedata.category(character) for character in safe if not (multiline and character == "\n")}
    assert left.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    assert not ascii_only or safe.isascii()
    assert sanitize(safe, multiline=multiline, ascii_only=ascii_only) == safe


@given(st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters="\u115f\u1160\u2800\u3164\uffa0")))
def test_printable_text_is_unchanged(text: str) -> None:
    assert sanitize(text) == text


@given(st.binary(max_size=200), st.integers(0, 50), st.booleans())
def test_any_bytes_decode(payload: bytes, limit: int, ascii_only: bool) -> None:
    assert decode(payload, limit, ascii_only=ascii_only).isprintable()
