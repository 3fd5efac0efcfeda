from __future__ import annotations

import pytest

from wsmon.tui.panes.detail_payload import hexdump, row_bytes


def test_offset_digits_and_letters() -> None:
    assert list(hexdump(b"\x00\x01Hello\xff!" + b"x" * 9, 80)) == [
        ("0000", "00 01 48 65  6c 6c 6f ff  21 78 78 78  78 78 78 78", "..Hello.!xxxxxxx"),
        ("0010", "78 78" + " " * 45, "xx"),
    ]


@pytest.mark.parametrize("width", [9, 20, 40, 64, 80, 120, 200])
def test_lines_fit(width: int) -> None:
    widths = {len(" ".join(parts)) for parts in hexdump(bytes(64), width)}

    assert len(widths) == 1
    assert max(widths) <= width


def test_wider_lines_hold_more() -> None:
    assert [row_bytes(width) for width in (9, 20, 37, 38, 71, 72, 160)] == [1, 2, 4, 8, 8, 16, 32]


def test_a_mebibyte_is_not_made_at_once() -> None:
    assert next(hexdump(bytes(1_000_000), 80))[0] == "00000"
