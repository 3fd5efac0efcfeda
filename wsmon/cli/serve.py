"""``wsmon serve``: a recording as a local WebSocket server, with faults on demand."""

from __future__ import annotations

import math
import os
from contextlib import closing
from typing import TYPE_CHECKING

import click

from wsmon.cli.params import ConnectionName, Duration, EventId, ListenAddress, RecordingName, period_options
from wsmon.cli.process import importing
from wsmon.cli.terminal import say
from wsmon.errors import EXIT_OK, EXIT_THRESHOLD, UsageError, WsmonError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsmon.ports import StoreView
    from wsmon.serve.served_session import ServedConnection
    from wsmon.serve.server import RecordingReader, ServeOptions

# Around an incident, where --around does not say otherwise; as for an export
_MARGIN_S = 30.0


class NotAsReceivedError(WsmonError):
    """With ``--strict``: what would be served is not what was received."""

    exit_code = EXIT_THRESHOLD


def _number(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    # NaN is in every range, since it is neither below nor above a bound
    if math.isnan(value):
        raise click.BadParameter("nan is not a number.")
    return value


@click.command()
@click.argument("store", required=False, type=RecordingName())
@click.option(
    "--listen",
    type=ListenAddress(),
    default="127.0.0.1:0",
    metavar="HOST:PORT",
    help="Address to listen on; port 0 is any free port (default: 127.0.0.1:0).",
)
@click.option("--connection", type=ConnectionName(), metavar="NAME", help="Serve only this connection.")
@click.option("--utc", is_flag=True, is_eager=True, help="Interpret --since and --until as UTC.")
@period_options
@click.option("--incident", type=EventId(), metavar="ID", help="Serve an incident: its connection and time range.")
@click.option(
    "--around", type=Duration(), metavar="DURATION", help="Time before and after the incident (default: 30s)."
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    callback=_number,
    default=1.0,
    metavar="N",
    help="Play N times as fast as recorded (default: 1).",
)
@click.option("--loop", is_flag=True, help="After the last session, start over from the first.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="Fault to inject into every session (repeatable): 'drop 1%', 'delay 200ms', 'stall 10s after 30s', "
    "'cut after 30s', 'close 1012 after 30s'.",
)
@click.option(
    "--seed", default="", metavar="TEXT", help="Seed for random faults; the same seed drops the same messages."
)
@click.option("--strict", is_flag=True, help="Exit with status 3 if messages cannot be served as they were received.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Allow web pages from this origin to connect (repeatable). Pages served from this machine are always allowed.",
)
def serve(
    store: str | None,
    listen: tuple[str, int],
    connection: str | None,
    utc: bool,  # noqa: ARG001 - the types of --since and --until read it
    since: int | None,
    until: int | None,
    incident: int | None,
    around: float | None,
    speed: float,
    loop: bool,
    faults: tuple[str, ...],
    seed: str,
    strict: bool,
    origins: tuple[str, ...],
) -> int:
    """Serve a recording as a local WebSocket server.

    STORE is a name shown by `wsmon ps`, a configuration, a store file or its directory. Default: the recording for
    ./wsmon.toml; otherwise the only running recorder; otherwise the most recent recording.

    Prints the URL of each connection on stdout. Each client receives the server's recorded messages with their
    original timing, then the connection is closed as recorded. When the client reconnects, it gets the next session.
    JSON-RPC and Phoenix replies are held until the client sends the matching request, and carry its ID. Stop with ^C.
    """
    if around is not None and incident is None:
        raise UsageError("--around needs --incident", "add --incident ID")
    if incident is not None and connection is not None:
        raise UsageError("--incident and --connection cannot be used together", "an incident has one connection")
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli.known_recordings import choose_store
    from wsmon.serve.faults import parse_faults

    plan = parse_faults(faults, seed)
    choice = choose_store(store, os.environ)
    choice.announce()
    with importing():
        import asyncio

        from wsmon.cli.stores import open_view, say_bundle
        from wsmon.model.bundle import since_ns
        from wsmon.serve.server import RecordingReader, ServeOptions

    with closing(open_view(choice.recording.store, os.environ)) as opened:
        if (found := say_bundle(opened)) is not None:
            # Its sessions may have begun long before: they are played from there
            since = since_ns(found.manifest) if since is None else since
    margin_s = _MARGIN_S if around is None else around
    reader = RecordingReader(lambda: open_view(choice.recording.store, os.environ))
    options = ServeOptions(*listen, speed=speed, loops=loop, faults=plan, origins=origins)
    try:
        return asyncio.run(_serve(reader, options, _selected(since, until, incident, margin_s), connection, strict))
    finally:
        reader.close()


def _selected(
    since: int | None, until: int | None, incident: int | None, margin_s: float
) -> Callable[[StoreView], tuple[int, int, str]]:
    """Return what finds the range of ids to serve, and the connection of an incident."""

    def selected(view: StoreView) -> tuple[int, int, str]:
        from wsmon.cli.stores import ids_of_period
        from wsmon.export.run import scope_of_incident
        from wsmon.model.units import SECOND_NS

        if incident is None:
            return *ids_of_period(view, since, until), ""
        scope = scope_of_incident(view, incident, round(margin_s * SECOND_NS))
        since_ns = max(scope.since_ns, since or scope.since_ns)
        until_ns = min((end for end in (scope.until_ns, until) if end is not None), default=None)
        opened = view.events_by_id((incident,))
        return *ids_of_period(view, since_ns, until_ns), opened[0].source.connection if opened else ""

    return selected


async def _serve(
    reader: RecordingReader,
    options: ServeOptions,
    selected: Callable[[StoreView], tuple[int, int, str]],
    connection: str | None,
    is_strict: bool,
) -> int:
    """Survey the recording, then serve it until a signal."""
    import asyncio
    import signal

    from wsmon.config.checks import is_loopback
    from wsmon.serve.server import RecordingServer

    served = await reader.survey(selected, connection)
    for each in served:
        say(f"wsmon: {_summary(each)}")
    if is_strict and (altered := sum(each.counts.altered for each in served)):
        raise NotAsReceivedError(
            f"{altered:,} {'message' if altered == 1 else 'messages'} cannot be served as received",
            "without --strict, what is stored of them is sent",
        )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with RecordingServer(served, reader, options, lambda line: say(f"wsmon: {line}")) as server:
        if not is_loopback(options.host):
            say("wsmon: other machines can connect and read this recording")
        for url in server.urls:
            click.echo(url)
        await stopped.wait()
    return EXIT_OK


def _summary(served: ServedConnection) -> str:
    """Return what is served of a connection, and what of it is not as it was received."""
    counts = served.counts
    sessions = len(served.sessions)
    refused = len(served.steps) - sessions
    facts = [f"{sessions:,} {'session' if sessions == 1 else 'sessions'}"]
    if refused:
        facts.append(f"{refused:,} refused {'attempt' if refused == 1 else 'attempts'}")
    facts.append(f"{counts.messages:,} {'message' if counts.messages == 1 else 'messages'}")
    altered = [
        (counts.masked, "masked"),
        (counts.cut, "cut"),
        (counts.decoded, "decoded"),
        (counts.not_stored, "not stored"),
    ]
    named = ", ".join(f"{count:,} {word}" for count, word in altered if count)
    text = f"serving {served.name}: {', '.join(facts)}"
    if named:
        rest = "; those not stored are left out, others sent as recorded" if counts.not_stored else "; sent as recorded"
        text += f". Not as received: {named}{rest}"
    if counts.encoded:
        text += f". {counts.encoded:,} compressed or wrapped again: the same content, possibly in other bytes"
    if served.unanswered:
        text += f". {served.unanswered:,} attempts that no server answered are left out"
    return text
