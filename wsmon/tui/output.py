"""What Textual keeps to itself about the terminal: how much waits to be written, and writing as it is.

Both reach for private attributes (Textual 8.2); where these are missing, nothing seems to wait and nothing is written.
A contract test holds this against the installed version.
"""

from __future__ import annotations

from queue import Queue
from typing import Any

from textual.app import App

LOCAL_S = 0.1
# at most 10 repaints a second: more cannot be read
REMOTE_S = 0.25
# over SSH
BACKLOG_S = 1.0
# a terminal that takes 16 KB/s answers keys at once at this rate, and after 7 s at 10 a second
BACKLOG_WRITES = 2


def backlog(app: App[Any]) -> int:
    """How many writes wait for the terminal; from any thread."""
    writer = getattr(getattr(app, "_driver", None), "_writer_thread", None)
    queue = getattr(writer, "_queue", None)
    return queue.qsize() if isinstance(queue, Queue) else 0


def pace_s(waiting_writes: int, *, is_remote: bool) -> float:
    """How long to rest between two repaints."""
    if waiting_writes > BACKLOG_WRITES:
        return BACKLOG_S
    return REMOTE_S if is_remote else LOCAL_S


def write(app: App[Any], sequence: str) -> bool:
    """Send a control sequence to the terminal; whether there was one to send it to."""
    driver = getattr(app, "_driver", None)
    if driver is None:
        return False
    driver.write(sequence)
    return True
