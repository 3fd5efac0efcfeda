"""``wsmon man``: the manual page, made from the commands that parse the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import click

import wsmon
from wsmon.cli.main import COMMANDS, DEFAULT_COMMAND, cli
from wsmon.cli.roff import DATE, argument, escaped

_NAME = "monitor, record and debug WebSocket connections"
_FILES = (
    ("./wsmon.toml", "Configuration used if none is given as an argument or in WSMON_CONFIG."),
    ("$XDG_CONFIG_HOME/wsmon/", "User configuration (wsmon.toml) and themes."),
    (
        "$XDG_STATE_HOME/wsmon/NAME-XXXXXXXX/store.db",
        "Store file (SQLite database) that keeps the recording, one per configuration.",
    ),
    ("recorder.log", "Recorder log, in the same directory as the store; rotated to recorder.log.1 to .3."),
    ("$XDG_RUNTIME_DIR/wsmon/", "Control sockets of running recorders."),
)
_ENVIRONMENT = (
    ("WSMON_CONFIG", "Configuration used if none is given as an argument."),
    ("NO_COLOR", "Disables colours when set."),
    (
        "XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME, XDG_RUNTIME_DIR",
        "File locations (XDG base directories).",
    ),
)
_STATUS = (
    ("0", "Success."),
    ("1", "Failure."),
    ("2", "Usage or configuration error, or an assertion that cannot be evaluated (assert, probe)."),
    ("3", "A KPI misses its target (stats --check), or an assertion fails (assert, probe)."),
    ("130", "Interrupted."),
)


# The pages, by the argument that names them
PAGES = ("wsmon", "query")


@click.command()
@click.argument("page", required=False, default=PAGES[0], type=click.Choice(PAGES), metavar="[wsmon|query]")
def man(page: str) -> None:
    """Print a manual page.

    View it with `wsmon man | man -l -`; install it with `wsmon man > ~/.local/share/man/man1/wsmon.1`. `wsmon man
    query` prints wsmon-query(7), the search language.
    """
    if page == "query":
        # Imported now: a shell that completes the pages waits for this module
        from wsmon.cli.man_query import query_page

        click.echo(query_page(wsmon.__version__), nl=False)
        return
    click.echo(man_page(outline(), wsmon.__version__), nl=False)


@dataclass(frozen=True, slots=True)
class OptionOutline:
    """An option of a command."""

    names: tuple[str, ...]
    """As typed, the long one last."""
    value: str
    """The name of its value; empty for a flag."""
    choices: tuple[str, ...]
    """The values that it takes; empty where it takes any."""
    help: str


@dataclass(frozen=True, slots=True)
class CommandOutline:
    """A command, as the manual page describes it."""

    name: str
    """Empty for what ``wsmon`` alone does."""
    usage: str
    """Its arguments: ``[QUERY]... [OPTIONS]``."""
    text: str
    """Paragraphs, with an empty line between them."""
    options: tuple[OptionOutline, ...]


def outline() -> tuple[CommandOutline, ...]:
    """Return what ``wsmon`` alone does, then every command, in the order of the help page."""
    context = click.Context(cli, info_name="wsmon", **cli.context_settings)
    return tuple(_outlines(context))


def _outlines(context: click.Context) -> Iterator[CommandOutline]:
    for name in (DEFAULT_COMMAND, *COMMANDS):
        command = cli.get_command(context, name)
        assert command is not None, name
        shown = "" if name == DEFAULT_COMMAND else name
        yield _command_outline(shown, command, click.Context(command, info_name=name, parent=context))


def _command_outline(name: str, command: click.Command, context: click.Context) -> CommandOutline:
    params = command.get_params(context)
    if not name:
        params += [param for param in cli.params if isinstance(param, click.Option)]
    return CommandOutline(
        name,
        " ".join(command.collect_usage_pieces(context)),
        _paragraphs(command.help or ""),
        tuple(_option_outline(param) for param in params if isinstance(param, click.Option) and not param.hidden),
    )


def _option_outline(option: click.Option) -> OptionOutline:
    choices = tuple(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ()
    value = "" if option.is_flag else (option.metavar or option.type.name.upper())
    # Before click 8.5 the order of `-h, --help` changes from run to run.
    names = sorted((*option.opts, *option.secondary_opts), key=lambda name: name.startswith("--"))
    # Click's own text of --help calls the page a message
    text = "Show help and exit." if "--help" in names else option.help or ""
    return OptionOutline(tuple(names), "NAME" if choices else value, choices, text)


def _paragraphs(text: str) -> str:
    """Return a text with each paragraph on a line of its own."""
    return "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))


def man_page(commands: tuple[CommandOutline, ...], version: str) -> str:
    """Return the page in the macros of man(7)."""
    return "".join(f"{line}\n" for line in _lines(commands, version))


def _lines(commands: tuple[CommandOutline, ...], version: str) -> Iterator[str]:
    yield f'.TH WSMON 1 {DATE} "wsmon {escaped(version)}" "User Commands"'
    yield ".SH NAME"
    yield f"wsmon \\- {escaped(_NAME)}"
    yield ".SH SYNOPSIS"
    for number, command in enumerate(commands):
        if number:
            yield ".br"
        yield f".B {escaped(f'wsmon {command.name}'.strip())}"
        yield escaped(command.usage)
    yield ".SH DESCRIPTION"
    for command in commands:
        yield from _command_lines(command)
    for title, rows in (("EXIT STATUS", _STATUS), ("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {title}"
        for term, text in rows:
            yield from (".TP", f".B {escaped(term)}", escaped(text))
    yield ".SH SEE ALSO"
    yield ".BR wsmon\\-query (7),"
    yield ".BR sqlite3 (1),"
    yield ".BR systemd.unit (5)"


def _command_lines(command: CommandOutline) -> Iterator[str]:
    yield f".SS {argument(f'wsmon {command.name} {command.usage}' if command.name else f'wsmon {command.usage}')}"
    for number, paragraph in enumerate(command.text.split("\n\n")):
        if number:
            yield ".PP"
        yield escaped(paragraph)
    for option in command.options:
        yield from (".TP", _option_heading(option), escaped(option.help or "\\&"))
        if option.choices:
            yield escaped(f"One of {', '.join(option.choices)}.")


def _option_heading(option: OptionOutline) -> str:
    names = ", ".join(option.names)
    return f".BI {argument(names)} {argument(f' {option.value}')}" if option.value else f".B {escaped(names)}"
