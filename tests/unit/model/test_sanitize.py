"""Foreign text becomes safe to show, clean text stays as it is."""

from __future__ import annotations

import pytest

from wsmon.model.sanitize import decode, sanitize


@pytest.mark.parametrize(
    "text", ["", "abc [/b] $x", "Grüße, мир, 世界, שלום", "naïve e\u0301", "❤\ufe0f 🎉", "�", "Việt e\u0302\u0301"]
)
def test_clean_text_stays(text: str) -> None:
    assert sanitize(text) is text or sanitize(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("a\x00b\x07\x08", "a␀b␇␈"),
        ("\x7f", "␡"),
        ("\x9b31m\x85", "\\x9b31m\\x85"),
        ("a\nb\r\nc\td", "a⏎b␍⏎c␉d"),
        ("\u202eabc\u202c\u2066x\u2069\u200f", "\\u202eabc\\u202c\\u2066x\\u2069\\u200f"),
        ("a\u200bb\u200dc\ufeff\u2060", "a\\u200bb\\u200dc\\ufeff\\u2060"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\ud800x\udfff", "\\ud800x\\udfff"),
        ("\U000e0041\U000e0100", "\\U000e0041\\U000e0100"),
        ("\ufdd0\uffff\u0378\ue000", "\\ufdd0\\uffff\\u0378\\ue000"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\u3164\u2800\u034f", "\\u3164\\u2800\\u034f"),
        ("a" + "\u0300" * 50 + "b", "a" + "\u0300" * 4 + "b"),
    ],
)
def test_what_a_terminal_would_obey_becomes_visible(text: str, expected: str) -> None:
    assert sanitize(text) == expected
    assert sanitize(expected) == expected


def test_several_lines_keep_their_newlines_and_nothing_else() -> None:
    assert sanitize("a\r\nb\n\tc\rd\x1b", multiline=True) == "a\nb\n    c␍d␛"


def test_ascii_mode_writes_everything_else_as_escapes() -> None:
    assert sanitize("é€\x1b\x00\x7f\n🎉", ascii_only=True) == "\\xe9\\u20ac^[^@^?\\n\\U0001f389"
    assert sanitize("a\nb\t€", multiline=True, ascii_only=True) == "a\nb    \\u20ac"


def test_a_long_text_is_cut_before_the_work_and_says_so() -> None:
    assert sanitize("x" * 11, 10) == "x" * 9 + "…"
    assert sanitize("x" * 10, 10) == "x" * 10
    assert sanitize("\x1b" * 1_000_000, 3) == "␛␛…"
    assert sanitize("xxxxx", 3, ascii_only=True) == "xx..."
    assert sanitize("abc", 0) == "…"


def test_a_payload_is_decoded_and_made_safe() -> None:
    assert decode(b"a\xff\xc3\xa9\x1b") == "a�é␛"
    assert decode("🎉".encode() * 11, 10) == "🎉" * 9 + "…"
    assert decode("🎉".encode() * 10, 10) == "🎉" * 10
    assert decode(b"", 10) == ""
