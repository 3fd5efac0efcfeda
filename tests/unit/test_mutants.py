"""Mutation testing of a tiny tree: a mutant that no test notices is named, and too many of them are exit code 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import Tree, all_mutants, main, mutants

MODULE = "def is_large(number):\n    return number >= 10\n"
TEST = """
from wsmon.{0}.sizes import is_large


def test_large():
    assert is_large({1}) and not is_large({2})
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two packages of one module, of which only the first has tests at the edge."""
    written = {
        "wsmon/__init__.py": "",
        "wsmon/edge/__init__.py": "",
        "wsmon/edge/sizes.py": MODULE,
        "wsmon/afar/__init__.py": "",
        "wsmon/afar/sizes.py": MODULE,
        "tests/unit/edge/test_sizes.py": TEST.format("edge", 10, 9),
        "tests/unit/afar/test_all.py": TEST.format("afar", 1_000, 0),
        "tests/property/test_nothing.py": "def test_nothing():\n    pass\n",
        "docs/page.md": "",
        "themes/dark.toml": "",
        **dict.fromkeys(("config.example.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"), ""),
        "pyproject.toml": "[tool.pytest.ini_options]\n",
    }
    for name, text in written.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "tree"


@pytest.mark.timeout(300)
def test_a_mutant_that_a_test_notices_is_killed_and_no_other(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    copy = Tree(tmp_path / "copy", tree)
    noticed, not_noticed = (all_mutants([package], tree)[0] for package in ("edge", "afar"))
    assert copy.stages(noticed.path) == [["tests/unit/edge/test_sizes.py"], ["tests/unit/edge"], ["tests/property"]]
    assert copy.stages(not_noticed.path) == [["tests/unit/afar"], ["tests/property"]]
    assert (copy.kills(noticed), copy.kills(not_noticed)) == (True, False)
    assert {path.read_text() for path in tmp_path.rglob("sizes.py")} == {MODULE}


@pytest.mark.parametrize(("least", "code"), [("95", 1), ("51", 1), ("50", 0)])
def test_mutants_that_live_are_named_and_too_many_of_them_are_exit_code_1(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, least: str, code: int
) -> None:
    monkeypatch.setattr(Tree, "kills", lambda _, mutant: mutant.path.parts[1] == "edge")
    assert main(["edge", "afar", "--seed", "1", "--least", least], tree) == code
    said = capsys.readouterr().out
    assert said.startswith("4 of 4 mutants, seed 1\n")
    summary, *living = said.partition("\n\n")[2].splitlines()
    assert summary == f"killed 50.0 % of 4; needed: {least} %"
    assert sorted(living) == [
        "  wsmon/afar/sizes.py:2: '10' -> '11'",
        "  wsmon/afar/sizes.py:2: 'number >= 10' -> 'number > 10'",
    ]


def test_at_least_95_percent_have_to_be_noticed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for living, code in ((5, 0), (6, 1)):
        (tree / "wsmon" / "edge" / "sizes.py").write_text(MODULE * 50)
        numbers = iter(range(100))
        monkeypatch.setattr(Tree, "kills", lambda _, _mutant, numbers=numbers, living=living: next(numbers) >= living)
        assert main(["edge"], tree) == code


def test_what_no_test_can_judge_is_left_alone() -> None:
    source = b"""LIMIT = 10
def read(rows, names):
    assert len(rows) >= 1
    _LOG.warning("%d rows", 5)
    for row, name in zip(rows, names, strict=True):
        if not row:
            continue
        yield f"{name + 1}"
"""
    assert [(each.line, each.before, each.after) for each in mutants(source, Path("x.py"))] == [
        (7, "continue", "pass"),
        (6, "not row", "row"),
    ]
