"""The command lines that the screen shows print what the screen shows."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.builders import event, message
from tests.support.processes import WSMON
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, recorded
from wsmon.export.run import ExportRequest, run_export
from wsmon.query.ast import EVERYTHING
from wsmon.store.reader import Reader
from wsmon.tui.command_line import CommandLine, of_event, of_export, of_log, of_statistics
from wsmon.tui.panes.log_filter import LogScope
from wsmon.tui.panes.statistics import StatisticsSelection


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store in a folder whose name needs quotes."""
    folder = tmp_path / "it's mine"
    folder.mkdir()
    events = [event("self.run.started", connection="")]
    events += [message(f'{{"n":{number},"t":"it\'s $HOME"}}', number, "b") for number in range(5)]
    events += [event("heartbeat.sent", 6, "b"), message("other", 7, "c")]
    return recorded(folder / "store.db", events, "b", "c")


def printed(command: CommandLine, *, ending: str = "") -> str:
    """What a shell prints for a command."""
    environ = {**os.environ, "PATH": f"{WSMON.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["/bin/sh", "-c", command.text + ending], env=environ, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.mark.parametrize(
    ("scope", "ids"),
    [
        (LogScope(), [1, 2, 3, 4, 5, 6, 7, 8]),
        (LogScope(hides_heartbeats=True), [1, 2, 3, 4, 5, 6, 8]),
        (LogScope(parse('"it\'s $HOME" $.n>=2 OR conn:c')), [4, 5, 6, 8]),
        (LogScope(parse("-conn:b"), hides_heartbeats=True), [1, 8]),
        (LogScope(parse("conn:b"), is_in_context=True), [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_the_command_of_the_log_prints_its_events_in_its_order(store: Path, scope: LogScope, ids: list[int]) -> None:
    reader = Reader(store, FixedClock())
    shown = [each.id for each in reader.events_after(0, 100, scope.effective)]
    reader.close()
    command = of_log([str(store)], scope)
    as_json = replace(command, text=command.text.replace("--order asc", "--order asc --json", 1))
    found = [json.loads(line)["id"] for line in printed(as_json).splitlines()]
    assert (found, shown) == (ids, ids)


def test_the_commands_of_an_event_and_of_statistics_name_what_is_shown(store: Path) -> None:
    assert json.loads(printed(of_event(store, 3)))["id"] == 3
    statistics = json.loads(printed(of_statistics(store, "b", StatisticsSelection().everything()), ending=" --json"))
    assert [each["name"] for each in statistics["connections"]] == ["b"]


def test_the_last_export_comes_out_the_same(store: Path, tmp_path: Path) -> None:
    for query in (EVERYTHING, parse('"it\'s" $.n>2'), EVERYTHING.within(3, 5)):
        made, again = tmp_path / "made.jsonl", tmp_path / "again.jsonl"
        request = ExportRequest("jsonl", made, query, overwrite=True)
        reader = Reader(store, FixedClock())
        run_export(request, reader)
        reader.close()
        printed(of_export([str(store)], replace(request, target=again)), ending=" --force")
        assert again.read_bytes() == made.read_bytes()
