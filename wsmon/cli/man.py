"""``wsmon man``: the manual page."""

from __future__ import annotations

import click

import wsmon
from wsmon.cli.handbook.man import man as page
from wsmon.cli.handbook.outline import outline


@click.command()
def man() -> None:
    """Print the manual page.

    `wsmon man | man -l -` shows it; `wsmon man > ~/.local/share/man/man1/wsmon.1` installs it.
    """
    click.echo(page(outline(), wsmon.__version__), nl=False)
