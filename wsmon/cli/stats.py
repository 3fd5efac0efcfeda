"""``wsmon stats``: what a store holds about its connections, as a table or as JSON."""

from __future__ import annotations

import dataclasses
import difflib
from datetime import UTC, tzinfo
from pathlib import Path

import click
import msgspec

from wsmon.cli.matching import statistics_of_matches
from wsmon.cli.params import QueryCommand, query_of
from wsmon.cli.reading import reading
from wsmon.cli.stats_output import table
from wsmon.cli.times import Time
from wsmon.errors import EXIT_OK, EXIT_THRESHOLD, UsageError
from wsmon.export.jsonl import statistics_document
from wsmon.model.statistics import Statistics
from wsmon.ports import StoreView
from wsmon.query.ast import Query
from wsmon.query.predicate import allows_connection, is_about_connections, split_period


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY]...")
@click.option("--utc", is_flag=True, is_eager=True, help="Times in UTC, here and in --since and --until.")
@click.option("--store", metavar="PATH", help="A store, its folder or its configuration; the newest by default.")
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
    query, since, until = _period(query_of(words, is_utc=utc), since, until)
    with reading(store) as view:
        found = _statistics(view, query, connection, (since, until), has_types=is_json)
        if not is_about_connections(query):
            if is_check:
                raise UsageError("key figures are about whole connections", "with --check, QUERY takes connection:NAME")
            found = statistics_of_matches(view, found, query, since, until, has_types=is_json)
        is_cut_off = until is None and view.is_cut_off()
    if is_json:
        click.echo(msgspec.json.encode(statistics_document(found)))
    else:
        _print_table(found, UTC if utc else None, is_cut_off=is_cut_off)
    is_breached = any(kpi.ok is False for each in found.connections for kpi in each.kpis)
    return EXIT_THRESHOLD if is_check and is_breached else EXIT_OK


def print_statistics(store: Path) -> None:
    """The table of everything that a store holds, on stdout."""
    with reading(str(store)) as view:
        _print_table(view.statistics(None, None), None, is_cut_off=view.is_cut_off())


def _print_table(statistics: Statistics, zone: tzinfo | None, *, is_cut_off: bool) -> None:
    for line in table(statistics, zone, is_cut_off=is_cut_off):
        click.echo(line)


def _period(query: Query, since: int | None, until: int | None) -> tuple[Query, int | None, int | None]:
    """The period that options and query have in common, and what else the query asks for."""
    rest, *bounds = split_period(query)
    since = max((each for each in (since, bounds[0]) if each is not None), default=None)
    until = min((each for each in (until, bounds[1]) if each is not None), default=None)
    if since is not None and until is not None and since >= until:
        raise UsageError("the period is empty", "--since comes before --until")
    return rest, since, until


def _statistics(
    view: StoreView, query: Query, connection: str | None, period: tuple[int | None, int | None], *, has_types: bool
) -> Statistics:
    found = view.statistics(*period, connection or "", has_types=has_types)
    if connection is not None and not found.connections:
        names = [each.name for each in view.statistics(None, None).connections]
        near = difflib.get_close_matches(connection, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names) or 'none'}"
        raise UsageError(f"the store has no connection {connection!r}", hint)
    return dataclasses.replace(
        found, connections=tuple(each for each in found.connections if allows_connection(query, each.name))
    )
