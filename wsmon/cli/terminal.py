"""The terminal of a command: whether there is one, secrets typed on it, harmless output, times, a line of progress."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from wsmon.cli.request import Request, split_header
from wsmon.clock import SystemClock
from wsmon.errors import UsageError
from wsmon.model import units as fmt
from wsmon.model.sanitize import escape_json, sanitize
from wsmon.model.units import SECOND_NS

# The screen's commands import this module when a shell completes them: the export's modules are for the checker only.
if TYPE_CHECKING:
    from wsmon.export.importing import ImportProgress, ImportReport
    from wsmon.export.run import ExportReport, Progress
    from wsmon.model.ranges import SearchProgress
    from wsmon.ports import Clock

# Characters that may have to be escaped on a terminal: all but printable ASCII and the end of a line.
_ODD = re.compile(r"[^\n -~]")

# JSON leaves this control character as it is.
_DELETE = 0x7F

# The least time between two updates of a line of progress.
GAP_NS = 200_000_000
# What is done before that needs no line of progress.
FIRST_NS = 500_000_000
BAR_COLUMNS = 24

# Go to the beginning of the line and erase it.
_CLEAR = "\r\x1b[K"


class TerminalStream:
    """Standard output on a terminal: control characters are printed as JSON escapes them.

    So a line of JSON stays the same value, and nothing in a table moves the cursor.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, octets: bytes) -> int:
        """Print whole characters of UTF-8."""
        text = octets.decode("utf-8", "replace").replace("\r\n", "\n")
        self._stream.write(_ODD.sub(_escaped, text).encode())
        return len(octets)

    def flush(self) -> None:
        """Pass on what was printed."""
        self._stream.flush()


def binary_stdout() -> BinaryIO:
    """Return where bytes of foreign origin are printed: unchanged into a pipe or a file, harmless on a terminal."""
    stdout = sys.stdout.buffer
    # write() and flush() are all that the writers of exports use.
    return cast(BinaryIO, TerminalStream(stdout)) if sys.stdout.isatty() else stdout


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    return json.dumps(character)[1:-1] if ord(character) > _DELETE else f"\\u{ord(character):04x}"


def say(text: str) -> None:
    """Print a sentence for the user on stderr; names of files and texts of peers in it move no cursor."""
    click.echo(sanitize(text, multiline=True), err=True)


def home_path(path: str | os.PathLike[str]) -> str:
    """Return a path as it is printed, with ``~`` for the user's home."""
    text, home = os.fspath(path), str(Path.home())
    return sanitize(f"~{text.removeprefix(home)}" if text.startswith(f"{home}/") else text)


def print_json(document: object) -> None:
    """Print a JSON document on stdout, indented, with escapes for what a terminal would obey."""
    click.echo(escape_json(json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")))


def has_terminal() -> bool:
    """Whether keys can be read and a screen be drawn: Textual reads stdin and writes to stderr."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def require_terminal() -> None:
    """Raise ``UsageError`` where there is no terminal."""
    if not has_terminal():
        raise UsageError(
            "the viewer needs a terminal (stdin and stderr must be a TTY)",
            "without one, use `wsmon record`, `wsmon search` and `wsmon stats`",
        )


def ask_header_values(request: Request) -> Request:
    """Ask, without echo, for each header value whose last word is ``?``; return the request with the answers.

    So the value is in no command line and no history of a shell. In the headers a reference to a secret takes its
    place. Raises ``UsageError`` where there is no terminal to ask on, or nothing is typed.
    """
    headers: list[str] = []
    answers = dict(request.answers)
    for text in request.headers:
        name, value = split_header(text)
        words = value.rpartition(" ")
        if words[2] != "?":
            headers.append(text)
            continue
        variable = f"WSMON_ANSWER_{len(answers) + 1}"
        answers[variable] = _ask(name)
        headers.append(f"{name}: {words[0]}{words[1]}${{secret:{variable}}}")
    return replace(request, headers=tuple(headers), answers=answers)


def _ask(name: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(
            f"cannot prompt for the value of header {name}: not a terminal",
            f"to read it from the environment, use -H '{name}: ${{secret:VARIABLE}}'",
        )
    value = click.prompt(f"{name}", hide_input=True, err=True, default="", show_default=False)
    if not value.strip():
        raise UsageError(f"no value entered for header {name}")
    return str(value).strip()


def shown_time(ts_ns: int, zone: tzinfo | None = None) -> str:
    """Return date and time to the millisecond, ``2026-01-10 14:02:24.118``; ``zone`` None = local time."""
    at = datetime.fromtimestamp(ts_ns // SECOND_NS, zone)
    return f"{at:%Y-%m-%d %H:%M:%S}.{ts_ns // 1_000_000 % 1_000:03}"


def zone_text(*, is_utc: bool) -> str:
    """Return the zone of the times that a command prints: ``UTC``, ``CET/CEST (UTC+01:00, summer time +02:00)``."""
    offsets = [-time.timezone, *([-time.altzone] if time.daylight else [])]
    if is_utc or offsets == [0]:
        return "UTC"
    # Zones without an abbreviation have their offset as their name
    names = "/".join(name for name in time.tzname[: len(offsets)] if name[:1].isalpha())
    standard, *summer = (
        f"{'-' if offset < 0 else '+'}{abs(offset) // 3600:02}:{abs(offset) % 3600 // 60:02}" for offset in offsets
    )
    shown = f"UTC{standard}{f', summer time {summer[0]}' if summer else ''}"
    return f"{names} ({shown})" if names else shown


def progress_line(*, is_quiet: bool) -> Progress:
    """Return the progress function of an export; it prints nothing where stderr is no terminal or ``is_quiet``."""
    if is_quiet or not sys.stderr.isatty():
        return lambda _report: True
    clock = SystemClock()
    # The first line comes after FIRST_NS
    shown_ns = clock.mono_ns() + FIRST_NS - GAP_NS
    is_plain = "utf" not in (sys.stderr.encoding or "").lower()

    def show(report: ExportReport) -> bool:
        nonlocal shown_ns
        if clock.mono_ns() - shown_ns >= GAP_NS:
            shown_ns = clock.mono_ns()
            click.echo(_CLEAR + bar(report, is_plain=is_plain), nl=False, err=True)
        return True

    return show


def import_line() -> ImportProgress:
    """Return the progress function of an import; it prints nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        return lambda _report: None
    clock = SystemClock()
    # The first line comes after FIRST_NS
    shown_ns = clock.mono_ns() + FIRST_NS - GAP_NS
    is_plain = "utf" not in (sys.stderr.encoding or "").lower()

    def show(report: ImportReport) -> None:
        nonlocal shown_ns
        if clock.mono_ns() - shown_ns >= GAP_NS:
            shown_ns = clock.mono_ns()
            click.echo(_CLEAR + import_bar(report, is_plain=is_plain), nl=False, err=True)

    return show


def clear_line() -> None:
    """Erase the line of progress."""
    if sys.stderr.isatty():
        click.echo(_CLEAR, nl=False, err=True)


def bar(report: ExportReport, *, is_plain: bool) -> str:
    """Return the share of an export that is done, drawn and in figures; ``is_plain``: in ASCII."""
    share = min(1.0, report.seen / report.total) if report.total else 1.0
    done = _drawn(share, is_plain=is_plain)
    return f"{done}  {report.written:,} events, {fmt.size(report.size_bytes)}  (^C to cancel)"


def import_bar(report: ImportReport, *, is_plain: bool) -> str:
    """Return how far an import is: its share where the size of the files is known, and in figures."""
    read = fmt.size(report.read_bytes)
    text = f"{report.events:,} events, {read} read  (^C to cancel)"
    if not report.total_bytes:
        return text
    return f"{_drawn(min(1.0, report.read_bytes / report.total_bytes), is_plain=is_plain)}  {text}"


def _drawn(share: float, *, is_plain: bool) -> str:
    done = round(share * BAR_COLUMNS)
    full, empty = ("#", "-") if is_plain else ("━", "╌")
    return f"{full * done}{empty * (BAR_COLUMNS - done)} {share:4.0%}"


class SearchLine:
    """How far a search is and what it has found: a line on stderr where a search takes a while, erased at its end."""

    def __init__(self, zone: tzinfo | None, *, newest_first: bool, clock: Clock) -> None:
        """``zone`` is that of the times; None = local time."""
        self._zone = zone
        self.newest_first = newest_first
        self._clock = clock
        self._is_silent = not sys.stderr.isatty()
        self._is_shown = False
        self._shown_ns = self._clock.mono_ns() + FIRST_NS - GAP_NS

    def show(self, searched: SearchProgress, found: int) -> None:
        """Update the line, at most a few times a second."""
        if not searched.reached_ns:
            return
        at = fmt.moment(searched.reached_ns, self._clock.wall_ns(), self._zone)
        way = "back to" if self.newest_first else "up to"
        self.say(f"searched {way} {at}, {f'{found:,} found' if found else 'no matches yet'}")

    def say(self, text: str) -> None:
        """Replace the text of the line, at most a few times a second."""
        if self._is_silent or self._clock.mono_ns() - self._shown_ns < GAP_NS:
            return
        self._shown_ns = self._clock.mono_ns()
        self._is_shown = True
        click.echo(f"{_CLEAR}{text}  (^C to cancel)", nl=False, err=True)

    def __enter__(self) -> SearchLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Erase the line."""
        if self._is_shown:
            self._is_shown = False
            click.echo(_CLEAR, nl=False, err=True)
