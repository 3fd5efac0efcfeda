"""The trace document: connections with host, port, statistics and all their events."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from tests.support.builders import event, message, source
from tests.support.exports import exported, ids
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, Recording, recorded
from wsmon.model.events import Event, EventName
from wsmon.store.reader import Reader


def history(path: Path, events: list[Event]) -> list[dict[str, object]]:
    """The events of an exported trace of one connection."""
    reader = Reader(recorded(path, events, "nova"), FixedClock())
    (connection,) = json.loads(exported(reader, "json")[0])["connections"]
    reader.close()
    found: list[dict[str, object]] = connection["events"]
    return found


def test_st_07_the_trace_of_a_session(view: Reader) -> None:
    document = json.loads(exported(view, "json", query=parse("conn:nova"))[0])
    (connection,) = document["connections"]
    assert (connection["name"], connection["host"], connection["port"]) == ("nova", "nova.example.net", 443)
    assert [each["to_status"] for each in connection["events"]] == [
        "connecting",
        "connected",
        "websocket_connected",
        "disconnected",
    ]
    statistics = connection["statistics"]
    assert (statistics["connection_count"], statistics["total_uptime_ms"]) == (1, 500)
    assert statistics["reconnection_count"] == 0


def test_st_03_a_transition_keeps_its_statuses_and_metadata(tmp_path: Path) -> None:
    connect = event(
        "connection.open", 1, "nova", from_status="initialized", to_status="connected", meta={"gun_pid": "<0.1.0>"}
    )
    (found,) = history(tmp_path / "store.db", [connect])
    assert {key: found[key] for key in ("name", "from_status", "to_status", "meta")} == {
        "name": "connection.open",
        "from_status": "initialized",
        "to_status": "connected",
        "meta": {"gun_pid": "<0.1.0>"},
    }


def test_st_05_a_history_has_the_order_in_which_things_happened(tmp_path: Path) -> None:
    happened: tuple[EventName, ...] = (
        "connection.started",
        "connection.open",
        "connection.completed",
        "connection.disconnected",
        "connection.reconnect.attempt",
    )
    events = [event(name, number, "nova") for number, name in enumerate(happened)]
    assert [each["name"] for each in history(tmp_path / "store.db", events)] == list(happened)


def test_nx_13_a_trace_is_its_events_in_order(tmp_path: Path) -> None:
    events = [
        message(str(number), number, "nova", source=msgspec.structs.replace(source("nova"), trace_id=trace))
        for number, trace in enumerate("aba")
    ]
    reader = Reader(recorded(tmp_path / "store.db", events, "nova"), FixedClock())
    assert ids(exported(reader, query=parse("trace:a"))[0]) == [1, 3]
    assert ids(exported(reader, query=parse("trace:missing"))[0]) == []
    assert ids(exported(reader, query=parse('trace:""'))[0]) == []
    reader.close()


def test_a_trace_holds_every_event_once(view: Reader) -> None:
    document = json.loads(exported(view, "json")[0])
    found = [each["id"] for part in document["connections"] for each in part["events"]]
    assert [each["name"] for each in document["connections"]] == ["nova", "b"]
    assert sorted(found + [each["id"] for each in document["recorder"]]) == list(range(1, 16))
    assert document["schema"] == "wsmon.trace/2"


def test_names_that_differ_in_case_only_share_no_event(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [message("1", connection="a"), message("2", connection="A")], "a", "A")
    reader = Reader(path, FixedClock())
    content, report = exported(reader, "json")
    reader.close()
    assert [[each["id"] for each in part["events"]] for part in json.loads(content)["connections"]] == [[1], [2]]
    assert report.written == 2


def test_st_10_the_trace_of_nothing_has_no_events(tmp_path: Path) -> None:
    reader = Reader(recorded(tmp_path / "store.db", [], "nova"), FixedClock())
    (connection,) = json.loads(exported(reader, "json")[0])["connections"]
    reader.close()
    statistics = connection["statistics"]
    assert connection["events"] == []
    assert [statistics[key] for key in ("connection_count", "total_uptime_ms", "reconnection_count")] == [0, 0, 0]


def test_a_url_that_held_credentials_still_has_a_host(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", "a") as recording:
        recording.execute(
            "UPDATE connection SET spec = json_set(spec, '$.url', ?)",
            "wss://[FILTERED]@example.net:8443/?token=[FILTERED]",
        )
        reader = Reader(tmp_path / "store.db", FixedClock())
        (connection,) = json.loads(exported(reader, "json")[0])["connections"]
        reader.close()
    assert (connection["host"], connection["port"]) == ("example.net", 8443)
