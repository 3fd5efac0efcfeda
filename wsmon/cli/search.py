"""``wsmon search``: the events of a store that match a query."""

from __future__ import annotations

from typing import Literal

import click

from wsmon.cli.params import QueryCommand, Time, query_of, store_option
from wsmon.errors import EXIT_OK, UsageError

Order = Literal["asc", "desc"]


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY]...")
@click.option("--utc", is_flag=True, is_eager=True, help="Times in UTC, here and in --since and --until.")
@store_option
@click.option("--since", type=Time(), metavar="T", help="From then on: RFC 3339, 14:02, -15m, today, yesterday.")
@click.option("--until", type=Time(), metavar="T", help="Before then.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="So many at most; 100 on a terminal.")
@click.option("--order", type=click.Choice(["asc", "desc"]), help="Oldest or newest first (the default).")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
@click.option("--count", "is_count", is_flag=True, help="Only how many there are.")
@click.option("--follow", "is_follow", is_flag=True, help="Print matches as they are recorded, until Ctrl-C.")
def search(
    words: tuple[str, ...],
    utc: bool,
    store: str | None,
    since: int | None,
    until: int | None,
    limit: int | None,
    order: Order | None,
    is_json: bool,
    is_count: bool,
    is_follow: bool,
) -> int:
    """Print the events that match QUERY.

    Words must all occur: in payload, reason, error, type, topic or a name; `"a b"` is one text, /a.b/i a regular
    expression, a minus excludes, OR and parentheses combine. Fields: conn:NAME name:EVENT dir:in code:1006 size>10kb
    lat>250ms is:problem state:open->disconnected since:-15m $.data.qty>=10 and more: `wsmon` shows all with ?.
    """
    _refuse_contradictions(is_json=is_json, is_count=is_count, is_follow=is_follow, order=order, until=until)
    query = query_of(words, is_utc=utc)
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli import search_output as output
    from wsmon.cli.stores import ids_of_period, noted, reading

    line = output.as_json() if is_json else output.as_text(utc=utc)
    with reading(store) as view:
        query = noted(query, view)
        if is_follow:
            output.follow(view, query, since, limit, line)
            return EXIT_OK
        period = ids_of_period(view, since, until)
        if is_count:
            click.echo(output.count_matches(view, query, period, limit, utc=utc))
            return EXIT_OK
        output.print_matches(view, query, period, limit, line, newest_first=order != "asc", utc=utc)
    return EXIT_OK


def _refuse_contradictions(
    *, is_json: bool, is_count: bool, is_follow: bool, order: Order | None, until: int | None
) -> None:
    given = {"--json": is_json, "--count": is_count, "--follow": is_follow}
    if is_count and (is_json or is_follow):
        other = next(name for name, is_given in given.items() if is_given and name != "--count")
        raise UsageError(f"--count and {other} exclude each other")
    if is_follow and (order == "desc" or until is not None):
        raise UsageError("--follow prints what comes, oldest first", "leave out --order desc and --until")
