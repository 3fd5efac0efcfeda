"""Completions, manual page and unit: they know every command and option there is, and their readers take them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from wsmon.cli.handbook.bash import bash
from wsmon.cli.handbook.fish import fish
from wsmon.cli.handbook.man import man
from wsmon.cli.handbook.outline import CommandOutline, outline
from wsmon.cli.handbook.unit import Service, unit
from wsmon.cli.handbook.zsh import zsh
from wsmon.cli.main import COMMANDS, cli, run
from wsmon.export.formats import FORMATS

OUTLINE = outline()
SERVICE = Service(
    Path("/home/ada/my feeds/100%.toml"), Path("/home/ada/state/store.db"), "ada", shutil.which("sh") or ""
)
# Tenths; systemd calls up to 2.0 "OK", and an ordinary service has 9.6
MOST_EXPOSED = "20"


def needs(tool: str) -> pytest.MarkDecorator:
    """A test by a tool that may not be there."""
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


def ran(*command: str | Path, text: str = "") -> str:
    """Everything a tool says; it must be content."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def options_of(name: str) -> set[str]:
    """The options that the help page of a command shows."""
    page = CliRunner().invoke(cli, [name, "--help"]).output
    words = [word.strip(",") for line in page.splitlines() if line.startswith("  -") for word in line.split()[:2]]
    return {word for word in words if word.startswith("-")}


def test_the_outline_is_the_command_line() -> None:
    assert [command.name for command in OUTLINE] == ["", *COMMANDS]
    for command in OUTLINE[1:]:
        assert {name for option in command.options for name in option.names} == options_of(command.name)


@pytest.mark.parametrize("text", [bash(OUTLINE), zsh(OUTLINE), fish(OUTLINE), man(OUTLINE, "1.0").replace("\\-", "-")])
def test_every_command_and_option_is_there_and_nothing_hidden(text: str) -> None:
    for command in OUTLINE:
        assert command.name in text
        for option in command.options:
            name = option.names[-1]
            assert name in text or f"-l {name[2:]}" in text
    assert "ready-fd" not in text


@pytest.mark.parametrize(("shell", "text"), [("bash", bash(OUTLINE)), ("zsh", zsh(OUTLINE)), ("fish", fish(OUTLINE))])
def test_a_shell_takes_its_completion(shell: str, text: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(text)
    assert ran(shell, "-n", script) == ""


def completed(line: str) -> list[str]:
    """What bash offers at the end of a line."""
    script = (
        f"{bash(OUTLINE)}\nCOMP_WORDS=({line}); [[ '{line}' == *' ' ]] && COMP_WORDS+=('')\n"
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _wsmon; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    return ran("bash", "-s", text=script).split()


@needs("bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("wsmon exp", ["export"]),
        ("wsmon export --format ", list(FORMATS)),
        ("wsmon export --format = ot", ["otlp", "otlp-logs"]),
        ("wsmon export --fo", ["--format", "--force"]),
        ("wsmon completions ", ["bash", "zsh", "fish"]),
        ("wsmon search --order ", ["asc", "desc"]),
        ("wsmon search --limit ", []),
        ("wsmon orders.toml --st", ["--store"]),
    ],
)
def test_bash_offers_what_fits(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


@needs("fish")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("wsmon expo", ["export"]),
        ("wsmon export --format ", sorted(FORMATS)),
        ("wsmon completions ", ["bash", "fish", "zsh"]),
        ("wsmon stop --a", ["--all"]),
    ],
)
def test_fish_offers_what_fits(line: str, offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "wsmon.fish").write_text(fish(OUTLINE))
    said = ran("fish", "--no-config", "-c", f"source {tmp_path}/wsmon.fish; complete -C '{line}'")
    assert [each.partition("\t")[0] for each in said.splitlines()] == offered


@needs("zsh")
@pytest.mark.parametrize(
    ("line", "offered"),
    [("wsmon expo", "export"), ("wsmon export --format perf", "perfetto"), ("wsmon stop --al", "--all")],
)
def test_zsh_completes_what_fits(line: str, offered: str, tmp_path: Path) -> None:
    """Typed into a zsh of its own: completion runs only in its line editor."""
    (tmp_path / "_wsmon").write_text(zsh(OUTLINE))
    script = f"""
zmodload zsh/zpty
zpty z 'TERM=dumb zsh -f -i'
zpty -w z 'fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -D -u'
zpty -w z 'bindkey "^I" complete-word; PS1="AT""EASE "'
zpty -r -m z seen '*ATEASE *'
zpty -w -n z $'{line}\\t\\C-a: \\n'
zpty -r -m z seen '*ATEASE *'
zpty -w z 'print -r -- "did"":$history[$((HISTCMD-1))]"'
zpty -r -m z seen '*did:*ATEASE *'
print -r -- $seen
"""
    assert f"{line.rpartition(' ')[0]} {offered}" in ran("zsh", "-f", "-c", script)


@needs("mandoc")
def test_mandoc_finds_nothing_wrong_with_the_page(tmp_path: Path) -> None:
    page = tmp_path / "wsmon.1"
    page.write_text(man(OUTLINE, "0.1.0"))
    assert ran("mandoc", "-Tlint", "-W", "warning", page) == ""


@needs("man")
def test_man_shows_the_page_without_a_warning(tmp_path: Path) -> None:
    page = tmp_path / "wsmon.1"
    page.write_text(man(OUTLINE, "0.1.0"))
    shown = ran("man", "--warnings", "-E", "UTF-8", "-l", page)
    assert "warning: " not in shown  # as groff reports one
    assert "--format NAME" in shown
    assert "wsmon - watch WebSocket connections" in " ".join(shown.split())


def test_text_of_a_page_is_no_request() -> None:
    text = ".SH no heading\n\n'and \\fBno font - …"
    page = man((CommandOutline("x", "", "", text, (), (), ()),), "0").splitlines()
    assert "\\&.SH no heading" in page
    assert "\\&'and \\efBno font \\- \\[u2026]" in page


def test_the_unit_says_who_records_what() -> None:
    lines = unit(SERVICE).splitlines()
    assert "User=ada" in lines
    assert "ReadWritePaths=/home/ada/state" in lines
    words = '"/home/ada/my feeds/100%%.toml" --store /home/ada/state/store.db --quiet'
    assert f"ExecStart={SERVICE.python} -m wsmon record {words}" in lines


@needs("systemd-analyze")
def test_systemd_takes_the_unit_and_calls_it_safe(tmp_path: Path) -> None:
    path = tmp_path / "wsmon.service"
    path.write_text(unit(SERVICE))
    assert ran("systemd-analyze", "verify", path) == ""
    ran("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", path)


def test_the_commands_print_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "wsmon.toml"
    config.write_text('[[connection]]\nname = "a"\nurl = "ws://h/"\n')
    for arguments, begins in (
        (["completions", "zsh"], "#compdef wsmon"),
        (["man"], ".TH WSMON 1"),
        (["unit", str(config), "--user", "ada", "--name", "feeds"], "# Made by `wsmon unit`"),
    ):
        assert run(arguments) == 0
        assert capsys.readouterr().out.startswith(begins)
    assert run(["completions", "csh"]) == 2
