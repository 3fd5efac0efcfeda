"""The spans of long sessions: however often their sender looks and restarts, it sends those of an export, each once."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import event, loss
from tests.support.collectors import exported
from tests.support.recordings import FixedClock, Recording
from tests.support.session_events import FIRST, SECOND, of, opening
from tests.support.thoroughness import times
from wsmon.export.otlp_spans import PART_NS
from wsmon.model.events import Event
from wsmon.recorder.otlp_delivery import Backlog, Parts

PART_S = PART_NS // 10**9
# Seconds after the beginning of a session; near the ends of parts, too
TIMES = st.integers(1, 4 * PART_S) | st.sampled_from([PART_S - 1, PART_S, PART_S + 1, 2 * PART_S, 3 * PART_S])


def incident(after_s: float) -> Event:
    return event("incident.opened", after_s, "nova", type="gap", reason="3 missing", meta={"missing": 3})


def session(session_id: str, start_s: int, lasts_s: int, incidents: set[int]) -> list[tuple[float, list[Event]]]:
    """What happens in a session, by its time."""
    found = [(start_s + at_s, of(session_id, incident(start_s + at_s))) for at_s in sorted(incidents) if at_s < lasts_s]
    end = of(session_id, loss(start_s + lasts_s, "nova"))
    return [(start_s + 0.5, of(session_id, *opening(start_s, "nova"))), *found, (start_s + lasts_s, end)]


class Sender:
    """A sender that may be cut off after any request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.clock = FixedClock()
        self._sent_id, self._parts = 0, dict[str, int]()
        self._backlog = self._begin({})
        self.records: list[Any] = []

    def _begin(self, parts: Parts) -> Backlog:
        return Backlog(self._path, self.clock, "spans", self._sent_id, parts)

    def send(self) -> None:
        batch = self._backlog.next()
        self.records += [json.loads(record) for record in batch.records]
        if batch.records:
            self._sent_id, self._parts = batch.up_to_id, dict(batch.parts)

    def restart(self) -> None:
        self._backlog.close()
        self._backlog = self._begin(self._parts)

    def close(self) -> None:
        self._backlog.close()


def of_sessions(records: list[Any]) -> list[Any]:
    return [record for record in records if record["name"] == "websocket session"]


@settings(max_examples=times(6))
@given(TIMES, TIMES, st.sets(TIMES, max_size=5), st.lists(TIMES | st.none(), max_size=4))
def test_sent_spans_are_those_of_an_export_each_once(
    first_s: int, second_s: int, incidents: set[int], looks: list[int | None]
) -> None:
    """``looks`` are the pauses before the sender looks; without one, it restarts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "store.db")
        with Recording(path, "nova") as recording:
            sender = Sender(path)
            steps = session(FIRST, 1, first_s, incidents) + session(SECOND, first_s + 10, second_s, incidents)
            for (at_s, events), (next_s, _) in zip(steps, [*steps[1:], steps[-1]], strict=True):
                sender.clock.after_s = at_s
                recording.write(events)
                for pause_s in looks:
                    if pause_s is None:
                        sender.restart()
                    else:
                        sender.clock.after_s = max(at_s, min(sender.clock.after_s + pause_s, next_s))
                        sender.send()
            sender.send()
            sender.close()
        file = exported(path, "otlp")["resourceSpans"][0]["scopeSpans"][0]["spans"]
    sent, expected = of_sessions(sender.records), of_sessions(file)
    assert sent == expected
    assert len({each["spanId"] for each in expected}) == len(expected)
    for session_id, lasts_s in ((FIRST, first_s), (SECOND, second_s)):
        parts = [each for each in expected if value(each, "websocket.connection_id") == session_id]
        assert [value(each, "wsmon.part") for each in parts] == list(map(str, range(1, lasts_s // PART_S + 2)))
        ends = [(int(each["startTimeUnixNano"]), int(each["endTimeUnixNano"])) for each in parts]
        assert [end - start for start, end in ends[:-1]] == [PART_NS] * (len(parts) - 1)
        assert [end for _, end in ends[:-1]] == [start for start, _ in ends[1:]]
        assert ends[-1][1] - ends[0][0] == lasts_s * 10**9
        assert [link["spanId"] for each in parts[1:] for link in each["links"]] == [
            each["spanId"] for each in parts[:-1]
        ]
        found = sum(each["name"] == "incident.opened" for part in parts for each in part.get("events", ()))
        assert found == sum(at_s < lasts_s for at_s in incidents)


def value(record: Any, name: str) -> str:
    (found,) = [each["value"] for each in record["attributes"] if each["key"] == name]
    return str(*found.values())
