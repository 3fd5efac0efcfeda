"""``wsmon completions``: the script with which a shell completes the command line; click does the completing.

At a TAB the script runs ``wsmon`` with ``_WSMON_COMPLETE`` set, and main.py answers with what fits.
"""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, add_completion_class, get_completion_class

from wsmon.cli.main import COMPLETE_VARIABLE, PROGRAM, cli

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completions(shell: str) -> None:
    """Print the completion script for SHELL.

    bash: add `source <(wsmon completions bash)` to ~/.bashrc. zsh: add `source <(wsmon completions zsh)` to ~/.zshrc,
    after compinit. fish: `wsmon completions fish > ~/.config/fish/completions/wsmon.fish`.
    """
    shell_class = get_completion_class(shell)
    # click knows all of SHELLS.
    assert shell_class is not None
    click.echo(shell_class(cli, {}, PROGRAM, COMPLETE_VARIABLE).source(), nl=False)


@add_completion_class
class BashWordComplete(BashComplete):
    """Completion for bash, which passes ``--format=j`` as three words."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the incomplete one, without the sign between an option and its value."""
        args, incomplete = super().get_completion_args()
        return (args[:-1] if args and args[-1] == "=" else args), incomplete
