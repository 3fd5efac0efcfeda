"""Foreign text becomes safe to show, clean text stays as it is."""

from __future__ import annotations

import json
import unicodedata

import pytest

from wsmon.model.sanitize import decode, escape_json, is_connection_name, sanitize, spreadsheet_cell


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


def test_d13_json_keeps_its_value_and_has_nothing_that_a_terminal_obeys() -> None:
    odd = "a\x1b[31m\x7f\x9b\u202e\u2066\u200e\ufeff\U000e0041é👩\u200d💻\u2028"
    plain = json.dumps({odd: odd}, ensure_ascii=False).encode()
    safe = escape_json(plain)
    assert json.loads(safe) == {odd: odd}
    assert "".join(char for char in safe.decode() if not char.isprintable()) == "\u200d\u200d"
    assert "é👩" in safe.decode()


def test_json_without_such_characters_is_returned_as_it_is() -> None:
    for octets in (b'{"a": 1}', '{"a": "é"}'.encode()):
        assert escape_json(octets) is octets


def test_d13_every_format_character_of_unicode_is_escaped_but_the_joiners() -> None:
    left = [code for code in range(0x80, 0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp")]
    seen = [code for code in left if escape_json(chr(code).encode()) == chr(code).encode()]
    assert seen == [0x200C, 0x200D]
    assert [code for code in left if spreadsheet_cell(chr(code)) == chr(code)] == [0x200C, 0x200D]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("plain, text; with = signs - inside", "plain, text; with = signs - inside"),
        ("=1", "'=1"),
        (" =1", " '=1"),
        ("\t1", "'\t1"),
        ("\t=1", "'\t'=1"),
        ("\r\n=1", "'\r\n'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a;=1", "a;'=1"),
        ('a|"@x', "a|\"'@x"),
        ("a\n-1", "a\n'-1"),
        ("[1,-2]", "[1,-2]"),
        ("", ""),
    ],
)
def test_d13_no_cell_begins_a_formula(text: str, cell: str) -> None:
    assert spreadsheet_cell(text) == cell


@pytest.mark.parametrize(
    ("name", "is_name"),
    [
        ("orders.v1_eu-west", True),
        ("x" * 64, True),
        ("", False),
        ("x" * 65, False),
        ("a b", False),
        ("a\n", False),
        ("é", False),
        ("a\x1b[31m", False),
        (b"a", False),
        (7, False),
        (None, False),
    ],
)
def test_names_of_connections_are_those_of_a_configuration(name: object, is_name: bool) -> None:
    assert is_connection_name(name) is is_name


@pytest.mark.parametrize("run", ["\n", ";", " ", "\n ", "\t", '"'])
def test_a_cell_of_separators_takes_no_longer_than_another(run: str) -> None:
    cell = spreadsheet_cell(run * 200_000 + "=1")
    assert cell.endswith("'=1")
