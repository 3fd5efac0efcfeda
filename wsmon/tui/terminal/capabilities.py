"""What sits between us and the terminal, and how a control sequence gets through it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Multiplexer = Literal["", "tmux", "screen"]

SCREEN_CHUNK = 252
# bytes that GNU screen passes on in one device control string, with room for the frame


def multiplexer(environ: Mapping[str, str]) -> Multiplexer:
    """Which program sits between us and the terminal."""
    if environ.get("TMUX"):
        return "tmux"
    return "screen" if environ.get("STY") else ""


def passed_through(plain: str, inside: Multiplexer) -> str:
    """A control sequence as the program in between hands it on untouched; tmux does with allow-passthrough on."""
    match inside:
        case "tmux":
            return f"\x1bPtmux;{plain.replace(chr(0x1B), chr(0x1B) * 2)}\x1b\\"
        case "screen":
            chunks = [plain[start : start + SCREEN_CHUNK] for start in range(0, len(plain), SCREEN_CHUNK)]
            return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)
        case _:
            return plain
