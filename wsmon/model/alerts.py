"""What somebody is told of, and when again: an incident once, a critical error once until it has stayed away."""

from __future__ import annotations

from wsmon.model.durations import SECOND_NS
from wsmon.model.events import Event
from wsmon.model.profiles import MAJOR_ERRORS

QUIET_NS = 300 * SECOND_NS
# an error that did not occur for so long is over: the longest pause between two attempts is about a minute


def is_notable(event: Event) -> bool:
    """Whether alerts are about it: incidents, their ends, and critical errors that are no incident by themselves.

    Refused logins and connections that gave up are incidents, so they are silenced as such.
    """
    if event.name == "error.occurred":
        return event.error_type in MAJOR_ERRORS
    return event.name in ("incident.opened", "incident.closed")


class Announced:
    """Remembers what was told, so that it is told once."""

    def __init__(self) -> None:
        self._open: set[tuple[str, str]] = set()
        # connection and kind of incidents
        self._errors: dict[tuple[str, str], int] = {}
        # connection and type of errors → monotonic time of the newest

    def is_news(self, event: Event) -> bool:
        """Whether a notable event is to be told; see each of them once, in the order of commit."""
        key = (event.source.connection, event.type or event.error_type)
        match event.name:
            case "incident.opened":
                is_new = key not in self._open
                self._open.add(key)
                return is_new
            case "incident.closed":
                self._open.discard(key)
                return False
            case _:
                before_ns = self._errors.get(key)
                self._errors[key] = event.mono_ns
                return before_ns is None or event.mono_ns - before_ns >= QUIET_NS


def summary(event: Event) -> str:
    """What is told, in a line: connection, kind, sentence."""
    parts = (event.source.connection, event.type or event.error_type, event.reason or event.error)
    return ": ".join(part for part in parts if part)
