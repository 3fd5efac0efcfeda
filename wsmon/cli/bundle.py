"""``wsmon bundle``: write the events around an incident and a manifest into one file, by hand or for a recorder."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.params import Duration, EventId, store_option
from wsmon.cli.process import low_priority, outliving_stop, tidy_end
from wsmon.cli.terminal import clear_line, progress_line, say
from wsmon.errors import EXIT_OK, ConfigError, UsageError

if TYPE_CHECKING:
    from wsmon.export.bundle import BundleReport, BundleRequest
    from wsmon.model.bundle import ManifestSettings
    from wsmon.store.reader import Reader


@click.command()
@click.option(
    "--incident",
    "incidents",
    type=EventId(),
    multiple=True,
    metavar="ID",
    help="Incident ID: the ID of the event that opened it, or of a disconnect. Repeat to include several incidents.",
)
@click.option("--before", type=Duration(), metavar="DURATION", help="Time before the incident (default: 1m).")
@click.option("--after", type=Duration(), metavar="DURATION", help="Time after the incident's end (default: 1m).")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File to write, ending with .wsmon (default: KIND-CONNECTION-ID.wsmon in the current directory).",
)
@store_option
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option("--order", "is_ordered", is_flag=True, hidden=True)
def bundle(
    incidents: tuple[int, ...],
    before: float | None,
    after: float | None,
    output: Path | None,
    store: str | None,
    force: bool,
    is_ordered: bool,
) -> int:
    """Write an incident bundle: one file with the events around an incident.

    The bundle contains the events of the incident's connection and of wsmon itself, and a manifest: the incident,
    verdicts, versions, and the configuration without secrets. Open it anywhere with `wsmon open FILE.wsmon`.

    `wsmon search name:incident.opened` lists incidents. The setting `bundle` writes bundles automatically.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli.stores import reading
    from wsmon.model.bundle import SUFFIX

    if is_ordered:
        return _write_ordered(store)
    if not incidents:
        raise UsageError("no incident given", "add --incident ID; `wsmon search name:incident.opened` lists incidents")
    if output is not None and output.suffix != SUFFIX:
        raise UsageError(f"{output} does not end with {SUFFIX}", f"name the file FILE{SUFFIX}")
    with tidy_end(), low_priority(), reading(store) as view:
        request = _request(view, incidents, before, after, output, overwrite=force)
        try:
            report = _write(request, view)
        except FileExistsError as error:
            raise UsageError(f"{request.target} already exists", "use --force to overwrite") from error
        except KeyboardInterrupt:
            say("cancelled; nothing was written")
            raise
        finally:
            clear_line()
    _say_written(report, request.target)
    return EXIT_OK


def _request(
    view: Reader,
    incidents: tuple[int, ...],
    before: float | None,
    after: float | None,
    output: Path | None,
    *,
    overwrite: bool,
) -> BundleRequest:
    from wsmon.clock import SystemClock
    from wsmon.config.specs import BundleSpec
    from wsmon.export.bundle import BundleRequest

    # As where the configuration does not say otherwise
    defaults = BundleSpec()
    return BundleRequest(
        incidents,
        output or _default_name(view, incidents[0]),
        defaults.before_s if before is None else before,
        defaults.after_s if after is None else after,
        made_by="command",
        made_ns=SystemClock().wall_ns(),
        host=socket.gethostname(),
        settings=_settings(view),
        overwrite=overwrite,
    )


def _default_name(view: Reader, incident: int) -> Path:
    from wsmon.export.run import scope_of_incident
    from wsmon.model.bundle import file_name

    opened = scope_of_incident(view, incident, 0).opened
    return Path(file_name(opened))


def _write(request: BundleRequest, view: Reader) -> BundleReport:
    from wsmon.export.bundle import write_bundle

    return write_bundle(request, view, progress_line(is_quiet=False))


def _say_written(report: BundleReport, target: Path) -> None:
    from wsmon.model import units as fmt
    from wsmon.model.bundle import title

    count = report.manifest.events.count
    say(f"wrote {title(report.manifest)}: {count:,} events ({fmt.size(report.size_bytes)}) to {target}")
    if report.manifest.period.after_cut_short:
        say(f"wsmon: {report.manifest.period.after_cut_short}")


def _settings(view: Reader) -> ManifestSettings:
    """Return the settings of the newest run: of its file where that is unchanged, else what the recording has."""
    from wsmon.config.load import load
    from wsmon.config.redacted_settings import redacted_settings
    from wsmon.model.bundle import ManifestSettings

    newest = view.runs()[-1:]
    path = Path(newest[0].configuration) if newest and newest[0].configuration.startswith("/") else None
    if path is not None and path.is_file():
        try:
            configuration = load(path, os.environ).configuration
        except ConfigError:
            # It names a secret that is not set here, or is broken by now: the recording has a part of the settings
            pass
        else:
            if configuration.digest == newest[0].digest:
                return ManifestSettings(source="file", values=redacted_settings(configuration))
    return ManifestSettings(source="recording", values={"connections": _stored_specs(view)})


def _stored_specs(view: Reader) -> list[dict[str, object]]:
    import msgspec

    from wsmon.clock import SystemClock

    rows = view.snapshot(SystemClock().wall_ns()).connections
    return [{"name": row.state.name, **msgspec.to_builtins(row.state.spec)} for row in rows]


def _write_ordered(store: str | None) -> int:
    """Write the bundle that a recorder has ordered on standard input."""
    import msgspec

    from wsmon.cli.stores import open_view
    from wsmon.clock import SystemClock
    from wsmon.export.bundle import BundleRequest
    from wsmon.model.bundle import BundleOrder

    order = msgspec.json.decode(sys.stdin.buffer.read(), type=BundleOrder)
    if store is None:
        raise UsageError("no recording given", "add --store STORE")
    view = open_view(Path(store))
    try:
        request = BundleRequest(
            order.incidents,
            Path(order.target),
            order.before_s,
            order.after_s,
            made_by="recorder",
            made_ns=SystemClock().wall_ns(),
            host=socket.gethostname(),
            settings=order.settings,
            until_ns=order.until_ns,
            is_stopping=order.is_stopping,
            more_incidents=order.more_incidents,
            not_bundled=order.not_bundled,
            limit_bytes=order.limit_bytes,
        )
        # A recorder that is stopped meanwhile does not wait for it
        with outliving_stop():
            _write(request, view)
    finally:
        view.close()
    return EXIT_OK
