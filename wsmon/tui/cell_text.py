"""Foreign text for the cells of a terminal: made safe, and of a width on which all terminals agree.

Every foreign text of the screen comes from here. ``sanitize`` alone leaves characters that one terminal draws in two
cells and another in one: the columns behind them would shift, and the screen would keep what was drawn there.
"""

from __future__ import annotations

from wsmon.model.sanitize import LIMIT_CHARACTERS, decode, sanitize


def cell_text(text: str, limit: int = LIMIT_CHARACTERS, *, multiline: bool = False, ascii_only: bool = False) -> str:
    """Return foreign text for the screen; see ``sanitize``."""
    return sanitize(text, limit, multiline=multiline, ascii_only=ascii_only, in_columns=True)


def decode_cell_text(payload: bytes, limit: int, *, ascii_only: bool = False) -> str:
    """Return the text of a payload for one line of the screen; see ``decode``."""
    return decode(payload, limit, ascii_only=ascii_only, in_columns=True)
