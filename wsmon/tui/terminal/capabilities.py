"""What the terminal and its multiplexer can do, from the environment; imports no Textual, because doctor uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

# The first that is set decides.
LOCALE = ("LC_ALL", "LC_CTYPE", "LANG")
PLAIN_LOCALES = ("C", "POSIX")
# Python sets LC_CTYPE to this before the program starts, where the locale is a plain one.
COERCED = "C.UTF-8"
FEW_COLORS = ("standard", None)


def has_few_colors(environ: Mapping[str, str]) -> bool:
    """Whether the terminal has 16 colours or none; decided as Textual does, which paints through Rich."""
    from rich.console import Console  # loaded here for start-up time: doctor asks for the multiplexer alone

    return Console(force_terminal=True, _environ=dict(environ)).color_system in FEW_COLORS


def shows_unicode(environ: Mapping[str, str]) -> bool:
    """Whether the locale is UTF-8; assumed, as Python does, where none is set."""
    names = {name: environ.get(name, "") for name in LOCALE}
    if names["LC_CTYPE"] == COERCED and names["LANG"] in PLAIN_LOCALES:
        names["LC_CTYPE"] = ""
    locale = next(filter(None, names.values()), COERCED)
    return locale.partition("@")[0].lower().replace("-", "").endswith("utf8")


Multiplexer = Literal["", "tmux", "screen"]

# Characters that GNU screen passes on in one device control string, with room for its introducer and terminator
SCREEN_CHUNK = 252


def multiplexer(environ: Mapping[str, str]) -> Multiplexer:
    """Return the multiplexer between the program and the terminal; empty = none."""
    if environ.get("TMUX"):
        return "tmux"
    return "screen" if environ.get("STY") else ""


def passed_through(plain: str, inside: Multiplexer) -> str:
    """Wrap a control sequence so that the multiplexer hands it on; tmux does only with allow-passthrough on."""
    match inside:
        case "tmux":
            return f"\x1bPtmux;{plain.replace(chr(0x1B), chr(0x1B) * 2)}\x1b\\"
        case "screen":
            chunks = [plain[start : start + SCREEN_CHUNK] for start in range(0, len(plain), SCREEN_CHUNK)]
            return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)
        case _:
            return plain
