from __future__ import annotations

import json

from tests.support.builders import event
from wsmon.recorder.alerts import AlertOrigin, alert_json

ORIGIN = AlertOrigin("box", "/home/u/wsmon.toml", "/home/u/store.db")


def test_an_incident_tells_its_evidence_and_how_to_silence_it() -> None:
    meta = {"evidence": [3, 4], "silence": 'silence = ["stall"]'}
    opened = event("incident.opened", 0, "feed", id=7, type="stall", reason="no data for 30 s", meta=meta)
    told = json.loads(alert_json(opened, ORIGIN))
    assert told.pop("event") | {"ts": "", "trace_id": ""} == {
        "id": 7,
        "ts": "",
        "ts_ns": opened.ts_ns,
        "mono_ns": opened.mono_ns,
        "run": 1,
        "connection": "feed",
        "connection_id": opened.source.connection_id,
        "trace_id": "",
        "name": "incident.opened",
        "type": "stall",
        "reason": "no data for 30 s",
        "meta": meta,
    }
    assert told == {
        "schema": "wsmon.alert/1",
        "text": "feed: stall: no data for 30 s",
        "at": "2026-01-10T14:02:24.000000Z",
        "connection": "feed",
        "kind": "stall",
        "origin": {"host": "box", "configuration": "/home/u/wsmon.toml", "store": "/home/u/store.db"},
        "incident": {"id": 7, "kind": "stall", "evidence": [3, 4], "silence": 'silence = ["stall"]'},
    }


def test_an_error_is_no_incident_and_a_foreign_text_is_one_harmless_line() -> None:
    failed = event("error.occurred", 0, "feed", id=8, error_type="internal", error="bad\x1b[31m\nthing")
    told = json.loads(alert_json(failed, ORIGIN))
    assert (told["incident"], told["kind"], told["event"]["id"]) == (None, "internal", 8)
    assert told["text"].isprintable()
    assert "\x1b" not in told["text"]
