"""Routing: which events go to which backends, and sampling once a trace."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from wsmon.errors import UsageError
from wsmon.trace.routing import MOST_DECISIONS, EventMapping, EventRouter


class Backend:
    """A backend that keeps the names and payloads that it is given."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    def handle_event(self, name: str, payload: Mapping[str, Any]) -> bool:
        self.events.append((name, payload))
        return True


@pytest.fixture
def trace() -> Backend:
    return Backend()


@pytest.fixture
def router(trace: Backend) -> EventRouter:
    backends = {"trace": trace.handle_event, "metrics": lambda *_: False, "logs": lambda *_: 1 / 0 > 0}
    return EventRouter(backends, random.Random(7).random)


@pytest.mark.parametrize(("rate", "least", "most"), [(1.0, 100, 100), (2.0, 100, 100), (0.0, 0, 0), (0.5, 30, 70)])
def test_tk_17_sampling_is_decided_once_for_a_trace(
    router: EventRouter, trace: Backend, rate: float, least: int, most: int
) -> None:
    steps = ["task.started", "step.started", "step.before_run", "step.completed", "task.completed", "step.failed"]
    router.configure({name: {"sampling_rate": rate} for name in steps})
    for number in range(100):
        for name in steps:
            router.route_event(name, {"task_id": number % 10, "workflow_step_id": 1})
    names = [name for name, _ in trace.events]
    assert least <= names.count("task.started") <= most
    # No half traces
    assert {names.count(name) for name in steps} == {names.count("task.started")}


def test_the_same_key_is_decided_anew_with_each_trace(router: EventRouter, trace: Backend) -> None:
    router.map(EventMapping("task.started", sampling_rate=0.5))
    for _ in range(100):
        router.route_event("task.started", {":task_id": 1})
    assert 30 <= len(trace.events) <= 70


def test_what_has_no_id_is_decided_by_itself(router: EventRouter, trace: Backend) -> None:
    router.map(EventMapping("foo.bar", sampling_rate=0.5))
    for _ in range(100):
        router.route_event("foo.bar")
    assert 30 <= len(trace.events) <= 70


def test_decisions_are_bounded(trace: Backend) -> None:
    rolls = iter([*[0.0] * (MOST_DECISIONS + 1), 0.9])
    router = EventRouter({"trace": trace.handle_event}, lambda: next(rolls))
    router.configure({"task.started": {"sampling_rate": 0.5}, "task.completed": {"sampling_rate": 0.5}})
    for number in range(MOST_DECISIONS + 1):
        router.route_event("task.started", {"task_id": number})
    # The oldest is forgotten, and rolled anew
    assert router.route_event("task.completed", {"task_id": 0}) == {}
    assert router.route_event("task.completed", {"task_id": MOST_DECISIONS}) == {"trace": True}


def test_tk_18_what_is_disabled_or_not_mapped_goes_nowhere(router: EventRouter, trace: Backend) -> None:
    router.map(EventMapping("task.completed", enabled=False))
    assert router.route_event("task.completed", {"task_id": 1}) == {}
    assert router.route_event("task.started", {"task_id": 1}) == {}
    assert trace.events == []


def test_each_backend_answers_for_itself_and_a_new_mapping_replaces_the_old_one(router: EventRouter) -> None:
    router.map(EventMapping("a", ("trace", "metrics", "logs")))
    assert router.route_event("a", {}) == {"trace": True, "metrics": False, "logs": False}
    router.map(EventMapping("a", ("metrics",)))
    router.after_fork()
    assert router.route_event("a", {}) == {"metrics": False}


def test_tk_19_mappings_are_configured_in_bulk(router: EventRouter) -> None:
    made = router.configure(
        {"a": ["trace"], "b": {"backends": ["trace", "metrics"], "sampling_rate": 0.75}, "c": "trace", "d": None}
    )
    assert made == [
        EventMapping("a", ("trace",)),
        EventMapping("b", ("trace", "metrics"), sampling_rate=0.75),
        EventMapping("c", ("trace",)),
    ]
    assert router.mappings == tuple(made)
    assert router.configure(None) == []
    assert [str(mapping) for mapping in made[:2]] == ["a → trace", "b → trace, metrics (75.0% sampled)"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (42, "event 'b': 42 is no backend"),
        ({"backends": "trace", "rate": 1}, "event 'b': Object contains unknown field `rate`"),
        ([1], "event 'b': Expected `str`, got `int`"),
        ("jaeger", "event 'b': there is no backend 'jaeger'. backends: trace, metrics, logs"),
    ],
)
def test_tk_19_a_mapping_that_is_none_is_named_with_its_value_and_none_is_used(
    router: EventRouter, value: object, said: str
) -> None:
    with pytest.raises(UsageError) as raised:
        router.configure({"a": "trace", "b": value})
    assert str(raised.value).startswith(said)
    assert router.mappings == ()
