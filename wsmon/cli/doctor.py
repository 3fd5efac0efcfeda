"""``wsmon doctor``: look at everything that wsmon depends on, and print what to do about what is wrong."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from wsmon.cli.params import RecordingName
from wsmon.cli.terminal import print_json
from wsmon.clock import SystemClock
from wsmon.errors import EXIT_FAILED, EXIT_OK
from wsmon.model.sanitize import sanitize

if TYPE_CHECKING:
    from wsmon.cli.doctor_checks import Diagnosis, Grade

SCHEMA = "wsmon.doctor/1"
LINE_CHARS = 2_000
GRADE_COLUMNS = 6

# The column of the fact: after the grade and the name of the check.
FACT_COLUMN = 21
_COLORS: dict[Grade, str] = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.argument("store", required=False, type=RecordingName(), metavar="[STORE]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def doctor(store: str | None, *, as_json: bool) -> int:
    """Check the configuration, recording, system and terminal.

    Prints one line per check, with a suggested action for each problem. STORE is a store file, its directory or
    a configuration file (default: the one for the current directory). Makes no changes. Exits with status 1 if a
    check fails. Warnings do not affect the exit status.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli.doctor_checks import has_failed
    from wsmon.cli.doctor_examination import examination

    found = []
    for diagnosis in examination(store, os.environ, SystemClock()):
        found.append(diagnosis)
        if not as_json:
            _print(diagnosis)
    if as_json:
        _print_json(found)
    return EXIT_FAILED if has_failed(found) else EXIT_OK


def _print(diagnosis: Diagnosis) -> None:
    """Print the line, and its advice below it."""
    grade = click.style(f"{diagnosis.grade:<4}", fg=_COLORS[diagnosis.grade], bold=diagnosis.grade != "ok")
    has_color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    fact = _wrapped(f"{diagnosis.check:<13}  {sanitize(diagnosis.fact, LINE_CHARS)}", FACT_COLUMN, "")
    click.echo(f"{grade}  {fact}", color=has_color)
    if diagnosis.advice:
        click.echo(_wrapped(f"→ {sanitize(diagnosis.advice, LINE_CHARS)}", FACT_COLUMN + 2, " " * FACT_COLUMN))


def _wrapped(text: str, indent: int, first: str) -> str:
    """Return a text wrapped to the terminal, its further lines indented; unchanged where there is no terminal."""
    if not sys.stdout.isatty():
        return first + text
    columns = max(FACT_COLUMN * 2, shutil.get_terminal_size().columns)
    # The first line begins after the grade.
    room = GRADE_COLUMNS if not first else 0
    lines = textwrap.wrap(
        " " * room + text,
        columns,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    return "\n".join(lines)[room:]


def _print_json(found: Iterable[Diagnosis]) -> None:
    checks = [asdict(each) for each in found]
    report = {"schema": SCHEMA, "ok": all(each["grade"] != "fail" for each in checks), "checks": checks}
    print_json(report)
