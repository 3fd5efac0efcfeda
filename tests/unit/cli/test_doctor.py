"""How ``wsmon doctor`` prints on a terminal: in its width, grades coloured."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from wsmon.cli.main import run


@pytest.mark.parametrize(("no_color", "is_colored"), [("", True), ("1", False)])
def test_lines_fit_the_terminal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    no_color: str,
    is_colored: bool,
) -> None:
    (tmp_path / "store.db").write_text("no store, but more than the header of one would be " * 10)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(["doctor", str(tmp_path / "store.db")]) == 1
    said = capsys.readouterr().out
    assert ("\x1b[31m\x1b[1mfail" in said) is is_colored
    lines = re.sub(r"\x1b\[\d*m", "", said).splitlines()
    words = " ".join(" ".join(lines).split())
    assert f"fail store {tmp_path}/store.db is not a wsmon store" in words
    assert [line for line in lines if len(line) > 60 and " " in line.strip()[21:]] == []
    assert all(line.startswith(("ok    ", "warn  ", "fail  ", " " * 21)) for line in lines)
