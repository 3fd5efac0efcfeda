"""``wsmon stats``: what a store holds about its connections, as a table or as JSON."""

from __future__ import annotations

import click

from wsmon.cli.params import QueryCommand, Time, query_of, store_option
from wsmon.errors import EXIT_OK, EXIT_THRESHOLD


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY]...")
@click.option("--utc", is_flag=True, is_eager=True, help="Times in UTC, here and in --since and --until.")
@store_option
@click.option("--connection", metavar="NAME", help="One connection only.")
@click.option("--since", type=Time(), metavar="T", help="From then on: RFC 3339, 14:02, -15m, today, yesterday.")
@click.option("--until", type=Time(), metavar="T", help="Before then.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object.")
@click.option("--check", "is_check", is_flag=True, help="Exit with 3 where a key figure breaches its threshold.")
def stats(
    words: tuple[str, ...],
    utc: bool,
    store: str | None,
    connection: str | None,
    since: int | None,
    until: int | None,
    is_json: bool,
    is_check: bool,
) -> int:
    """Print uptime, traffic, latencies and errors of connections.

    Of connections (connection:NAME) and periods they are kept, and there at once; the period is rounded outward to
    what is kept of it, and said. With any other QUERY what is about events is counted anew, of those that match.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli import stats_output as output
    from wsmon.cli.stores import reading

    query, since, until = output.common_period(query_of(words, is_utc=utc), since, until)
    with reading(store) as view:
        found = output.statistics_of(view, query, connection, since, until, has_types=is_json, has_kpis=is_check)
        is_cut_off = until is None and view.is_cut_off()
    output.print_found(found, is_json=is_json, utc=utc, is_cut_off=is_cut_off)
    is_breached = any(kpi.ok is False for each in found.connections for kpi in each.kpis)
    return EXIT_THRESHOLD if is_check and is_breached else EXIT_OK
