"""``wsmon compare`` as users and scripts meet it."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.shell_completion import CompletionItem

from tests.support.builders import message
from tests.support.bundles import bundled, incident_store
from tests.support.recordings import recorded
from wsmon.cli.compare import SideName
from wsmon.cli.main import run


def feed(folder: Path, name: str, *connections: str, late_s: float = 0.0) -> str:
    """A recording in which all connections get the same three messages, each later than the one before."""
    events = [
        message(f'{{"id":{n}}}', 20 + n + place / 100 + late_s, connection)
        for n in range(3)
        for place, connection in enumerate(connections)
    ]
    return str(recorded(folder / name, events, *connections))


def found(capsys: pytest.CaptureFixture[str]) -> tuple[str, int, float, list[str]]:
    document = json.loads(capsys.readouterr().out)
    sides = document["a"], document["b"]
    lead_ms = next(side["first"]["lead_ms"]["max"] for side in sides if side["first"]["count"])
    return document["clock"], document["matches"]["count"], lead_ms, [side["connection"] for side in sides]


def test_connections_recordings_and_periods_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = feed(tmp_path, "s.db", "feed-a", "feed-b")
    other = feed(tmp_path, "t.db", "feed-b", late_s=0.5)
    assert run(["compare", "--store", store, "feed-a", "feed-b", "--key", "$.id", "--json"]) == 0
    assert found(capsys) == ("monotonic", 3, 10.0, ["feed-a", "feed-b"])
    assert run(["compare", "--store", store, "--store", other, "feed-b", "--json"]) == 0
    assert found(capsys) == ("wall", 3, 490.0, ["feed-b", "feed-b"])
    assert run(["compare", f"{other}@2026-01-10T14:02:00Z..", other, "--window", "1m", "--json"]) == 0
    assert found(capsys) == ("wall_from_start", 3, 24_000.0, ["feed-b", "feed-b"])


def test_the_table_goes_to_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = feed(tmp_path, "s.db", "feed-a", "feed-b")
    assert run(["compare", "--store", store, "feed-a", "feed-b", "--utc", "--filter", "$.id>0"]) == 0
    printed = capsys.readouterr()
    assert "Received messages that match $.id>0, matched by payload, at most 5s apart." in printed.out
    assert printed.err == ""


def test_the_recording_that_was_chosen_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of the configuration in the working directory."""
    store = feed(tmp_path, "s.db", "feed-a", "feed-b")
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "wsmon.toml").write_text(
        f'[wsmon]\nstore = "{store}"\n[[connection]]\nname = "feed-a"\nurl = "ws://127.0.0.1:1"\n'
    )
    monkeypatch.delenv("WSMON_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path / "live")
    assert run(["compare", "feed-a", "feed-b"]) == 0
    printed = capsys.readouterr()
    assert printed.err == f"wsmon: recording s, {store}\n"
    assert "A  feed-a in s" in printed.out


def test_a_bundle_is_named_once_and_whether_it_was_altered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, incident = incident_store(tmp_path / "s.db")
    target = tmp_path / "stall.wsmon"
    bundled(store, target, incident)
    sides = [f"nova@2026-01-10T14:{minute}Z.." for minute in ("00:00", "01:00")]
    assert run(["compare", "--store", str(target), *sides]) == 0
    said = capsys.readouterr().err
    assert said.startswith("wsmon: bundle: stall of nova ")
    assert said.endswith("; the file is unaltered\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a"], "the second side is missing"),
        (["a", "b", "--key", "id"], "--key: a path begins with $, as in $.data.seq. e.g. --key '$.id'"),
        (["a", "b", "--filter", "since:-1m"], "--filter cannot have since: and until:"),
        (["a", "b", "--window", "2h"], "--window must be from 1ms to 1h"),
        (["a", "a"], "A and B are both a of s"),
        (["a", "c"], "s has no connection 'c'"),
    ],
)
def test_what_is_wrong_is_said_with_exit_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    store = feed(tmp_path, "s.db", "a", "b")
    stores = [] if len(arguments) == 1 else ["--store", store]
    assert run(["compare", *stores, *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_shell_completes_the_connections_of_the_recording(tmp_path: Path) -> None:
    from wsmon.cli.compare import compare

    store = feed(tmp_path, "s.db", "feed-a", "feed-b")
    context = click.Context(compare)
    context.params["stores"] = (store,)
    items: list[CompletionItem] = SideName().shell_complete(context, compare.params[0], "feed")
    assert [(item.type, item.value) for item in items] == [("file", "feed"), ("plain", "feed-a"), ("plain", "feed-b")]
