"""What was written down in the screen is found by ``search`` and ``export``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.builders import loss, message
from tests.support.recordings import FixedClock, recorded
from wsmon.cli.main import run
from wsmon.config.locate import state_dir
from wsmon.model.notes import Bookmark
from wsmon.store.notes import NotesFile, notes_path
from wsmon.store.reader import Reader


@pytest.fixture
def store(tmp_path: Path) -> Path:
    events = [message("a", 1, "deribit"), loss(2, "deribit", reason="rate limit"), message("b", 3, "deribit")]
    path = recorded(tmp_path / "store.db", events, "deribit")
    reader = Reader(path, FixedClock())
    notes = NotesFile(notes_path(path, state_dir(os.environ), reader.store_id), reader.store_id)
    for event in reader.events_by_id((1, 2)):
        notes.keep_bookmark(Bookmark(event, FixedClock().wall_ns(), "#vendor asked" if event.id == 2 else ""))
    reader.close()
    return path


@pytest.mark.parametrize(
    ("asked", "expected"), [("mark:*", [2, 1]), ("tag:vendor", [2]), ("note:asked -mark:*", []), ("-mark:*", [3])]
)
def test_search_knows_notes(store: Path, capsys: pytest.CaptureFixture[str], asked: str, expected: list[int]) -> None:
    assert run(["search", "--json", "--store", str(store), *asked.split()]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == expected


def test_export_knows_notes(store: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["export", "--format", "jsonl", "--store", str(store), "tag:vendor"]) == 0
    assert [json.loads(line)["id"] for line in capsysbinary.readouterr().out.splitlines()] == [2]


def test_notes_that_cannot_be_read_are_an_error_and_other_searches_work(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.with_name("notes.db").write_bytes(b"no database" * 100)
    assert run(["search", "--json", "--store", str(store), "mark:*"]) == 1
    assert "the notes in" in capsys.readouterr().err
    assert run(["search", "--json", "--store", str(store), "id:1"]) == 0


def test_statistics_of_what_was_marked(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--json", "--store", str(store), "mark:*"]) == 0
    (counted,) = json.loads(capsys.readouterr().out)["connections"]
    assert (counted["name"], counted["close_codes"]) == ("deribit", {"1008": 1})


def test_the_cause_of_a_loss_is_found(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "--json", "--store", str(store), "verdict:*"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["id"] for each in found] == [2]
    word = found[0]["verdict"]["cause"].split()[0]
    assert run(["search", "--count", "--store", str(store), f"verdict:{word}"]) == 0
    assert capsys.readouterr().out == "1\n"
