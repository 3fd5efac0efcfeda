"""JSON on a terminal: any text stays the value it was, and nothing of it can be obeyed."""

from __future__ import annotations

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from wsmon.cli.terminal import TerminalStream


@given(st.text())
def test_json_stays_the_same_value(text: str) -> None:
    terminal = io.BytesIO()
    TerminalStream(terminal).write(json.dumps(text, ensure_ascii=False).encode())
    line = terminal.getvalue().decode()
    assert json.loads(line) == text
    assert line.isprintable()
