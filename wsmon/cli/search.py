"""``wsmon search``: the events of a store that match a query."""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import UTC
from typing import Literal

import click

from wsmon.cli.params import QueryCommand, query_of
from wsmon.cli.progress import SearchLine
from wsmon.cli.reading import ids_of_period, noted, reading
from wsmon.cli.search_output import Format, as_json, as_text, write
from wsmon.cli.times import Time
from wsmon.clock import SystemClock
from wsmon.errors import EXIT_OK, UsageError
from wsmon.feed import Feed
from wsmon.model.snapshot import SearchProgress
from wsmon.ports import StoreView
from wsmon.query.ast import Query
from wsmon.query.predicate import matches, unsatisfiable
from wsmon.store.reader import Reader

TERMINAL_LIMIT = 100
# events printed to a terminal when nobody says how many
PAGE_EVENTS = 200
# in memory at once, with a payload of up to 64 KiB each
FOLLOW_POLL_S = 0.1
# how often --follow looks whether something was committed

Order = Literal["asc", "desc"]


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY]...")
@click.option("--utc", is_flag=True, is_eager=True, help="Times in UTC, here and in --since and --until.")
@click.option("--store", metavar="PATH", help="A store, its folder or its configuration; the newest by default.")
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
    line: Format = as_json if is_json else as_text(utc=utc)
    with reading(store) as view:
        query = noted(query, view)
        if is_follow:
            return _follow(view, query, since, limit, line)
        first_id, last_id = ids_of_period(view, since, until)
        told = SearchLine(UTC if utc else None, newest_first=order != "asc", clock=SystemClock())
        found = view.search(query, first_id, last_id, newest_first=told.newest_first)
        if is_count:
            click.echo(_count(found, limit, told))
            return EXIT_OK
        if limit is None and sys.stdout.isatty():
            limit = TERMINAL_LIMIT
        printed = _print(found, view, line, limit, told) if limit != 0 else 0
    _say_what_is_missing(query, printed, limit, max(0, last_id - first_id + 1))
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


def _print(
    search: Generator[SearchProgress], view: StoreView, line: Format, limit: int | None, told: SearchLine
) -> int:
    """Print matches as they are found, a page at a time, in the order of the search; returns how many."""
    printed = 0
    with closing(search), told:
        for searched in search:
            ids = searched.ids[::-1] if told.newest_first else searched.ids
            for page in _pages(ids if limit is None else ids[: limit - printed]):
                events = view.events_by_id(page)
                told.clear()
                write(events, line)
                printed += len(page)
            if printed == limit:
                break
            told.show(searched, printed)
    return printed


def _pages(ids: array[int]) -> Iterator[tuple[int, ...]]:
    return (tuple(ids[start : start + PAGE_EVENTS]) for start in range(0, len(ids), PAGE_EVENTS))


def _count(search: Generator[SearchProgress], limit: int | None, told: SearchLine) -> int:
    found = 0
    with closing(search), told:
        for searched in search:
            found += len(searched.ids)
            if limit is not None and found >= limit:
                found = limit
                break
            told.show(searched, found)
    return found


def _follow(view: Reader, query: Query, since_ns: int | None, limit: int | None, line: Format) -> int:
    """Print what is committed from ``since_ns`` (``None`` = now) on."""
    after_id = view.bounds().last_id if since_ns is None else view.id_at(since_ns) - 1
    feed = Feed(view, after_id)
    version = -1
    left = limit
    while left is None or left > 0:
        if version == (version := view.data_version()):
            time.sleep(FOLLOW_POLL_S)
            continue
        while events := feed.poll(PAGE_EVENTS).events:
            found = [event for event in events if matches(query, event)][:left]
            write(found, line)
            left = None if left is None else left - len(found)
    return EXIT_OK


def _say_what_is_missing(query: Query, printed: int, limit: int | None, looked_at: int) -> None:
    """On a terminal, an end without a word would look like all there is."""
    if not sys.stdout.isatty() or not sys.stderr.isatty():
        return
    if not printed:
        never = unsatisfiable(query)
        click.echo(f"no match among {looked_at:,} events{never and f': {never}'}", err=True)
    elif limit is not None and printed == limit:
        click.echo(f"the first {limit:,}; --limit shows more", err=True)
