"""``wsmon import``: make a store of files that wsmon, a browser or a recorder of feeds wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.process import low_priority, tidy_end
from wsmon.cli.terminal import clear_line, import_line, say
from wsmon.errors import EXIT_OK, UsageError, WsmonError
from wsmon.export.formats import IMPORT_FORMATS, ImportFormat
from wsmon.model.sanitize import sanitize

if TYPE_CHECKING:
    from wsmon.export.importing import ImportReport

_FORMAT_NAMES: dict[ImportFormat, str] = {
    "jsonl": "an export of events",
    "har": "an HTTP Archive",
    "recording": "a frame log",
}
_PLURALS = {"line": "lines", "entry": "entries", "message": "messages"}


@click.command("import")
@click.argument(
    "files",
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True),
    nargs=-1,
    required=True,
    metavar="FILE… | -",
)
@click.option("--store", type=click.Path(path_type=Path), required=True, metavar="NEW", help="New store to create.")
@click.option(
    "--format", "format_", type=click.Choice(IMPORT_FORMATS), help="Format of each FILE (default: auto-detect)."
)
def import_(files: tuple[str, ...], store: Path, format_: ImportFormat | None) -> int:
    """Import events, HTTP Archives (HAR) or frame logs.

    Creates the store NEW from one or more files; `-` reads standard input. Accepts events from `export --format jsonl`
    (IDs are preserved), WebSocket connections in an HTTP Archive (.har), and frame logs: one frame per line, as a JSON
    object with keys ts, dir, type and data, or as TIME MESSAGE. Files may be gzipped. Unreadable entries are counted
    and reported; everything else is imported. View the result with `wsmon open NEW`.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.export.importing import import_files
    from wsmon.export.sink import whole_path
    from wsmon.store.replay import replaying

    if store.is_dir():
        raise UsageError(f"{store} is a folder", "specify a file for the new store")
    try:
        with tidy_end(), low_priority(), _folder(store.parent), whole_path(store, overwrite=False) as part:
            with replaying(part) as replay:
                report = import_files(files, format_, replay, import_line())
            if not report.events:
                raise _nothing(files, report)
    except FileExistsError as error:
        raise UsageError(f"{store} already exists", "import creates a new store; choose another name") from error
    except KeyboardInterrupt:
        clear_line()
        say("cancelled; nothing was written")
        raise
    finally:
        clear_line()
    for named in report.named:
        say(str(named))
    if report.faults > len(report.named):
        say(f"… and {report.faults - len(report.named):,} more")
    noun = "event" if report.events == 1 else "events"
    say(f"imported {report.events:,} {noun} into {store}{left_out(report)}")
    return EXIT_OK


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Create a folder for the block; where the block fails, the folders that were created are removed again."""
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.control.ownership import make_private_folder

    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        make_private_folder(folder)
    except OSError as error:
        raise WsmonError(f"cannot create folder {folder}: {error.strerror}", "choose another location") from error
    try:
        yield
    except BaseException:
        for one in missing:
            # Another process may have put something there
            with suppress(OSError):
                one.rmdir()
        raise


def _nothing(files: tuple[str, ...], report: ImportReport) -> WsmonError:
    """Return the error of an import without events."""
    name = files[0] if len(files) == 1 else f"any of {len(files):,} files"
    if report.named:
        first = report.named[0]
        format_name = _FORMAT_NAMES[report.formats[first.file]]
        return WsmonError(sanitize(str(first)), f"if the file is not {format_name}, set --format")
    return WsmonError(
        f"no events found in {name}", "from an HTTP Archive, only WebSocket connections are imported, not HTTP requests"
    )


def left_out(report: ImportReport) -> str:
    """Return what was left out, as in ", 1 line, 3 messages skipped"."""
    parts = [f"{count:,} {part if count == 1 else _PLURALS[part]}" for part, count in sorted(report.lost.items())]
    return f", {', '.join(parts)} skipped" if parts else ""
