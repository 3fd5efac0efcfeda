"""``wsmon open``: show a store, whether its recorder runs or not."""

from __future__ import annotations

import os

import click

from wsmon.cli.params import ScreenWishes, screen_options
from wsmon.cli.process import importing
from wsmon.cli.terminal import require_terminal


@click.command()
@click.argument("store", type=click.Path())
@screen_options
def open(store: str, *, wishes: ScreenWishes) -> int:  # noqa: A001 - the command's name
    """Look at STORE (a store, its folder or its configuration), also one whose recorder is gone."""
    from wsmon.cli.stores import find_store

    require_terminal()
    found = find_store(store)
    # The screen takes the longest to import: only when there is something to show.
    with importing():
        from wsmon.cli.view import view

    return view(found, os.environ, wishes)
