"""Parameters that several commands share: query words, times, durations, what to record, how the screen looks.

Every command is declared with these, and a TAB in the shell loads the declaration: so nothing here, and no module of a
command, imports the store, the configuration or the query language before it is needed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wsmon.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from wsmon.query.ast import Query

F = TypeVar("F", bound=Callable[..., object])
R = TypeVar("R")


class QueryCommand(click.Command):
    """A command whose arguments are words of a query.

    ``-heartbeat`` is query text unless it is an option; an unknown ``--word`` is an error with the nearest option;
    everything after ``--`` is query text.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put options first, so that click sees every word as an argument."""
        # While a shell completes, the line is unfinished, and an error would end up in the middle of it.
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        options, words = self._split(ctx, args)
        return super().parse_args(ctx, [*options, "--", *words])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete an option, or the value in an excluded term: ``-conn:or``, which click takes for an option."""
        if not incomplete.startswith("--") and (":" in incomplete or "=" in incomplete):
            from wsmon.cli.completion_values import query_items

            return query_items(_stores_of(ctx), incomplete)
        return super().shell_complete(ctx, incomplete)

    def _split(self, ctx: click.Context, args: list[str]) -> tuple[list[str], list[str]]:
        takes_value = {
            name: not param.is_flag and not param.count
            for param in self.get_params(ctx)
            if isinstance(param, click.Option)
            for name in (*param.opts, *param.secondary_opts)
        }
        options: list[str] = []
        words: list[str] = []
        remaining = iter(args)
        for argument in remaining:
            name = argument.partition("=")[0]
            if argument == "--":
                words += remaining
            elif takes_value.get(name[:2]) and (number := argument[2:].removeprefix("=")).isdigit() and name[1] != "-":
                # -n5 and -n=5; any other word that begins with -n is text
                options += (name[:2], number)
            elif name not in takes_value:
                if argument.startswith("--"):
                    raise _unknown_option(argument, list(takes_value))
                words.append(argument)
            else:
                options.append(argument)
                if takes_value[name] and argument == name:
                    options.append(_value_of(name, remaining, ctx))
        return options, words


def _value_of(option: str, remaining: Iterator[str], ctx: click.Context) -> str:
    value = next(remaining, None)
    if value is None:
        raise click.BadOptionUsage(option, f"Option {option!r} requires an argument.", ctx)
    return value


def _unknown_option(option: str, known: list[str]) -> UsageError:
    name = option.partition("=")[0]
    near = difflib.get_close_matches(name, [each for each in known if each.startswith("--")], n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return UsageError(f"unknown option {name}", f"{meant}put `--` before it to use it as query text")


def query_of(words: tuple[str, ...], *, is_utc: bool = False) -> Query:
    """Parse the words of a command line as one query, as of now; ``is_utc``: days and times of day are in UTC."""
    from wsmon.clock import SystemClock
    from wsmon.query.parser import ReferenceTime, parse

    return parse(" ".join(words), ReferenceTime(SystemClock().wall_ns(), UTC if is_utc else None))


class Time(click.ParamType[int]):
    """An option that takes a time; its value is nanoseconds since 1970, ``--utc`` decides about days and hours."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the time that the text means now."""
        from wsmon.clock import SystemClock
        from wsmon.query.times import parse_time

        if isinstance(value, int):
            return value
        is_utc = ctx is not None and bool(ctx.params.get("utc"))
        try:
            return parse_time(str(value), SystemClock().wall_ns(), UTC if is_utc else None)
        except UsageError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType[float]):
    """An option that takes a duration with its unit; its value is seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds that the text means."""
        from wsmon.model.units import CENTURY_S, DAY_S, parse_duration

        try:
            seconds = parse_duration(str(value))
        except UsageError as error:
            self.fail(f"{error.what} ({value}). {error.hint}", param, ctx)
        if seconds > CENTURY_S:
            self.fail(f"must be at most {CENTURY_S // DAY_S}d ({value})", param, ctx)
        return seconds


class RecordingName(click.Path):
    """A recording as a command line names it: a shell completes names that ``ps`` shows, and files."""

    def __init__(self, *, is_running: bool = False) -> None:
        """``is_running``: names of running recorders alone."""
        super().__init__()
        self._is_running = is_running

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names, and the item with which the shell completes files."""
        from wsmon.cli.completion_values import recording_items

        return recording_items(incomplete, is_running=self._is_running)


# The greatest port
MOST_PORT = 65_535


class ListenAddress(click.ParamType[tuple[str, int]]):
    """HOST:PORT; port 0 is any free one."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Return host and port."""
        if isinstance(value, tuple):
            return value
        host, colon, port = str(value).rpartition(":")
        if not (colon and port.isascii() and port.isdigit() and int(port) <= MOST_PORT):
            self.fail(f"{value!r} is not HOST:PORT, e.g. 127.0.0.1:0", param, ctx)
        return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


class ConnectionName(click.ParamType[str]):
    """A connection of the recording that the command reads, by its name."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names of the connections of that recording."""
        from wsmon.cli.completion_values import connection_items

        return connection_items(_stores_of(ctx), incomplete)


class QueryWord(click.ParamType[str]):
    """A word of a query."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return what completes the value of a field: ``conn:or``, ``type:tr``, ``state:cl``."""
        from wsmon.cli.completion_values import query_items

        return query_items(_stores_of(ctx), incomplete)


def _stores_of(ctx: click.Context) -> tuple[str, ...]:
    """Return the recordings that the command line names so far."""
    one = ctx.params.get("store")
    if one is None and any(isinstance(each, click.Argument) and each.name == "store" for each in ctx.command.params):
        # While the value of an option is being completed, Click has not given the arguments before it their names
        one = next(iter(ctx.args), None)
    return ctx.params.get("stores") or (() if one is None else (one,))


def query_argument(command: F) -> F:
    """Add the words of a query, for a ``QueryCommand``."""
    return click.argument("words", nargs=-1, metavar="[QUERY]...", type=QueryWord())(command)


class Limit(click.IntRange):
    """The option that says how many events at most: a whole number from 0 on."""

    name = "integer"

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; the error says how a word ``-n`` is excluded, which an earlier version took for that."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number (to exclude the word n, quote it: '-\"n\"')", param, ctx)
        return int(super().convert(number, param, ctx))


class EventId(click.IntRange):
    """An option with the id of an event, as a store can have it."""

    name = "integer"

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the id; the help would not be clearer with the greatest one that SQLite has."""
        number = int(super().convert(value, param, ctx))
        if number >= 2**63:
            self.fail(f"there is no event {number}", param, ctx)
        return number


def period_options(command: F) -> F:
    """Add the options ``--since`` and ``--until``."""
    since = "Start time: 14:02, -15m, today, RFC 3339, Unix time, or a timestamp from another log (Nov 17 10:00)."
    command = click.option("--until", type=Time(), metavar="T", help="End time (exclusive).")(command)
    return click.option("--since", type=Time(), metavar="T", help=since)(command)


def store_option(command: F) -> F:
    """Add the option ``--store`` of the commands that read a store."""
    text = (
        "Recording to read: a name shown by `wsmon ps`, a configuration, a store file or its directory. "
        "Default: the recording for ./wsmon.toml; otherwise the only running recorder; otherwise the most recent "
        "recording."
    )
    # Click takes the last of several values of an option: without this, the others would be left out silently
    return click.option(
        "--store", multiple=True, callback=_only_store, type=RecordingName(), metavar="STORE", help=text
    )(command)


def _only_store(_ctx: click.Context, _param: click.Parameter, stores: tuple[str, ...]) -> str | None:
    if len(stores) > 1:
        raise UsageError("--store is given more than once, but this command reads one recording", "name one recording")
    return stores[0] if stores else None


def stores_option(command: F) -> F:
    """Add the option ``--store`` of the commands that read one recording or several."""
    text = (
        "Recording to read: a name shown by `wsmon ps`, a configuration, a store file or its directory; repeat it to "
        "read several as one, and give each a name with NAME=STORE. Default: the recording for ./wsmon.toml; otherwise "
        "the only running recorder; otherwise the most recent recording."
    )
    return click.option("--store", "stores", multiple=True, type=RecordingName(), metavar="STORE", help=text)(command)


def assertion_options(command: F) -> F:
    """Add the options that say how results of assertions are printed and written."""
    decorators: Sequence[Callable[[F], F]] = (
        click.option(
            "--format",
            "format_",
            type=click.Choice(("table", "json", "junit")),
            default="table",
            help="Format of the output (default: table).",
        ),
        click.option("--json", "format_", flag_value="json", help="Same as --format json: print one JSON object."),
        click.option(
            "--junit",
            type=click.Path(path_type=Path, dir_okay=False),
            callback=_junit_file,
            metavar="FILE",
            help="Also write JUnit XML to FILE, for CI servers.",
        ),
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def _junit_file(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuse what is known to be no place for a file, before a probe has spent its time."""
    if path == Path("-"):
        raise UsageError("--junit needs the name of a file", "--format junit prints the XML to stdout")
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"--junit {path}: no such directory: {path.parent}", "create it first")
    return path


def header_option(command: F, mode: str = "") -> F:
    """Add the option for headers of upgrade requests; ``mode`` as in ``url_options``."""
    return click.option(
        "-H",
        "--header",
        "headers",
        multiple=True,
        metavar="'NAME: VALUE'",
        help=f"Extra request header ({mode}repeatable). A value ending in ? is prompted for.",
    )(command)


def url_options(command: F, mode: str = "") -> F:
    """Add the options that go with URLs; ``mode`` is said of them where there may be a configuration instead."""
    decorators: Sequence[Callable[[F], F]] = (
        partial(header_option, mode=mode),
        click.option("--subscribe", multiple=True, metavar="TOPIC", help=f"Topic to subscribe to ({mode}repeatable)."),
        click.option(
            "--subprotocol",
            "subprotocols",
            multiple=True,
            metavar="NAME",
            help=f"WebSocket subprotocol to offer ({mode}repeatable).",
        ),
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def request_options(command: F) -> F:
    """Add the arguments of a ``Request``, for the commands that begin a recording."""
    decorators: Sequence[Callable[[F], F]] = (
        click.argument("names", nargs=-1, metavar="[CONFIG | URL …]", type=click.Path()),
        partial(url_options, mode="URL mode only; "),
        click.option("--store", type=click.Path(path_type=Path), help="Store to record into."),
        click.option(
            "--send",
            "allow_send",
            is_flag=True,
            help="Allow sending messages manually from the viewer (URL mode only).",
        ),
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


@dataclass(frozen=True, slots=True)
class ScreenWishes:
    """Options of the screen from the command line; they win over the configuration and the remembered screen."""

    theme: str = ""
    """Empty = the configuration's, or the one chosen last."""
    is_ascii: bool = False
    has_mouse: bool = True


def screen_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the options of the commands that open the screen; the command gets them as one argument ``wishes``."""

    @click.option("--theme", default="", metavar="NAME", help="Colour theme, e.g. wsmon-light.")
    @click.option("--ascii", "is_ascii", is_flag=True, help="Draw with ASCII characters only.")
    @click.option("--no-mouse", is_flag=True, help="Disable mouse support so you can select text in the terminal.")
    @wraps(command)
    def with_wishes(*args: object, theme: str, is_ascii: bool, no_mouse: bool, **kwargs: object) -> R:
        return command(*args, wishes=ScreenWishes(theme, is_ascii, not no_mouse), **kwargs)

    return with_wishes
