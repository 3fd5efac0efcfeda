"""The clipboard over any terminal: OSC 52, wrapped for the multiplexers that would swallow it. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Literal

Multiplexer = Literal["", "tmux", "screen"]

LIMIT_BASE64 = 74_994
# bytes; what the strictest common terminal takes in one sequence
SCREEN_CHUNK = 252
# bytes that GNU screen passes on in one device control string, with room for the frame


def multiplexer(environ: Mapping[str, str]) -> Multiplexer:
    """Which program sits between us and the terminal."""
    if environ.get("TMUX"):
        return "tmux"
    return "screen" if environ.get("STY") else ""


def sequence(text: str, inside: Multiplexer) -> str | None:
    """What puts ``text`` on the clipboard; ``None`` where it is too long for that."""
    encoded = b64encode(text.encode("utf-8", "surrogateescape")).decode()
    if len(encoded) > LIMIT_BASE64:
        return None
    plain = f"\x1b]52;c;{encoded}\a"
    match inside:
        case "tmux":  # the plain one works with set-clipboard on, the wrapped one with allow-passthrough on
            return f"{plain}\x1bPtmux;\x1b{plain}\x1b\\"
        case "screen":
            chunks = [plain[start : start + SCREEN_CHUNK] for start in range(0, len(plain), SCREEN_CHUNK)]
            return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)
        case _:
            return plain
