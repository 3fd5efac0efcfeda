"""Programs between us and the terminal."""

from __future__ import annotations

import pytest

from wsmon.tui.terminal.capabilities import multiplexer, passed_through


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
