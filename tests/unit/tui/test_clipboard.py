"""Sequences for the clipboard."""

from __future__ import annotations

from base64 import b64decode

from wsmon.tui.terminal.osc import LIMIT_BASE64, clipboard_sequence


def test_a_text_goes_out_as_one_sequence() -> None:
    assert clipboard_sequence("día", "") == "\x1b]52;c;ZMOtYQ==\a"


def test_tmux_gets_it_plain_and_wrapped() -> None:
    assert clipboard_sequence("a", "tmux") == "\x1b]52;c;YQ==\a\x1bPtmux;\x1b\x1b]52;c;YQ==\a\x1b\\"


def test_screen_gets_it_in_chunks_that_join_to_the_whole() -> None:
    wrapped = clipboard_sequence("x" * 600, "screen")
    assert wrapped is not None
    chunks = wrapped.removeprefix("\x1bP").removesuffix("\x1b\\").split("\x1b\\\x1bP")
    assert max(map(len, chunks)) <= 252
    whole = "".join(chunks)
    assert b64decode(whole.removeprefix("\x1b]52;c;").removesuffix("\a")) == b"x" * 600


def test_what_no_terminal_takes_is_refused() -> None:
    longest = LIMIT_BASE64 // 4 * 3
    assert clipboard_sequence("x" * longest, "") is not None
    assert clipboard_sequence("x" * (longest + 3), "") is None
