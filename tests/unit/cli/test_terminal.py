"""The terminal of a headless command: what is escaped, how times are shown, and how far a search or export is."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from array import array
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pytest

from tests.support.builders import at_ns, message
from tests.support.fake_ports import FakeClock
from tests.support.recordings import Recording
from wsmon.cli.request import Request
from wsmon.cli.terminal import (
    BAR_COLUMNS,
    SearchLine,
    TerminalStream,
    ask_header_values,
    bar,
    import_bar,
    import_line,
    print_json,
    progress_line,
    say,
    shown_time,
)
from wsmon.errors import UsageError
from wsmon.export.importing import ImportReport
from wsmon.export.run import ExportReport
from wsmon.model.ranges import SearchProgress


def shown(text: str) -> str:
    """What a terminal gets."""
    terminal = io.BytesIO()
    TerminalStream(terminal).write(text.encode())
    return terminal.getvalue().decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain – ü 中 👩\n", "plain – ü 中 👩\n"),
        ("\x1b[2J\x07\x7f\t", "\\u001b[2J\\u0007\\u007f\\u0009"),
        ("\x9b1m \u202e\u2028\ufeff", "\\u009b1m \\u202e\\u2028\\ufeff"),
        ("a,b\r\nc\rd\r\n", "a,b\nc\\u000dd\n"),
        ("\U000e0001", "\\udb40\\udc01"),
    ],
)
def test_what_a_terminal_might_obey_is_escaped(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("seen", "total", "done", "share"),
    [(0, 100, 0, "  0%"), (50, 100, 12, " 50%"), (120, 100, 24, "100%"), (0, 0, 24, "100%")],
)
def test_a_bar_has_always_the_same_width(seen: int, total: int, done: int, share: str) -> None:
    report = ExportReport(seen, total, 1_234, 2_048)
    rest = f" {share}  1,234 events, 2.0 KiB  (^C to cancel)"
    assert bar(report, is_plain=True) == "#" * done + "-" * (BAR_COLUMNS - done) + rest
    assert bar(report, is_plain=False) == "━" * done + "╌" * (BAR_COLUMNS - done) + rest


def test_nothing_is_said_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    report = ExportReport(1, 2, 3, 4)
    assert (progress_line(is_quiet=False)(report), progress_line(is_quiet=True)(report)) == (True, True)
    assert stderr.getvalue() == ""


def test_the_line_of_an_import_has_a_bar_where_the_size_is_known() -> None:
    report = ImportReport(events=1_234, read_bytes=1_024, total_bytes=2_048)
    text = "1,234 events, 1.0 KiB read  (^C to cancel)"
    assert import_bar(report, is_plain=True) == f"############------------  50%  {text}"
    report.total_bytes = 0
    assert import_bar(report, is_plain=True) == text


def test_the_line_of_an_import_is_shown_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    report = ImportReport(events=7)
    for stderr, shown_text in ((io.StringIO(), ""), (Terminal(), "\r\x1b[K7 events, 0 B read  (^C to cancel)")):
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr("wsmon.cli.terminal.GAP_NS", 0)
        monkeypatch.setattr("wsmon.cli.terminal.FIRST_NS", 0)
        import_line()(report)
        assert stderr.getvalue() == shown_text


class Terminal(io.StringIO):
    """What somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_a_search_that_takes_a_while_says_how_far_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    clock = FakeClock(at_ns(600))
    line = SearchLine(UTC, newest_first=True, clock=clock)
    reached = SearchProgress(array("q"), 1, 9, at_ns(60))
    said = []
    for found, passed_s in ((0, 0.4), (0, 0.2), (41, 0.2)):
        clock.advance(passed_s)
        line.show(reached, found)
        said.append(stderr.getvalue())
    line.clear()
    line.clear()
    clear = "\r\x1b[K"
    none, some = (
        f"{clear}searched back to 14:03:24, {found}  (^C to cancel)" for found in ("no matches yet", "41 found")
    )
    assert [*said, stderr.getvalue()] == ["", none, none + some, none + some + clear]


def test_a_search_says_nothing_of_its_way_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    clock = FakeClock()
    line = SearchLine(UTC, newest_first=False, clock=clock)
    clock.advance(1)
    line.show(SearchProgress(array("q"), 1, 9, 1), 0)
    line.clear()
    assert stderr.getvalue() == ""


def test_on_a_terminal_the_bar_grows_and_goes(tmp_path: Path) -> None:
    """40 MB take longer than what is done without a line of progress."""
    with Recording(tmp_path / "store.db", "a") as recording:
        for _ in range(20):
            recording.write([message("x" * 2_000, connection="a")] * 1_000)
        recording.end(60.0)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "wsmon", "export", "--format", "csv", "--store", str(tmp_path / "store.db")]
    done = subprocess.Popen([*command, "--output", str(tmp_path / "out.csv")], stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 4_096)
        except OSError:  # nobody has the other side any more
            break
    os.close(ours)
    assert done.wait(30) == 0
    lines = said.decode().split("\r\x1b[K")
    assert "━" in lines[1] or "╌" in lines[1]
    assert lines[-1].startswith("wrote 20,000 events")


@pytest.mark.parametrize(
    ("typed", "kept", "prompts"),
    [
        ("Authorization: Bearer ?", "Authorization: Bearer ${secret:WSMON_ANSWER_1}", ["Authorization"]),
        ("X-Key:?", "X-Key: ${secret:WSMON_ANSWER_1}", ["X-Key"]),
        ("X-Key:   ?  ", "X-Key: ${secret:WSMON_ANSWER_1}", ["X-Key"]),
        ("X-Ask: why?", "X-Ask: why?", []),
        ("Cookie: a=?", "Cookie: a=?", []),
        ("X-Mark: ? no", "X-Mark: ? no", []),
        ("X-Empty:", "X-Empty:", []),
    ],
)
def test_a_header_is_asked_for_where_its_last_word_is_a_question_mark(
    monkeypatch: pytest.MonkeyPatch, typed: str, kept: str, prompts: list[str]
) -> None:
    asked: list[str] = []

    def prompt(text: str, **options: object) -> str:
        assert options["hide_input"] is True
        asked.append(text)
        return " s3cret "

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(click, "prompt", prompt)
    request = ask_header_values(Request(("ws://h/",), headers=(typed,)))
    answers = {"WSMON_ANSWER_1": "s3cret"} if prompts else {}
    assert (request.headers, dict(request.answers), asked) == ((kept,), answers, prompts)


def test_a_header_needs_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(click, "prompt", lambda _text, **_options: " ")
    with pytest.raises(UsageError, match="no value entered for header X"):
        ask_header_values(Request(("ws://h/",), headers=("X: ?",)))


NOW = 1_768_053_744_000_000_000
BERLIN = ZoneInfo("Europe/Berlin")


def test_times_are_shown_to_the_millisecond() -> None:
    assert shown_time(NOW + 118_999_999, UTC) == "2026-01-10 14:02:24.118"
    assert shown_time(NOW, BERLIN) == "2026-01-10 15:02:24.000"


def test_d13_a_sentence_on_stderr_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    say("cannot read \x1b[2J\x9b\u202efile.db\nnext")
    assert capsys.readouterr().err == "cannot read ␛[2J\\x9b\\u202efile.db\nnext\n"


def test_d13_a_document_on_stdout_has_escapes_for_what_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"file": "\x1b[2J\x9b\u202e\udc80é"}
    print_json(document)
    printed = capsys.readouterr().out
    assert printed == '{\n  "file": "\\u001b[2J\\u009b\\u202e\\udc80é"\n}\n'
    assert json.loads(printed) == document
