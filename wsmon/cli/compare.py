"""``wsmon compare``: two connections, recordings or periods beside each other."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from wsmon.cli.params import Duration, QueryWord, RecordingName, period_options, query_of
from wsmon.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem

    from wsmon.cli.compare_sides import AskedSide, Side

_LEAST_WINDOW_S, _MOST_WINDOW_S = 0.001, 3600.0


class SideName(click.ParamType[str]):
    """A connection of the recording, with a period where it has one."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names of the connections of the first recording, and the item that completes files."""
        from click.shell_completion import CompletionItem

        from wsmon.cli.completion_values import connection_items

        stores: tuple[str, ...] = ctx.params.get("stores") or ()
        return [CompletionItem(incomplete, type="file"), *connection_items(stores[:1], incomplete)]


@click.command()
@click.argument("sides", nargs=-1, metavar="A B", type=SideName())
@click.option("--utc", is_flag=True, is_eager=True, help="Use UTC for output and for times in options and arguments.")
@click.option(
    "--store",
    "stores",
    multiple=True,
    type=RecordingName(),
    metavar="STORE",
    help="Recording of A and B; given twice, that of A, then that of B. A name shown by `wsmon ps`, a configuration, "
    "a store file or its directory (default: as for `wsmon stats`).",
)
@period_options
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="PATH",
    help="JSON path to what identifies a message, e.g. '$.id' (repeatable; all must be equal). Default: the whole "
    "payload.",
)
@click.option(
    "--filter",
    "filter_",
    type=QueryWord(),
    metavar="QUERY",
    default="",
    help="Compare only messages that match QUERY.",
)
@click.option(
    "--window",
    type=Duration(),
    metavar="DURATION",
    default="5s",
    help="Messages further apart do not match (default: 5s, at most 1h).",
)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def compare(
    sides: tuple[str, ...],
    utc: bool,
    stores: tuple[str, ...],
    since: int | None,
    until: int | None,
    keys: tuple[str, ...],
    filter_: str,
    window: float,
    is_json: bool,
) -> int:
    """Compare two connections, recordings or periods.

    A and B are each CONNECTION, CONNECTION@PERIOD or the path of a recording. PERIOD is a time (today, 14:02, -1h) or
    a range of times (13:00..14:00).

    Examples: `wsmon compare feed-a feed-b --key '$.id'` (primary against backup), `wsmon compare feed@yesterday
    feed@today`, `wsmon compare --store a.db --store b.db feed`.

    Shows which side had each received message first and by how much, what only one side has, and the statistics, KPIs,
    incidents and verdicts of both sides. Full description: docs/compare.md.
    """
    if not _LEAST_WINDOW_S <= window <= _MOST_WINDOW_S:
        raise UsageError("--window must be from 1ms to 1h")
    # Imported now: a shell that completes the options waits for this module.
    from datetime import UTC

    from wsmon.cli import compare_output as output
    from wsmon.cli.compare_sides import asked_sides, check_differ
    from wsmon.cli.comparison import CompareRequest, comparison_of
    from wsmon.cli.process import collecting_later, low_priority
    from wsmon.cli.terminal import clear_line, progress_line
    from wsmon.clock import SystemClock
    from wsmon.model.json_path import compile_path
    from wsmon.model.units import SECOND_NS
    from wsmon.query.parser import ReferenceTime
    from wsmon.query.predicate import split_period

    now = ReferenceTime(SystemClock().wall_ns(), UTC if utc else None)
    asked = asked_sides(sides, stores, (since, until), now)
    try:
        paths = tuple(compile_path(key) for key in keys)
    except ValueError as error:
        raise UsageError(f"--key: {error}", "e.g. --key '$.id'") from error
    query = query_of((filter_,), is_utc=utc)
    if split_period(query)[1:] != (None, None):
        raise UsageError("--filter cannot have since: and until:", "use --since and --until, or CONNECTION@PERIOD")
    with ExitStack() as stack:
        a, b = _opened(asked, stack)
        check_differ(a, b)
        # Periods that begin at one time have one time axis, wherever they end
        is_from_start = a.since_ns != b.since_ns
        request = CompareRequest(round(window * SECOND_NS), paths, query, is_from_start)
        try:
            with low_priority(), collecting_later():
                found = comparison_of(a, b, request, progress_line(is_quiet=is_json))
        finally:
            clear_line()
    if is_json:
        output.print_json(found)
    else:
        output.print_table(found, utc=utc)
    return EXIT_OK


def _opened(asked: tuple[AskedSide, AskedSide], stack: ExitStack) -> Iterator[Side]:
    """Open the recording of each side on its own, since both are read by turns; say once what must be known of each."""
    from wsmon.cli.compare_sides import found_side
    from wsmon.cli.known_recordings import choose_store
    from wsmon.cli.stores import notices_of, open_view
    from wsmon.cli.terminal import say

    said: set[str] = set()
    for each in asked:
        choice = choose_store(each.store, os.environ)
        view = open_view(choice.recording.store)
        stack.callback(view.close)
        for sentence in (choice.sentence, *notices_of(view)):
            if sentence and sentence not in said:
                said.add(sentence)
                say(f"wsmon: {sentence}")
        yield found_side(each, view, choice.recording.name)
