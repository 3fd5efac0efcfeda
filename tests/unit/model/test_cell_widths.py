"""Characters that terminals count differently: those that a rule on Unicode's data gives, and that tables show."""

from __future__ import annotations

import ctypes
import ctypes.util
import locale
import re
import unicodedata

import pytest
from rich.cells import cell_len

from tests.support.not_run import not_run
from wsmon.model.cell_widths import DISPUTED
from wsmon.model.sanitize import sanitize

IS_DISPUTED = re.compile(f"[{DISPUTED}]")
# Beyond the Unicode of the C library
FIRST_UNKNOWN = 0x1FA70


def printable() -> list[str]:
    """Every character that may stand in a row as it is."""
    return [found for code in range(0xA0, 0x110000) if sanitize(found := chr(code)) == found]


def of_unicode(character: str) -> int:
    """The width by East_Asian_Width."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def test_spacing_and_enclosing_marks_are_disputed_and_letters_in_use_are_not() -> None:
    marks = [each for each in printable() if unicodedata.category(each) in ("Mc", "Me")]

    assert [hex(ord(each)) for each in marks if not IS_DISPUTED.match(each)] == []
    assert IS_DISPUTED.search("Grüße мир שלום 世界 한국어 ไทย e\u0301 🎉 ✓ → ─ ° ® ☎ ★ ½ ﷺ") is None


def test_the_tables_of_rich_and_unicode_agree_on_all_others() -> None:
    differing = [each for each in printable() if cell_len(each) != of_unicode(each) and not IS_DISPUTED.match(each)]

    assert [(hex(ord(each)), unicodedata.name(each, "")) for each in differing] == []


def test_the_c_library_agrees_on_all_others() -> None:
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        not_run("there is no UTF-8 locale")
    try:
        differing = [
            hex(ord(each))
            for each in printable()
            if not IS_DISPUTED.match(each)
            and 0 <= library.wcwidth(ctypes.c_uint32(ord(each))) != cell_len(each)
            and ord(each) < FIRST_UNKNOWN
        ]
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    assert differing == []


@pytest.mark.parametrize(
    "text", ["க்ஷ", "e\u0301", "ก็", "한", "שָׁלוֹם", "Việt", "ا\u064e", "☎", "①", "…"],
)  # fmt: skip
def test_what_is_left_beside_each_other_is_as_wide_as_its_characters(text: str) -> None:
    assert cell_len(text) == sum(map(cell_len, text))
