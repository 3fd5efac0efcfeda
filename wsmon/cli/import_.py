"""``wsmon import``: make a store of a file that wsmon or a browser exported."""

from __future__ import annotations

from pathlib import Path

import click

from wsmon.cli.process import tidy_end
from wsmon.errors import EXIT_OK, UsageError, WsmonError
from wsmon.export.formats import IMPORT_FORMATS, ImportFormat


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--store", type=click.Path(path_type=Path), required=True, metavar="NEW", help="The store to make.")
@click.option("--format", "format_", type=click.Choice(IMPORT_FORMATS), help="What FILE is, where it does not tell.")
def import_(file: Path, store: Path, format_: ImportFormat | None) -> int:
    """Make a store of FILE: events of `export --format jsonl` with their ids, an HTTP Archive, or a recording.

    A recording has a frame a line: {"ts", "dir", "type", "data"}. Lines that are no event are counted and named; the
    others are imported. `wsmon open NEW` shows the store.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.export.importing import import_file
    from wsmon.export.sink import whole_path
    from wsmon.store.replay import replaying

    store.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tidy_end(), whole_path(store, overwrite=False) as part:
            with replaying(part) as replay:
                report = import_file(file, format_, replay)
            if report.named and not report.events:
                first = report.named[0]
                raise WsmonError(
                    f"nothing in {file} is an event; line {first.line}: {first.problem}", "--format says what it is"
                )
    except FileExistsError as error:
        raise UsageError(f"{store} is there already", "import makes a new store: name another one") from error
    for fault in report.named:
        click.echo(f"{file}:{fault.line}: {fault.problem}", err=True)
    left_out = f", {report.faults:,} lines left out" if report.faults else ""
    click.echo(f"imported {report.events:,} events into {store}{left_out}", err=True)
    return EXIT_OK
