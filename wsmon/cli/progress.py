"""How far an export is, on one line of stderr."""

from __future__ import annotations

import sys

import click

from wsmon.clock import SystemClock
from wsmon.export.run import ExportReport, Progress, go_on
from wsmon.model import format as fmt

GAP_NS = 200_000_000
# between two updates
BAR_COLUMNS = 24
_CLEAR = "\r\x1b[K"
# to the beginning of the line, and nothing on it


def progress_line(*, is_quiet: bool) -> Progress:
    """What an export calls; says nothing where stderr is no terminal or ``is_quiet``."""
    if is_quiet or not sys.stderr.isatty():
        return go_on
    clock = SystemClock()
    shown_ns = clock.mono_ns()
    is_plain = "utf" not in (sys.stderr.encoding or "").lower()

    def show(report: ExportReport) -> bool:
        nonlocal shown_ns
        if clock.mono_ns() - shown_ns >= GAP_NS:
            shown_ns = clock.mono_ns()
            click.echo(_CLEAR + bar(report, is_plain=is_plain), nl=False, err=True)
        return True

    return show


def clear_line() -> None:
    """Leave nothing of the bar behind."""
    if sys.stderr.isatty():
        click.echo(_CLEAR, nl=False, err=True)


def bar(report: ExportReport, *, is_plain: bool) -> str:
    """The share that is done, drawn and in figures; ``is_plain``: in ASCII."""
    share = min(1.0, report.seen / report.total) if report.total else 1.0
    done = round(share * BAR_COLUMNS)
    full, empty = ("#", "-") if is_plain else ("━", "╌")
    drawn = full * done + empty * (BAR_COLUMNS - done)
    return f"{drawn} {share:4.0%}  {report.written:,} events, {fmt.size(report.size_bytes)}  (^C ends it)"
