"""Where the events of a session lie, and when it became usable."""

from __future__ import annotations

from typing import NamedTuple


class SessionLife(NamedTuple):
    """One socket, from dial to end."""

    connection_id: str
    first_id: int
    # of its events
    last_id: int
    open_id: int = 0
    # of the event that made it usable; 0 = it never was
    open_mono_ns: int = 0
