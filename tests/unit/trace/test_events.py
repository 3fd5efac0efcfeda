"""Events of an application as lines: their time, payloads that are no text, metadata that is no JSON."""

from __future__ import annotations

import datetime
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.trace import TraceEvent
from wsmon.trace.events import json_line, plain


def line(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json_line(TraceEvent(**{"name": "x", "ts_ns": 1, **fields})))
    return found


def test_an_event_happens_when_it_is_emitted_unless_it_says_otherwise() -> None:
    before = (time.time_ns(), time.monotonic_ns())
    now = json.loads(json_line(TraceEvent(name="x")))
    assert list(now) == ["ts_ns", "mono_ns", "name"]
    assert before <= (now["ts_ns"], now["mono_ns"]) <= (time.time_ns(), time.monotonic_ns())
    assert line(mono_ns=2) == {"name": "x", "ts_ns": 1, "mono_ns": 2}
    assert json.loads(json_line(TraceEvent(name="x", mono_ns=2)))["mono_ns"] == 2


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("text", {"payload": "text"}),
        ("é".encode(), {"payload": "é", "size": 2}),
        (b"\xff\x00", {"payload_base64": "/wA=", "size": 2}),
        (b"", {"payload": "", "size": 0}),
    ],
)
def test_a_payload_is_text_or_base64(payload: str | bytes, expected: dict[str, Any]) -> None:
    assert line(payload=payload) == {"name": "x", "ts_ns": 1, **expected}


class Session:
    """A class of the application."""

    def __str__(self) -> str:
        return "session 7"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\x00\xff", "AP8="),
        (datetime.datetime(2026, 1, 10, tzinfo=datetime.UTC), "2026-01-10T00:00:00Z"),
        (ValueError("no"), "ValueError: no"),
        (float("nan"), None),
        (float("inf"), None),
        (Session(), "session 7"),
        ({1: {"a": (1, 2)}}, {"1": {"a": [1, 2]}}),
    ],
)
def test_st_19_metadata_may_be_anything(value: object, expected: object) -> None:
    assert line(meta={"value": value})["meta"] == {"value": expected}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary()
    | st.tuples(st.text(), st.integers()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.tuples(st.integers()), inner),
)  # fmt: skip


@given(ANYTHING, st.text(st.characters()))
def test_st_19_any_value_becomes_a_line_of_json(value: Any, text: str) -> None:
    found = json_line(TraceEvent(name=text, reason=text, meta={"value": value}))
    assert b"\n" not in found
    assert set(json.loads(found)) <= {"name", "ts_ns", "mono_ns", "reason", "meta"}


def test_what_nests_too_deep_ends_as_text() -> None:
    ring: dict[str, object] = {}
    ring["self"] = ring
    assert json.dumps(plain(ring)).count("self") >= 8
