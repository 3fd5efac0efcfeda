"""What a profile keeps of a stream: rows, ids without holes, and batches that stand for messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.builders import SECOND_NS, at_ns, dialled, event, loss, message, ping, pong, source, usable
from tests.support.stores import Recording, recording, spec
from wsmon.config.specs import CaptureSpec
from wsmon.model.events import Event
from wsmon.model.profiles import ProfileName
from wsmon.store.codec import NAMES, SELECT_EVENTS, SELECT_SOURCES, SqlValue, event_of, source_of

NAME = "feed"
SENT = message("four", 0.3, NAME, direction="out")
STREAM = (
    dialled(0, NAME),
    usable(0.1, NAME),
    message("one", 0.1, NAME, type="tick"),
    ping(0.2, NAME),
    pong(0.2, NAME),
    SENT,
    message("{", 0.4, NAME, error_type="json", error="no JSON"),
    event("auth.completed", 0.5, NAME, status="ok"),
    event("error.occurred", 0.6, NAME, error_type="protocol", error="bad"),
    loss(0.9, NAME),
)
BATCH = "message.batch_processed"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Recording]:
    with recording(tmp_path / "store.db") as made:
        yield made


def configure(one: Recording, profile: ProfileName = "detailed", **capture: bool) -> None:
    one.fold.configure([replace(spec(NAME), profile=profile, capture=CaptureSpec(**capture))], at_ns(0))


def rows(one: Recording) -> list[Event]:
    sources = dict(source_of(row) for row in one.rows(SELECT_SOURCES))  # type: ignore[arg-type]  # as the query says
    return [event_of(row, sources) for row in one.rows(f"{SELECT_EVENTS} ORDER BY id")]


def names(one: Recording) -> list[str]:
    return [each.name for each in rows(one)]


def meta(received: tuple[int, int], sent: tuple[int, int], after_s: int = 0) -> dict[str, object]:
    return {
        "count": received[0] + sent[0],
        "total_size": received[1] + sent[1],
        "received": {"count": received[0], "total_size": received[1]},
        "sent": {"count": sent[0], "total_size": sent[1]},
        "since_ns": at_ns(after_s),
    }


def counters(one: Recording, columns: str) -> tuple[SqlValue, ...]:
    (found,) = one.rows(f"SELECT {columns} FROM rollup WHERE level = 3600")
    return found


def switched(after_s: float, before: str, profile: str) -> Event:
    return event("self.config.reloaded", after_s, NAME, meta={"profile": profile, "before": before})


@pytest.mark.parametrize(
    ("profile", "kept"),
    [
        ("detailed", [each.name for each in STREAM]),
        ("financial", [each.name for each in STREAM]),
        (
            "standard",
            [
                "connection.started",
                "connection.completed",
                "message.received",
                "auth.completed",
                "error.occurred",
                BATCH,
                "connection.disconnected",
            ],
        ),
        (
            "lightweight",
            ["connection.started", "connection.completed", "error.occurred", BATCH, "connection.disconnected"],
        ),
    ],
)
def test_rows_of_each_profile_and_ids_without_holes(one: Recording, profile: ProfileName, kept: Iterable[str]) -> None:
    configure(one, profile)
    one.commit(*STREAM, now_s=10)
    found = rows(one)
    assert [each.name for each in found] == kept
    assert [each.id for each in found] == list(range(1, len(found) + 1))
    assert one.rows("SELECT value FROM meta WHERE key = 'last_id'") == [(len(found),)]
    assert counters(one, "events, messages_in, messages_out, bytes_in, bytes_out, wire_in, wire_out, pings, pongs") == (
        (len(found), 2, 1, 4, 4, 12, 8, 1, 1)
    )
    assert counters(one, "errors, opens, losses, attempts") == (2, 1, 1, 1)


def test_the_end_of_a_session_says_what_it_had_said_before(one: Recording) -> None:
    configure(one, "standard")
    one.commit(*STREAM[:3], SENT, loss(0.9, NAME), now_s=0.9)
    batch = rows(one)[2]
    assert (batch.name, batch.meta, batch.ts_ns, batch.size, batch.source.connection_id) == (
        BATCH,
        meta((1, 3), (1, 4)),
        at_ns(0.9),
        0,
        source(NAME).connection_id,
    )
    assert one.rows("SELECT first_id, last_id FROM session") == [(1, 4)]


def test_a_second_is_told_when_it_is_over_and_nothing_of_it_comes_any_more(one: Recording) -> None:
    configure(one, "standard")
    one.commit(usable(0, NAME), message("ab", 0.1, NAME), now_s=0.5)
    one.commit(message("abc", 0.99, NAME), message("x", 1.0, NAME), now_s=1.02)
    assert names(one) == ["connection.completed"]
    one.commit(now_s=1.3)
    assert [(each.name, each.meta, each.ts_ns) for each in rows(one)[1:]] == [(BATCH, meta((2, 5), (0, 0)), at_ns(1.3))]
    one.commit(now_s=2.1)
    assert rows(one)[2].meta == meta((1, 1), (0, 0), after_s=1)
    one.commit(now_s=9)
    assert len(rows(one)) == 3


def test_sessions_have_batches_of_their_own(one: Recording) -> None:
    configure(one, "standard")
    other = message("other", 0.5, NAME, source=source(NAME, session="b" * 16))
    one.commit(message("abc", 0.4, NAME), other, now_s=0.5)
    one.commit(now_s=1.5)
    assert [(each.source.connection_id, (each.meta or {})["total_size"]) for each in rows(one)] == [
        (source(NAME).connection_id, 3),
        ("b" * 16, 5),
    ]


def test_the_end_of_the_run_leaves_nothing_uncounted(one: Recording) -> None:
    configure(one, "lightweight")
    one.commit(message("abc", 0.4, NAME), now_s=0.5)
    one.fold.close_batches(at_ns(0.6), 0, is_end=True)
    one.commit(now_s=0.6)
    assert [(each.name, each.meta) for each in rows(one)] == [(BATCH, meta((1, 3), (0, 0)))]
    assert counters_of_seconds(one) == [(at_ns(0) // SECOND_NS, 1, 1)]


def counters_of_seconds(one: Recording) -> list[tuple[SqlValue, ...]]:
    return one.rows("SELECT bucket, events, messages_in FROM rollup WHERE level = 1 ORDER BY bucket")


def test_messages_without_rows_are_still_the_last_data_that_came(one: Recording) -> None:
    configure(one, "lightweight")
    one.commit(message("abc", 0.4, NAME), now_s=0.5)
    assert one.rows("SELECT last_message_ns FROM connection") == [(at_ns(0.4),)]


def test_a_minor_error_that_is_no_row_is_no_place_to_jump_to(one: Recording) -> None:
    configure(one, "lightweight")
    one.commit(
        loss(0.1, NAME),
        event("error.occurred", 0.2, NAME, error_type="json"),
        message("{", 0.3, NAME, error_type="json"),
        now_s=1,
    )
    assert one.rows("SELECT last_problem_id FROM connection") == [(1,)]
    assert one.rows("SELECT key, n FROM rollup_dim WHERE level = 1 AND dimension = 1") == [("json", 2)]


def test_without_control_frames_heartbeats_are_counted(one: Recording) -> None:
    configure(one, control_frames=False)
    one.commit(usable(0, NAME), ping(0.1, NAME), pong(0.2, NAME, rtt_ms=18), message("a", 0.3, NAME), now_s=1)
    assert names(one) == ["connection.completed", "message.received"]
    assert counters(one, "events, pings, pongs, messages_in") == (2, 1, 1, 1)
    assert one.rows("SELECT rtt_ns FROM connection") == [(18_000_000,)]


def test_a_switch_affects_exactly_what_comes_after_it(one: Recording) -> None:
    configure(one)
    before, after = message("before", 0.1, NAME), message("after", 0.2, NAME)
    one.commit(before, switched(0.15, "detailed", "standard"), after, ping(0.2, NAME), now_s=0.2)
    assert names(one) == ["message.received", "self.config.reloaded"]
    assert one.rows("SELECT spec ->> 'profile' FROM connection") == [("standard",)]
    one.commit(message("more", 0.3, NAME), switched(0.4, "standard", "detailed"), message("rows", 0.5, NAME), now_s=0.5)
    assert names(one)[2:] == [BATCH, "self.config.reloaded", "message.received"]
    assert rows(one)[2].meta == meta((2, 9), (0, 0))
    one.commit(now_s=5)
    assert counters(one, "events, messages_in, pings") == (5, 4, 1)


def test_a_switch_of_one_connection_is_none_of_another(one: Recording) -> None:
    one.fold.configure([spec(NAME), spec("other")], at_ns(0))
    one.commit(switched(0, "detailed", "standard"), message("a", 0.1, NAME), message("b", 0.1, "other"), now_s=0.5)
    assert [(each.name, each.source.connection) for each in rows(one)] == [
        ("self.config.reloaded", NAME),
        ("message.received", "other"),
    ]


def test_control_frames_can_be_switched_too(one: Recording) -> None:
    configure(one)
    off = event("self.config.reloaded", 0.2, NAME, meta={"capture": {"control_frames": False}})
    on = event("self.config.reloaded", 0.4, NAME, meta={"capture": {"control_frames": True}})
    one.commit(ping(0.1, NAME), off, ping(0.3, NAME), on, ping(0.5, NAME), now_s=1)
    assert [each.ts_ns for each in rows(one) if each.name == "heartbeat.sent"] == [at_ns(0.1), at_ns(0.5)]


def test_a_new_configuration_waits_for_the_event_that_tells_of_it(one: Recording) -> None:
    configure(one)
    configure(one, "standard", control_frames=False)
    one.commit(message("a", 0.1, NAME), ping(0.1, NAME), now_s=0.5)
    assert names(one) == ["message.received", "heartbeat.sent"]
    assert one.rows("SELECT spec ->> 'profile' FROM connection") == [("detailed",)]


def test_a_connection_that_comes_back_to_the_configuration_begins_with_its_profile(one: Recording) -> None:
    configure(one)
    one.fold.configure([], at_ns(0))
    configure(one, "standard")
    one.commit(message("a", 0.1, NAME), now_s=0.5)
    assert names(one) == []
    assert one.rows("SELECT spec ->> 'profile' FROM connection") == [("standard",)]


def test_a_run_begins_with_the_profile_of_its_configuration(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with recording(path) as first:
        configure(first, "standard")
        first.commit()
    with recording(path, after_s=10) as second:
        configure(second)
        second.commit(message("a", 11, NAME), now_s=11)
        assert [NAMES[name] for (name,) in second.rows("SELECT name FROM event")] == ["message.received"]  # type: ignore[index]


def test_the_recorders_own_reload_switches_nothing(one: Recording) -> None:
    configure(one)
    own = event("self.config.reloaded", 0.1, "", reason="nothing changed; 1 went on", status="ok")
    one.commit(own, message("a", 0.2, NAME), now_s=0.5)
    assert names(one) == ["self.config.reloaded", "message.received"]


def died_and_restored(path: Path, profile: ProfileName, *events: Event, now_s: float) -> list[Event]:
    """What the next recorder tells for one that died after it had committed these."""
    with recording(path) as died:
        configure(died, profile)
        died.commit(*events, now_s=now_s)
    with recording(path, after_s=60) as next_one:
        before = len(rows(next_one))
        next_one.fold.restore(next_one.database.lost_batches)
        next_one.commit(now_s=60)
        assert counters_of_seconds(next_one)[-1] == (at_ns(60) // SECOND_NS, 2, 0)  # rows, and no message twice
        return rows(next_one)[before:]


def test_what_a_recorder_counted_and_did_not_live_to_tell_is_told_by_the_next_one(tmp_path: Path) -> None:
    said = (dialled(0, NAME), usable(0.1, NAME), message("abc", 0.2, NAME), message("de", 1.4, NAME, direction="out"))
    told = died_and_restored(tmp_path / "store.db", "standard", *said, now_s=1.5)
    assert [(each.name, each.meta) for each in told] == [
        (BATCH, meta((1, 3), (0, 0))),
        (BATCH, meta((0, 0), (1, 2), after_s=1)),
    ]
    assert {each.source.connection_id for each in told} == {source(NAME).connection_id}
    assert [each.ts_ns for each in told] == [at_ns(60)] * 2


def test_what_was_told_before_it_died_is_not_told_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with recording(path) as died:
        configure(died, "lightweight")
        died.commit(dialled(0, NAME), usable(0.1, NAME), message("abc", 0.2, NAME), now_s=0.3)
        died.commit(now_s=1.2)
        died.commit(now_s=1.5)
        assert names(died)[-1] == BATCH
        died.commit(message("defg", 2.2, NAME), now_s=2.3)
    with recording(path, after_s=60) as next_one:
        next_one.fold.restore(next_one.database.lost_batches)
        next_one.commit(now_s=60)
        told = [each.meta for each in rows(next_one) if each.name == BATCH]
    assert told == [meta((1, 3), (0, 0)), meta((1, 4), (0, 0), after_s=2)]


def test_messages_that_are_rows_need_no_other_recorder(tmp_path: Path) -> None:
    said = (dialled(0, NAME), usable(0.1, NAME), message("abc", 0.2, NAME), message("{", 0.3, NAME, error_type="json"))
    path = tmp_path / "store.db"
    with recording(path) as died:
        configure(died, "detailed")
        died.commit(*said, now_s=0.5)
    with recording(path, after_s=60) as next_one:
        assert next_one.database.lost_batches == ()


def test_messages_that_were_rows_before_a_switch_are_not_told_again(tmp_path: Path) -> None:
    switch = switched(0.3, "detailed", "standard")
    path = tmp_path / "store.db"
    with recording(path) as died:
        configure(died, "detailed")
        before, after = message("abc", 0.2, NAME), message("de", 0.4, NAME)
        died.commit(dialled(0, NAME), usable(0.1, NAME), before, switch, after, now_s=0.5)
    with recording(path, after_s=60) as next_one:
        (batch,) = next_one.database.lost_batches
    assert (batch.source.connection, batch.second, tuple(batch.counts)) == (NAME, at_ns(0) // SECOND_NS, (1, 2, 0, 0))
