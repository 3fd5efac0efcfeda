"""Statistics are the same in every profile: of one stream of events, whatever becomes rows of it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import at_ns, dialled, event, loss, message, ping, pong, usable
from tests.support.stores import Recording, spec
from tests.support.thoroughness import times
from wsmon.model.events import Event
from wsmon.model.profiles import PROFILES, ProfileName
from wsmon.store.schema import COUNTERS

NAMES = ("a", "b")
CONNECTIONS = st.sampled_from(NAMES)
AFTER_S = st.floats(0, 100)
TYPES = st.sampled_from(["", "tick", "trade"])
EVENTS = st.one_of(
    st.builds(
        lambda n, at, name, kind: message("x" * n, at, name, type=kind), st.integers(0, 99), AFTER_S, CONNECTIONS, TYPES
    ),
    st.builds(lambda at, name: message(b"\xff", at, name, direction="out"), AFTER_S, CONNECTIONS),
    st.builds(lambda at, name: message("{", at, name, error_type="json"), AFTER_S, CONNECTIONS),
    st.builds(pong, AFTER_S, CONNECTIONS, st.integers(1, 500)),
    st.builds(ping, AFTER_S, CONNECTIONS),
    st.builds(dialled, AFTER_S, CONNECTIONS),
    st.builds(usable, AFTER_S, CONNECTIONS),
    st.builds(loss, AFTER_S, CONNECTIONS),
    st.builds(lambda at, name: event("error.occurred", at, name, error_type="protocol"), AFTER_S, CONNECTIONS),
    st.builds(lambda at, name: event("auth.failed", at, name, status="error"), AFTER_S, CONNECTIONS),
    st.builds(lambda at, name: event("trace.request.end", at, name, size=0), AFTER_S, CONNECTIONS),
)
BATCHES = st.lists(st.tuples(st.lists(EVENTS, max_size=8), AFTER_S), max_size=6)
SWITCHES = st.lists(st.sampled_from(tuple(PROFILES)), max_size=6)
COUNTED = ", ".join(f"sum({counter})" for counter in COUNTERS if counter != "events")
DETAILS = ("rollup_dim", "rollup_metric")


class Told:
    """What a store says of a stream of events."""

    def __init__(
        self, batches: Sequence[tuple[list[Event], float]], profile: ProfileName, *switches: ProfileName
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            one = Recording(Path(folder) / "store.db")
            one.fold.configure([replace(spec(name), profile=profile) for name in NAMES], at_ns(0))
            to_come = iter(switches)
            for events, now_s in batches:
                one.commit(*events, *switch(next(to_come, None), now_s), now_s=now_s)
            one.fold.close_seconds(at_ns(200), 0, is_end=True)
            one.commit(now_s=300)  # every second is over
            totals = one.rows(f"SELECT connection, {COUNTED} FROM rollup WHERE level = 3600 GROUP BY 1 ORDER BY 1")
            details = [one.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5") for table in DETAILS]
            self.rollups = ([row for row in totals if any(row[1:])], details)
            # a row that says nothing but how many rows there are says nothing here
            self.statuses = one.rows(
                "SELECT name, status, last_message_ns, rtt_ns, sessions FROM connection ORDER BY 1"
            )
            self.transitions = one.rows("SELECT ts_ns, connection, to_status FROM transition ORDER BY event_id")
            self.rows, self.oldest, self.newest = one.rows("SELECT count(*), min(id), max(id) FROM event")[0]
            (self.counted,) = one.rows("SELECT coalesce(sum(events), 0) FROM rollup WHERE level = 3600")[0]
            self.messages = one.rows(
                "SELECT coalesce(sum(messages_in), 0), coalesce(sum(bytes_in), 0),"
                " coalesce(sum(messages_out), 0), coalesce(sum(bytes_out), 0) FROM rollup WHERE level = 3600"
            )
            self.told_of_messages = one.rows(
                "SELECT "
                + ", ".join(
                    f"coalesce(sum(json_extract(meta, '$.{way}.{what}')), 0)"
                    for way in ("received", "sent")
                    for what in ("count", "total_size")
                )
                + " FROM event WHERE name = 9"
            )
            one.cut_off()


def switch(profile: ProfileName | None, after_s: float) -> list[Event]:
    if profile is None:
        return []
    return [event("self.config.reloaded", after_s, name, meta={"profile": profile}) for name in NAMES]


@settings(max_examples=times(25))
@given(BATCHES)
def test_statistics_are_the_same_in_every_profile(batches: Sequence[tuple[list[Event], float]]) -> None:
    detailed = Told(batches, "detailed")
    for profile in ("financial", "standard", "lightweight"):
        told = Told(batches, profile)
        assert (told.rollups, told.statuses, told.transitions) == (
            detailed.rollups,
            detailed.statuses,
            detailed.transitions,
        )


@settings(max_examples=times(25))
@given(BATCHES, st.sampled_from(["standard", "lightweight"]))
def test_batches_add_up_to_the_counters(batches: Sequence[tuple[list[Event], float]], profile: ProfileName) -> None:
    told = Told(batches, profile)
    assert told.told_of_messages == told.messages


@settings(max_examples=times(25))
@given(BATCHES, st.sampled_from(tuple(PROFILES)), SWITCHES)
def test_switches_change_no_statistics_and_leave_no_hole_in_the_ids(
    batches: Sequence[tuple[list[Event], float]], profile: ProfileName, switches: Sequence[ProfileName]
) -> None:
    told = Told(batches, profile, *switches)
    assert told.rollups == Told(batches, "detailed").rollups
    assert told.rows == told.counted
    assert (told.oldest, told.newest) == ((1, told.rows) if told.rows else (None, None))
