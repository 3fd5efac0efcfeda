"""What the screen is given by the command line, and what it has where nothing is given."""

from __future__ import annotations

from pathlib import Path

from wsmon.tui.options import AppOptions


def test_a_screen_that_is_given_a_store_alone_keeps_nothing_and_says_nothing() -> None:
    options = AppOptions("orders.toml", Path("store.db"))
    assert (options.memory, options.config, options.user_themes) == (None, None, None)
    assert (options.warnings, options.introduction, options.banner) == ((), (), "")
    assert (options.is_ascii, options.is_remote, options.has_no_color) == (False, False, False)
    assert (dict(options.keys), options.start_command) == ({}, "wsmon")
