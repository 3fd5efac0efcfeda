"""On which line a key stands, in every way in which TOML lets one write it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli

from wsmon.config.lines import KeyPath, Lines

DOCUMENT = (Path(__file__).parent / "lines.toml").read_text()


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("wsmon",), 4),
        (("wsmon", "store"), 5),
        (("wsmon", "retention", "size"), 6),
        (("wsmon", "alerts"), 7),
        (("wsmon", "alerts", "bell"), 7),
        (("wsmon", "alerts", "command"), 8),
        (("wsmon", "alerts", "command", 0), 9),
        (("wsmon", "alerts", "command", 2), 10),
        (("keys", "log.search"), 13),
        (("keys", "quoted"), 17),
        (("keys", 'escaped"'), 20),
        (("connection", 0), 21),
        (("connection", 0, "name"), 22),
        (("connection", 0, "headers", "A"), 24),
        (("connection", 0, "headers", "B", "c"), 25),
        (("connection", 0, "ping"), 27),
        (("connection", 0, "ping", "interval"), 28),
        (("connection", 1), 29),
        (("connection", 1, "name"), 30),
        (("connection", 1, "send", 0, "a"), 31),
        (("connection", 1, "send", 1, 0), 31),
        (("connection", 1, "send", 1, 1), 32),
        (("connection", 1, "send", 2), 32),
        (("connection", 1, "tls", "verify"), 34),
    ],
)
def test_a_key_is_found_on_its_line(path: KeyPath, line: int) -> None:
    assert Lines(DOCUMENT).of(path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("connection", 1, "url"), 29),
        (("connection", 0, "ping", "timeout"), 27),
        (("wsmon", "alerts", "webhook"), 7),
        (("nowhere", "at", "all"), 1),
        ((), 1),
    ],
)
def test_what_is_not_there_is_found_at_what_is_around_it(path: KeyPath, line: int) -> None:
    assert Lines(DOCUMENT).of(path) == line


def test_every_key_that_tomli_finds_has_a_line_of_its_own_that_names_it() -> None:
    lines = DOCUMENT.splitlines()
    for path in key_paths(tomli.loads(DOCUMENT)):
        if isinstance(path[-1], str) and path[-1].isalpha():
            assert path[-1] in lines[Lines(DOCUMENT).of(path) - 1]


def key_paths(tree: object, at: KeyPath = ()) -> Iterator[KeyPath]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for part, value in inner:
        yield (*at, part)
        yield from key_paths(value, (*at, part))


def test_windows_line_ends_count_once() -> None:
    assert Lines("a = 1\r\n# x\r\nb = '''\r\n'''\r\nc = 2\r\n").of(("c",)) == 5


def test_deep_nesting_needs_no_recursion() -> None:
    deep = "a = " + "[" * 5_000 + "]" * 5_000 + "\nb = 1\n"
    assert Lines(deep).of(("b",)) == 2
