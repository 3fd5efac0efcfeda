"""``wsmon probe``: connect, record for a while, check assertions about that, disconnect; for cron and pipelines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.params import Duration, assertion_options, url_options
from wsmon.errors import UsageError

if TYPE_CHECKING:
    from wsmon.cli.request import Request
    from wsmon.store.reader import Reader

# What is checked of every URL: it opens
OPENS = "count(state:open) > 0 by connection"
DEFAULT_S = 10.0
# Problems that are said where an assertion fails
MOST_PROBLEMS = 5


@click.command()
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option(
    "--assert",
    "asserted",
    multiple=True,
    type=click.Path(),
    metavar="FILE|EXPR",
    help="Additional assertions to check (repeatable).",
)
@click.option(
    "--for", "limit_s", type=Duration(), default=f"{DEFAULT_S:g}s", metavar="DURATION",
    help="How long to stay connected (default: 10s).",
)  # fmt: skip
@url_options
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Store to record into; by default the recording is deleted on exit.",
)
@assertion_options
def probe(
    urls: tuple[str, ...],
    asserted: tuple[str, ...],
    limit_s: float,
    headers: tuple[str, ...],
    subscribe: tuple[str, ...],
    subprotocols: tuple[str, ...],
    store: Path | None,
    format_: str,
    junit: Path | None,
) -> int:
    """Connect to URLs, check assertions and disconnect.

    The probe fails if a connection does not open. --assert adds checks; see `wsmon assert --help` for their syntax.
    Example: wsmon probe wss://host/path --for 30s --assert 'count(type:trade) > 0' --assert 'p95(lat) < 250ms'.
    Availability is evaluated only if the probe runs for at least 60 seconds.

    On SIGINT or SIGTERM the probe stops early and checks the assertions against what has been recorded so far. Exit
    status: 0 if all assertions hold, 3 if one fails, 2 if none fails but one cannot be evaluated.
    """
    if stray := [url for url in urls if "://" not in url]:
        raise UsageError(f"{stray[0]!r} is not a URL", "probe takes URLs; `wsmon record` takes a configuration")
    if limit_s <= 0:
        raise UsageError("--for 0 leaves no time to connect", 'use a duration such as "10s"')
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli import assert_output as output
    from wsmon.cli.assert_ import assertions_of
    from wsmon.cli.assertion_results import Scope, judge_all
    from wsmon.cli.process import tidy_end
    from wsmon.cli.request import Request
    from wsmon.cli.stores import open_view
    from wsmon.cli.terminal import ask_header_values
    from wsmon.clock import SystemClock
    from wsmon.query.parser import ReferenceTime

    began_ns = SystemClock().wall_ns()
    # Before anything is recorded: an error in an assertion costs no time
    now = ReferenceTime(began_ns)
    assertions = assertions_of((OPENS,), now) + (assertions_of(asserted, now) if asserted else ())
    with _place(store) as path:
        request = ask_header_values(Request(urls, headers, subscribe, subprotocols, path))
        names = _record(request, limit_s)
        # Again: the recorder's event loop has left SIGTERM with its default
        with tidy_end(), closing(open_view(path)) as view:
            # A store that is named may hold earlier recordings
            results = judge_all(view, assertions, Scope(None, began_ns, names=names))
            if output.verdict(results) is False:
                _say_problems(view, began_ns)
        return output.report(results, output.Form(format_, junit), path, began_ns)


@contextmanager
def _place(store: Path | None) -> Iterator[Path]:
    """Yield the store to record into: the one that is named, or one that is removed afterwards."""
    if store is not None:
        yield Path(os.path.realpath(store))
        return
    from tempfile import TemporaryDirectory

    from wsmon.cli.process import tidy_end

    with tidy_end(), TemporaryDirectory(prefix="wsmon-") as folder:
        yield Path(os.path.realpath(folder)) / "store.db"


def _say_problems(view: Reader, began_ns: int) -> None:
    """Say the last problems, which are likely why an assertion fails."""
    from wsmon.cli.search_output import event_line
    from wsmon.cli.stores import ids_of_period
    from wsmon.cli.terminal import say
    from wsmon.query.ast import Exact, FieldTerm, Query

    first_id, last_id = ids_of_period(view, began_ns, None)
    problems = Query((FieldTerm("is", (Exact("problem"),)),)).within(first_id, last_id)
    for event in reversed(view.events_before(last_id + 1, MOST_PROBLEMS, problems)):
        say(f"wsmon: {event_line(event, None, utc=False)}")


def _record(request: Request, limit_s: float) -> frozenset[str]:
    """Record until the time is over or a signal comes; return the names of the connections."""
    from wsmon.cli.recording import StderrLog, assignment_of, run_assignment
    from wsmon.cli.targets import resolve

    with StderrLog(is_quiet=True) as log:
        target = resolve(request, os.environ)
        run_assignment(assignment_of(target, limit_s, log), log, lambda _readiness: None)
    return frozenset(each.name for each in target.loaded.configuration.connections)
