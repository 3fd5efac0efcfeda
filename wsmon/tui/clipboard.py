"""The clipboard over any terminal: OSC 52, wrapped for the multiplexers that would swallow it. Pure."""

from __future__ import annotations

from base64 import b64encode

from wsmon.tui.terminal.capabilities import Multiplexer, passed_through

LIMIT_BASE64 = 74_994
# bytes; what the strictest common terminal takes in one sequence
LIMIT_BYTES = LIMIT_BASE64 // 4 * 3


def sequence(text: str, inside: Multiplexer) -> str | None:
    """What puts ``text`` on the clipboard; ``None`` where it is too long for that."""
    encoded = b64encode(text.encode("utf-8", "surrogateescape")).decode()
    if len(encoded) > LIMIT_BASE64:
        return None
    plain = f"\x1b]52;c;{encoded}\a"
    wrapped = passed_through(plain, inside)
    return plain + wrapped if inside == "tmux" else wrapped
    # tmux takes the plain one itself with set-clipboard on, and hands the wrapped one on with allow-passthrough on
