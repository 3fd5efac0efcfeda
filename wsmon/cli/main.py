"""The command ``wsmon``: find the command, run it, exit with a code; complete the command line for a shell.

A command's module is imported when the command is called or completed: no headless command loads the screen, and
completing the names of commands loads none of them.
"""

from __future__ import annotations

import importlib
import io
import keyword
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click
from click.shell_completion import CompletionItem

import wsmon
from wsmon.cli.streams import OutputError, lost_output, open_streams
from wsmon.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, ConfigError, WsmonError

PROGRAM = "wsmon"

# The variable with which click's scripts ask for completions.
COMPLETE_VARIABLE = "_WSMON_COMPLETE"

# The commands and their first sentences, in the order of the help page.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "record": "Record connections in the foreground until interrupted.",
        "relay": "Relay connections of applications to a server and record them.",
        "attach": "Open the viewer on a running recorder.",
        "open": "Open a recording in the viewer, or several as one.",
        "ps": "List running recorders and recent recordings.",
        "stop": "Stop a recorder after flushing everything to disk.",
        "search": "Print events that match QUERY.",
        "stats": "Print uptime, traffic, latency and errors per connection.",
        "compare": "Compare two connections, recordings or periods.",
        "assert": "Check assertions against a recording.",
        "probe": "Connect to URLs, check assertions and disconnect.",
        "export": "Export events that match QUERY.",
        "bundle": "Write an incident bundle: one file with the events around an incident.",
        "serve": "Serve a recording as a local WebSocket server.",
        "import": "Import events, HTTP Archives (HAR) or frame logs.",
        "ingest": "Store events from standard input.",
        "check": "Validate CONFIG and list its connections.",
        "detectors": "List incident kinds with their thresholds and silencing options.",
        "doctor": "Check the configuration, recording, system and terminal.",
        "demo": "Run a demo against local scripted servers.",
        "unit": "Print a hardened systemd unit for the connections in CONFIG.",
        "completions": "Print the completion script for a shell.",
        "man": "Print a manual page.",
    }
)

# The command that `wsmon [CONFIG | URL …]` runs.
DEFAULT_COMMAND = "watch"


class Commands(click.Group):
    """A group with one module for each command; anything else is a configuration or a URL to watch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name; None where there is none."""
        if cmd_name not in (*COMMANDS, DEFAULT_COMMAND):
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(importlib.import_module(f"wsmon.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of the help page, as click does, without importing them."""
        room = formatter.width - 6 - max(map(len, COMMANDS))
        rows = [(name, click.Command(name, help=text).get_short_help_str(room)) for name, text in COMMANDS.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the first word: a command, a configuration, or an option of ``wsmon`` alone."""
        if not incomplete.startswith("-"):
            # The shell completes file names where no command fits.
            file = CompletionItem(incomplete, type="file")
            return [file, *(_item(name, text) for name, text in COMMANDS.items() if name.startswith(incomplete))]
        watch = self.get_command(ctx, DEFAULT_COMMAND)
        assert watch is not None
        own = super().shell_complete(ctx, incomplete)
        of_watch = watch.shell_complete(click.Context(watch, parent=ctx, resilient_parsing=True), incomplete)
        return list({item.value: item for item in (*of_watch, *own)}.values())

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the command line, as ``invoke`` runs it: the help page may have a reader that has seen enough, too."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError:
            lost_output()
            raise click.exceptions.Exit(EXIT_OK) from None

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a reader of its output that has seen enough (``| head``) ends it quietly.

        Caught here, since click would exit with 1.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            lost_output()
            return EXIT_OK

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; the default one has no name of its own."""
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == DEFAULT_COMMAND else name, command, rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A command name wins; everything else is an argument of ``watch``."""
        # While a shell completes the first word, no command is chosen yet.
        if not args and ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        if not args or (args[0] not in COMMANDS and args[0] not in ("--help", "-h", "--version")):
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Run `wsmon` to record the connections in ./wsmon.toml in the background and open the viewer. "
    "A recording is kept in a store file. `wsmon wss://host/path` needs no configuration. Try `wsmon demo` first.",
)
@click.version_option(wsmon.__version__, prog_name=PROGRAM)
def cli() -> None:
    """Monitor, record and debug WebSocket connections."""


def _item(name: str, text: str) -> CompletionItem:
    return CompletionItem(name, help=text)


def _say(text: str) -> None:
    # Imported now: a shell that completes the first word waits for this module.
    from wsmon.model.sanitize import sanitize

    click.echo(sanitize(text, multiline=True), err=True)


def _system_error(error: OSError) -> str:
    """Return the sentence of an error of the system, with the file that it is about."""
    if error.strerror is None:
        return str(error)
    name = error.filename if error.filename2 is None else error.filename2
    return error.strerror if name is None else f"{os.fsdecode(name)}: {error.strerror}"


def main(arguments: list[str] | None = None) -> None:
    """Run a command line and exit: 0 ok, 1 failed, 2 usage or configuration, 130 interrupted."""
    open_streams()
    code = run(arguments)
    if lost := lost_output():
        _say(f"wsmon: {lost}")
        code = code or EXIT_FAILED
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    if COMPLETE_VARIABLE in os.environ:
        # Its class for bash registers itself with click.
        importlib.import_module("wsmon.cli.completions")
    try:
        code = cli.main(arguments, prog_name=PROGRAM, complete_var=COMPLETE_VARIABLE, standalone_mode=False)
    except click.ClickException as error:
        # It shows the words of the command line, which a shell may have made of the names of files
        shown = io.StringIO()
        error.show(shown)
        _say(shown.getvalue().rstrip("\n"))
        return error.exit_code
    except ConfigError as error:
        # Every line of it names its file.
        _say(str(error))
        return error.exit_code
    except OutputError as error:
        # What is left to write would fail once more
        lost_output()
        _say(f"wsmon: {error}")
        return error.exit_code
    except WsmonError as error:
        _say(f"wsmon: {error}")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except OSError as error:
        _say(f"wsmon: {_system_error(error)}")
        return EXIT_FAILED
    return code if isinstance(code, int) else EXIT_OK
