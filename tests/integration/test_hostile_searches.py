"""Whatever a search is asked, of whatever store: the commands answer, or say why not, in a sentence and with a code."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import loss, message
from tests.support.recordings import Recording, recorded
from tests.support.stores import as_schema_6
from wsmon.cli.main import run
from wsmon.store.search.skip_index import SearchIndexer

DEEP = 10_000
EXPORT = ["export", "--format", "jsonl", "--output", "-"]
HOSTILE = (b"\xff\xfe\x00 reject", b"", b"a" * 40 + b"b", b'{"n": ' + b"[" * 5_000, "\u202e\x1b[2J".encode())
# More than a block of the index
EVENTS = 300


def made(path: Path) -> Path:
    events = [message(HOSTILE[n % len(HOSTILE)], n, "feed") for n in range(EVENTS)]
    return recorded(path, [*events, loss(EVENTS, "feed", reason="reject")], "feed")


def half_indexed(path: Path) -> Path:
    made(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        SearchIndexer(connection, path).index(EVENTS, lambda: False)
    return path


def of_version_5(path: Path) -> Path:
    made(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        as_schema_6(connection)
        connection.executescript("DROP TABLE search_segment; DROP TABLE search_page; PRAGMA user_version = 5;")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name >= 'm006'")
    return path


def cut_off(path: Path) -> Path:
    with Recording(path, "feed") as recording:
        recording.write([message(HOSTILE[n % len(HOSTILE)], n, "feed") for n in range(EVENTS)])
        recording.write([loss(EVENTS, "feed", reason="reject")])
    return path


def without_events(path: Path) -> Path:
    return recorded(path, [])


@pytest.mark.parametrize("store", [made, half_indexed, of_version_5, cut_off])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("reject", EVENTS // len(HOSTILE) + 1),
        ("/reject|nothing/", EVENTS // len(HOSTILE) + 1),
        ("text~/\\x00/", EVENTS // len(HOSTILE)),
        ("text:a\udcff", 0),
        ("$.n:*", 0),
        ("-" * DEEP + "reject", EVENTS // len(HOSTILE) + 1),
        ("x" * 100_000, 0),
    ],
    ids=["word", "alternatives", "expression", "no UTF-8", "path", "deep", "long"],
)
def test_every_store_answers(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    store: Callable[[Path], Path],
    asked: str,
    expected: int,
) -> None:
    path = str(store(tmp_path / "store.db"))
    assert run(["search", "--count", "--store", path, "--", asked]) == 0
    assert capsys.readouterr().out == f"{expected}\n"
    assert run([*EXPORT, "--store", path, "--", asked]) == 0
    assert len([json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]) == expected


@pytest.mark.parametrize(
    "command", [["search"], ["search", "--count"], ["export", "--format", "jsonl", "--output", "-"]]
)
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("/(a|aa)+$/", "a pattern took longer than 20 ms at each of 3 events"),
        ("(" * DEEP + "a" + ")" * DEEP, "parentheses can be nested at most 30 levels deep"),
        (" OR ".join(f"a{n}" for n in range(DEEP)), "too many terms (maximum 100)"),
        ("/(/", "invalid regular expression"),
    ],
    ids=["catastrophic", "deep", "long", "broken"],
)
def test_what_cannot_be_answered_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], asked: str, said: str
) -> None:
    assert run([*command, "--store", str(made(tmp_path / "store.db")), asked]) == 2
    captured = capsys.readouterr()
    assert (captured.out, said in captured.err) == ("", True)


@pytest.mark.parametrize("asked", ["", "reject", "/(a|aa)+$/", "$.n>1", "mark:*"])
def test_a_store_without_events_has_no_matches(tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str) -> None:
    path = str(without_events(tmp_path / "store.db"))
    assert [run(["search", "--count", "--store", path, asked]), run(["stats", "--store", path])] == [0, 0]
    assert capsys.readouterr().out.startswith("0\n")
