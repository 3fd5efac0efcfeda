"""Text from outside made safe: for a terminal, in JSON and CSV for those who print it, and as the name of a connection.

Every text that a peer, a file or another user can influence passes through here once on its way to the screen, into a
pipe or into a file. Control, invisible and reordering characters become visible ones.
"""

from __future__ import annotations

import json
import re

from wsmon.model.cell_widths import DISPUTED

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
_ODD_IN_COLUMNS = re.compile(f"[{_BLANK}{_MARKS}{DISPUTED}]")
_DISPUTED = re.compile(f"[{DISPUTED}]")
_BLANKS = re.compile(f"[{_BLANK}]")
_STACK = re.compile(f"([{_MARKS}]{{{_COMBINING_KEPT}}})[{_MARKS}]+")


def sanitize(
    text: str,
    limit: int = LIMIT_CHARACTERS,
    *,
    multiline: bool = False,
    ascii_only: bool = False,
    in_columns: bool = False,
) -> str:
    """Replace everything in ``text`` that a terminal might interpret by something visible.

    The result is made of at most ``limit`` characters of the text; the last is ``…`` where the text is longer. On a
    single line a newline is ``⏎``; ``multiline`` keeps newlines (CR LF is one) and expands tabs. ``ascii_only`` escapes
    all other characters. Text that needs no change is returned as it is.

    ``in_columns`` also escapes the characters on whose width terminals do not agree: what stands behind the text on its
    line would shift.
    """
    if len(text) > limit:
        head = text[: max(0, limit - 1)]
        clean = sanitize(head, limit, multiline=multiline, ascii_only=ascii_only, in_columns=in_columns)
        return clean + (_ASCII_CUT if ascii_only else CUT)
    odd = _ODD_IN_COLUMNS if in_columns else _ODD
    if text.isprintable() and (text.isascii() or not (ascii_only or odd.search(text))):
        return text
    if multiline:
        text = text.replace("\r\n", "\n")
    if ascii_only:
        return text.translate(_MULTILINE_ASCII if multiline else _LINE_ASCII)
    if in_columns:
        text = _DISPUTED.sub(_escaped, text)
    return _STACK.sub(r"\1", text.translate(_MULTILINE if multiline else _LINE))


def _escaped(match: re.Match[str]) -> str:
    return _escape(ord(match[0]))


# DEL, C1, line separators, and every format character (Cf) of Unicode 15 but the two joiners that words and emoji need:
# marks and overrides of direction, byte order marks, tags. JSON itself escapes what lies below U+0020
_UNSEEN = (
    "\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    "\U000e0020-\U000e007f"
)
_UNSEEN_IN_JSON = re.compile(f"[{_UNSEEN}]")
# A carriage return begins a line of a table only together with a line feed
_UNSEEN_IN_CSV = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f{_UNSEEN}]|\r(?!\n)")
# OWASP, "CSV injection": spreadsheets evaluate cells that begin with these, and their full-width forms. A table that is
# read with another separator than the comma has cells that begin behind that one, or behind the end of a line
# The blanks before it are read once, whatever follows: 64 KiB of line feeds would be 65,536 beginnings
_CELL_START = re.compile(r"(?:\A|[;|\t\n])[\s\"';|]*+([=+\-@\uff1d\uff0b\uff0d\uff20])?")


def escape_json(octets: bytes) -> bytes:
    """Return JSON, as UTF-8, with ``\\u`` escapes for the characters that a terminal obeys and JSON leaves as they are.

    The value is the same.
    """
    if octets.isascii() and b"\x7f" not in octets:
        return octets
    text = octets.decode()
    return octets if _UNSEEN_IN_JSON.search(text) is None else _UNSEEN_IN_JSON.sub(_json_escape, text).encode()


def spreadsheet_cell(text: str) -> str:
    """Return the text for a cell of CSV: visible escapes for what a terminal obeys, and no formula.

    An apostrophe stands before what would begin a formula, whatever the separator that the table is read with. Tabs,
    line feeds and the pair CR LF stay.
    """
    cell = _CELL_START.sub(_defused, _UNSEEN_IN_CSV.sub(_csv_escape, text))
    return f"'{cell}" if cell.startswith(("\t", "\r")) else cell


def _json_escape(match: re.Match[str]) -> str:
    character = match[0]
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def _csv_escape(match: re.Match[str]) -> str:
    return _escape(ord(match[0]))


def _defused(match: re.Match[str]) -> str:
    return match[0] if match[1] is None else f"{match[0][:-1]}'{match[1]}"


# Of a connection; as in a configuration
NAME_LIMIT_CHARS = 64
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_connection_name(text: object) -> bool:
    """Whether a text may name a connection: 1 to 64 letters, digits, ``.``, ``_`` and ``-``."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def decode(
    payload: bytes,
    limit: int = LIMIT_CHARACTERS,
    *,
    multiline: bool = False,
    ascii_only: bool = False,
    in_columns: bool = False,
) -> str:
    """Return the text of a payload, sanitised; bytes that are not UTF-8 become ``�``."""
    # UTF-8 has at most 4 bytes a character; one more character makes the cut visible
    whole_characters = payload[: 4 * (limit + 1)]
    text = whole_characters.decode("utf-8", "replace")
    return sanitize(text, limit, multiline=multiline, ascii_only=ascii_only, in_columns=in_columns)


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
# The sign of micro-, and the Greek letter that some texts have for it: "us" reads better than "\xb5s"
_MICRO = {0xB5: "u", 0x3BC: "u"}
_LINE_ASCII = _TranslationTable({0x0A: "\\n", **_MICRO}, ascii_only=True)
_MULTILINE_ASCII = _TranslationTable({0x0A: "\n", 0x09: _TAB, **_MICRO}, ascii_only=True)
