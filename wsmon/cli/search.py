"""``wsmon search``: the events of a store that match a query."""

from __future__ import annotations

from typing import Literal

import click

from wsmon.cli.params import Limit, QueryCommand, period_options, query_argument, query_of, stores_option
from wsmon.errors import EXIT_OK, UsageError

Order = Literal["asc", "desc", "duration", "size"]


@click.command(cls=QueryCommand)
@query_argument
@click.option("--utc", is_flag=True, is_eager=True, help="Use UTC for output and for --since and --until.")
@stores_option
@period_options
@click.option(
    "--since-id",
    type=int,
    metavar="N",
    help="Print events after event N, oldest first; warns if events after N have already been deleted.",
)
@click.option(
    "-n", "--limit", type=Limit(), metavar="N", help="Maximum number of results (default: 100 on a terminal)."
)
@click.option(
    "--order",
    type=click.Choice(["asc", "desc", "duration", "size"]),
    help="Oldest first, newest first (default), slowest first, or largest first; duration and size return at most 100 "
    "results unless --limit is given.",
)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object per line.")
@click.option("--count", "is_count", is_flag=True, help="Print only the number of matches.")
@click.option("-f", "--follow", "is_follow", is_flag=True, help="Print new matches as they are recorded.")
def search(
    words: tuple[str, ...],
    utc: bool,
    stores: tuple[str, ...],
    since: int | None,
    until: int | None,
    since_id: int | None,
    limit: int | None,
    order: Order | None,
    is_json: bool,
    is_count: bool,
    is_follow: bool,
) -> int:
    """Print events that match QUERY.

    Each word must occur in at least one of: payload, reason, error, type, topic, connection name, event name. Use "a b"
    for a phrase, /a.b/i for a regular expression, a leading minus to exclude, and OR and parentheses to combine.
    Example fields: conn:NAME name:EVENT dir:in code:1006 size>10kb lat>250ms is:problem state:open->disconnected
    since:-15m $.data.qty>=10. Full list of fields: wsmon-query(7) (`wsmon man query`), docs/search.md, or ? in the
    viewer.

    To exclude the word n or f, quote it ('-"n"'); unquoted, -n and -f are options.
    """
    if len(stores) > 1 and since_id is not None:
        raise UsageError("--since-id counts the events of one recording", "name one recording, or use --since")
    if since is not None and since_id is not None:
        raise UsageError("--since and --since-id cannot be used together")
    _refuse_contradictions(is_json=is_json, is_count=is_count, is_follow=is_follow, order=order, until=until)
    query = query_of(words, is_utc=utc)
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli import search_output as output
    from wsmon.cli.recordings import opened
    from wsmon.cli.stores import ids_of_period
    from wsmon.cli.terminal import zone_text

    say_truncated = output.truncation(is_json=is_json)
    remark = "" if is_json or is_count else f"times in {zone_text(is_utc=utc)}"
    with opened(stores, query, remark=remark) as searched:
        view, query = searched.view, searched.query
        line = output.as_json(searched.own_event) if is_json else output.as_text(utc=utc)
        if is_follow:
            after_id = output.start_of_follow(view, since, since_id)
            output.follow(view, query, after_id, limit, line, say_truncated)
            return EXIT_OK
        period = ids_of_period(view, since, until)
        if since_id is not None:
            period = output.resumed(period, since_id, say_truncated)
        if is_count:
            click.echo(output.count_matches(view, query, period, limit, utc=utc))
            return EXIT_OK
        if order == "duration" or order == "size":
            output.print_ranked(view, query, period, limit, line, order)
        else:
            newest_first = order != "asc" if since_id is None else order == "desc"
            output.print_matches(view, query, period, limit, line, newest_first=newest_first, utc=utc)
    return EXIT_OK


def _refuse_contradictions(
    *, is_json: bool, is_count: bool, is_follow: bool, order: Order | None, until: int | None
) -> None:
    given = {"--json": is_json, "--count": is_count, "--follow": is_follow}
    if is_count and (is_json or is_follow):
        other = next(name for name, is_given in given.items() if is_given and name != "--count")
        raise UsageError(f"--count and {other} cannot be used together")
    if is_follow and (order in ("desc", "duration", "size") or until is not None):
        raise UsageError("--follow prints new events, oldest first", "remove --order and --until")
