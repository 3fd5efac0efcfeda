"""``wsmon relay`` as far as no recorder runs: what it refuses, and the URLs that it prints."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from wsmon.cli.main import run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["https://h"], "relay[0].routes[0].upstream: scheme must be ws or wss (https://h). use wss://"),
        (
            ["ws://h", "--listen", "0.0.0.0:0"],
            "other machines could connect (0.0.0.0:0). set listen_any = true (--listen-any)",
        ),
        (["ws://h", "--listen", "9000"], "'9000' is not HOST:PORT"),
        (["ws://h", "--tls-cert", "none.pem"], "relay[0].tls_cert: "),
        (["ws://h", "--name", "a b"], "relay[0].name: invalid name"),
        (["ws://h", "-H", "Host"], "-H 'Host': missing colon"),
        (["ws://h", "-H", "X: ${secret:NOT_SET}"], "environment variable is not set"),
    ],
)
def test_what_cannot_be_relayed_is_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["relay", *arguments]) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert out == ""


def test_a_port_in_use_is_an_error_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "s.db"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert run(["relay", "ws://h", "--listen", address, "--store", str(store)]) == 1
    out, err = capsys.readouterr()
    assert f"relay h: cannot listen: Address already in use ({address})" in err
    # The lock is on the file
    assert (out, store.stat().st_size) == ("", 0)
