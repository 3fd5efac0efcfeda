"""``wsmon unit``: the systemd unit that records a configuration from the start of the machine on."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import click

from wsmon.cli.handbook.unit import NAME, Service
from wsmon.cli.handbook.unit import unit as unit_text
from wsmon.cli.target import Request, resolve


@click.command("unit")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--store", type=click.Path(path_type=Path), help="Where to record to.")
@click.option("--user", metavar="NAME", help="Who records, and may attach; you by default.")
@click.option("--name", default=NAME, metavar="NAME", help="What the service is called.")
def unit(config: Path | None, store: Path | None, user: str | None, name: str) -> None:
    """Print a hardened systemd unit that records CONFIG, also after a reboot.

    Its first lines say how to install it. Secrets come from files (${file:PATH}) or from an Environment= of a drop-in.
    """
    request = Request((str(config),) if config is not None else (), store=store)
    target = resolve(request, os.environ)
    path = target.loaded.configuration.path
    assert path is not None  # it was read from one
    click.echo(unit_text(Service(path, target.store, user or getpass.getuser(), name=name)), nl=False)
