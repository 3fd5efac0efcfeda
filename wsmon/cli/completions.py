"""``wsmon completions``: what a shell needs to complete the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import click

from wsmon.cli.handbook.bash import bash
from wsmon.cli.handbook.fish import fish
from wsmon.cli.handbook.outline import CommandOutline, outline
from wsmon.cli.handbook.zsh import zsh

SHELLS: Mapping[str, Callable[[tuple[CommandOutline, ...]], str]] = MappingProxyType(
    {"bash": bash, "zsh": zsh, "fish": fish}
)


@click.command()
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
def completions(shell: str) -> None:
    """Print what SHELL needs to complete the command line.

    bash: `source <(wsmon completions bash)` in ~/.bashrc. zsh: the same in ~/.zshrc, after compinit. fish: `wsmon
    completions fish > ~/.config/fish/completions/wsmon.fish`.
    """
    click.echo(SHELLS[shell](outline()), nl=False)
