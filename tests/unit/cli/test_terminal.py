"""What reaches a terminal: every character that it might obey is an escape, and JSON stays what it was."""

from __future__ import annotations

import io

import pytest

from wsmon.cli.terminal import TerminalStream


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
