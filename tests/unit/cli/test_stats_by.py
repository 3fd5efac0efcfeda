"""``wsmon stats --by``: activity by time, connection and type, from rollups and of matches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import dialled, loss, message, usable
from tests.support.recordings import recorded
from wsmon.cli.main import run


@pytest.fixture
def store(tmp_path: Path) -> str:
    events = [
        dialled(0, "orders"),
        usable(0.2, "orders"),
        *(message("xx", second, "orders", type="trade") for second in (1, 2, 40)),
        message("sub", 41, "orders", direction="out", type="sub"),
        loss(50, "orders"),
        message("yyyy", 45, "quotes", type="quote"),
    ]
    return str(recorded(tmp_path / "store.db", events, "orders", "quotes", end_s=96))


def document(capsys: pytest.CaptureFixture[str], store: str, *arguments: str) -> dict[str, Any]:
    assert run(["stats", "--json", "--store", store, *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_time_has_a_row_a_step_also_where_nothing_happened(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, store, "--by", "1m", "--utc")
    assert {key: found[key] for key in ("schema", "since", "until", "by")} == {
        "schema": "wsmon.stats.by/1",
        "since": "2026-01-10T14:02:24.000000Z",
        "until": "2026-01-10T14:04:00.000000Z",
        "by": "1m",
    }
    assert found["rows"] == [
        {
            "since": "2026-01-10T14:02:24.000000Z",
            "until": "2026-01-10T14:03:00.000000Z",
            "observed_s": 36.0,
            "messages": {"received": 2, "sent": 0},
            "bytes": {"received": 4, "sent": 0},
            "messages_per_s": 0.056,
            "errors": 0,
            "disconnects": 0,
            "sessions": 1,
            "connection_count": 1,
        },
        {
            "since": "2026-01-10T14:03:00.000000Z",
            "until": "2026-01-10T14:04:00.000000Z",
            "observed_s": 60.0,
            "messages": {"received": 2, "sent": 1},
            "bytes": {"received": 6, "sent": 3},
            "messages_per_s": 0.05,
            "errors": 0,
            "disconnects": 1,
            "sessions": 0,
            "connection_count": 0,
        },
    ]
    assert len(document(capsys, store, "--by", "10s")["rows"]) == 10


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        (["--by", "1m", "conn:quotes"], [0, 1]),
        (["--by", "1m", "--connection", "orders"], [2, 1]),
        # Matches are counted
        (["--by", "1m", "type:trade"], [2, 1]),
        (["--by", "1m", "yyyy"], [0, 1]),
        (["--by", "1m", "nothing-has-this"], [0, 0]),
        (["--by", "1m", "--since", "2026-01-10T14:03:00Z"], [2]),
    ],
)
def test_time_of_what_is_asked_for(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], received: list[int]
) -> None:
    rows = document(capsys, store, "--utc", *arguments)["rows"]
    assert [row["messages"]["received"] for row in rows] == received


def test_a_row_a_connection(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = document(capsys, store, "--by", "connection")["rows"]
    assert [(row["connection"], row["messages"], row["disconnects"]) for row in rows] == [
        ("orders", {"received": 3, "sent": 1}, 1),
        ("quotes", {"received": 1, "sent": 0}, 0),
    ]
    rows = document(capsys, store, "--by", "connection", "type:quote")["rows"]
    assert [(row["connection"], row["messages"]["received"]) for row in rows] == [("quotes", 1)]


def test_a_row_a_type(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert document(capsys, store, "--by", "type")["rows"] == [
        {"type": "trade", "messages": 3, "share": 0.6, "messages_per_s": 0.031},
        {"type": "quote", "messages": 1, "share": 0.2, "messages_per_s": 0.01},
        {"type": "sub", "messages": 1, "share": 0.2, "messages_per_s": 0.01},
    ]
    rows = document(capsys, store, "--by", "type", "dir:out")["rows"]
    assert [(row["type"], row["messages"]) for row in rows] == [("sub", 1)]


def test_tables_for_people(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--utc", "--by", "1m", "--store", store]) == 0
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "2026-01-10 14:02:24 – 2026-01-10 14:04:00 (UTC)",
        "",
        "SINCE RECEIVED SENT MSG/S ERRORS DISCONNECTS ATTEMPTS OPENED",
        "2026-01-10 14:02:24 2 4 B 0 0 B 0.1 0 0 1 1",
        "2026-01-10 14:03:00 2 6 B 1 3 B 0.1 0 1 0 0",
    ]
    assert run(["stats", "--utc", "--by", "type", "--store", store]) == 0
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[2:]] == [
        "TYPE MESSAGES SHARE MSG/S",
        "trade 3 60.00 % 0.1",
        "quote 1 20.00 % 0.1",
        "sub 1 20.00 % 0.1",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", "minute"], "invalid --by 'minute'. use type, connection or a duration such as \"1m\""),
        (["--by", "500ms"], "--by 500ms is not a whole number of seconds"),
        (["--by", "1m", "--check"], "--by and --check cannot be used together"),
        (["--by", "1s", "--since", "2020-01-01"], "--by 1s would print more than 100,000 rows"),
        (["--by", "1m", "--connection", "order"], "did you mean 'orders'?"),
    ],
)
def test_what_cannot_be_meant_is_said(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["stats", "--store", store, *arguments]) == 2
    assert said in capsys.readouterr().err
