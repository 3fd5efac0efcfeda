"""``wsmon assert``: check assertions about a recording, for CI and scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.params import ConnectionName, assertion_options, period_options, store_option
from wsmon.errors import ConfigError, Problem, UsageError

if TYPE_CHECKING:
    from wsmon.query.assertions import Assertion
    from wsmon.query.parser import ReferenceTime

# Characters of an assertion; none that a file of another kind has in it is read to its end
_MOST_CHARS = 10_000
_MOST_BYTES = 1 << 20


@click.command("assert")
@click.argument("arguments", nargs=-1, metavar="FILE|EXPR...", type=click.Path())
@click.option("--utc", is_flag=True, is_eager=True, help="Interpret dates and times as UTC.")
@store_option
@click.option("--connection", type=ConnectionName(), metavar="NAME", help="Check only this connection.")
@period_options
@assertion_options
def assert_(
    arguments: tuple[str, ...],
    utc: bool,
    store: str | None,
    connection: str | None,
    since: int | None,
    until: int | None,
    format_: str,
    junit: Path | None,
) -> int:
    """Check assertions against a recording.

    A FILE has one assertion per line; lines that begin with # are comments. Quote an EXPR in the shell: 'no is:gap
    since:-10m' 'p95(lat) < 250ms' 'availability >= 99.9%' 'count(type:trade) > 0 by $.symbol'. Full list of forms:
    docs/assert.md.

    Exit status: 0 if all assertions hold, 3 if one fails, 2 if none fails but one cannot be evaluated, for example
    because there are too few samples.
    """
    if not arguments:
        raise UsageError("no assertions", "give a file or an expression, e.g. wsmon assert 'no is:problem'")
    # Imported now: a shell that completes the options waits for this module.
    from datetime import UTC

    from wsmon.cli import assert_output as output
    from wsmon.cli.assertion_results import Scope, judge_all
    from wsmon.cli.stores import reading
    from wsmon.clock import SystemClock
    from wsmon.query.parser import ReferenceTime

    now_ns = SystemClock().wall_ns()
    assertions = assertions_of(arguments, ReferenceTime(now_ns, UTC if utc else None))
    with reading(store) as view:
        results = judge_all(view, assertions, Scope(connection, since, until))
        path = view.path
    return output.report(results, output.Form(format_, junit), path, now_ns)


def assertions_of(arguments: tuple[str, ...], now: ReferenceTime) -> tuple[Assertion, ...]:
    """Return the assertions of files and expressions; raises ``ConfigError`` with all their errors."""
    from wsmon.query.assertions import parse_assertion

    found: list[Assertion] = []
    problems: list[Problem] = []
    for place, line, text in _texts(arguments):
        try:
            found.append(parse_assertion(text, now))
        except UsageError as error:
            problems.append(Problem(place, line, "", error.what, text[:_SHOWN_CHARS], error.hint))
    if problems:
        raise ConfigError(tuple(problems))
    if not found:
        raise UsageError(f"no assertions in {', '.join(arguments)}", "write one per line")
    return tuple(found)


_SHOWN_CHARS = 200


def _texts(arguments: tuple[str, ...]) -> list[tuple[str, int, str]]:
    """Return the place, the line and the text of each assertion; line 0 of one on the command line."""
    found: list[tuple[str, int, str]] = []
    for number, argument in enumerate(arguments, 1):
        if not _is_file(argument):
            found.append((f"expression {number}", 0, argument))
            continue
        for line, text in enumerate(_read(argument).splitlines(), 1):
            if text.strip() and not text.lstrip().startswith("#"):
                found.append((argument, line, text.strip()))
    return found


def _is_file(argument: str) -> bool:
    """Whether an argument names a file: one that exists, or a word without blanks and comparisons."""
    if argument and not any(sign in argument for sign in " <>=("):
        return True
    return len(argument) < _MOST_CHARS and "\0" not in argument and Path(argument).is_file()


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "quote an expression, e.g. 'no is:gap'") from error
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{path} is larger than 1 MiB", "it is no file of assertions")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text", "write one assertion per line") from error
