"""``wsmon ps``: the recordings, as a table and as JSON, and what is wrong with those that run."""

from __future__ import annotations

import json
import os
import signal

from tests.support.processes import Home

# Nothing listens there.
NOWHERE = "ws://127.0.0.1:1"


async def test_where_none_runs_it_says_so_on_stderr(home: Home) -> None:
    assert await home.run("ps") == (0, "", "no recorder is running; start one with `wsmon`\n")
    assert await home.run("ps", "--json") == (0, "[]\n", "")


async def test_a_recorder_is_a_line_with_its_store_and_configuration(home: Home) -> None:
    recorder = await home.record(NOWHERE)
    code, out, err = await home.run("ps")
    assert (code, err) == (0, "")
    heading, line = (each.split() for each in out.splitlines())
    assert heading == ["NAME", "PID", "SINCE", "STORE", "CONFIGURATION", "STATE"]
    assert line == ["recording", str(recorder.pid), "0m", "~/recording/store.db", NOWHERE, "ok"]


async def test_json_has_what_the_lock_says_and_the_warning(home: Home) -> None:
    recorder = await home.record(NOWHERE)
    code, out, _ = await home.run("ps", "--json")
    (found,) = json.loads(out)
    assert code == 0
    assert (found["pid"], found["store"], found["warning"]) == (recorder.pid, str(recorder.store), "")
    assert (found["configuration"], found["name"], found["running"]) == (NOWHERE, "recording", True)


async def test_a_recorder_that_does_not_answer_is_listed_all_the_same(home: Home) -> None:
    recorder = await home.record(NOWHERE)
    recorder.signal(signal.SIGSTOP)
    code, out, _ = await home.run("ps")
    recorder.signal(signal.SIGCONT)
    assert code == 0
    assert "not responding: " in out.splitlines()[1]


async def test_recordings_that_ended_follow_the_newest_ten_unless_all_are_asked_for(home: Home) -> None:
    for number in range(12):
        store = home.folder / "state" / "wsmon" / f"feed-{number:08}" / "store.db"
        store.parent.mkdir(parents=True)
        store.touch()
        os.utime(store, (number, number))
    code, out, err = await home.run("ps")
    assert (code, err) == (
        0,
        "no recorder is running; start one with `wsmon`\n2 more ended recordings: `wsmon ps --all`\n",
    )
    rows = [line.split() for line in out.splitlines()[1:]]
    assert [row[0] for row in rows] == [f"feed-{number:08}" for number in range(11, 1, -1)]
    assert rows[0][1:6] == ["-", "-", "~/state/wsmon/feed-00000011/store.db", "-", "ended"]
    assert len((await home.run("ps", "--all"))[1].splitlines()) == 13
    assert await home.run("ps", "--json") == (0, "[]\n", "")
    found = json.loads((await home.run("ps", "--json", "--all"))[1])
    assert found[0] == {
        "store": str(home.folder / "state/wsmon/feed-00000011/store.db"),
        "configuration": "",
        "name": "feed-00000011",
        "running": False,
    }
