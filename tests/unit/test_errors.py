"""Errors hold facts and make their sentence; commands take their exit code from them."""

from __future__ import annotations

import pytest

from wsmon.errors import (
    EXIT_FAILED,
    EXIT_USAGE,
    SHOWN_CHARS,
    ConfigError,
    Problem,
    QueryError,
    StoreError,
    StoreHeldError,
    StoreOlderError,
    UsageError,
    WsmonError,
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (WsmonError("cannot open a.db"), "cannot open a.db"),
        (WsmonError("cannot open a.db", "use --store"), "cannot open a.db. use --store"),
        (StoreHeldError("pid 7 holds a.db", "`wsmon stop` ends it", 7), "pid 7 holds a.db. `wsmon stop` ends it"),
    ],
)
def test_an_error_says_what_failed_and_what_to_do(error: WsmonError, sentence: str) -> None:
    assert str(error) == sentence


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (WsmonError("x"), EXIT_FAILED),
        (StoreError("x"), EXIT_FAILED),
        (StoreOlderError("x"), EXIT_FAILED),
        (UsageError("x"), EXIT_USAGE),
        (QueryError("x", 0, "x"), EXIT_USAGE),
        (ConfigError(()), EXIT_USAGE),
    ],
)
def test_an_error_has_the_exit_code_of_its_command(error: WsmonError, exit_code: int) -> None:
    assert error.exit_code == exit_code


def test_a_query_error_points_at_its_column() -> None:
    error = QueryError("type:trade size:>x", 16, "'x' is no size", "as in size:>1kb")
    assert str(error) == (
        "'x' is no size. as in size:>1kb\n"
        "  type:trade size:>x\n"
        "                  ^"
    )  # fmt: skip


def test_of_a_long_query_only_the_surroundings_of_the_error_are_shown() -> None:
    query = "a" * 100 + "?" + "b" * 100
    line, caret = str(QueryError(query, 100, "unexpected")).splitlines()[1:]
    assert line == f"  …{'a' * SHOWN_CHARS}?{'b' * (SHOWN_CHARS - 1)}…"
    assert line[caret.index("^")] == "?"


def test_a_query_of_several_lines_is_shown_on_one() -> None:
    line, caret = str(QueryError("a\tb\n\x1b[31m?", 9, "unexpected")).splitlines()[1:]
    assert line == "  a b  [31m?"
    assert line[caret.index("^")] == "?"


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (
            Problem("w.toml", 7, "connection[2].url", "scheme is not ws or wss", "http://a", "use ws://"),
            "w.toml:7: connection[2].url: scheme is not ws or wss (http://a). use ws://",
        ),
        (Problem("w.toml", 0, "", "no connection"), "w.toml: no connection"),
    ],
)
def test_a_problem_names_file_line_key_value_and_hint(problem: Problem, sentence: str) -> None:
    assert str(problem) == sentence


def test_a_configuration_error_lists_all_problems_in_their_order() -> None:
    problems = (Problem("w.toml", 2, "a", "unknown key"), Problem("w.toml", 9, "b", "unknown key"))
    error = ConfigError(problems)
    assert error.problems == problems
    assert str(error) == "w.toml:2: a: unknown key\nw.toml:9: b: unknown key"
