"""Mutation testing of the core: change one place of the code at a time, and count which changes the tests notice.

``python -m tests.mutants [--count 100] [--seed N] [--least 95] [PACKAGE...]``

Works on a copy of the tree. For each mutant it runs the tests that mirror the module, then those of its package, then
the property tests. Prints every survivor with its file, line and change, and fails where fewer than ``--least`` percent
are killed. The seed is the date's by default: each day tries other places, and a run can be repeated.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).parent.parent
CORE = ("engine", "store", "model", "protocols", "query")
# A mutant may wait for ever: the tests of one package take less than a quarter of this on two busy cores.
LONGEST_S = 600.0

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one place of a module."""

    path: Path
    """From the root of the tree."""
    line: int
    before: str
    after: str
    source: bytes
    """The changed module."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before!r} -> {self.after!r}"


def mutants(source: bytes, path: Path) -> Iterator[Mutant]:
    """Every mutant of the functions of a module; constants outside of them are choices, which no test can judge."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in _places(ast.parse(source)):
        for changed in _changes(node):
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            begin = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            before = source[begin:end]
            # In parentheses: the text around the place may bind more tightly than the change
            after = (changed if isinstance(node, ast.stmt) else f"({changed})").encode()
            yield Mutant(path, node.lineno, before.decode(), changed, source[:begin] + after + source[end:])


def _places(tree: ast.Module) -> Iterator[ast.expr | ast.stmt]:
    """The expressions and statements in functions, without annotations, assertions, texts and calls of a log.

    ``zip(..., strict=True)`` is an assertion, too.
    """
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, inside = pending.pop()
        is_strict = isinstance(node, ast.keyword) and node.arg == "strict"
        if isinstance(node, ast.Assert | ast.JoinedStr | ast.Raise) or is_strict or _is_log_call(node):
            continue
        if inside and isinstance(node, ast.expr | ast.stmt):
            yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            body = node.body if isinstance(node.body, list) else [node.body]
            pending += ((child, True) for child in body)
        elif isinstance(node, ast.AnnAssign):
            pending += ((node.value, inside),) if node.value is not None else ()
        else:
            pending += ((child, inside) for child in ast.iter_child_nodes(node))


def _is_log_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and "_LOG." in ast.unparse(node)


def _changes(node: ast.expr | ast.stmt) -> Iterator[str]:
    match node:
        case ast.Compare(left, [operator], [right]) if type(operator) in _COMPARISONS:
            yield ast.unparse(ast.Compare(left, [_COMPARISONS[type(operator)]()], [right]))
        case ast.BoolOp(operator, values):
            yield ast.unparse(ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values))
        case ast.UnaryOp(ast.Not(), operand):
            yield ast.unparse(operand)
        case ast.BinOp(left, operator, right) if type(operator) in _OPERATORS:
            # Text is not subtracted: that would fail wherever it runs
            if not any(isinstance(side, ast.JoinedStr | ast.Constant) and _is_text(side) for side in (left, right)):
                yield ast.unparse(ast.BinOp(left, _OPERATORS[type(operator)](), right))
        case ast.Constant(bool() as value):
            yield repr(not value)
        case ast.Constant(int() as value):
            yield repr(value + 1)
        case ast.Call(ast.Name(name), arguments, keywords) if name in _NAMES:
            yield ast.unparse(ast.Call(ast.Name(_NAMES[name]), arguments, keywords))
        case ast.IfExp(test, body, orelse):
            yield ast.unparse(ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse))
        case ast.Expr(ast.Call()) | ast.Expr(ast.Await(ast.Call())) | ast.AugAssign() | ast.Continue() | ast.Break():
            yield "pass"
        case _:
            return


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


class Tree:
    """A copy of the tree, in which tests run on one changed module at a time."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self._folder = folder
        leave_out = shutil.ignore_patterns("node_modules", "__pycache__", "__snapshots__", "*.mjs")
        for name in ("wsmon", "tests", "docs", "themes"):
            shutil.copytree(root / name, folder / name, ignore=leave_out)
        for name in ("pyproject.toml", "config.example.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
            shutil.copy(root / name, folder / name)

    def kills(self, mutant: Mutant) -> bool:
        """Whether a test fails on the mutant."""
        target = self._folder / mutant.path
        original = target.read_bytes()
        # Bytecode is told apart by size and second: two mutants may have both in common
        cached = Path(cache_from_source(str(target)))
        try:
            target.write_bytes(mutant.source)
            cached.unlink(missing_ok=True)
            return any(self._fails(stage) for stage in self.stages(mutant.path))
        finally:
            target.write_bytes(original)
            cached.unlink(missing_ok=True)

    def stages(self, path: Path) -> list[list[str]]:
        """The tests to run for a module, the nearest first."""
        package = Path("tests/unit", *path.parts[1:-1])
        mirrored = sorted(
            str(found.relative_to(self._folder)) for found in (self._folder / package).glob(f"test_{path.stem}*.py")
        )
        return [stage for stage in (mirrored, [str(package)], [str(Path("tests/property"))]) if stage]

    def _fails(self, tests: Sequence[str]) -> bool:
        # Tests start Python in other folders, too: all of them find the copy before what is installed
        environ = {**os.environ, "PYTHONPATH": str(self._folder)}
        command = (sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests)
        with (
            (self._folder / "pytest.log").open("wb") as log,
            subprocess.Popen(
                command,
                cwd=self._folder,
                env=environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            ) as running,
        ):
            try:
                code = running.wait(LONGEST_S)
            except subprocess.TimeoutExpired:
                return True
            finally:
                running.kill()
        # 1 = tests failed, 2 = interrupted, as by a module that cannot be imported
        said = (self._folder / "pytest.log").read_text(errors="replace")
        assert code in (0, 1, 2), f"pytest ended with {code}: {' '.join(tests)}\n{said}"
        return code != 0


def all_mutants(packages: Sequence[str], root: Path = ROOT) -> list[Mutant]:
    """Every mutant of these packages, in the order of the tree."""
    modules = (path for package in packages for path in sorted((root / "wsmon" / package).rglob("*.py")))
    return [mutant for path in modules for mutant in mutants(path.read_bytes(), path.relative_to(root))]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Try mutants of the tree at ``root``; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", default=CORE)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=datetime.now(UTC).date().toordinal())
    parser.add_argument("--least", type=float, default=95.0, metavar="PERCENT")
    asked = parser.parse_args(arguments)
    found = all_mutants(asked.packages, root)
    chosen = random.Random(asked.seed).sample(found, min(asked.count, len(found)))
    print(f"{len(chosen)} of {len(found):,} mutants, seed {asked.seed}", flush=True)
    survivors = []
    with tempfile.TemporaryDirectory(prefix="wsmon-mutants-") as folder:
        tree = Tree(Path(folder), root)
        for number, mutant in enumerate(chosen, 1):
            began_s = time.monotonic()
            is_killed = tree.kills(mutant)
            survivors += [] if is_killed else [mutant]
            result = "killed" if is_killed else "SURVIVES"
            print(f"{number:4} {result:8} {time.monotonic() - began_s:5.0f} s  {mutant}", flush=True)
    killed = 100.0 * (len(chosen) - len(survivors)) / max(1, len(chosen))
    print(f"\nkilled {killed:.1f} % of {len(chosen)}; needed: {asked.least:g} %")
    for mutant in survivors:
        print(f"  {mutant}")
    return 0 if killed >= asked.least else 1


if __name__ == "__main__":
    sys.exit(main())
