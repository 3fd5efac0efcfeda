"""What the terminal can show, as its environment tells. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

LOCALE = ("LC_ALL", "LC_CTYPE", "LANG")
# in the order in which they count
PLAIN_LOCALES = ("C", "POSIX")
COERCED = "C.UTF-8"
# what Python sets LC_CTYPE to where the locale is a plain one, before anybody can look at it
FEW_COLORS = ("standard", None)


def has_few_colors(environ: Mapping[str, str]) -> bool:
    """Whether the terminal has 16 colours or none; decided as Textual does, which paints through Rich."""
    return Console(force_terminal=True, _environ=dict(environ)).color_system in FEW_COLORS


def shows_unicode(environ: Mapping[str, str]) -> bool:
    """Whether the locale is UTF-8; where nothing says so, Python's assumption that it is."""
    names = {name: environ.get(name, "") for name in LOCALE}
    if names["LC_CTYPE"] == COERCED and names["LANG"] in PLAIN_LOCALES:
        names["LC_CTYPE"] = ""
    locale = next(filter(None, names.values()), COERCED)
    return locale.partition("@")[0].lower().replace("-", "").endswith("utf8")
