"""``wsmon stats``: what a store holds about its connections, as a table or as JSON."""

from __future__ import annotations

import click

from wsmon.cli.params import ConnectionName, QueryCommand, period_options, query_argument, query_of, store_option
from wsmon.errors import EXIT_OK, EXIT_THRESHOLD, UsageError


@click.command(cls=QueryCommand)
@query_argument
@click.option("--utc", is_flag=True, is_eager=True, help="Use UTC for output and for --since and --until.")
@store_option
@click.option("--connection", type=ConnectionName(), metavar="NAME", help="Show only this connection.")
@period_options
@click.option(
    "--by", metavar="INTERVAL|type|connection", help="Break down by time (1m, 1h …), by message type or by connection."
)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
@click.option("--check", "is_check", is_flag=True, help="Exit with status 3 if a KPI misses its target.")
def stats(
    words: tuple[str, ...],
    utc: bool,
    store: str | None,
    connection: str | None,
    since: int | None,
    until: int | None,
    by: str | None,
    is_json: bool,
    is_check: bool,
) -> int:
    """Print uptime, traffic, latency and errors per connection.

    With no QUERY, or only connection:NAME, statistics come from precomputed rollups. The period is widened to whole
    buckets; the output shows the period used. Any other QUERY scans the matching events.
    """
    if by is not None and is_check:
        raise UsageError("--by and --check cannot be used together")
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli import stats_output as output
    from wsmon.cli.stores import reading

    query, since, until = output.common_period(query_of(words, is_utc=utc), since, until)
    if by is not None:
        from wsmon.cli.stats_by import StatisticsRequest, print_by

        with reading(store) as view:
            print_by(view, StatisticsRequest(query, connection, since, until), by, is_json=is_json, utc=utc)
        return EXIT_OK
    with reading(store) as view:
        found = output.statistics_of(view, query, connection, since, until, has_types=is_json, has_kpis=is_check)
        is_cut_off = until is None and view.is_cut_off()
    output.print_found(found, is_json=is_json, utc=utc, is_cut_off=is_cut_off)
    is_breached = any(kpi.ok is False for each in found.connections for kpi in each.kpis)
    return EXIT_THRESHOLD if is_check and is_breached else EXIT_OK
