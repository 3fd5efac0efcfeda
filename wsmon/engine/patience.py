"""How long, and for how much, a peer is waited for that has to answer our close frame."""

from __future__ import annotations

from typing import NamedTuple

CLOSING_BYTES = 8 * 1024 * 1024
# of one connection, or of all together when the recorder stops: the answer of a peer that floods is behind everything
# that the kernel has taken from it, and all of that would have to be stored first
STOP_S = 1.0
# how long peers have to answer the close frames when the recorder stops


class Patience(NamedTuple):
    """What ends the wait, whichever comes first."""

    within_s: float
    within_bytes: int = CLOSING_BYTES
    # read behind our close frame


def patience_of_stop(connections: int) -> Patience:
    """What each of so many gets that are closed together."""
    return Patience(STOP_S, CLOSING_BYTES // max(1, connections))
