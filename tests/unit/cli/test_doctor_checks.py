"""What the doctor says of facts: each check both ways."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.builders import SECOND_NS, T0_NS
from tests.unit.model.test_bundle import MANIFEST
from wsmon.cli.doctor_checks import (
    ClockFacts,
    Diagnosis,
    Grade,
    Owned,
    TerminalFacts,
    has_failed,
    judge_bundle,
    judge_clock,
    judge_configuration_file,
    judge_logout,
    judge_losses,
    judge_marks,
    judge_plugins,
    judge_recording,
    judge_runtime_folder,
    judge_space,
    judge_sqlite,
    judge_store,
    judge_terminal,
)
from wsmon.model.bundle import Bundle
from wsmon.plugins import Plugin, PluginFailure
from wsmon.store.integrity import IntegrityReport

STORE = Path("/s/store.db")
GIB = 1024**3
MIB = 1024**2


def graded(diagnosis: Diagnosis, grade: Grade, *said: str) -> None:
    """The grade, words that must be said, and advice where something is to do."""
    assert diagnosis.grade == grade, diagnosis
    assert bool(diagnosis.advice) == (grade != "ok"), diagnosis
    for words in said:
        assert words in f"{diagnosis.fact} → {diagnosis.advice}"


def test_the_helper_of_the_search_index_is_named_and_one_of_another_version_too() -> None:
    graded(judge_marks(is_installed=True, is_compiled=True), "ok", "built in C (wsmon-marks)")
    graded(judge_marks(is_installed=False, is_compiled=False), "ok", "Python (no wsmon-marks)")
    graded(
        judge_marks(is_installed=True, is_compiled=False),
        "warn",
        "does not match this version",
        "install the matching version",
    )


def test_a_bundle_is_as_it_was_written_or_was_altered() -> None:
    graded(
        judge_bundle(Bundle(MANIFEST, True)), "ok", "stall of orders (#12)", "wsmon 0.1.0", "SQLite 3.40", "unaltered"
    )
    graded(judge_bundle(Bundle(MANIFEST, False)), "fail", "ALTERED", "get the file again")


def test_plugins_are_listed_and_what_fails_is_said() -> None:
    works = Plugin("wsmon.protocols", "barline", "barline:PROTOCOL", "wsmon-barline 1.0")
    breaks = Plugin("wsmon.decoders", "rot13", "rot13:DECODER", "wsmon-rot13 2.0")
    fine, broken = judge_plugins([breaks, works], [PluginFailure(breaks, "ImportError: no rot13")])
    graded(fine, "ok", "protocol barline (wsmon-barline 1.0)")
    graded(broken, "fail", "plugin rot13 (wsmon-rot13 2.0): ImportError: no rot13", "update wsmon-rot13")
    assert list(judge_plugins([], [])) == []


def test_a_library_without_faults_is_ok_and_each_fault_is_a_line() -> None:
    (fine,) = judge_sqlite((3, 51, 3))
    graded(fine, "ok", "SQLite 3.51.3: no known bugs")
    reset, aggregates = judge_sqlite((3, 40, 1))
    graded(reset, "warn", "WAL-reset", "https://sqlite.org/wal.html#walresetbug", "fixed in 3.51.3")
    graded(aggregates, "warn", "CVE-2025-6965", "3.50.2")


def test_a_sound_store_is_four_lines_of_ok() -> None:
    found = list(judge_store(STORE, IntegrityReport(1, 50), 4 * MIB))
    assert [(each.check, each.grade) for each in found] == [
        ("store", "ok"),
        ("integrity", "ok"),
        ("ids", "ok"),
        ("log", "ok"),
    ]
    assert found[0].fact == "/s/store.db: 50 events, 4.0 MiB"
    assert found[2].fact == "ids 1–50, no gaps"


@pytest.mark.parametrize(
    ("soundness", "check", "grade", "said"),
    [
        (IntegrityReport(0, 0), "ids", "ok", "no events yet"),
        (IntegrityReport(1, 9, 2, 4), "ids", "fail", "2 ids missing in 1–9, starting at 4"),
        (IntegrityReport(1, 9, 2, 4, is_excerpt=True), "ids", "ok", "excerpt of another one"),
        (IntegrityReport(1, 9, has_strays=True), "ids", "fail", "events outside the id range 1–9"),
        (
            IntegrityReport(1, 9, damage=("event: row 4 is missing", "b")),
            "integrity",
            "fail",
            "row 4 is missing (and 1 more)",
        ),
        (IntegrityReport(1, 9, is_complete=False), "integrity", "warn", "the check timed out"),
        (IntegrityReport(1, 9, log_bytes=GIB), "log", "warn", "1.0 GiB"),
    ],
)
def test_what_is_wrong_with_a_store(soundness: IntegrityReport, check: str, grade: Grade, said: str) -> None:
    (found,) = (each for each in judge_store(STORE, soundness, 0) if each.check == check)
    graded(found, grade, said)


@pytest.mark.parametrize(
    ("free", "used", "limit", "grade", "said"),
    [
        (40 * GIB, 0, 2 * GIB, "ok", "40 GiB free"),
        (GIB, 0, 2 * GIB, "warn", "may grow by 2.0 GiB"),
        (GIB, 2 * GIB, 2 * GIB, "ok", ""),
        (300 * MIB, 0, 0, "warn", "300 MiB free"),
        (10 * MIB, 0, 2 * GIB, "fail", "recording stops"),
    ],
)
def test_space(free: int, used: int, limit: int, grade: Grade, said: str) -> None:
    graded(judge_space(Path("/s"), free, used, limit), grade, said)


@pytest.mark.parametrize(
    ("facts", "grade", "said"),
    [
        (ClockFacts(T0_NS, True, T0_NS - SECOND_NS, 0), "ok", "2026-01-10 14:02:24 UTC, synchronised"),
        (ClockFacts(T0_NS, None, None, 0), "ok", "UTC"),
        (ClockFacts(T0_NS, False, None, 0), "warn", "not synchronised"),
        (ClockFacts(T0_NS, True, None, 1), "warn", "stepped once in the last day"),
        (ClockFacts(T0_NS, True, T0_NS + 3600 * SECOND_NS, 0), "warn", "set back"),
        (ClockFacts(0, None, None, 0), "fail", "not set"),
    ],
)
def test_clock(facts: ClockFacts, grade: Grade, said: str) -> None:
    graded(judge_clock(facts), grade, said)


def test_losses() -> None:
    graded(judge_losses(0), "ok", "no events lost")
    graded(judge_losses(1), "warn", "once in the last day", "event:self.shed")
    graded(judge_losses(7), "warn", "7 times")


@pytest.mark.parametrize(
    ("logind", "is_lingering", "grade"),
    [
        ("", False, "ok"),
        ("[Login]\n#KillUserProcesses=yes\n", False, "ok"),
        ("[Login]\nKillUserProcesses=yes\n", False, "warn"),
        ("[Login]\nKillUserProcesses=yes\n", True, "ok"),
        ("KillUserProcesses=yes\nKillUserProcesses = no\n", False, "ok"),
        ("KillUserProcesses=no\n KillUserProcesses = true\n", False, "warn"),
    ],
)
def test_logout(logind: str, is_lingering: bool, grade: Grade) -> None:
    graded(judge_logout(logind, is_lingering), grade)


@pytest.mark.parametrize(
    ("mode", "has_secrets", "grade"),
    [(0o600, True, "ok"), (0o644, False, "ok"), (0o644, True, "fail"), (0o640, True, "fail"), (0o666, False, "fail")],
)
def test_a_configuration_with_secrets_is_for_its_owner(mode: int, has_secrets: bool, grade: Grade) -> None:
    graded(judge_configuration_file(Owned(Path("/c"), mode, True), has_secrets=has_secrets), grade)


@pytest.mark.parametrize(
    ("store", "folder", "is_ours", "grade"),
    [
        (0o600, 0o700, True, "ok"),
        (0o600, 0o755, True, "ok"),
        (0o644, 0o700, True, "warn"),
        (0o600, 0o777, True, "fail"),
        (0o622, 0o700, True, "fail"),
        (0o600, 0o700, False, "warn"),
    ],
)
def test_a_recording_is_for_its_owner(store: int, folder: int, is_ours: bool, grade: Grade) -> None:
    graded(judge_recording(Owned(STORE, store, is_ours), Owned(STORE.parent, folder, True)), grade)


@pytest.mark.parametrize(
    ("folder", "sockets", "grade"),
    [
        (None, (), "ok"),
        (Owned(Path("/r"), 0o700, True), (Owned(Path("/r/a.sock"), 0o600, True),), "ok"),
        (Owned(Path("/r"), 0o755, True), (), "fail"),
        (Owned(Path("/r"), 0o700, False), (), "fail"),
        (Owned(Path("/r"), 0o700, True), (Owned(Path("/r/a.sock"), 0o666, True),), "fail"),
    ],
)
def test_sockets_are_for_their_owner(folder: Owned | None, sockets: tuple[Owned, ...], grade: Grade) -> None:
    graded(judge_runtime_folder(folder, sockets), grade)


def test_a_warning_is_no_failure() -> None:
    assert has_failed([Diagnosis("a", "ok", ""), Diagnosis("b", "warn", "", "x")]) is False
    assert has_failed([Diagnosis("a", "ok", ""), Diagnosis("b", "fail", "", "x")]) is True


GOOD = TerminalFacts(True, "xterm-256color", "", "truecolor")
IN_TMUX = replace(GOOD, inside="tmux")


def test_a_good_terminal_is_four_lines_of_ok() -> None:
    assert [(each.check, each.grade, each.fact) for each in judge_terminal(GOOD)] == [
        ("terminal", "ok", "xterm-256color, 80×24"),
        ("colours", "ok", "16 million"),
        ("characters", "ok", "UTF-8"),
        ("clipboard", "ok", "OSC 52, if the terminal allows it"),
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
        (replace(GOOD, color_term="", term="vt100"), "colours", "warn", "vt100 supports few"),
        (replace(GOOD, has_no_color=True), "colours", "ok", "NO_COLOR"),
        (replace(GOOD, encoding="ANSI_X3.4-1968"), "characters", "warn", "LANG"),
        (replace(GOOD, encoding="utf8"), "characters", "ok", "UTF-8"),
        (replace(GOOD, program="Apple_Terminal"), "clipboard", "warn", "Terminal.app"),
        (replace(GOOD, term="linux"), "clipboard", "warn", "the console"),
        (replace(GOOD, inside="screen"), "clipboard", "ok", "through screen"),
        (IN_TMUX, "clipboard", "warn", "could not read"),
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
