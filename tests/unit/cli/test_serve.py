"""``wsmon serve`` on the command line: what it refuses before it listens."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.served import written
from tests.support.session_events import FIRST, of, opening
from wsmon.cli.main import run


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(written(tmp_path, of(FIRST, *opening(1), message("x", 2, "nova")), "nova"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fault", "drop"], "invalid fault 'drop'. write it as drop 1%"),
        (["--around", "1m"], "--around needs --incident"),
        (["--incident", "3", "--connection", "nova"], "--incident and --connection cannot be used together"),
        (["--incident", "3"], "event 3 is not an incident"),
        (["--connection", "orders"], "the recording has no session of orders to serve. `wsmon stats`"),
        (["--listen", "here"], "'here' is not HOST:PORT, e.g. 127.0.0.1:0"),
        (["--listen", "127.0.0.1:70000"], "'127.0.0.1:70000' is not HOST:PORT"),
        (["--speed", "0"], "0.0 is not in the range x>0"),
        (["--speed", "nan"], "nan is not a number"),
        (["--until", "2001-01-01"], "the recording has no session to serve in this period"),
    ],
)
def test_what_cannot_be_served_is_a_usage_error(
    store: str, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", store, *arguments]) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.out == ""


def test_a_recording_that_does_not_exist_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", str(tmp_path / "none.db")]) != 0
    assert "none.db" in capsys.readouterr().err


def test_an_address_in_use_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = written(tmp_path, of(FIRST, *opening(1), message("a", 2, "nova")), "nova")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert run(["serve", str(store), "--listen", address]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"wsmon: cannot listen on {address}: Address already in use. use --listen with another address or port"
    )
