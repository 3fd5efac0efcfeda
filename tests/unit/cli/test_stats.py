"""``wsmon stats`` as users and scripts meet it."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path

import pytest

from tests.support.builders import dialled, event, loss, message, ping, pong, usable
from tests.support.recordings import Recording, recorded, specs
from wsmon.cli.main import run


@pytest.fixture
def store(tmp_path: Path) -> str:
    events = [
        dialled(0, "orders"),
        event("connection.open", 0.1, "orders", from_status="connecting", to_status="connected"),
        usable(0.2, "orders"),
        message("x" * 2_000, 1, "orders"),
        ping(2, "orders"),
        pong(2.018, "orders"),
        event("heartbeat.timeout", 5, "orders", size=0),
        loss(10.2, "orders", code=1008),
        message("y", 11, "trades"),
    ]
    return str(recorded(tmp_path / "store.db", events, "orders", "trades"))


def test_json_has_the_shape_of_the_contract(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--json", "--store", store]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], [each["name"] for each in document["connections"]]) == (
        "wsmon.stats/1",
        ["orders", "trades"],
    )
    assert (document["since"], document["until"]) == ("2026-01-10T14:02:24.000000Z", "2026-01-10T14:03:24.000000Z")
    assert " ".join(document["connections"][0]) == (
        "name url status stalled profile trace_id sessions connection_count reconnection_count "
        "reconnects_per_hour reconnect_gap_ms total_uptime_ms ws_uptime_ms availability last_connected_at "
        "last_disconnected_at last_message_at down_since failing_since connect_ms reconnect_ms rtt_ms process_ms "
        "decode_ms encode_ms "
        "feed_latency_ms feed_latency_uncertainty_ms message_size messages bytes wire_bytes heartbeats errors "
        "close_codes incidents kpis message_types subscriptions"
    )
    assert document["connections"][0]["ws_uptime_ms"] == 10_000


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--connection", "trades"], ["trades"]),
        (["conn:o*"], ["orders"]),
        (["-conn:orders"], ["trades"]),
        (["connection:nobody"], []),
        (["--since", "2026-01-10T14:02:30Z", "--until", "2026-01-10T14:02:31Z"], ["orders", "trades"]),
    ],
)
def test_a_choice_of_connections(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], names: list[str]
) -> None:
    assert run(["stats", "--json", "--store", store, *arguments]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["connections"]] == names


def test_any_other_query_has_the_statistics_of_what_it_matches(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    assert run(["stats", "--json", "--store", store, "size>1kb OR kind:heartbeat"]) == 0
    (orders,) = json.loads(capsys.readouterr().out)["connections"]
    assert (orders["name"], orders["messages"], orders["bytes"]["received"], orders["sessions"]) == (
        *("orders", {"received": 1, "sent": 0, "shed": 0}, 2_000, 1),
    )
    assert orders["heartbeats"] == {"sent": 1, "answered": 1, "missed": 1}
    assert (orders["close_codes"], orders["kpis"], orders["ws_uptime_ms"]) == ({}, [], 10_000)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert run(["stats", "--json", "--store", store, "--connection", "trades", "size>1kb"]) == 0
    assert json.loads(capsys.readouterr().out)["connections"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["since:2026-01-10T14:02:30Z", "until:2026-01-10T14:02:31Z"],
        ["--since", "2026-01-10T14:00:00Z", "ts:2026-01-10T14:02:30Z..2026-01-10T14:02:30.5Z"],
    ],
)
def test_times_of_a_query_are_those_of_the_options(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(["stats", "--json", "--store", store, *arguments]) == 0
    asked = json.loads(capsys.readouterr().out)
    period = ["--since", "2026-01-10T14:02:30Z", "--until", "2026-01-10T14:02:31Z"]
    assert run(["stats", "--json", "--store", store, *period]) == 0
    assert asked == json.loads(capsys.readouterr().out)


def test_a_table_for_people(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--utc", "--store", store]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2026-01-10 14:02:24 – 2026-01-10 14:03:24 (UTC)"
    assert " ".join(lines[2].split()) == (
        "CONNECTION STATUS PROFILE OPEN FOR UPTIME SESSIONS OPENED RECONNECTS RECEIVED SENT CONNECT P50 RTT P50"
    )
    assert " ".join(lines[3].split()).startswith("orders disconnected detailed 10 s 16.66 % 1 1 0 1 2.0 KiB 0 0 B")
    assert lines[6:] == [
        "orders: close codes 1008 × 1",
        "orders: 1 of 1 pings unanswered",
        "orders: availability 16.66 % is below target 99.00 % (1m of scheduled time)",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--connection", "order"], "unknown connection 'order'. did you mean 'orders'?"),
        (["--connection", "order", "trade"], "unknown connection 'order'. did you mean 'orders'?"),
        (["--check", "trade"], "KPIs apply to whole connections"),
        (["trade OR"], "expected a term after OR"),
        (["since:today", "until:yesterday"], "the period is empty"),
        (["--since", "today", "--until", "yesterday"], "the period is empty"),
        (["--chek"], "unknown option --chek"),
    ],
)
def test_what_cannot_be_meant_is_said(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["stats", "--store", store, *arguments]) == 2
    captured = capsys.readouterr()
    assert (captured.out, said in captured.err) == ("", True)


def breached(tmp_path: Path, **fields: object) -> str:
    """A store of a connection whose three reconnects took three seconds each, with these fields of its spec."""
    recording = Recording(tmp_path / "store.db")
    recording.configure(dataclasses.replace(specs("orders")[0], **fields))  # type: ignore[arg-type]  # fields by name
    reconnects = [event("connection.reconnect.success", at, "orders", duration_ns=3_000_000_000) for at in (5, 15, 25)]
    recording.write([dialled(0, "orders"), usable(0.2, "orders"), *reconnects], rolled_after_s=60)
    # Too short for a judgement on shares of time
    recording.end(50)
    return str(tmp_path / "store.db")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"profile": "financial"}, 3),
        ({"profile": "standard"}, 0),
        ({"profile": "detailed", "kpi": {"reconnection_time_ms": 3000.0}}, 3),
        ({"profile": "financial", "kpi": {"reconnection_time_ms": 3000.5}}, 0),
    ],
)
def test_check_says_by_its_code_whether_a_threshold_is_breached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, object], code: int
) -> None:
    store = breached(tmp_path, **fields)
    assert run(["stats", "--check", "--json", "--store", store]) == code
    (connection,) = json.loads(capsys.readouterr().out)["connections"]
    (kpi,) = [each for each in connection["kpis"] if each["name"] == "reconnection_time_ms"]
    assert (kpi["value"], kpi["ok"], kpi["samples"]) == (3000.0, code == 0, 3)
    assert run(["stats", "--json", "--store", store]) == 0


def test_a_breach_is_a_line_of_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--store", breached(tmp_path, profile="financial")]) == 0
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "orders: reconnection_time_ms 3.0 s exceeds target 2.0 s (3 samples)"
    )


def test_nothing_measured_breaches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(recorded(tmp_path / "store.db", [], "orders"))
    assert run(["stats", "--check", "--json", "--store", store]) == 0
    (connection,) = json.loads(capsys.readouterr().out)["connections"]
    assert connection["kpis"][0] == {
        "name": "connection_success_rate",
        "value": None,
        "threshold": 0.99,
        "ok": None,
        "samples": 0,
        "budget_left": None,
        "why": "too few samples",
    }
    assert {(kpi["ok"], kpi["samples"]) for kpi in connection["kpis"]} == {(None, 0)}


def test_of_a_recording_that_was_cut_off_nobody_knows_what_is_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [
        dialled(0, "a"),
        usable(0.2, "a"),
        message("x", 1, "a"),
        dialled(0, "b"),
        loss(2, "b", to_status="closed"),
    ]
    with Recording(tmp_path / "store.db", "a", "b", "c") as recording:
        recording.write(events, rolled_after_s=10)
        columns = {line.split()[0]: line for line in said(tmp_path / "store.db", capsys)}
    assert "cut off" in columns["a"]
    assert "closed" in columns["b"]
    assert "cut off" not in columns["c"]


def said(store: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of the table, without headings."""
    assert run(["stats", "--store", str(store)]) == 0
    return [line for line in capsys.readouterr().out.splitlines()[3:] if line]
