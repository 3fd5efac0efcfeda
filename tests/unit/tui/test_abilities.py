"""What a terminal can show."""

from __future__ import annotations

import pytest

from wsmon.tui.terminal.capabilities import has_few_colors, shows_unicode


@pytest.mark.parametrize(
    ("environ", "has_few"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, False),
        ({"TERM": "tmux-256color"}, False),
        ({"TERM": "xterm"}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "screen-16color"}, True),
        ({"TERM": "dumb"}, True),
    ],
)
def test_16_colours_are_few(environ: dict[str, str], has_few: bool) -> None:
    assert has_few_colors(environ) is has_few


@pytest.mark.parametrize(
    ("environ", "is_unicode"),
    [
        ({}, True),
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "de_DE.utf8@euro"}, True),
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LANG": "de_DE@euro"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, True),
        ({"LANG": "POSIX", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LC_CTYPE": "C.UTF-8"}, True),
    ],
)
def test_the_locale_says_whether_there_is_unicode(environ: dict[str, str], is_unicode: bool) -> None:
    """The last but one is LANG=POSIX as Python leaves it."""
    assert shows_unicode(environ) is is_unicode
