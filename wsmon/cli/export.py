"""``wsmon export``: write events to a file or a pipe."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.params import (
    Duration,
    EventId,
    Limit,
    QueryCommand,
    period_options,
    query_argument,
    query_of,
    stores_option,
)
from wsmon.cli.process import low_priority, tidy_end
from wsmon.cli.terminal import binary_stdout, clear_line, progress_line, say
from wsmon.errors import EXIT_OK, UsageError
from wsmon.export.formats import FORMATS
from wsmon.model import units as fmt

if TYPE_CHECKING:
    from wsmon.export.run import ExportReport, ExportRequest

STDOUT = "-"

# Around an incident, where --around does not say otherwise.
MARGIN_S = 30.0


_FORMATS_HELP = " ".join(f"{each.name}: {each.description}." for each in FORMATS.values())
_HELP = f"""Export events that match QUERY.

Oldest events first; without QUERY, all events. {_FORMATS_HELP}

The file is written atomically; recording continues during the export.

Use `session:ID` for a session, `trace:ID` for a trace, or --incident to export an incident's connection and
time range.
"""


def _print_lnav_format(context: click.Context, _option: click.Parameter, is_asked_for: bool) -> None:
    if is_asked_for and not context.resilient_parsing:
        from wsmon.export.jsonl import lnav_format

        click.echo(lnav_format(), nl=False)
        context.exit()


@click.command(cls=QueryCommand, help=_HELP)
@query_argument
@click.option("--utc", is_flag=True, is_eager=True, help="Interpret --since, --until and times in QUERY as UTC.")
@click.option("--format", "format_", type=click.Choice(tuple(FORMATS)), required=True, help="Output format.")
@click.option("--output", default=STDOUT, type=click.Path(), metavar="FILE|-", help="Output file (default: stdout).")
@stores_option
@period_options
@click.option("-n", "--limit", type=Limit(), metavar="N", help="Export only the newest N events.")
@click.option("--incident", type=EventId(), metavar="ID", help="Incident ID (the ID of the event that opened it).")
@click.option(
    "--around", type=Duration(), metavar="DURATION", help="Time before and after the incident (default: 30s)."
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option(
    "--lnav-format",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_lnav_format,
    help="Print the lnav format for jsonl files; install it with `lnav -i FILE`.",
)
def export(
    words: tuple[str, ...],
    utc: bool,
    format_: str,
    output: str,
    stores: tuple[str, ...],
    since: int | None,
    until: int | None,
    limit: int | None,
    incident: int | None,
    around: float | None,
    force: bool,
) -> int:
    """Run ``wsmon export``; the help is made from the table of formats."""
    if around is not None and incident is None:
        raise UsageError("--around needs --incident", "add --incident ID")
    if len(stores) > 1:
        if incident is not None:
            raise UsageError("--incident is an ID of one recording", "name one recording with --store")
        if output.endswith("/"):
            raise UsageError("an export into a folder takes one recording", "export each one into a folder of its own")
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.export.run import ExportRequest

    request = ExportRequest(
        format_,
        binary_stdout() if output == STDOUT else Path(output),
        query_of(words, is_utc=utc),
        since,
        until,
        limit,
        incident=incident or 0,
        margin_s=MARGIN_S if around is None else around,
        overwrite=force,
        is_folder=output.endswith("/"),
    )
    report = _write(request, stores)
    if isinstance(request.target, Path):
        written = FORMATS[format_].written(report.written)
        say(f"wrote {written} ({fmt.size(report.size_bytes)}) to {output}")
    return EXIT_OK


def _write(request: ExportRequest, stores: tuple[str, ...]) -> ExportReport:
    """Write the events, with a line of progress unless they go to the terminal themselves."""
    from wsmon.cli.recordings import opened
    from wsmon.export.run import run_export

    is_shown = not isinstance(request.target, Path) and sys.stdout.isatty()
    with tidy_end(), low_priority(), opened(stores, request.query) as found:
        request = replace(request, query=found.query)
        try:
            return run_export(request, found.view, progress_line(is_quiet=is_shown))
        except FileExistsError as error:
            hint = "choose a new folder" if request.is_folder else "use --force to overwrite"
            raise UsageError(f"{request.target} already exists", hint) from error
        except IsADirectoryError as error:
            is_partitioned = FORMATS[request.format].folder is not None
            hint = "specify a file, or a new folder ending with /" if is_partitioned else "specify a file"
            raise UsageError(f"{request.target} is a folder", hint) from error
        except KeyboardInterrupt:
            say("cancelled; nothing was written" if isinstance(request.target, Path) else "cancelled")
            raise
        finally:
            if not is_shown:
                clear_line()
