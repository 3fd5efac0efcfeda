"""EventRouter: which events of an application go to which backends, and how many of their traces."""

from __future__ import annotations

import os
import random
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec

from wsmon.errors import UsageError
from wsmon.trace.backend import key_text, trace_key

EventPriority = Literal["low", "normal", "high", "critical"]
BackendHandler: TypeAlias = Callable[[str, Mapping[str, Any]], bool]

# Traces for which a router remembers what it decided
MOST_DECISIONS: Final = 20_000


class EventMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the events of one name go."""

    event_name: str
    backends: tuple[str, ...] = ("trace",)
    enabled: bool = True
    sampling_rate: float = 1.0
    """Share of traces that go there; from 1 on all, down from 0 none."""
    priority: EventPriority = "normal"
    metadata: Mapping[str, Any] = {}

    def __str__(self) -> str:
        """Return a sentence, as ``task.completed → trace, metrics (75.0% sampled)``."""
        sampled = f" ({self.sampling_rate * 100:.1f}% sampled)" if self.sampling_rate < 1 else ""
        disabled = "" if self.enabled else " (disabled)"
        return f"{self.event_name} → {', '.join(self.backends)}{sampled}{disabled}"


class EventRouter:
    """Hands events to backends by their names; any thread may call."""

    def __init__(self, backends: Mapping[str, BackendHandler], roll: Callable[[], float] | None = None) -> None:
        """``backends`` are functions as ``TraceBackend.handle_event``, by name; ``roll`` returns a random number from 0
        to 1, 1 excluded.
        """
        self._backends = dict(backends)
        self._roll = random.random if roll is None else roll
        # Guards what follows
        self._lock = threading.RLock()
        self._mappings: dict[str, EventMapping] = {}
        # What was rolled for a trace, by its outermost key, oldest first
        self._rolled: dict[str, float] = {}
        _ALL.add(self)

    @property
    def mappings(self) -> tuple[EventMapping, ...]:
        """The mappings in force, in the order in which their names were first mapped."""
        with self._lock:
            return tuple(self._mappings.values())

    def map(self, mapping: EventMapping) -> None:
        """Use a mapping in place of the one of its name. Raises ``UsageError`` for a backend that is not there."""
        unknown = [name for name in mapping.backends if name not in self._backends]
        if unknown:
            known = ", ".join(self._backends) or "none"
            raise UsageError(f"event {mapping.event_name!r}: there is no backend {unknown[0]!r}", f"backends: {known}")
        with self._lock:
            self._mappings[mapping.event_name] = mapping

    def configure(self, mappings: Mapping[str, object] | None) -> list[EventMapping]:
        """Map many events, and return their mappings: all, or none where one is wrong.

        The value of an event is a backend, a list of backends, or a mapping with the fields of ``EventMapping``;
        ``None`` maps nothing. Raises ``UsageError`` with the event and the value.
        """
        made = [_mapping(name, value) for name, value in (mappings or {}).items() if value is not None]
        before = dict(self._mappings)
        try:
            for each in made:
                self.map(each)
        except UsageError:
            with self._lock:
                self._mappings = before
            raise
        return made

    def route_event(self, name: str, payload: object = None) -> dict[str, bool]:
        """Hand an event to its backends, and return what each of them returned.

        Empty where it is not mapped, its mapping is disabled, or its trace is not sampled: that is decided once for a
        trace, with its steps and parts. A backend that raises counts as False.
        """
        with self._lock:
            mapping = self._mappings.get(name)
            told = {key_text(key): value for key, value in payload.items()} if isinstance(payload, Mapping) else {}
            if mapping is None or not mapping.enabled or not self._is_sampled(mapping, told):
                return {}
        outcomes: dict[str, bool] = {}
        for backend in mapping.backends:
            try:
                outcomes[backend] = self._backends[backend](name, cast("Mapping[str, Any]", payload))
            except Exception:  # noqa: BLE001 - a backend must not break the events of the application
                outcomes[backend] = False
        return outcomes

    def after_fork(self) -> None:
        """Go on in a forked child."""
        self._lock = threading.RLock()

    def _is_sampled(self, mapping: EventMapping, payload: Mapping[str, Any]) -> bool:
        key = trace_key(mapping.event_name, payload)
        begins = key.kind == "start" and key.key == key.root
        if not key.root:
            rolled = self._roll()
        elif begins or key.root not in self._rolled:
            # Again for a new trace under the same key
            self._rolled.pop(key.root, None)
            if len(self._rolled) >= MOST_DECISIONS:
                self._rolled.pop(next(iter(self._rolled)))
            rolled = self._rolled[key.root] = self._roll()
        else:
            rolled = self._rolled[key.root]
        return rolled < mapping.sampling_rate


def _mapping(name: str, value: object) -> EventMapping:
    fields: Mapping[str, object]
    if isinstance(value, str):
        fields = {"backends": (value,)}
    elif isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
    elif isinstance(value, Iterable):
        fields = {"backends": tuple(value)}
    else:
        raise UsageError(f"event {name!r}: {value!r} is no backend", "name one, a list of them, or a mapping")
    if isinstance(backends := fields.get("backends"), str):
        fields = {**fields, "backends": (backends,)}
    try:
        return msgspec.convert({**fields, "event_name": name}, EventMapping)
    except msgspec.ValidationError as error:
        raise UsageError(f"event {name!r}: {error} ({value!r})") from error


def _forked() -> None:
    """Let a forked child go on where a thread of its parent held a lock."""
    for router in tuple(_ALL):
        router.after_fork()


_ALL: weakref.WeakSet[EventRouter] = weakref.WeakSet()
os.register_at_fork(after_in_child=_forked)
