"""SECURITY.md: each promise names tests that hold it, and they exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
# Attackers of the table, and promises, by number
ATTACKER = re.compile(r"^\| (\d+) \|", re.MULTILINE)
PROMISE = re.compile(r"^\*\*(\d+)\. ", re.MULTILINE)
NAMED = re.compile(r"`(tests/[^`:]+\.py)::(\w+)`")


@cache
def functions_in(path: str) -> frozenset[str]:
    """The test functions of a module; none where it does not exist."""
    file = REPOSITORY / path
    if not file.exists():
        return frozenset()
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_d17_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall(PAGE)
    assert [f"{path}::{name}" for path, name in named if name not in functions_in(path)] == []
    assert len(named) == PAGE.count("::")


def test_d17_every_attacker_has_a_promise_and_every_promise_its_tests() -> None:
    attackers = ATTACKER.findall(PAGE)
    assert PROMISE.findall(PAGE) == attackers == [str(number) for number in range(1, 7)]
    # A list item is a promise of its own
    items = re.findall(r"^- (.*(?:\n  .*)*)", PAGE, re.MULTILINE)
    assert [item for item in items if not NAMED.search(item)] == []
