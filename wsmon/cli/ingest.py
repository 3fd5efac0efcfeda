"""``wsmon ingest``: store the events that a program writes to its standard output."""

from __future__ import annotations

from pathlib import Path

import click

from wsmon.errors import EXIT_FAILED, EXIT_OK


@click.command()
@click.argument("source", metavar="-", type=click.Choice(["-"]))
@click.option("--store", type=click.Path(path_type=Path), metavar="PATH", help="Store to add to, or to create.")
@click.option("--connection", default="", metavar="NAME", help="Connection of events that name none (default: app).")
@click.option("--group", default="", metavar="NAME", help="Group of events that name none.")
def ingest(source: str, store: Path | None, connection: str, group: str) -> int:  # noqa: ARG001 - it is `-`
    """Store events from standard input.

    One JSON object per line, with the keys of `search --json`: `name` is required, `ts` defaults to now, `id` is
    refused. The running recorder of the store takes them; if none is running, they are written to the store directly,
    and it is created if necessary. Without --store: the recording of the configuration here, or the only one running.
    Lines that are not events are reported with their numbers, and the exit code is 1; all others are stored.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli.ingest_input import ingest_stdin

    return EXIT_FAILED if ingest_stdin(store, connection, group) else EXIT_OK
