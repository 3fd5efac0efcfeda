"""Values that a shell completes: recordings, connections, types, states; an error completes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.recordings import recorded
from wsmon.cli.completion_values import connection_items, query_items, recording_items


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a user with one recording, in an empty working directory."""
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("WSMON_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "state" / "wsmon" / "feed-01234567"
    folder.mkdir(parents=True)
    events = [
        message("x", 1, "orders", type="trade"),
        message("y", 2, "quotes", type="tick"),
        message("z", 3, "quotes", type="not a word"),
    ]
    recorded(folder / "store.db", events, "orders", "quotes")
    return tmp_path / "state" / "wsmon"


@pytest.mark.parametrize(
    ("incomplete", "offered"),
    [
        ("conn:", ["conn:orders", "conn:quotes"]),
        ("-connection:o", ["-connection:orders"]),
        ("(conn:orders,q", ["(conn:orders,quotes"]),
        ("conn!=q", ["conn!=quotes"]),
        ("type:t", ["type:trade", "type:tick"]),
        ("type:not", []),
        ("state:cl", ["state:closed"]),
        ("to:op", ["to:open"]),
        ("state:open->disc", ["state:open->disconnected"]),
        ("dir:", ["dir:in", "dir:out"]),
        ("is:prob", ["is:problem"]),
        ("size:", []),
        ("nofield:a", []),
        ("orders", []),
    ],
)
def test_the_value_of_a_field_is_completed(incomplete: str, offered: list[str]) -> None:
    assert [item.value for item in query_items((), incomplete)] == offered


def test_a_connection_is_one_of_the_recording_that_is_read(tmp_path: Path) -> None:
    assert [item.value for item in connection_items((), "")] == ["orders", "quotes"]
    other = recorded(tmp_path / "other.db", [message("x", 1, "a")], "a")
    assert [item.value for item in connection_items((str(other),), "")] == ["a"]
    assert connection_items(("nowhere.db",), "") == []


def test_of_several_recordings_names_and_connections_are_completed(tmp_path: Path) -> None:
    hosts = (("eu", "a"), ("us", "b"))
    paths = {name: recorded(tmp_path / f"{name}.db", [message("x", 1, one)], one) for name, one in hosts}
    stores = tuple(f"{name}={path}" for name, path in paths.items())
    assert [item.value for item in query_items(stores, "conn:")] == ["conn:a", "conn:b"]
    assert [item.value for item in query_items(stores, "-recording:u")] == ["-recording:us"]
    assert query_items(stores[:1], "recording:") == []


def test_recordings_have_the_names_of_ps_and_files_stay_possible() -> None:
    offered = [(item.type, item.value) for item in recording_items("f", is_running=False)]
    assert offered == [("file", "f"), ("plain", "feed")]
    assert [item.type for item in recording_items("f", is_running=True)] == ["file"]


def test_what_cannot_be_read_completes_nothing(state: Path) -> None:
    (state / "feed-01234567" / "store.db").write_bytes(b"something else" * 1_000)
    assert query_items((), "conn:") == []
