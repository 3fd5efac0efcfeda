"""A recording with an incident, and bundles of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.builders import at_ns, dialled, event, loss, message, stall, usable
from tests.support.recordings import FixedClock, recorded
from wsmon.export.bundle import BundleReport, BundleRequest, write_bundle
from wsmon.model.bundle import ManifestSettings
from wsmon.model.events import Event
from wsmon.store.reader import Reader

# Seconds at which the incident opens and closes, and at which the connection is lost
OPENED_S, CLOSED_S, LOST_S, END_S = 100.0, 110.0, 130.0, 200.0
SETTINGS = ManifestSettings(source="recorder", values={"profile": "financial"})


def story() -> list[Event]:
    """Two connections with a message every ten seconds; a stall of one, with its end, and a loss."""
    events = [
        event("self.run.started", connection=""),
        dialled(1, "nova"),
        event("connection.open", 1.1, "nova", from_status="connecting", to_status="connected"),
        usable(1.2, "nova"),
        *(message(f"nova {at}", at, "nova") for at in range(10, 200, 10)),
        *(message(f"other {at}", at + 1, "other") for at in range(10, 200, 10)),
        event("self.backpressure", 95, connection="", reason="slow"),
        stall(OPENED_S, "nova"),
        loss(LOST_S, "nova"),
    ]
    return sorted(events, key=lambda each: each.ts_ns)


def incident_store(path: Path, *more: Event) -> tuple[Path, int]:
    """A store of the story, and the id of the incident; ``more`` events are in it."""
    events = sorted((*story(), *more), key=lambda each: each.ts_ns)
    place = next(number for number, each in enumerate(events, 1) if each.name == "incident.opened")
    closed = event("incident.closed", CLOSED_S, "nova", type="stall", meta={"incident": place})
    events = sorted((*events, closed), key=lambda each: each.ts_ns)
    return recorded(path, events, "nova", "other", end_s=END_S), place


def bundled(
    store: Path,
    target: Path,
    *incidents: int,
    now_s: float = END_S,
    hook: Callable[[], None] | None = None,
    **fields: Any,
) -> BundleReport:
    """Write a bundle of incidents as of ``now_s``; ``hook`` is called once, while events are copied."""
    hooks = [hook] if hook else []
    margins = {
        "before_s": 25.0,
        "after_s": 15.0,
        "made_by": "command",
        "made_ns": at_ns(now_s),
        "host": "prod-1",
        "settings": SETTINGS,
    }
    request = BundleRequest(incidents, target, **{**margins, **fields})

    def progress(_report: object) -> bool:
        if hooks:
            hooks.pop()()
        return True

    with closing(Reader(store, FixedClock(now_s))) as reader:
        return write_bundle(request, reader, progress)
