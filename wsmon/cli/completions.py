"""``wsmon completions``: the script with which a shell completes the command line; click does the completing.

At a TAB the script runs ``wsmon`` with ``_WSMON_COMPLETE`` set, and main.py answers with what fits.
"""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, get_completion_class

from wsmon.cli.main import COMPLETE_VARIABLE, PROGRAM, cli

# Signs at which bash begins a word
_SIGNS = ("=", ":")

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completions(shell: str) -> None:
    """Print the completion script for a shell.

    bash: add `source <(wsmon completions bash)` to ~/.bashrc. zsh: add `source <(wsmon completions zsh)` to ~/.zshrc,
    after compinit. fish: `wsmon completions fish > ~/.config/fish/completions/wsmon.fish`.
    """
    shell_class = get_completion_class(shell)
    # click knows all of SHELLS.
    assert shell_class is not None
    click.echo(shell_class(cli, {}, PROGRAM, COMPLETE_VARIABLE).source(), nl=False)


@add_completion_class
class BashWordComplete(BashComplete):
    """Completion for bash, which passes ``--format=j`` and ``conn:or`` as three words, and replaces the last one."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the incomplete one, without the sign between an option and its value.

        A term of a query is one word again.
        """
        args, incomplete = super().get_completion_args()
        is_sign = incomplete in _SIGNS
        sign = incomplete if is_sign else args[-1] if args else ""
        rest = args if is_sign else args[:-1]
        if sign not in _SIGNS or not rest:
            return args, incomplete
        if rest[-1].startswith("--"):
            return rest, "" if is_sign else incomplete
        self._replaced = f"{rest[-1]}{sign}"
        return rest[:-1], self._replaced if is_sign else f"{self._replaced}{incomplete}"

    # What bash keeps of a term: all but its last word
    _replaced = ""

    def format_completion(self, item: CompletionItem) -> str:
        """Return a line for the script: the type, and what takes the place of the last word."""
        return f"{item.type},{item.value.removeprefix(self._replaced)}"
