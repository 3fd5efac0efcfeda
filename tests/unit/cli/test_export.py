"""``wsmon export`` as users and scripts meet it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import SESSION, TRACE, message, stall
from tests.support.recordings import Recording, recorded
from wsmon.cli.main import run

DEADLINE_S = 30.0


@pytest.fixture
def store(tmp_path: Path) -> str:
    folder = tmp_path / "store"
    folder.mkdir()
    events = [message(f"m{number}", number, "ab"[number % 2]) for number in range(6)]
    return str(recorded(folder / "store.db", events, "a", "b"))


def test_lines_on_stdout(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "--format", "jsonl", "--store", store, "conn:b", "--limit", "2"]) == 0
    captured = capsys.readouterr()
    assert [json.loads(line)["payload"] for line in captured.out.splitlines()] == ["m3", "m5"]
    assert captured.err == ""


def test_lines_are_those_of_search(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(["export", "--format", "jsonl", "--store", store])
    exported = capsys.readouterr().out
    run(["search", "--json", "--order", "asc", "--store", store])
    assert exported == capsys.readouterr().out


def test_a_table_of_a_period(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    period = ["--since", "2026-01-10T14:02:25Z", "--until", "2026-01-10T14:02:27Z"]
    assert run(["export", "--format", "csv", "--store", store, *period]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["payload"] for row in rows] == ["m1", "m2"]


def test_a_file_is_said_and_not_overwritten_unasked(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "trace.json"
    command = ["export", "--format", "json", "--store", store, "--output", str(target)]
    assert run(command) == 0
    assert capsys.readouterr().err == f"wrote 6 events ({target.stat().st_size / 1024:.1f} KiB) to {target}\n"
    assert [each["name"] for each in json.loads(target.read_bytes())["connections"]] == ["a", "b"]
    assert run(command) == 2
    assert f"{target} already exists. use --force to overwrite" in capsys.readouterr().err
    assert run([*command, "--force", "conn:a"]) == 0
    assert [each["name"] for each in json.loads(target.read_bytes())["connections"]] == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "trace.json"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing option '--format'"),
        (["--format", "xml"], "'xml' is not one of 'jsonl', 'json', 'csv'"),
        (["--format", "csv", "--outptu", "x"], "did you mean --output?"),
        (["--format", "csv", "id:x"], "invalid id 'x'"),
    ],
)
def test_what_cannot_be_meant_is_said(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["export", "--store", store, *arguments]) == 2
    captured = capsys.readouterr()
    assert (captured.out, said in captured.err) == ("", True)


def test_a_folder_that_is_not_there_is_said(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "none" / "x.csv"
    assert run(["export", "--format", "csv", "--store", store, "--output", str(target)]) == 1
    assert "No such file or directory" in capsys.readouterr().err


@pytest.fixture(scope="module")
def large_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """24 MB of messages, under a recorder that has not ended."""
    path = tmp_path_factory.mktemp("large") / "store.db"
    with Recording(path, "a") as recording:
        for _ in range(12):
            recording.write([message("x" * 2_000, connection="a")] * 1_000)
        yield path


@pytest.mark.parametrize("format_", ["jsonl", "json", "csv"])
def test_memory_follows_no_size(large_store: Path, format_: str) -> None:
    """24 MB of messages pass through a process that needs no more memory for them than for 2 MB."""
    command = [sys.executable, "-m", "wsmon", "export", "--format", format_, "--store", str(large_store)]
    small = _peak_kib([*command, "id:..1000"])
    whole = _peak_kib(command)
    assert whole - small < 6 * 1024


def _peak_kib(command: list[str]) -> int:
    """The memory of a process at its peak, measured by a parent of its own."""
    measure = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", measure, *command], capture_output=True, check=True, timeout=DEADLINE_S
    )
    return int(done.stdout)


def test_an_incident_with_what_was_around_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = [message(f"m{number}", number, "a") for number in range(100)]
    store = recorded(tmp_path / "store.db", [*events[:50], stall(49.5, "a"), *events[50:]], "a")
    command = ["export", "--format", "jsonl", "--store", str(store), "--incident", "51"]
    for arguments, first in (([], "m20"), (["--around", "2s"], "m48")):
        assert run([*command, *arguments]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert json.loads(lines[0])["payload"] == first
        assert json.loads(lines[-1])["payload"] == "m99"
    assert run([*command[:-1], "50"]) == 2
    assert "event 50 is not an incident" in capsys.readouterr().err
    assert run([*command[:-2], "--around", "2s"]) == 2
    assert "add --incident ID" in capsys.readouterr().err


def test_a_session_and_a_trace(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    for query in (f"session:{SESSION}", f"trace:{TRACE}"):
        assert run(["export", "--format", "jsonl", "--store", store, query]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 6
    assert run(["export", "--format", "jsonl", "--store", store, "session:0000000000000000"]) == 0
    assert capsys.readouterr().out == ""


def test_a_folder_of_partitions_ends_with_a_slash(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "events"
    command = ["export", "--store", store, "--output"]
    assert run([*command, f"{target}/", "--format", "parquet"]) == 0
    assert capsys.readouterr().err.startswith("wrote 6 events (")
    assert sorted(path.name for path in (target / "day=2026-01-10").iterdir()) == ["connection=a", "connection=b"]
    for arguments, said in (
        ([f"{target}/", "--format", "parquet", "--force"], f"{target} already exists. choose a new folder"),
        ([str(target), "--format", "parquet"], f"{target} is a folder. specify a file, or a new folder ending with /"),
        ([str(target), "--format", "csv"], f"{target} is a folder. specify a file\n"),
        ([f"{tmp_path}/new/", "--format", "csv"], "csv is one file. --format parquet writes a folder"),
    ):
        assert run([*command, *arguments]) == 2
        assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events", "store"]


def test_a_report_says_over_how_many_events_it_is(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "report.html"
    assert run(["export", "--format", "report", "--store", store, "--output", str(target), "conn:b"]) == 0
    assert capsys.readouterr().err.startswith("wrote a report on 3 events (")


def test_the_format_for_lnav_is_printed_without_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "--lnav-format"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["$schema", "wsmon_log"]


def test_several_recordings_are_exported_as_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, shift in (("eu", 0.0), ("us", 0.5)):
        recorded(tmp_path / f"{name}.db", [message(name, number + shift, "orders") for number in (1, 2)], "orders")
    stores = [option for name in ("eu", "us") for option in ("--store", str(tmp_path / f"{name}.db"))]
    assert run(["export", *stores, "--format", "jsonl"]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(line["id"], line["recording"], line["connection"]) for line in lines] == [
        (1, "eu", "orders"),
        (2, "us", "orders"),
        (3, "eu", "orders"),
        (4, "us", "orders"),
    ]
    assert run(["export", *stores, "--format", "report", "--output", str(tmp_path / "report.md")]) == 0
    assert "us/orders" in (tmp_path / "report.md").read_text()
    for refused, said in (
        (["--format", "sqlite", "--output", str(tmp_path / "copy.db")], "cannot be written as one store"),
        (["--format", "parquet", "--output", f"{tmp_path}/folder/"], "an export into a folder takes one recording"),
        (["--format", "jsonl", "--incident", "1"], "--incident is an ID of one recording"),
    ):
        assert run(["export", *stores, *refused]) == 2
        assert said in capfd.readouterr().err
    assert not (tmp_path / "copy.db").exists()
