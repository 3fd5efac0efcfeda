"""The sentence above the log: follows or not, how much there is, what is hidden and which key shows it."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.model import format as fmt
from wsmon.model.sanitize import sanitize
from wsmon.tui.glyphs import Glyphs

QUERY_LIMIT = 40
# characters of the query in the title


@dataclass(frozen=True, slots=True)
class LogStatus:
    """What the sentence is made of."""

    is_following: bool
    events: int
    # kept by the store
    shown: int
    # rows
    searched: int
    # events looked at
    is_searching: bool
    query: str
    # as typed; empty = none
    hidden_heartbeats: int | None
    # None where that is not known
    hides_heartbeats: bool
    paused_at: str
    # time of day
    new_below: int
    # rows since the pause
    waiting_since: str
    # time of day at which the log was opened
    pruned: int = 0
    # events that retention has removed
    is_in_context: bool = False
    # matches stand among the other events
    trouble: str = ""
    # what went wrong with the store, or a key that has nothing to do


def sentence(status: LogStatus, glyphs: Glyphs) -> str:
    """The whole sentence, its parts in the order of their importance."""
    return f" {glyphs.between} ".join(part for part in _parts(status, glyphs) if part)


def _parts(status: LogStatus, glyphs: Glyphs) -> list[str]:
    if status.trouble:
        return [status.trouble]
    if not status.events:
        return [f"waiting for the first event since {status.waiting_since}"]
    asked = f"'{sanitize(status.query, QUERY_LIMIT, ascii_only=glyphs.is_ascii)}'" if status.query else ""
    searching = f"searching, {status.searched * 100 // status.events} %" if status.is_searching else ""
    hidden = [_heartbeats(status), _pruned(status)]
    if asked and status.is_in_context:
        return [_motion(status), f"{asked} highlighted, ^f only", _events(status.events), searching, *hidden]
    if asked and not status.shown and not status.is_searching:
        return [f"no match for {asked} in {_events(status.searched)}", "Esc clears", *hidden]
    return [_motion(status), _amount(status, asked), searching, *hidden, "Esc clears" if asked else ""]


def _motion(status: LogStatus) -> str:
    if status.is_following:
        return "following"
    below = f", {fmt.count(status.new_below)} new below (F)" if status.new_below else ""
    return f"paused at {status.paused_at}{below}"


def _amount(status: LogStatus, asked: str) -> str:
    if asked:
        return f"{fmt.count(status.shown)} of {_events(status.searched)} match {asked}"
    return _events(status.events)


def _heartbeats(status: LogStatus) -> str:
    if not status.hides_heartbeats:
        return ""
    if status.hidden_heartbeats is None:
        return "heartbeats hidden (h)"
    if not status.hidden_heartbeats:
        return ""
    return f"hiding {fmt.count(status.hidden_heartbeats)} {_plural('heartbeat', status.hidden_heartbeats)} (h)"


def _pruned(status: LogStatus) -> str:
    return f"{fmt.count(status.pruned)} older pruned" if status.pruned else ""


def _events(number: int) -> str:
    return f"{fmt.count(number)} {_plural('event', number)}"


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"
