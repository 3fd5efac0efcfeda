"""Text from outside made safe for a terminal: control, invisible and reordering characters become visible ones.

Every text that a peer can influence passes through here once on its way to the screen.
"""

from __future__ import annotations

import re

# More than any pane shows; applied first, so that a message of 1 MiB costs as much as one of 64 KiB
LIMIT_CHARACTERS = 64 * 1024

CUT = "…"
_ASCII_CUT = "..."
_TAB = "    "
# Combining marks kept on one letter: Vietnamese needs two, Hebrew three; longer stacks overprint the lines around them
_COMBINING_KEPT = 4
# Below are the scripts and symbols of most texts; above, a peer could fill a table with a million entries
_CACHED_BELOW = 0x3000

# Printable by category, yet invisible: fillers, joiners, supplementary variation selectors
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U000e0100-\U000e01ef"
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
# One character class only: three times as fast as distinguishing stacks of marks from single ones
_ODD = re.compile(f"[{_BLANK}{_MARKS}]")
_BLANKS = re.compile(f"[{_BLANK}]")
_STACK = re.compile(f"([{_MARKS}]{{{_COMBINING_KEPT}}})[{_MARKS}]+")


def sanitize(text: str, limit: int = LIMIT_CHARACTERS, *, multiline: bool = False, ascii_only: bool = False) -> str:
    """Replace everything in ``text`` that a terminal might interpret by something visible.

    The result is made of at most ``limit`` characters of the text; the last is ``…`` where the text is longer. On a
    single line a newline is ``⏎``; ``multiline`` keeps newlines (CR LF is one) and expands tabs. ``ascii_only`` escapes
    all other characters. Text that needs no change is returned as it is.
    """
    if len(text) > limit:
        return sanitize(text[: max(0, limit - 1)], limit, multiline=multiline, ascii_only=ascii_only) + (
            _ASCII_CUT if ascii_only else CUT
        )
    if text.isprintable() and (text.isascii() or not (ascii_only or _ODD.search(text))):
        return text
    if multiline:
        text = text.replace("\r\n", "\n")
    if ascii_only:
        return text.translate(_MULTILINE_ASCII if multiline else _LINE_ASCII)
    return _STACK.sub(r"\1", text.translate(_MULTILINE if multiline else _LINE))


def decode(payload: bytes, limit: int = LIMIT_CHARACTERS, *, multiline: bool = False, ascii_only: bool = False) -> str:
    """Return the text of a payload, sanitised; bytes that are not UTF-8 become ``�``."""
    # UTF-8 has at most 4 bytes a character; one more character makes the cut visible
    whole_characters = payload[: 4 * (limit + 1)]
    text = whole_characters.decode("utf-8", "replace")
    return sanitize(text, limit, multiline=multiline, ascii_only=ascii_only)


class _TranslationTable(dict[int, str]):
    """The replacement of each character, for ``str.translate``; filled on demand."""

    def __init__(self, fixed: dict[int, str], *, ascii_only: bool) -> None:
        super().__init__(fixed)
        self._ascii_only = ascii_only

    def __missing__(self, code: int) -> str:
        shown = _shown_in_ascii(code) if self._ascii_only else _shown(code)
        if code < _CACHED_BELOW:
            self[code] = shown
        return shown


def _shown(code: int) -> str:
    character = chr(code)
    if character.isprintable() and not _BLANKS.match(character):
        return character
    if code < 0x20:
        return chr(0x2400 + code)  # Control Pictures: ␀ ␛
    if code == 0x7F:
        return "␡"
    return " " if character.isspace() and code not in (0x85, 0x2028, 0x2029) else _escape(code)


def _shown_in_ascii(code: int) -> str:
    if 0x20 <= code < 0x7F:
        return chr(code)
    return f"^{chr(code ^ 0x40)}" if code < 0x80 else _escape(code)


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_LINE = _TranslationTable({0x0A: "⏎"}, ascii_only=False)
_MULTILINE = _TranslationTable({0x0A: "\n", 0x09: _TAB}, ascii_only=False)
_LINE_ASCII = _TranslationTable({0x0A: "\\n"}, ascii_only=True)
_MULTILINE_ASCII = _TranslationTable({0x0A: "\n", 0x09: _TAB}, ascii_only=True)
