"""Query words between options, and a recording that is named more than once."""

from __future__ import annotations

import click
import pytest

from wsmon.cli.main import run
from wsmon.cli.params import QueryCommand
from wsmon.errors import UsageError


@click.command(cls=QueryCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1)
@click.option("--limit", type=int)
@click.option("--json", "is_json", is_flag=True)
def command(words: tuple[str, ...], limit: int | None, is_json: bool) -> tuple[tuple[str, ...], int | None, bool]:
    return words, limit, is_json


def given(*arguments: str) -> object:
    return command.main(list(arguments), standalone_mode=False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ((), None, False)),
        (("a", "--limit", "3", "b", "--json"), (("a", "b"), 3, True)),
        (("-heartbeat", "a"), (("-heartbeat", "a"), None, False)),
        (("a", "-op:ping", "--limit=3"), (("a", "-op:ping"), 3, False)),
        (("-", "-5"), (("-", "-5"), None, False)),
        (("a", "--", "--limit", "-x"), (("a", "--limit", "-x"), None, False)),
        (("--limit", "-3"), ((), -3, False)),
    ],
)
def test_words_and_options_are_told_apart(arguments: tuple[str, ...], expected: object) -> None:
    assert given(*arguments) == expected


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--lmit", "unknown option --lmit. did you mean --limit?"),
        ("--lmit=3", "unknown option --lmit. did you mean --limit?"),
        ("--nothing-like-it", "unknown option --nothing-like-it. put `--` before it to use it as query text"),
    ],
)
def test_an_unknown_option_is_named_with_the_nearest(option: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        given(option)
    assert str(caught.value).startswith(said)


def test_an_option_without_its_value_is_an_error() -> None:
    with pytest.raises(click.BadOptionUsage):
        given("--limit")


@pytest.mark.parametrize("words", [["stats"], ["assert", "no is:problem"], ["bundle", "--incident", "7"]])
def test_a_second_recording_for_a_command_that_reads_one_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--store", "a.db", "--store", "b.db"]) == 2
    assert capsys.readouterr().err == (
        "wsmon: --store is given more than once, but this command reads one recording. name one recording\n"
    )
