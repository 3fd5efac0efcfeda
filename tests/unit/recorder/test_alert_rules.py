"""Rules are searches over what is committed: which events they find, once a connection, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tests.support.builders import event, loss, message, numbered
from tests.support.fake_ports import FakeClock, FakeView, no_fault
from wsmon.errors import QueryError, StoreError
from wsmon.model.block import Committed
from wsmon.model.detectors.rules import RuleDetector, RuleMatch
from wsmon.model.events import Event
from wsmon.model.ranges import QueryMatches
from wsmon.query.ast import EVERYTHING, Query
from wsmon.recorder import alert_rules
from wsmon.recorder.alert_rules import HeldCommits, RuleWatch

DEADLINE_S = 20.0


class Refusing(FakeView):
    """A store that raises what it is told to, as often as it is told."""

    failures: list[Exception]
    committed: list[Sequence[Committed]]

    def events_after(self, after_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        if self.failures and (query.text == "slow" or not isinstance(self.failures[0], QueryError)):
            raise self.failures.pop(0)
        return super().events_after(after_id, limit, query)

    def first_matches(
        self, queries: Mapping[str, Query], first_id: int, last_id: int, committed: Sequence[Committed] = ()
    ) -> QueryMatches:
        self.committed.append(committed)
        return super().first_matches(queries, first_id, last_id, committed)


@dataclass
class Watched:
    """A watch at work."""

    store: Refusing
    watch: RuleWatch
    matches: list[RuleMatch]
    reported: list[str] = field(default_factory=list)

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not is_so():
                await asyncio.sleep(0)

    @property
    def found(self) -> list[tuple[str, str, int]]:
        return [(each.rule, each.source.connection, each.event_id) for each in self.matches]


@pytest.fixture
async def on(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    """Looks without a rest; two events were there before."""
    monkeypatch.setattr(alert_rules, "EVERY_S", 0.0)
    monkeypatch.setattr(alert_rules, "WINDOW_EVENTS", 3)
    store = Refusing(numbered([message("big"), message("big")]))
    store.failures, store.committed = [], []
    detector = RuleDetector()
    matches: list[RuleMatch] = []
    monkeypatch.setattr(detector, "report", matches.append)
    reported: list[str] = []
    watch = RuleWatch(lambda: store, lambda: store.bounds().last_id, detector, FakeClock(), reported.append, no_fault)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch.run(), name="rules")
        yield Watched(store, watch, matches, reported)
        task.cancel()


async def test_what_is_committed_from_now_on_is_looked_at_once_a_connection_and_window(on: Watched) -> None:
    on.watch.configure({"big": "big", "lost": "kind:connection is:problem"})
    on.store.add(*[message("big", connection="a"), message("big", connection="a"), message("big", connection="b")])
    on.store.add(loss(1, connection="c"), message("small"), message("big", connection="a"))
    await on.until(lambda: len(on.matches) == 4)
    assert on.found == [("big", "a", 3), ("big", "b", 5), ("big", "a", 8), ("lost", "c", 6)]
    assert on.matches[0].query == "big"


async def test_what_rules_and_alerts_bring_about_is_no_reason_for_another(on: Watched) -> None:
    on.watch.configure({"all": "is:problem OR kind:self"})
    own = event("incident.opened", connection="a", type="rule:all", reason="x")
    failed = event("self.alert.failed", connection="", error="no luck", error_type="alert")
    on.store.add(own, failed, event("incident.opened", connection="a", type="stall"))
    await on.until(lambda: bool(on.matches))
    assert on.found == [("all", "a", 5)]


async def test_a_rule_that_takes_too_long_ends_and_says_so_while_others_go_on(on: Watched) -> None:
    on.store.failures = [QueryError("slow", 0, "the pattern takes too long")]
    on.watch.configure({"bad": "slow", "good": "big"})
    on.store.add(message("big"))
    await on.until(lambda: bool(on.matches))
    why = "rule bad is not checked: the pattern takes too long"
    assert (on.watch.warning, on.reported) == (why, [why])
    on.watch.configure({"good": "big"})
    assert on.watch.warning == ""


async def test_a_store_that_cannot_be_read_for_a_moment_costs_no_match(on: Watched) -> None:
    on.store.failures = [StoreError("disk I/O error")] * 2
    on.watch.configure({"good": "big"})
    on.store.add(message("big"))
    await on.until(lambda: bool(on.watch.warning))
    assert on.watch.warning == "rules cannot be checked: disk I/O error"
    await on.until(lambda: bool(on.matches))
    assert (on.found, on.watch.warning) == ([("good", "binance-spot", 3)], "")


async def test_a_reload_begins_with_what_comes_and_ends_what_it_no_longer_names(on: Watched) -> None:
    on.watch.configure({"one": "big"})
    on.store.add(message("big"))
    await on.until(lambda: bool(on.matches))
    on.watch.configure({})
    on.store.add(message("big"))
    on.watch.configure({"two": "big"})
    on.store.add(message("big"))
    await on.until(lambda: len(on.matches) > 1)
    assert on.found == [("one", "binance-spot", 3), ("two", "binance-spot", 5)]


def held(first_id: int, count: int = 1, payload: str = "big") -> list[Committed]:
    """What a commit wrote."""
    return [(first_id + place, message(payload), 1) for place in range(count)]


async def test_what_was_just_committed_is_handed_on_from_memory(on: Watched) -> None:
    on.watch.configure({"big": "big"})
    on.watch.hold(held(3, 2))
    on.store.add(message("big", connection="a"), message("big", connection="b"))
    await on.until(lambda: len(on.matches) == 2)
    assert on.store.committed == [held(3, 2)]


async def test_what_was_committed_before_the_first_that_is_held_is_read(on: Watched) -> None:
    on.watch.configure({"big": "big"})
    on.watch.hold(held(5))
    on.store.add(message("big"), message("big"), message("big"))
    await on.until(lambda: len(on.matches) == 2)
    assert (on.found, on.store.committed) == ([("big", "binance-spot", 3), ("big", "binance-spot", 5)], [[], held(5)])


def test_held_commits_are_given_from_an_id_on_and_once() -> None:
    commits = HeldCommits()
    commits.add([])
    assert (commits.take(1), commits.before()) == ([], ())
    for first_id in (1, 3, 5):
        commits.add(held(first_id, 2))
    assert (commits.before(), commits.take(3), commits.take(3)) == ((0,), held(3, 4), [])
    commits.add(held(7))
    assert (commits.take(6), commits.before(), commits.take(7)) == ([], (6,), held(7))
    commits.add(held(8))
    commits.clear()
    assert commits.take(8) == []


def test_commits_that_are_too_many_are_forgotten_and_later_ones_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_rules, "HELD_EVENTS", 3)
    monkeypatch.setattr(alert_rules, "HELD_BYTES", 10)
    commits = HeldCommits()
    commits.add(held(1, 2))
    commits.add(held(3, 2))
    assert commits.before() == (2,)
    # Not the next id
    commits.add(held(6))
    assert commits.before() == (5,)
    commits.add(held(7, payload="a" * 8))
    assert (commits.before(), commits.take(7)) == ((6,), held(7, payload="a" * 8))
