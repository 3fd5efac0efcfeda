"""What a terminal can show, and what a multiplexer lets through."""

from __future__ import annotations

import pytest

from wsmon.tui.terminal.capabilities import has_few_colors, multiplexer, passed_through, shows_unicode


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


# Programs between us and the terminal.


@pytest.mark.parametrize(
    ("environ", "found"), [({}, ""), ({"TMUX": "/tmp/x,1,0"}, "tmux"), ({"STY": "1.pts"}, "screen"), ({"TMUX": ""}, "")]
)
def test_the_multiplexer_is_known_by_its_variable(environ: dict[str, str], found: str) -> None:
    assert multiplexer(environ) == found


def test_a_terminal_of_its_own_gets_it_as_it_is() -> None:
    assert passed_through("\x1b]9;a\a", "") == "\x1b]9;a\a"


def test_tmux_gets_it_wrapped_with_its_escapes_doubled() -> None:
    assert passed_through("\x1b]9;a\x1b\\", "tmux") == "\x1bPtmux;\x1b\x1b]9;a\x1b\x1b\\\x1b\\"


def test_screen_gets_it_in_chunks_that_join_to_the_whole() -> None:
    wrapped = passed_through("x" * 600, "screen")
    chunks = wrapped.removeprefix("\x1bP").removesuffix("\x1b\\").split("\x1b\\\x1bP")
    assert ("".join(chunks), max(map(len, chunks))) == ("x" * 600, 252)
