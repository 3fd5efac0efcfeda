"""What a cell looks like, as codes of the terminal, and the shortest way from one look to another. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_COLOR_CODES = {"2": 5, "5": 3}
# how many codes a colour takes: 38;2;R;G;B and 38;5;N
_TEXT = re.compile(r"3[0-79]|9[0-7]")
_GROUND = re.compile(r"4[0-79]|10[0-7]")


class CellStyle(NamedTuple):
    """Each as codes; empty = the terminal's default."""

    text: str = ""
    ground: str = ""
    others: str = ""
    # bold, reverse and the like


PLAIN = CellStyle()


@lru_cache(4096)
def after(codes: str, before: CellStyle) -> CellStyle:
    """The style that ``CSI codes m`` leaves."""
    text, ground, others = before
    parts = codes.split(";")
    while parts:
        first, taken = parts[0], 1
        if first in ("", "0"):
            text = ground = others = ""
        elif first in ("38", "48") and len(parts) > 1 and parts[1] in _COLOR_CODES:
            taken = _COLOR_CODES[parts[1]]
            color = ";".join(parts[:taken])
            text, ground = (color, ground) if first == "38" else (text, color)
        elif _TEXT.fullmatch(first):
            text = "" if first == "39" else first
        elif _GROUND.fullmatch(first):
            ground = "" if first == "49" else first
        else:
            others = f"{others};{first}" if others else first
        parts = parts[taken:]
    return CellStyle(text, ground, others)


@lru_cache(4096)
def change(shown: CellStyle, wanted: CellStyle) -> str:
    """The shortest way from one style to another: attributes can only be added, colours also be taken back."""
    if wanted == shown:
        return ""
    anew = f"\x1b[{';'.join(part for part in ('0', wanted.others, wanted.text, wanted.ground) if part)}m"
    if wanted == PLAIN or (shown.others and shown.others != wanted.others):
        return anew
    parts = [wanted.others] if shown.others != wanted.others else []
    parts += [wanted.text or "39"] if shown.text != wanted.text else []
    parts += [wanted.ground or "49"] if shown.ground != wanted.ground else []
    step = f"\x1b[{';'.join(parts)}m"
    return step if len(step) <= len(anew) else anew
