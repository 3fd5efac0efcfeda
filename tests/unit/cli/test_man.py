"""The manual page: it knows every command and option there is, and its readers take it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.external_programs import needs, output_of
from wsmon.cli.main import COMMANDS, cli, run
from wsmon.cli.man import CommandOutline, man_page, outline

OUTLINE = outline()


def options_of(name: str) -> set[str]:
    """The options that the help page of a command shows."""
    page = CliRunner().invoke(cli, [name, "--help"]).output
    words = [word.strip(",") for line in page.splitlines() if line.startswith("  -") for word in line.split()[:2]]
    return {word for word in words if word.startswith("-")}


def test_the_outline_is_the_command_line() -> None:
    assert [command.name for command in OUTLINE] == ["", *COMMANDS]
    for command in OUTLINE[1:]:
        assert {name for option in command.options for name in option.names} == options_of(command.name)


def test_short_names_of_options_come_first() -> None:
    for command in OUTLINE:
        for option in command.options:
            assert list(option.names) == sorted(option.names, key=len)


def test_every_command_and_option_is_there_and_nothing_hidden() -> None:
    text = man_page(OUTLINE, "1.0").replace("\\-", "-")
    for command in OUTLINE:
        assert f".B wsmon {command.name}".strip() in text
        for option in command.options:
            assert option.names[-1] in text
    assert "ready-fd" not in text


@needs("mandoc")
def test_mandoc_finds_nothing_wrong_with_the_page(tmp_path: Path) -> None:
    page = tmp_path / "wsmon.1"
    page.write_text(man_page(OUTLINE, "0.1.0"))
    assert output_of("mandoc", "-Tlint", "-W", "warning", page) == ""


@needs("man")
def test_man_shows_the_page_without_a_warning(tmp_path: Path) -> None:
    page = tmp_path / "wsmon.1"
    page.write_text(man_page(OUTLINE, "0.1.0"))
    shown = output_of("man", "--warnings", "-E", "UTF-8", "-l", page)
    assert "warning: " not in shown  # as groff reports one
    assert "--format NAME" in shown
    assert "wsmon - monitor, record and debug WebSocket connections" in " ".join(shown.split())


def test_text_of_a_page_is_no_request() -> None:
    text = ".SH no heading\n\n'and \\fBno font - …"
    page = man_page((CommandOutline("x", "", text, ()),), "0").splitlines()
    assert "\\&.SH no heading" in page
    assert "\\&'and \\efBno font \\- \\[u2026]" in page


def test_a_query_page_has_a_section_for_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["man", "query"]) == 0
    page = capsys.readouterr().out
    sections = [
        "NAME",
        "DESCRIPTION",
        "FORMS",
        "TIMES",
        "FIELDS",
        "SEARCH FLAGS",
        "CONNECTION STATES",
        "EVENT NAMES",
        "EXAMPLES",
    ]
    assert [line.removeprefix(".SH ") for line in page.splitlines() if line.startswith(".SH ")] == [
        *sections,
        "SEE ALSO",
    ]


def test_the_command_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["man"]) == 0
    assert capsys.readouterr().out.startswith(".TH WSMON 1")
