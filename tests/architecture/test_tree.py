"""The source tree: modules have tests under their own names, class names are unique, nothing points outside."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCES = sorted((REPOSITORY / "wsmon").rglob("*.py"))
# A shorter module is tested where it is used
TESTED_FROM_LINES = 60
# Pages that exist outside this repository
OUTSIDE = ("CONTRACT.md", "SCREENS.md", "STYLE.md", "DESIGN.md")


def test_every_module_of_some_length_has_a_test_module_of_its_name() -> None:
    unit = REPOSITORY / "tests" / "unit"
    without = [
        str(source.relative_to(REPOSITORY))
        for source in SOURCES
        if source.name != "__init__.py"
        and len(source.read_text(encoding="utf-8").splitlines()) > TESTED_FROM_LINES
        and not (unit / source.relative_to(REPOSITORY / "wsmon").parent / f"test_{source.name}").exists()
    ]
    assert without == []


def test_a_class_name_exists_once() -> None:
    places = defaultdict(list)
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(source.relative_to(REPOSITORY)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_sources_and_documentation_name_no_page_outside_the_repository() -> None:
    pages = [*SOURCES, *REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
    naming = [
        f"{page.relative_to(REPOSITORY)}: {name}"
        for page in pages
        for name in OUTSIDE
        if name in page.read_text(encoding="utf-8")
    ]
    assert naming == []


def test_no_task_is_started_by_the_loop_itself() -> None:
    """A TaskGroup starts tasks, or ``asyncio.create_task`` beside a comment on the owner, which ruff asks for."""
    starting = [
        f"{source.relative_to(REPOSITORY)}:{node.lineno}"
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "create_task" and "loop" in ast.unparse(node.value)
    ]
    assert starting == []


def test_d13_commands_print_on_stderr_through_the_sanitiser_alone() -> None:
    """``say`` in cli/terminal.py: what commands print has names of files, and texts of peers and stores."""
    printing = [
        f"{source.relative_to(REPOSITORY)}:{node.lineno}"
        for source in (REPOSITORY / "wsmon" / "cli").glob("*.py")
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and any(keyword.arg == "err" for keyword in node.keywords)
        and source.name not in ("terminal.py", "main.py")
    ]
    assert printing == []
