"""Title of the log: whether it follows, how many events there are, what is hidden, and which key shows it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.model import units as fmt
from wsmon.tui.cell_text import cell_text
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.panes.log_filter import MatchCount

# Characters of the query in the title
QUERY_LIMIT = 40
IN_SIGHT = "in sight "
# Where there is no room for more
SHORT_QUERY_LIMIT = 16


@dataclass(frozen=True, slots=True)
class InSight:
    """How many of the lines in sight do not show the whole payload."""

    truncated: int = 0
    redacted: int = 0


@dataclass(frozen=True, slots=True)
class LogStatus:
    """What the title is made of."""

    is_following: bool
    events: int
    """Kept by the store."""
    shown: int
    """Rows."""
    searched: int
    """Events looked at."""
    is_searching: bool
    query: str
    """As the user typed it; empty = none."""
    hidden_heartbeats: int | None
    """None where that is not known."""
    hides_heartbeats: bool
    paused_at: str
    """Time of day."""
    new_below: int
    """Rows since the pause."""
    waiting_since: str
    """Time of day at which the log was opened."""
    day: str = ""
    """Day of the event under the cursor; empty where everything is of today."""
    pruned: int = 0
    """Events that retention has removed."""
    is_in_context: bool = False
    """Matches are shown among the other events."""
    match_count: MatchCount | None = None
    """Of what is searched for."""
    searched_back_to: str = ""
    """Time of the event that a search under way has come to; empty = not known, or none is."""
    in_sight: InSight = InSight()
    ranked: tuple[str, ...] = ()
    """What is said instead while the log is sorted otherwise than by time."""
    why_never: str = ""
    """Why no event can match the query."""
    trouble: str = ""
    """What went wrong with the store, or a key that has nothing to do."""


def sentences(status: LogStatus, glyphs: Glyphs) -> tuple[str, ...]:
    """Return the title at full length, its parts in the order of their importance, and shorter forms of all of it."""
    between = f" {glyphs.between} "
    forms = (
        _parts(status, glyphs),
        _short_parts(status, _asked(status, glyphs, QUERY_LIMIT), glyphs, has_units=True),
        _short_parts(status, _asked(status, glyphs, SHORT_QUERY_LIMIT), glyphs),
        _short_parts(status, "found" if status.query else "", glyphs),
        _shortest_parts(status, glyphs),
    )
    return tuple(between.join(part for part in parts if part) for parts in forms)


def _parts(status: LogStatus, glyphs: Glyphs) -> list[str]:
    if not status.events:
        return [status.trouble or f"Waiting for the first event (since {status.waiting_since})"]
    asked = _asked(status, glyphs, QUERY_LIMIT)
    searching = _searching(status)
    if status.ranked:
        return [status.trouble, status.ranked[0], f"matching {asked}" if asked else "", *status.ranked[1:]]
    moving = [status.day, _motion(status, glyphs)]
    hidden = [_heartbeats(status), _pruned(status), _in_sight(status.in_sight)]
    if status.trouble:
        return [status.trouble, *([] if status.is_following else moving), searching, *hidden]
    if asked and status.is_in_context:
        return [*moving, f"{_highlighted(status, asked)}, ^f only", _events(status.events), searching, *hidden]
    if asked and not status.shown and not status.is_searching:
        return [f"no matches for {asked} in {_events(status.searched)}", status.why_never, "Esc clears", *hidden]
    return [*moving, _amount(status, asked), searching, *hidden, "Esc clears" if asked else ""]


def _short_parts(status: LogStatus, asked: str, glyphs: Glyphs, *, has_units: bool = False) -> list[str]:
    """Return the parts in few words, without the units of the numbers in fewer; ``asked`` stands for the query."""
    if status.trouble or not status.events:
        return _parts(status, glyphs)[:1]
    if status.ranked:
        return [status.ranked[0], asked, status.ranked[-1]]
    new = f" {glyphs.between} {fmt.count(status.new_below)} new (F)" if status.new_below else ""
    moving = "following" if status.is_following else f"paused{new}"
    hidden = fmt.count(status.hidden_heartbeats) if status.hidden_heartbeats is not None else "heartbeats"
    if has_units and status.hidden_heartbeats is not None:
        hidden = f"{hidden} {_plural('heartbeat', status.hidden_heartbeats)}"
    unit = f" {_plural('event', status.events)}" if has_units and not asked else ""
    is_without_match = asked and not status.shown and not status.is_searching
    return [
        f"no matches for {_asked(status, glyphs, SHORT_QUERY_LIMIT)}" if is_without_match else moving,
        "" if is_without_match else f"{_place(status, asked)}{unit}",
        f"{status.searched * 100 // status.events} %" if status.is_searching else "",
        f"{hidden} hidden (h)" if status.hides_heartbeats and status.hidden_heartbeats != 0 else "",
        f"{fmt.count(status.pruned)} pruned" if status.pruned else "",
        _in_sight(status.in_sight).removeprefix(IN_SIGHT),
    ]


def _shortest_parts(status: LogStatus, glyphs: Glyphs) -> list[str]:
    """Return the parts for 40 columns: numbers, each with the word for what it counts."""
    if status.trouble or not status.events:
        return _parts(status, glyphs)[:1]
    not_whole = status.in_sight.truncated + status.in_sight.redacted
    hidden = status.hidden_heartbeats
    heartbeats = "h hides" if hidden is None else f"{fmt.count(hidden)} hid"
    return [
        _place(status, "found" if status.query else ""),
        f"{fmt.count(status.new_below)} new" if status.new_below and not status.is_following else "",
        heartbeats if status.hides_heartbeats and hidden != 0 else "",
        f"{not_whole} not whole" if not_whole else "",
        f"{fmt.count(status.pruned)} pruned" if status.pruned else "",
    ]


def _asked(status: LogStatus, glyphs: Glyphs, limit: int) -> str:
    return cell_text(status.query, limit, ascii_only=glyphs.is_ascii) if status.query else ""


def _motion(status: LogStatus, glyphs: Glyphs) -> str:
    if status.is_following:
        return "following"
    new = f" {glyphs.between} {fmt.count(status.new_below)} new (F to follow)" if status.new_below else ""
    return f"paused at {status.paused_at}{new}"


def _amount(status: LogStatus, asked: str) -> str:
    if not asked:
        return _events(status.events)
    if status.is_searching and not status.shown:
        return f"no matches yet for {asked} in {_events(status.searched)}"
    count = status.match_count
    place = f"{fmt.count(count.place)} of " if count is not None and count.place else ""
    if place and not status.is_following:
        return f"match {place}{fmt.count(status.shown)} for {asked} in {_events(status.searched)}"
    return f"{fmt.count(status.shown)} of {_events(status.searched)} match {asked}"


def _searching(status: LogStatus) -> str:
    """Return how far a search has come."""
    if status.searched_back_to:
        return f"searched back to {status.searched_back_to}"
    return f"searching, {status.searched * 100 // status.events} %" if status.is_searching else ""


def _place(status: LogStatus, asked: str) -> str:
    """Return the number of events or matches in few words."""
    if not asked:
        return fmt.count(status.events)
    matches = status.shown if status.match_count is None else status.match_count.matches
    if status.match_count is not None and status.match_count.place and not status.is_following:
        return f"{fmt.count(status.match_count.place)} of {fmt.count(matches)} {asked}"
    return f"{fmt.count(matches)} {asked}"


def _highlighted(status: LogStatus, asked: str) -> str:
    """Return which match has the cursor, or how many there are."""
    count = status.match_count
    if count is None:
        return f"{asked} highlighted"
    if count.place:
        return f"match {fmt.count(count.place)} of {fmt.count(count.matches)} for {asked}"
    more = "" if count.is_complete else " so far"
    return f"{fmt.count(count.matches)} {'match' if count.matches == 1 else 'matches'}{more} for {asked}"


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


def _in_sight(found: InSight) -> str:
    """Return how many of the lines in sight do not show the whole payload."""
    counts = ((found.truncated, "cut"), (found.redacted, "redacted"))
    parts = ", ".join(f"{number} {what}" for number, what in counts if number)
    return f"{IN_SIGHT}{parts}" if parts else ""


def _events(number: int) -> str:
    return f"{fmt.count(number)} {_plural('event', number)}"


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"
