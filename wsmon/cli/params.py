"""Commands that take a query: its words stand between the options, and may begin with a minus."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import UTC

import click

from wsmon.clock import SystemClock
from wsmon.errors import UsageError
from wsmon.query.ast import Query
from wsmon.query.parser import ReferenceTime, parse


class QueryCommand(click.Command):
    """A command whose arguments are words of a query.

    ``-heartbeat`` is query text unless it is an option; an unknown ``--word`` is an error with the nearest option; all
    that follows ``--`` is query text.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options first, so that click sees every word as an argument."""
        options, words = self._split(ctx, args)
        return super().parse_args(ctx, [*options, "--", *words])

    def _split(self, ctx: click.Context, args: list[str]) -> tuple[list[str], list[str]]:
        takes_value = {
            name: not param.is_flag and not param.count
            for param in self.get_params(ctx)
            if isinstance(param, click.Option)
            for name in (*param.opts, *param.secondary_opts)
        }
        options: list[str] = []
        words: list[str] = []
        waiting = iter(args)
        for argument in waiting:
            name = argument.partition("=")[0]
            if argument == "--":
                words += waiting
            elif name not in takes_value:
                if argument.startswith("--"):
                    raise _unknown(argument, list(takes_value))
                words.append(argument)
            else:
                options.append(argument)
                if takes_value[name] and argument == name:
                    options.append(_value_of(name, waiting, ctx))
        return options, words


def query_of(words: tuple[str, ...], *, is_utc: bool = False) -> Query:
    """The query that the words of a command line make, now; ``is_utc``: days and times of day are UTC's."""
    return parse(" ".join(words), ReferenceTime(SystemClock().wall_ns(), UTC if is_utc else None))


def _value_of(option: str, waiting: Iterator[str], ctx: click.Context) -> str:
    value = next(waiting, None)
    if value is None:
        raise click.BadOptionUsage(option, f"Option {option!r} requires an argument.", ctx)
    return value


def _unknown(option: str, known: list[str]) -> UsageError:
    name = option.partition("=")[0]
    near = difflib.get_close_matches(name, [each for each in known if each.startswith("--")], n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return UsageError(f"there is no option {name}", f"{meant}as query text it goes after `--`")
