"""The command ``wsmon``: finds the command, runs it, exits with a code.

Commands are imported when they are called: none of the headless ones loads the screen.
"""

from __future__ import annotations

import importlib
import io
import keyword
import os
import sys

import click

import wsmon
from wsmon.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, ConfigError, WsmonError

COMMANDS = (
    "record", "attach", "open", "ps", "stop", "search", "stats", "export", "import", "check", "doctor", "demo",
    "unit", "completions", "man",
)  # fmt: skip
# in the order of the help page
DEFAULT_COMMAND = "watch"
# what `wsmon [CONFIG | URL …]` runs


class Commands(click.Group):
    """A group whose commands live in one module each; what is no command is a configuration or a URL to watch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in (*COMMANDS, DEFAULT_COMMAND):
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(importlib.import_module(f"wsmon.cli.{name}"), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run; whoever reads our output and has seen enough (``| head``) ends it quietly.

        Caught here, since click would exit with 1.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # what is left in the buffer goes nowhere when the interpreter flushes it at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_OK

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; the default one goes by no name of its own."""
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == DEFAULT_COMMAND else name, command, rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A command name wins; everything else is an argument of ``watch``."""
        if not args or (args[0] not in COMMANDS and args[0] not in ("--help", "-h", "--version")):
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`wsmon` alone records what ./wsmon.toml names, in a process of its own, and shows it. "
    "`wsmon wss://host/path` does so without a file. `wsmon demo` shows wsmon at work.",
)
@click.version_option(wsmon.__version__, prog_name="wsmon")
def cli() -> None:
    """Watch WebSocket connections: is it up, is it alive, why did it drop, what was said."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command line and exit: 0 ok, 1 failed, 2 usage or configuration, 130 interrupted."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a dash that an old encoding lacks ends no command
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run a command line; the exit code."""
    try:
        code = cli.main(arguments, prog_name="wsmon", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConfigError as error:
        click.echo(str(error), err=True)  # every line names its file
        return error.exit_code
    except WsmonError as error:
        click.echo(f"wsmon: {error}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except OSError as error:
        click.echo(f"wsmon: {error}", err=True)
        return EXIT_FAILED
    return code if isinstance(code, int) else EXIT_OK
