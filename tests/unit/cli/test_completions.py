"""Completion in real shells: the printed script is taken by its shell, and offers what fits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.external_programs import needs, output_of
from tests.support.processes import WSMON
from tests.support.recordings import recorded
from wsmon.cli.completions import SHELLS
from wsmon.cli.main import run
from wsmon.export.formats import FORMATS


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    """An environment in which a shell finds the command, of a user who has recorded nothing."""
    homes = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("STATE", "CONFIG", "CACHE")}
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    return {**os.environ, **homes, **runtime, "PATH": f"{WSMON.parent}{os.pathsep}{os.environ['PATH']}"}


def script(shell: str, environ: Mapping[str, str]) -> str:
    return output_of(WSMON, "completions", shell, environ=environ)


@pytest.mark.parametrize("shell", [pytest.param(shell, marks=needs(shell)) for shell in SHELLS])
def test_a_shell_takes_its_script(shell: str, environ: Mapping[str, str], tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text(script(shell, environ))
    assert output_of(shell, "-n", path) == ""


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completions", "csh"]) == 2
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in capsys.readouterr().err


def completed_by_bash(line: str, environ: Mapping[str, str], folder: Path) -> tuple[list[str], bool]:
    """Return what bash offers at the end of a line, and whether it offers file names where that is nothing."""
    commands = (
        f"cd {folder}; compopt() {{ asked=$2; }}; source <(wsmon completions bash)\n"
        f"COMP_WORDS=({line}); [[ '{line}' == *' ' ]] && COMP_WORDS+=('')\n"
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _wsmon_completion wsmon\n"
        'printf "%s\\n" "files:$asked" "${COMPREPLY[@]}"\n'
    )
    files, *offered = output_of("bash", "-s", text=commands, environ=environ).split("\n")
    return [each for each in offered if each], files == "files:default"


@needs("bash")
@pytest.mark.parametrize(
    ("line", "offered", "has_files"),
    [
        ("wsmon exp", ["export"], True),
        ("wsmon orde", [], True),
        ("wsmon --the", ["--theme"], False),
        ("wsmon --ver", ["--version"], False),
        ("wsmon --store x", [], True),
        ("wsmon orders.toml --st", ["--store"], False),
        ("wsmon ws://host/ --as", ["--ascii"], False),
        ("wsmon export --format ", list(FORMATS), False),
        ("wsmon export --format = ot", ["otlp", "otlp-logs"], False),
        ("wsmon export --fo", ["--format", "--force"], False),
        ("wsmon export --output a", [], True),
        ("wsmon completions ", ["bash", "zsh", "fish"], False),
        ("wsmon search --order ", ["asc", "desc", "duration", "size"], False),
        ("wsmon search --limit ", [], False),
        ("wsmon search -heartbeat --lmit --or", ["--order"], False),
        ("wsmon search --since -15m --js", ["--json"], False),
        ("wsmon search error", [], False),
        ("wsmon import --format ", ["jsonl", "har", "recording"], False),
        ("wsmon open ", [], True),
        ("wsmon doctor a", [], True),
        ("wsmon record --quiet a", [], True),
        ("wsmon record --ready", [], False),
    ],
)
def test_bash_offers_what_fits(
    line: str, offered: list[str], has_files: bool, environ: Mapping[str, str], tmp_path: Path
) -> None:
    assert completed_by_bash(line, environ, tmp_path) == (offered, has_files)


@needs("bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        # bash passes a term as three words, and replaces the last one
        ("wsmon search conn : ", ["orders", "quotes"]),
        ("wsmon search conn : q", ["quotes"]),
        ("wsmon search -conn : q", ["quotes"]),
        ("wsmon stats type : tr", ["trade"]),
        ("wsmon export --format jsonl state : cl", ["closed"]),
        ("wsmon stats --connection o", ["orders"]),
        ("wsmon serve feed --connection q", ["quotes"]),
        ("wsmon serve nowhere --connection q", []),
        ("wsmon compare --filter type : tr", ["trade"]),
        ("wsmon search --store fe", ["feed"]),
        ("wsmon search --store = fe", ["feed"]),
        ("wsmon search --store nowhere conn : ", []),
        ("wsmon open fe", ["feed"]),
        ("wsmon stop fe", []),
    ],
)
def test_bash_offers_what_a_recording_has(
    line: str, offered: list[str], environ: Mapping[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "state" / "wsmon" / "feed-01234567"
    folder.mkdir(parents=True)
    events = [message("x", 1, "orders", type="trade"), message("y", 2, "quotes")]
    recorded(folder / "store.db", events, "orders", "quotes")
    # A sign at the end is the last word
    typed = line.rstrip() if line.endswith(": ") else line
    assert completed_by_bash(typed, environ, tmp_path)[0] == offered


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
def test_fish_offers_what_fits(line: str, offered: list[str], environ: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "wsmon.fish").write_text(script("fish", environ))
    printed = output_of(
        "fish", "--no-config", "-c", f"source {tmp_path}/wsmon.fish; complete -C '{line}'", environ=environ
    )
    assert [each.partition("\t")[0] for each in printed.splitlines()] == offered


@needs("zsh")
@pytest.mark.parametrize(
    ("line", "offered"),
    [("wsmon expo", "export"), ("wsmon export --format perf", "perfetto"), ("wsmon stop --al", "--all")],
)
def test_zsh_completes_what_fits(line: str, offered: str, environ: Mapping[str, str], tmp_path: Path) -> None:
    """Typed into a zsh of its own: completion runs only in its line editor."""
    (tmp_path / "_wsmon").write_text(script("zsh", environ))
    commands = f"""
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
    assert f"{line.rpartition(' ')[0]} {offered}" in output_of("zsh", "-f", "-c", commands, environ=environ)
