"""Text of manual pages in roff: escaped, as an argument of a macro; and the date of the pages."""

from __future__ import annotations

# The day of the last change to the texts of the pages.
DATE = "2026-11-30"


def argument(text: str) -> str:
    """Return a text as one argument of a macro."""
    quoted = escaped(text).replace('"', '""')
    return f'"{quoted}"'


def escaped(text: str) -> str:
    """Return a text that roff prints as it is."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    escaped = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in escaped)
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped
