"""What ``jsonl`` wrote comes back as it was; what is no event is named."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import T0_NS, event, loss, message, source
from tests.support.recordings import FixedClock, Recording, recorded
from tests.support.session_events import story
from tests.support.stores import stored_events
from wsmon.export.event_line import ALIASES
from wsmon.export.import_jsonl import jsonl_events
from wsmon.export.import_session import Fault
from wsmon.export.jsonl import event_json, jsonl
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import Event
from wsmon.store.reader import Reader
from wsmon.store.replay import replaying

# What SQLite gives back
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def read(*lines: bytes | dict[str, object]) -> list[Event | Fault]:
    return list(jsonl_events(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))


def exported(path: Path) -> bytes:
    reader = Reader(path, FixedClock(60))
    stream = io.BytesIO()
    run_export(ExportRequest("jsonl", stream), reader)
    reader.close()
    return stream.getvalue()


def imported(lines: bytes, path: Path) -> Path:
    with replaying(path) as replay:
        for one in jsonl_events(io.BytesIO(lines)):
            assert isinstance(one, Event), one
            replay.write((one,))
    return path


LINE = {"name": "message.received", "ts_ns": T0_NS, "mono_ns": 5}


def told(event: Event) -> tuple[str, float, str, int | None, bytes | None]:
    return event.name, (event.ts_ns - T0_NS) / 1e9, event.direction, event.size, event.payload


def test_export_import_export_gives_the_same_events(tmp_path: Path) -> None:
    odd = message(
        b"\xff\x00", 11, "nova", truncated=True, redacted=True, size=99, type="t", topic="x", ref="7", meta={"a": [1]}
    )
    days = loss(12, "b", open_s=100 * 86_400.123_456_789, error_type="reset", error="é\u2028", status="error")
    first = tmp_path / "first.db"
    recorded(first, [*story(), odd, days, event("self.run.ended", 13, "")], "nova", "b")
    with Recording(first, "nova", after_s=100) as second_run:
        second_run.write([message("again", 101, "nova")])
        lines = exported(first)
    copy = imported(lines, tmp_path / "copy.db")
    assert exported(copy) == lines
    assert stored_events(copy) == stored_events(first)
    assert len(lines.splitlines()) == 22


def test_what_was_judged_when_it_was_recorded_stays_as_it_was(tmp_path: Path) -> None:
    """The third loss that names a limit is judged by the two before it, which an excerpt may lack."""
    losses = [loss(number * 10.0, "nova", code=1006) for number in range(1, 5)]
    first = recorded(tmp_path / "first.db", losses, "nova")
    copy = imported(exported(first), tmp_path / "copy.db")
    assert stored_events(copy) == stored_events(first)
    part = imported(b"".join(exported(first).splitlines(keepends=True)[2:]), tmp_path / "part.db")
    assert stored_events(part) == stored_events(first)[2:]


def test_statistics_of_an_imported_store_are_those_of_the_recorded_one(tmp_path: Path) -> None:
    first = recorded(tmp_path / "first.db", [*story(), event("self.run.ended", 20, "")], "nova", "b", end_s=20)
    copy = imported(exported(first), tmp_path / "copy.db")
    found = []
    for path in (first, copy):
        reader = Reader(path, FixedClock(60))
        found.append([
            (one.name, one.status, one.connection_count, one.sessions, one.messages, one.bytes, one.ws_uptime_ms,
             dict(one.close_codes), dict(one.errors), dict(one.incidents), one.rtt_ms)
            for one in reader.statistics(None, None).connections
        ])  # fmt: skip
        reader.close()
    assert sorted(found[0]) == sorted(found[1])
    reader = Reader(copy, FixedClock(60))
    assert {row.state.name: row.state.spec.url for row in reader.snapshot(0).connections} == {
        "nova": "wss://stream.example.net/ws?token=[FILTERED]",
        "b": "wss://stream.example.net/ws?token=[FILTERED]",
    }
    reader.close()


def test_an_event_that_was_not_redacted_is() -> None:
    (event,) = read(
        b'{"name":"message.received","ts_ns":1,"connection":"a","payload":"{\\"password\\":\\"canary\\"}",'
        b'"meta":{"url":"wss://h/?token=canary"}}'
    )
    assert isinstance(event, Event)
    assert (event.payload, event.redacted) == (b'{"password":"[FILTERED]"}', True)
    assert event.meta == {"url": "wss://h/?token=[FILTERED]"}


@given(
    st.builds(
        Event,
        source=st.just(msgspec.structs.replace(source(), run=3, group="g")),
        name=st.sampled_from(["message.received", "connection.disconnected", "auth.failed"]),
        ts_ns=st.integers(0, 2**62),
        mono_ns=st.integers(0, 2**62),
        direction=st.sampled_from(["", "in", "out"]),
        size=st.none() | st.integers(0, 2**40),
        payload=st.none() | st.binary(),
        truncated=st.booleans(),
        duration_ns=st.none() | st.integers(0, 2**60),
        status=st.none() | st.integers(100, 599) | st.just("ok"),
        to_status=st.sampled_from([None, "disconnected"]),
        reason=TEXT,
        meta=st.none() | st.dictionaries(TEXT, st.integers() | TEXT),
        id=st.integers(1, 2**62),
    )
)
def test_any_event_comes_back(made: Event) -> None:
    assert read(event_json(made)) == [made]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "invalid JSON: it ends early"),
        (b"[]", "the line must be an object (got an array)"),
        ({"ts_ns": 1}, "`name` is missing"),
        (LINE | {"name": "nothing.known"}, "`name` must be an event name of wsmon (got 'nothing.known')"),
        (LINE | {"direction": "up"}, "`direction` must be in or out (got 'up')"),
        (LINE | {"size": -1}, "`size` must be a number >= 0"),
        (LINE | {"size": 2**64}, "`size` must be a number <= 9223372036854775807"),
        (LINE | {"payload_base64": "?"}, "`payload_base64` must be base64: "),
        (LINE | {"duration_ms": -1}, "`duration_ms` must be between 0 and "),
        (LINE | {"duration_ms": 1e300}, "`duration_ms` must be between 0 and "),
        (LINE | {"id": 2}, "`id` must be greater than 2, the one before (got 2)"),
        (LINE | {"run": 1}, "`run` must not be less than 2, the one before (got 1)"),
        ({"name": "message.received"}, "`ts` is missing"),
        ({"name": "message.received", "ts": "yesterday"}, "`ts` must be an RFC 3339 string such as "),
        (b'{"name":"message.received","ts_ns":1,"meta":' + b"[" * 100_000, "`meta` must be an object (got an array)"),
        (b'{"name":"message.received","ts_ns":1,"reason":"\\ud800"}', ""),
    ],
)
def test_a_line_that_is_no_event_is_named_and_the_next_is_read(line: bytes | dict[str, object], problem: str) -> None:
    first, fault, last = read(LINE | {"id": 2, "run": 2}, line, LINE | {"id": 7})
    assert isinstance(fault, Fault)
    assert fault.line == 2
    assert problem in fault.problem
    assert [one.id for one in (first, last) if isinstance(one, Event)] == [2, 7]


def test_what_a_line_does_not_say_follows_from_the_line_before() -> None:
    first, _, third = read({"name": "message.received", "ts": "2026-01-10T14:02:24.5Z"}, b"{", {
        "name": "message.sent", "ts": "2026-01-10T14:02:25+00:00"})  # fmt: skip
    assert isinstance(first, Event)
    assert isinstance(third, Event)
    assert (first.id, first.ts_ns, first.mono_ns, first.source.run) == (1, T0_NS + 500_000_000, 0, 1)
    assert (third.id, third.ts_ns, third.mono_ns) == (2, T0_NS + 1_000_000_000, 500_000_000)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": 403}, 403),
        ({"outcome": "error"}, "error"),
        # Version 1
        ({"status": "error"}, "error"),
        ({}, None),
    ],
)
def test_statuses_and_outcomes_of_both_versions_are_read(fields: dict[str, object], status: int | str | None) -> None:
    (found,) = read(LINE | fields)
    assert isinstance(found, Event)
    assert found.status == status


@pytest.mark.parametrize(("emitted", "name"), ALIASES.items())
def test_names_that_are_really_emitted_are_understood(emitted: str, name: str) -> None:
    (found,) = read(LINE | {"name": emitted})
    assert isinstance(found, Event)
    assert found.name == name
    assert (found.status == "error") == (emitted == "subscription.restoration_failed")


def test_events_of_a_session_share_their_source() -> None:
    one, two, other = read(*b"".join(jsonl([tuple(
        msgspec.structs.replace(message("x", connection=name), id=number)
        for number, name in enumerate(["a", "a", "b"], 1)
    )])).splitlines())  # fmt: skip
    assert isinstance(one, Event) and isinstance(two, Event) and isinstance(other, Event)  # noqa: PT018
    assert one.source is two.source is not other.source


def test_ids_that_do_not_ascend_are_no_store(tmp_path: Path) -> None:
    twice = [msgspec.structs.replace(message("x"), id=5)] * 2
    with pytest.raises(AssertionError, match="ids must ascend"), replaying(tmp_path / "copy.db") as replay:
        replay.write(twice)


def test_a_time_that_cannot_be_counted_from_the_one_before_is_named() -> None:
    first, fault = read(LINE | {"ts_ns": 0, "mono_ns": 2**63 - 5}, {"name": "message.sent", "ts_ns": 100})
    assert isinstance(first, Event)
    assert fault == Fault(2, "`ts` is too far from the time before")


def test_a_connection_gets_a_name_that_a_configuration_would_accept() -> None:
    found = read(LINE | {"connection": "evil\x1b[2J\u202ename", "group": "a b"}, LINE | {"connection": "orders.v2_x-1"})
    assert [(one.source.connection, one.source.group) for one in found if isinstance(one, Event)] == [
        ("evil-2J-name", "a-b"),
        ("orders.v2_x-1", ""),
    ]


def test_lines_of_several_recordings_are_refused() -> None:
    (fault,) = read({**LINE, "connection": "orders", "recording": "eu"})
    assert isinstance(fault, Fault)
    assert "lines of several recordings are not one recording" in fault.problem
