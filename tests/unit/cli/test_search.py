"""``wsmon search`` as users and scripts meet it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import event, loss, message, ping, source
from tests.support.recordings import Recording, recorded
from wsmon.cli.main import run
from wsmon.model.events import Verdict

WSMON = [sys.executable, "-m", "wsmon"]
DEADLINE_S = 20.0


@pytest.fixture
def store(tmp_path: Path) -> str:
    events = [
        event("self.run.started", 0, connection=""),
        message('{"e":"trade"}', 1, "binance"),
        message("sub", 2, "binance", direction="out"),
        ping(3, "binance"),
        loss(4, "deribit", reason="rate \x1b[31m limit"),
        message(b"\xff\x00", 5, "deribit"),
    ]
    return str(recorded(tmp_path / "store.db", events, "binance", "deribit"))


def ids(output: str) -> list[int]:
    return [json.loads(line)["id"] for line in output.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [6, 5, 4, 3, 2, 1]),
        (["--order", "asc"], [1, 2, 3, 4, 5, 6]),
        (["trade"], [2]),
        (["rate", "DERIBIT"], [5]),
        (["-name:message.*", "-conn:deribit"], [4, 1]),
        (["dir:in,out", "--limit", "2"], [6, 4]),
        (["id:2..3"], [3, 2]),
        (["--since", "2026-01-10T14:02:25Z", "--until", "2026-01-10T14:02:27Z"], [3, 2]),
        (["--utc", "--since", "2026-01-10T14:02:28", "--order", "asc"], [5, 6]),
        (["--order", "size"], [2, 3, 6]),
        (["--order", "size", "-n", "2", "--since", "2026-01-10T14:02:26Z"], [3, 6]),
        (["--order", "size", "--limit", "0"], []),
        (["--order", "duration"], []),
        (["--limit", "0"], []),
        (["nothing"], []),
        # Oldest first, so that a script with a limit loses nothing
        (["--since-id", "3"], [4, 5, 6]),
        (["--since-id", "3", "-n", "2"], [4, 5]),
        (["--since-id", "3", "--order", "desc"], [6, 5, 4]),
        (["--since-id", "1", "conn:binance"], [2, 3, 4]),
        (["--since-id", "-7", "-n", "1"], [1]),
        (["--since-id", "6"], []),
        (["--since-id", "99"], []),
        (["--follow", "--since-id", "3", "-n", "3"], [4, 5, 6]),
        (["--follow", "--since-id", "-1", "-n", "1"], [1]),
        (["--follow", "--since-id", "1", "-n", "1", "conn:deribit"], [5]),
    ],
)
def test_matches_as_json(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: list[int]
) -> None:
    assert run(["search", "--json", "--store", store, *arguments]) == 0
    assert ids(capsys.readouterr().out) == expected


def test_the_slowest_come_first_and_are_the_first_hundred(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pongs = [event("heartbeat.received", at, "a", duration_ns=(at * 37 % 300 + 1) * 1_000_000) for at in range(300)]
    store = str(recorded(tmp_path / "store.db", pongs, "a"))
    slowest = sorted(range(300), key=lambda at: -(at * 37 % 300))
    assert run(["search", "--json", "--store", store, "--order", "duration"]) == 0
    assert ids(capsys.readouterr().out) == [at + 1 for at in slowest[:100]]
    assert run(["search", "--json", "--store", store, "--order", "duration", "-n", "250"]) == 0
    assert ids(capsys.readouterr().out) == [at + 1 for at in slowest[:250]]


def test_lines_for_people_are_safe_and_say_what_matters(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "--utc", "--order", "asc", "--store", store]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(" +", " ", line) for line in lines] == [
        "2026-01-10 14:02:24.000 wsmon · self.run.started",
        '2026-01-10 14:02:25.000 binance ↓ text {"e":"trade"} 13 B',
        "2026-01-10 14:02:26.000 binance ↑ text sub 3 B",
        "2026-01-10 14:02:27.000 binance ↑ heartbeat.sent 4 B",
        (
            "2026-01-10 14:02:28.000 deribit ✕ disconnected “rate ␛[31m limit”, 1008, closed by peer; "
            "1008 usually means: a server policy was violated"
        ),
        "2026-01-10 14:02:29.000 deribit ↓ binary �␀ 2 B",
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("order", [4, 3, 2, 1]),
        ("order run:2", [4, 3]),
        ("-session:a* order", [3, 1]),
        ("run:1..2 new", [4, 3]),
    ],
)
def test_all_sessions_of_all_runs_are_searched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str, expected: list[int]
) -> None:
    for text in ("old order", "new order"):
        with Recording(tmp_path / "store.db", "feed") as recording:
            sessions = [source("feed", session=session, run=recording.run) for session in ("b" * 16, "a" * 16)]
            recording.write(msgspec.structs.replace(message(text), source=each) for each in sessions)
    assert run(["search", "--json", "--store", str(tmp_path / "store.db"), *asked.split()]) == 0
    assert ids(capsys.readouterr().out) == expected


@pytest.mark.parametrize(("query", "count"), [([], "6"), (["conn:binance"], "3"), (["--limit", "4"], "4")])
def test_count(store: str, capsys: pytest.CaptureFixture[str], query: list[str], count: str) -> None:
    assert run(["search", "--count", "--store", store, *query]) == 0
    assert capsys.readouterr().out == f"{count}\n"


@pytest.mark.parametrize("limit", [["-n", "2"], ["-n2"], ["-n=2"], ["--limit", "2"], ["--limit=2"]])
def test_n_is_the_limit_as_in_head_and_tail(store: str, capsys: pytest.CaptureFixture[str], limit: list[str]) -> None:
    assert run(["search", "--count", "--store", store, *limit]) == 0
    assert capsys.readouterr().out == "2\n"


def test_a_word_of_one_letter_is_excluded_in_quotes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = recorded(tmp_path / "store.db", [message(text, at, "a") for at, text in enumerate(("n", "f", "nf"))], "a")
    for words, count in ((['-"n"'], 1), (["--", "-n", "-f"], 0), (["-nf"], 2), (['-"f"', '-"n"'], 0)):
        assert run(["search", "--count", "--store", str(store), "name:message.received", *words]) == 0
        assert (words, capsys.readouterr().out) == (words, f"{count}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["-n", "error"],
            "Invalid value for '-n' / '--limit': 'error' is not a whole number (to exclude the word n, quote",
        ),
        (["-f", "--count"], "--count and --follow cannot be used together"),
        (["conection:x"], "did you mean 'connection'?"),
        (["--lmit", "3"], "did you mean --limit?"),
        (["--since", "soon"], "invalid time 'soon'"),
        (["--count", "--json"], "--count and --json cannot be used together"),
        (["--follow", "--order", "desc"], "--follow prints new events"),
        (["--follow", "--order", "size"], "--follow prints new events"),
        (["--limit", "-1"], "-1 is not in the range"),
    ],
)
def test_what_cannot_be_meant_is_said(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["search", "--store", store, *arguments]) == 2
    captured = capsys.readouterr()
    assert (captured.out, said in captured.err) == ("", True)


def test_a_store_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.db").write_bytes(b"something else" * 1_000)
    assert run(["search", "--store", str(tmp_path / "x.db")]) == 1
    assert "is not a wsmon store" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [message("x" * 500)] * 5_000)
    command = " ".join([*WSMON, "search", "--json", "--store", str(path)])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} | head -n 1"], capture_output=True, timeout=DEADLINE_S, check=True
    )
    assert (ids(done.stdout.decode()), done.stderr) == ([5_000], b"")


def test_a_terminal_gets_the_first_hundred_cut_to_its_width(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [message("x" * 500)] * 150)
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*WSMON, "search", "--store", str(path)], stdout=theirs, stderr=theirs, env={**os.environ, "COLUMNS": "100"}
    )
    os.close(theirs)
    output = b""
    while chunk := _read(ours):
        output += chunk
    os.close(ours)
    assert process.wait(DEADLINE_S) == 0
    # Both streams end on the terminal
    zone, *lines, note = output.decode().splitlines()
    assert zone.startswith("wsmon: times in ")
    assert len(lines) == 100
    assert {len(line) for line in lines} == {100}
    assert all(line.endswith("… 500 B") for line in lines)
    assert note == "showing the first 100 matches; use --limit for more"


@pytest.mark.parametrize(
    ("stdout", "stderr", "said"),
    [
        (True, True, "showing the first 3 matches; use --limit for more\n"),
        (True, False, ""),
        (False, True, ""),
        (False, False, ""),
    ],
)
def test_remarks_are_for_people_who_see_both_streams(
    store: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    stdout: bool,
    stderr: bool,
    said: str,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: stdout)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: stderr)
    assert run(["search", "--utc", "--store", store, "--limit", "3"]) == 0
    # What is drawn over while it searches, and erased again
    assert re.sub(r"\r[^\n]*\x1b\[K", "", capsys.readouterr().err) == f"wsmon: times in UTC\n{said}"


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux says that nobody has the other end any more
        return b""


def test_follow_prints_what_comes_until_ctrl_c(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path) as recording:
        recording.write([message("old")])
        process = subprocess.Popen(
            [*WSMON, "search", "--follow", "--json", "--since", "2026-01-10T14:02:24Z", "-skip", "--store", str(path)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["payload"] == "old"
        recording.write([message("skip this", 1), message("new", 2)])
        assert json.loads(process.stdout.readline())["payload"] == "new"
        recording.write([message("newer", 3)])
        assert json.loads(process.stdout.readline())["id"] == 4
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 130
        assert process.stdout.read() == b""
        process.stdout.close()


def test_follow_ends_at_its_limit(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--json", "--follow", "--since", "2026-01-10T00:00Z", "--limit", "3"]
    assert run(["search", "--store", store, *arguments]) == 0
    assert ids(capsys.readouterr().out) == [1, 2, 3]


def test_nx_20_events_that_are_no_longer_kept_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.db"
    recording = Recording(path)
    recording.write([message(str(number), number) for number in range(5)])
    recording.execute("DELETE FROM event WHERE id < 4")
    recording.execute("UPDATE meta SET value = 4 WHERE key = 'oldest_id'")
    recording.end(9)
    for follow in ([], ["--follow", "-n", "2"]):
        assert run(["search", "--since-id", "1", *follow, "--json", "--store", str(path)]) == 0
        out, said = capsys.readouterr()
        first, *others = map(json.loads, out.splitlines())
        assert (first, [each["id"] for each in others]) == ({"truncated": True, "oldest_id": 4}, [4, 5])
        assert "truncated: events 2 to 3 are no longer in the store, continuing with event 4" in said
    assert run(["search", "--since-id", "2", "--store", str(path), "--count"]) == 0
    out, said = capsys.readouterr()
    assert (out, "truncated: event 3 is no longer in the store" in said) == ("2\n", True)
    assert run(["search", "--since-id", "3", "--json", "--store", str(path)]) == 0
    assert ids(capsys.readouterr().out) == [4, 5]


def test_nx_22_an_id_that_is_no_number_is_a_usage_error(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "--since-id", "x7", "--store", store]) == 2
    assert "--since-id" in capsys.readouterr().err
    assert run(["search", "--since-id", "3", "--since", "-1m", "--store", store]) == 2
    assert "--since and --since-id cannot be used together" in capsys.readouterr().err


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two recordings, whose connections have one name."""
    folder = tmp_path_factory.mktemp("hosts")
    for name, shift in (("eu", 0.0), ("us", 0.5)):
        events = [message(f"{name} {number}", number + shift, "orders") for number in range(1, 4)]
        recorded(folder / f"{name}.db", [*events, loss(4 + shift, "orders")], "orders")
    return folder / "eu.db", folder / "us.db"


def stores_of(hosts: tuple[Path, Path], *names: str) -> list[str]:
    """The options for them, with names or without."""
    given = [f"{name}={path}" for name, path in zip(names, hosts, strict=True)] if names else list(map(str, hosts))
    return [word for each in given for word in ("--store", each)]


def rows_of(output: str) -> list[tuple[str, int]]:
    """Recording and id of lines of JSON, whose connections all are ``orders``."""
    lines = [json.loads(line) for line in output.splitlines()]
    assert {line["connection"] for line in lines} <= {"orders"}
    return [(line["recording"], line["id"]) for line in lines]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--order", "asc"], [("eu", 1), ("us", 1), ("eu", 2), ("us", 2), ("eu", 3), ("us", 3), ("eu", 4), ("us", 4)]),
        (["-n", "3"], [("us", 4), ("eu", 4), ("us", 3)]),
        (["recording:us", "name:message.*"], [("us", 3), ("us", 2), ("us", 1)]),
        (["-recording:eu", "is:problem"], [("us", 4)]),
        (["conn:eu/orders", "2"], [("eu", 2)]),
        (["conn:orders", '"eu 3"'], [("eu", 3)]),
        (["--since", "2026-01-10T14:02:27.2Z"], [("us", 4), ("eu", 4), ("us", 3)]),
        (["--order", "size", "-n", "1"], [("us", 3)]),
    ],
)
def test_several_recordings_are_one_in_the_order_of_time(
    hosts: tuple[Path, Path], arguments: list[str], expected: list[tuple[str, int]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", "--json", *stores_of(hosts), *arguments]) == 0
    assert rows_of(capfd.readouterr().out) == expected


def test_lines_of_several_recordings_name_them(hosts: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    stores = stores_of(hosts, "one", "two")
    assert run(["search", "--utc", "--order", "asc", "-n", "2", *stores]) == 0
    captured = capfd.readouterr()
    assert [line.split("  ")[1].strip() for line in captured.out.splitlines()] == ["one/orders", "two/orders"]
    assert "wsmon: one: " in captured.err
    assert ", two: " in captured.err
    assert run(["search", "--count", *stores]) == 0
    assert capfd.readouterr().out == "8\n"


def test_evidence_is_named_by_the_ids_of_its_recording(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    verdict = Verdict("peer", "1008", "cause", "next", (1, 2))
    recorded(tmp_path / "a.db", [message("x", 1), message("y", 2)], "binance-spot")
    recorded(tmp_path / "b.db", [message("x", 0), message("y", 3), loss(4, verdict=verdict)], "deribit")
    stores = ["--store", str(tmp_path / "a.db"), "--store", str(tmp_path / "b.db")]
    assert run(["search", "--json", *stores, "name:connection.disconnected"]) == 0
    own = json.loads(capfd.readouterr().out)
    assert run(["search", "--json", "--store", str(tmp_path / "b.db"), "name:connection.disconnected"]) == 0
    alone = json.loads(capfd.readouterr().out)
    assert own == {**alone, "recording": "b"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--since-id", "2"], "counts the events of one recording"),
        (["--store", "{first}"], "is given twice"),
    ],
)
def test_what_does_not_go_with_several_recordings_is_refused(
    hosts: tuple[Path, Path], more: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", *stores_of(hosts), *(each.format(first=hosts[0]) for each in more)]) == 2
    assert said in capfd.readouterr().err
