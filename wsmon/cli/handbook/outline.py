"""The command line as values: what each command takes, read from the commands that parse it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import click

from wsmon.cli.main import COMMANDS, DEFAULT_COMMAND, cli

_FILES = re.compile(r"CONFIG|STORE|FILE|PATH|NEW")
# in the name of a value that is a file


@dataclass(frozen=True, slots=True)
class OptionOutline:
    """An option."""

    names: tuple[str, ...]
    # as typed, the long one last
    value: str
    # what its value is called; empty for a flag
    choices: tuple[str, ...]
    help: str

    @property
    def takes_file(self) -> bool:
        """Whether the value is a path."""
        return bool(_FILES.search(self.value)) and not self.choices


@dataclass(frozen=True, slots=True)
class CommandOutline:
    """A command."""

    name: str
    # empty for what `wsmon` alone does
    usage: str
    # of its arguments: "[QUERY]... [OPTIONS]"
    short: str
    # a sentence
    text: str
    # paragraphs, with an empty line between
    options: tuple[OptionOutline, ...]
    arguments: tuple[str, ...]
    # what they are called
    choices: tuple[str, ...]
    # of the first argument

    @property
    def takes_files(self) -> bool:
        """Whether its arguments may be paths."""
        return any(_FILES.search(name) for name in self.arguments)


def outline() -> tuple[CommandOutline, ...]:
    """What `wsmon` alone does, then every command, in the order of the help page."""
    context = click.Context(cli, info_name="wsmon", **cli.context_settings)
    return tuple(_outlines(context))


def _outlines(context: click.Context) -> Iterator[CommandOutline]:
    for name in (DEFAULT_COMMAND, *COMMANDS):
        command = cli.get_command(context, name)
        assert command is not None, name
        shown = "" if name == DEFAULT_COMMAND else name
        yield _command(shown, command, click.Context(command, info_name=name, parent=context))


def _command(name: str, command: click.Command, context: click.Context) -> CommandOutline:
    params = command.get_params(context)
    if not name:
        params += [param for param in cli.params if isinstance(param, click.Option)]
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    first = arguments[0].type if arguments else None
    return CommandOutline(
        name,
        " ".join(command.collect_usage_pieces(context)),
        command.get_short_help_str(limit=200),
        _paragraphs(command.help or ""),
        tuple(_option(param) for param in params if isinstance(param, click.Option) and not param.hidden),
        tuple(argument.make_metavar(context) for argument in arguments),
        tuple(map(str, first.choices)) if isinstance(first, click.Choice) else (),
    )


def _option(option: click.Option) -> OptionOutline:
    choices = tuple(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ()
    value = "" if option.is_flag else (option.metavar or option.type.name.upper())
    return OptionOutline(
        (*option.opts, *option.secondary_opts), "NAME" if choices else value, choices, option.help or ""
    )


def _paragraphs(text: str) -> str:
    """Each paragraph on a line of its own."""
    return "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))
