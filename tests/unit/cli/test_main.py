"""The command line as a whole: which command runs, the help page, exit codes, and what a TAB offers."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from tests.support.builders import dialled
from tests.support.recordings import recorded
from wsmon.cli.main import COMMANDS, COMPLETE_VARIABLE, PROGRAM, cli, run


def completed(*args: str) -> list[tuple[str, str]]:
    """Return type and value of what is offered for the last word."""
    completion = ShellComplete(cli, {}, PROGRAM, COMPLETE_VARIABLE)
    return [(item.type, item.value) for item in completion.get_completions(list(args[:-1]), args[-1])]


def test_the_summaries_are_those_of_the_commands() -> None:
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in COMMANDS}
    assert {name: each and each.get_short_help_str(limit=200) for name, each in commands.items()} == dict(COMMANDS)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_help_page_is_the_one_that_click_writes(columns: int) -> None:
    """It is written from the summaries, so that no command is imported."""
    ours = CliRunner().invoke(cli, ["--help"], terminal_width=columns).output
    context = click.Context(cli, info_name=PROGRAM, terminal_width=columns)
    formatter = context.make_formatter()
    click.Group.format_commands(cli, context, formatter)
    assert formatter.getvalue() in ours


def test_the_first_word_is_a_command_or_a_file() -> None:
    assert completed("") == [("file", ""), *(("plain", name) for name in COMMANDS)]
    assert completed("st") == [("file", "st"), ("plain", "stop"), ("plain", "stats")]
    assert completed("orders.t") == [("file", "orders.t")]


def test_an_option_as_the_first_word_is_one_of_the_default_command_or_of_wsmon() -> None:
    assert completed("--he") == [("plain", "--header"), ("plain", "--help")]
    assert completed("--v") == [("plain", "--version")]


def test_what_follows_a_configuration_belongs_to_the_default_command() -> None:
    assert completed("a.toml", "--no") == [("plain", "--no-mouse")]
    assert completed("a.toml", "b") == [("file", "b")]


def test_hidden_options_are_not_offered() -> None:
    assert completed("record", "--r") == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--version"], 0), (["search", "--help"], 0), (["ps", "--nothing"], 2), (["search", "--nothing"], 2)],
)
def test_exit_codes(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == code
    assert bool(capsys.readouterr().err) == (code != 0)


def test_an_error_of_the_system_names_its_file_and_no_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = recorded(tmp_path / "store.db", [dialled(0, "orders")], "orders")
    target = tmp_path / "none" / "out.jsonl"
    assert run(["export", "--store", str(store), "--format", "jsonl", "--output", str(target)]) == 1
    assert capsys.readouterr().err == f"wsmon: {target}: No such file or directory\n"
