"""``wsmon export``: writes events to a file or a pipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from wsmon.cli.interruption import tidy_end
from wsmon.cli.reading import noted, reading
from wsmon.cli.target import Duration
from wsmon.cli.terminal import binary_stdout
from wsmon.cli.times import Time
from wsmon.cli.words import QueryCommand, query_of
from wsmon.clock import SystemClock
from wsmon.errors import EXIT_OK, UsageError
from wsmon.export.formats import FORMATS, ExportFormat
from wsmon.export.run import ExportReport, ExportRequest, Progress, go_on, run_export
from wsmon.model import format as fmt

STDOUT = "-"
MARGIN_S = 30.0
# around an incident, unless told
REPORT_GAP_NS = 200_000_000
# between two updates of the line on a terminal


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY]...")
@click.option("--utc", is_flag=True, is_eager=True, help="Times of --since and --until are UTC.")
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="How it is written.")
@click.option("--output", default=STDOUT, metavar="FILE|-", help="Where to; stdout by default.")
@click.option("--store", metavar="PATH", help="A store, its folder or its configuration; the newest by default.")
@click.option("--since", type=Time(), metavar="T", help="From then on: RFC 3339, 14:02, -15m, today, yesterday.")
@click.option("--until", type=Time(), metavar="T", help="Before then.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Only the newest so many.")
@click.option("--incident", type=click.IntRange(min=1), metavar="ID", help="An incident, by the event that opened it.")
@click.option("--around", type=Duration(), metavar="DURATION", help="So long before and after it; 30s by default.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def export(
    words: tuple[str, ...],
    utc: bool,  # noqa: ARG001 - read by the type of --since
    format_: ExportFormat,
    output: str,
    store: str | None,
    since: int | None,
    until: int | None,
    limit: int | None,
    incident: int | None,
    around: float | None,
    force: bool,
) -> int:
    """Write the events that match QUERY, oldest first; all of them without one.

    jsonl: an event a line. json: connections with host, port, statistics and events. csv: a table. sqlite: a store
    of its own for `wsmon open`, a copy of the whole or of a part. har: sessions and their messages, for browsers.
    otlp, otlp-logs: OpenTelemetry traces and logs. perfetto: the timeline, for ui.perfetto.dev. report:
    statistics, timeline and every loss explained, as HTML, or as Markdown where the file ends with .md. A file is
    there whole or not at all; a recording may go on meanwhile.

    A session is `session:ID`, a trace `trace:ID`; with --incident it is the connection of the incident while it lasted.
    """
    query = query_of(words)
    if around is not None and incident is None:
        raise UsageError("--around says how much around an incident", "--incident ID names it")
    target: Path | BinaryIO = binary_stdout() if output == STDOUT else Path(output)
    with tidy_end(), reading(store) as view:
        request = ExportRequest(
            format_,
            target,
            noted(query, view),
            since,
            until,
            limit,
            incident=incident or 0,
            margin_s=MARGIN_S if around is None else around,
            overwrite=force,
        )
        try:
            report = run_export(request, view, _progress_line())
        except FileExistsError as error:
            raise UsageError(f"{output} is there already", "--force overwrites it") from error
    if isinstance(target, Path):
        click.echo(f"wrote {report.written:,} events ({fmt.size(report.size_bytes)}) to {output}", err=True)
    return EXIT_OK


def _progress_line() -> Progress:
    """A line on stderr that says how far it is, where stderr alone is a terminal to somebody who waits."""
    if not sys.stderr.isatty():
        return go_on
    clock = SystemClock()
    shown_ns = clock.mono_ns()

    def show(report: ExportReport) -> bool:
        nonlocal shown_ns
        if clock.mono_ns() - shown_ns >= REPORT_GAP_NS:
            shown_ns = clock.mono_ns()
            share = report.seen / report.total if report.total else 1.0
            click.echo(
                f"\r{share:4.0%}  {report.written:,} events, {fmt.size(report.size_bytes)}  \r", nl=False, err=True
            )
        return True

    return show
