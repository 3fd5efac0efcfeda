"""The sentence above the connections list: what is wrong with the one under the cursor, and since when. Pure."""

from __future__ import annotations

from wsmon.model import units as fmt
from wsmon.model.profiles import PROFILES
from wsmon.model.sanitize import sanitize
from wsmon.model.snapshot import ConnectionRow, ConnectionState
from wsmon.tui.panes.connections_table import reason, word

LIMIT = 300
# characters; no terminal is wider


def sentences(row: ConnectionRow, now_ns: int) -> tuple[str, ...]:
    """The same, the longest first: where there is no room for all of it, the cause stays and the time goes."""
    state = row.state
    cause = sanitize(reason(row, now_ns)[0], LIMIT)
    since = _since(state, now_ns)
    if not cause:
        kept = _what_is_kept(state)
        return (f"{state.name}: {since} · {kept}", f"{state.name}: {since}") if kept else (f"{state.name}: {since}",)
    return f"{state.name}: {since} · {cause}", f"{state.name}: {cause}"


def _what_is_kept(state: ConnectionState) -> str:
    """Why the log has no messages of it; empty where it has."""
    profile = next((each for each in PROFILES.values() if each.name == state.spec.profile), PROFILES["detailed"])
    return "" if profile.keeps_messages else f"{profile.name}: messages are counted, not kept"


def _since(state: ConnectionState, now_ns: int) -> str:
    if not state.spec.enabled:
        return word(state)
    if state.is_stalled and state.stalled_since_ns is not None:
        return f"{word(state)} {fmt.duration(now_ns - state.stalled_since_ns)}"
    if state.failing_since_ns is not None and state.status not in ("websocket_connected", "closed"):
        return f"down {fmt.duration(now_ns - state.failing_since_ns)}"
    return f"{word(state)} {fmt.duration(now_ns - state.since_ns)}"
