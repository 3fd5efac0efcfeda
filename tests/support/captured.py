"""One connection recorded under a capture profile: its configuration, the rows kept of it, and its counters."""

from __future__ import annotations

from dataclasses import replace

from tests.support.builders import at_ns, event
from tests.support.stores import Recording, spec
from wsmon.config.specs import CaptureSpec
from wsmon.model.events import Event
from wsmon.model.profiles import ProfileName
from wsmon.store.codec import SELECT_EVENTS, SELECT_SOURCES, SqlValue, event_of, source_of

NAME = "feed"
BATCH = "message.batch_processed"


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


def counters_of_seconds(one: Recording) -> list[tuple[SqlValue, ...]]:
    return one.rows("SELECT bucket, events, messages_in FROM rollup WHERE level = 1 ORDER BY bucket")
