"""How far a search has come: what it found in the stretch of events that it looked at since it last said so."""

from __future__ import annotations

from array import array
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Searched:
    """A stretch of a search, that joins the one before it."""

    ids: array[int]
    # of the matches (``array('q')``), ascending
    first_id: int
    last_id: int
    # all events of this closed range of ids were looked at
    reached_ns: int = 0
    # wall time of the event at the end that the search goes on from; 0 = there is none
