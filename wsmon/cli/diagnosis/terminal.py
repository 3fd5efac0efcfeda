"""Judges the terminal: size, colours, characters, and whether text gets to its clipboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wsmon.cli.diagnosis.diagnosis import Diagnosis, fail, ok, warn
from wsmon.tui.terminal.capabilities import Multiplexer

LEAST_COLUMNS, LEAST_LINES = 40, 12
USABLE_COLUMNS, USABLE_LINES = 80, 24
NO_OSC_52 = {"Apple_Terminal": "Terminal.app", "linux": "the console"}
# by TERM_PROGRAM or TERM


@dataclass(frozen=True, slots=True)
class TerminalFacts:
    """What is known of the terminal."""

    is_terminal: bool
    term: str = ""
    # TERM
    program: str = ""
    # TERM_PROGRAM
    color_term: str = ""
    # COLORTERM
    has_no_color: bool = False
    # NO_COLOR is set
    encoding: str = "utf-8"
    # of the locale, as Python names it
    columns: int = USABLE_COLUMNS
    lines: int = USABLE_LINES
    inside: Multiplexer = ""
    tmux: dict[str, str] = field(default_factory=dict)
    # its options; empty where it does not say


def judge_terminal(facts: TerminalFacts) -> Iterator[Diagnosis]:
    """Four lines, or one where there is no terminal."""
    if not facts.is_terminal:
        yield ok("terminal", "none here; `wsmon record`, `search`, `stats` and `export` need none")
        return
    yield _kind(facts)
    yield _colors(facts)
    yield _characters(facts)
    yield _clipboard(facts)


def _kind(facts: TerminalFacts) -> Diagnosis:
    if facts.term in ("", "dumb", "unknown"):
        named = f"TERM is {facts.term}" if facts.term else "TERM is not set"
        return fail("terminal", named, "no screen can be drawn: set it to what the terminal is (xterm-256color)")
    size = f"{facts.term}, {facts.columns}×{facts.lines}"
    if facts.columns < LEAST_COLUMNS or facts.lines < LEAST_LINES:
        return warn("terminal", size, f"make it {USABLE_COLUMNS}×{USABLE_LINES} or larger to see all panes")
    return ok("terminal", size)


def _colors(facts: TerminalFacts) -> Diagnosis:
    if facts.has_no_color:
        return ok("colours", "none: NO_COLOR is set")
    if facts.color_term in ("truecolor", "24bit"):
        return ok("colours", "16 million")
    if "256color" in facts.term or facts.term.endswith("-direct"):
        return ok("colours", "256; COLORTERM=truecolor would give all of them where the terminal can")
    return warn("colours", f"{facts.term} has few", "set TERM to xterm-256color where the terminal can")


def _characters(facts: TerminalFacts) -> Diagnosis:
    if facts.encoding.lower().replace("-", "") == "utf8":
        return ok("characters", "UTF-8")
    return warn(
        "characters", f"the locale is {facts.encoding}", "lines are drawn in ASCII: set LANG to one that ends in .UTF-8"
    )


def _clipboard(facts: TerminalFacts) -> Diagnosis:
    name = NO_OSC_52.get(facts.program) or NO_OSC_52.get(facts.term)
    if name:
        return warn("clipboard", f"{name} takes no text from programs (OSC 52)", "`x` writes a file instead")
    if facts.inside != "tmux":
        through = f" through {facts.inside}" if facts.inside else ""
        return ok("clipboard", f"OSC 52{through}, where the terminal allows it")
    if not facts.tmux:
        return warn("clipboard", "tmux does not say what it passes on", "`tmux set -g set-clipboard on`")
    if facts.tmux.get("set-clipboard") == "on":
        return ok("clipboard", "OSC 52 through tmux (set-clipboard on)")
    if facts.tmux.get("allow-passthrough") in ("on", "all"):
        return ok("clipboard", "OSC 52 through tmux (allow-passthrough on)")
    return warn("clipboard", "tmux passes nothing on to the clipboard", "`tmux set -g set-clipboard on`")
