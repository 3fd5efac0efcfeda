"""How far an export or a search is, on one line of stderr."""

from __future__ import annotations

import sys
from datetime import tzinfo

import click

from wsmon.clock import SystemClock
from wsmon.export.run import ExportReport, Progress, ignore_progress
from wsmon.model import units as fmt
from wsmon.model.snapshot import SearchProgress
from wsmon.ports import Clock

GAP_NS = 200_000_000
# between two updates
BAR_COLUMNS = 24
_CLEAR = "\r\x1b[K"
# to the beginning of the line, and nothing on it


def progress_line(*, is_quiet: bool) -> Progress:
    """What an export calls; says nothing where stderr is no terminal or ``is_quiet``."""
    if is_quiet or not sys.stderr.isatty():
        return ignore_progress
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


class SearchLine:
    """How far a search has come, and what it found; said on a terminal where it takes a while, cleared at its end."""

    def __init__(self, zone: tzinfo | None, *, newest_first: bool, clock: Clock) -> None:
        """``zone`` is that of the times; ``None`` is the local one."""
        self._zone = zone
        self.newest_first = newest_first
        self._clock = clock
        self._is_silent = not sys.stderr.isatty()
        self._is_shown = False
        self._shown_ns = self._clock.mono_ns()

    def show(self, searched: SearchProgress, found: int) -> None:
        """Say it, a few times a second."""
        if self._is_silent or not searched.reached_ns or self._clock.mono_ns() - self._shown_ns < GAP_NS:
            return
        self._shown_ns = self._clock.mono_ns()
        at = fmt.moment(searched.reached_ns, self._clock.wall_ns(), self._zone)
        way = "back to" if self.newest_first else "up to"
        said = f"searched {way} {at}, {f'{found:,} found' if found else 'none yet'}  (^C ends it)"
        self._is_shown = True
        click.echo(_CLEAR + said, nl=False, err=True)

    def __enter__(self) -> SearchLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Leave nothing of it behind."""
        if self._is_shown:
            self._is_shown = False
            click.echo(_CLEAR, nl=False, err=True)


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
