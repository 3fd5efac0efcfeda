"""What the doctor says of a terminal: each check both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wsmon.cli.diagnosis.diagnosis import Grade
from wsmon.cli.diagnosis.terminal import TerminalFacts, judge_terminal

GOOD = TerminalFacts(True, "xterm-256color", "", "truecolor")
IN_TMUX = replace(GOOD, inside="tmux")


def test_a_good_terminal_is_four_lines_of_ok() -> None:
    assert [(each.check, each.grade, each.fact) for each in judge_terminal(GOOD)] == [
        ("terminal", "ok", "xterm-256color, 80×24"),
        ("colours", "ok", "16 million"),
        ("characters", "ok", "UTF-8"),
        ("clipboard", "ok", "OSC 52, where the terminal allows it"),
    ]


def test_without_a_terminal_nothing_is_wrong() -> None:
    (line,) = judge_terminal(TerminalFacts(False))
    assert line.grade == "ok"


@pytest.mark.parametrize(
    ("facts", "check", "grade", "said"),
    [
        (replace(GOOD, term=""), "terminal", "fail", "TERM is not set"),
        (replace(GOOD, term="dumb"), "terminal", "fail", "TERM is dumb"),
        (replace(GOOD, columns=30), "terminal", "warn", "30×24"),
        (replace(GOOD, lines=8), "terminal", "warn", "80×8"),
        (replace(GOOD, color_term=""), "colours", "ok", "256"),
        (replace(GOOD, color_term="", term="vt100"), "colours", "warn", "vt100 has few"),
        (replace(GOOD, has_no_color=True), "colours", "ok", "NO_COLOR"),
        (replace(GOOD, encoding="ANSI_X3.4-1968"), "characters", "warn", "LANG"),
        (replace(GOOD, encoding="utf8"), "characters", "ok", "UTF-8"),
        (replace(GOOD, program="Apple_Terminal"), "clipboard", "warn", "Terminal.app"),
        (replace(GOOD, term="linux"), "clipboard", "warn", "the console"),
        (replace(GOOD, inside="screen"), "clipboard", "ok", "through screen"),
        (IN_TMUX, "clipboard", "warn", "does not say"),
        (replace(IN_TMUX, tmux={"set-clipboard": "on"}), "clipboard", "ok", "set-clipboard on"),
        (
            replace(IN_TMUX, tmux={"set-clipboard": "external", "allow-passthrough": "on"}),
            "clipboard",
            "ok",
            "allow-passthrough on",
        ),
        (
            replace(IN_TMUX, tmux={"set-clipboard": "external", "allow-passthrough": "off"}),
            "clipboard",
            "warn",
            "tmux set -g set-clipboard on",
        ),
    ],
)
def test_what_is_wrong_with_a_terminal(facts: TerminalFacts, check: str, grade: Grade, said: str) -> None:
    (line,) = (each for each in judge_terminal(facts) if each.check == check)
    assert line.grade == grade, line
    assert said in f"{line.fact} → {line.advice}"
    assert bool(line.advice) == (grade != "ok")
