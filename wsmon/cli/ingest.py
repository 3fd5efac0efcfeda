"""``wsmon ingest``: store the events that a program writes to its standard output."""

from __future__ import annotations

from pathlib import Path

import click

from wsmon.errors import EXIT_FAILED, EXIT_OK


@click.command()
@click.argument("source", metavar="-", type=click.Choice(["-"]))
@click.option("--store", type=click.Path(path_type=Path), metavar="PATH", help="Store to write to; created if needed.")
@click.option(
    "--connection", default="", metavar="NAME", help="Connection name for events that have none (default: app)."
)
@click.option("--group", default="", metavar="NAME", help="Group name for events that have none.")
def ingest(source: str, store: Path | None, connection: str, group: str) -> int:  # noqa: ARG001 - it is `-`
    """Store events from standard input.

    One JSON object per line, using the same keys as `search --json`: `name` is required, `ts` defaults to now, `id`
    is not allowed. If a recorder is writing to the store, events are sent to it; otherwise they are written directly
    to the store. Default: the store of the recorder for ./wsmon.toml, or of the only running recorder.
    Invalid lines are reported by line number; all other lines are stored. Exits with status 1 if a line is invalid.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli.ingest_input import ingest_stdin

    return EXIT_FAILED if ingest_stdin(store, connection, group) else EXIT_OK
