"""``wsmon ps``: the recorders that run, as a table and as JSON, and what is wrong with them."""

from __future__ import annotations

import json
import signal

from tests.support.processes import Home

# Nothing listens there.
NOWHERE = "ws://127.0.0.1:1"


async def test_where_none_runs_it_says_so_on_stderr(home: Home) -> None:
    assert await home.run("ps") == (0, "", "no recorder runs; `wsmon` starts one\n")
    assert await home.run("ps", "--json") == (0, "[]\n", "")


async def test_a_recorder_is_a_line_with_its_store_and_configuration(home: Home) -> None:
    recorder = await home.record(NOWHERE)
    code, out, err = await home.run("ps")
    assert (code, err) == (0, "")
    heading, line = (each.split() for each in out.splitlines())
    assert heading == ["PID", "SINCE", "STORE", "CONFIGURATION", "STATE"]
    assert line == [str(recorder.pid), "0m", "~/recording/store.db", NOWHERE, "ok"]


async def test_json_has_what_the_lock_says_and_the_warning(home: Home) -> None:
    recorder = await home.record(NOWHERE)
    code, out, _ = await home.run("ps", "--json")
    (found,) = json.loads(out)
    assert code == 0
    assert (found["pid"], found["store"], found["warning"]) == (recorder.pid, str(recorder.store), "")
    assert found["configuration"] == NOWHERE


async def test_a_recorder_that_does_not_answer_is_listed_all_the_same(home: Home) -> None:
    recorder = await home.record(NOWHERE)
    recorder.signal(signal.SIGSTOP)
    code, out, _ = await home.run("ps")
    recorder.signal(signal.SIGCONT)
    assert code == 0
    assert "does not answer: " in out.splitlines()[1]
