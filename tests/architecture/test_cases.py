"""Every case of the source systems has a test, or a reason why it has none: ``tests/cases.toml``."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import tomli

REPOSITORY = Path(__file__).parents[2]
CASES = REPOSITORY / "tests" / "cases.toml"
# The last number of each prefix
RANGES = {"ST": 21, "CM": 12, "BO": 6, "EH": 1, "TG": 15, "SL": 22, "NX": 23, "TK": 22, "PH": 16, "DB": 16}
KINDS = frozenset({"test", "library", "not_applicable"})
# Fewer are no reason
LEAST_WORDS = 6


def cases() -> dict[str, dict[str, object]]:
    """The entries by id; TOML itself refuses an id that is there twice."""
    return tomli.loads(CASES.read_text(encoding="utf-8"))


@functools.cache
def names_of_tests(path: Path) -> frozenset[str]:
    """The names of the tests in a file, without the brackets of their parameters."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions if function.name.startswith("test_"))


def is_there(named: object) -> bool:
    """Whether ``tests/…py::test_name`` names a test."""
    path, _, name = str(named).partition("::")
    file = REPOSITORY / path
    return path.startswith("tests/") and file.is_file() and name in names_of_tests(file)


def is_sentence(reason: object) -> bool:
    """Whether a reason is one or more sentences."""
    return (
        isinstance(reason, str) and reason[0].isalnum() and reason.endswith(".") and len(reason.split()) >= LEAST_WORDS
    )


def test_every_case_is_there_in_order() -> None:
    assert list(cases()) == [f"{prefix}-{n:02}" for prefix, last in RANGES.items() for n in range(1, last + 1)]


def test_every_case_is_of_one_kind_and_only_tests_differ() -> None:
    wrong = {
        case: set(entry)
        for case, entry in cases().items()
        if len(KINDS & set(entry)) != 1 or set(entry) - KINDS - ({"differs"} if "test" in entry else set())
    }
    assert wrong == {}


def test_every_test_that_is_named_exists() -> None:
    named = {case: entry["test"] for case, entry in cases().items() if "test" in entry}
    missing = {
        case: tests
        for case, tests in named.items()
        if not (isinstance(tests, list) and tests and all(is_there(each) for each in tests))
    }
    assert missing == {}


def test_every_reason_is_a_sentence() -> None:
    reasons = {
        (case, key): reason
        for case, entry in cases().items()
        for key, reason in entry.items()
        if key != "test" and not is_sentence(reason)
    }
    assert reasons == {}
