"""What one incident about sequence numbers has gathered: how many numbers, which ranges by key, what proves it."""

from __future__ import annotations

from dataclasses import dataclass, field

from wsmon.model.detectors.base import MOST_EVIDENCE
from wsmon.model.detectors.numbering import Range
from wsmon.model.events import Json

MOST_RANGES = 1_000
# listed in an incident; numbers beyond are counted
SHOWN_RANGES = 3
# in a sentence


@dataclass(slots=True)
class Episode:
    """Numbers that were missing, came twice or came late, until there are no more for a while."""

    newest_ns: int
    # monotonic: when the newest was found
    numbers: int = 0
    ranges: dict[str, list[Range]] = field(default_factory=dict)
    # by key; two that touch are one
    listed: int = 0
    unlisted: int = 0
    # numbers past the most ranges
    arrived: int = 0
    # numbers told as missing that came all the same
    restarts: int = 0
    # times the peer began to count anew within a session
    evidence: list[int] = field(default_factory=list)
    # event ids, the first ones

    def add(self, key: str, found: Range, event_id: int, at_ns: int) -> None:
        """Take a range of numbers."""
        first, last = found
        self.newest_ns = max(self.newest_ns, at_ns)
        self.numbers += last - first + 1
        self.prove(event_id)
        ranges = self.ranges.get(key, ())
        if ranges and ranges[-1][1] + 1 == first:
            self.ranges[key][-1] = (ranges[-1][0], last)
        elif self.listed < MOST_RANGES:
            self.listed += 1
            self.ranges.setdefault(key, []).append(found)
        else:
            self.unlisted += last - first + 1

    def prove(self, event_id: int) -> None:
        """Name an event, while there is room."""
        if len(self.evidence) < MOST_EVIDENCE and event_id not in self.evidence:
            self.evidence.append(event_id)

    def facts(self, what: str) -> dict[str, Json]:
        """For ``meta``, the numbers counted as ``what``; what does not apply is absent."""
        listed: dict[str, Json] = {key: [[*each] for each in ranges] for key, ranges in self.ranges.items()}
        counts = {
            what: self.numbers,
            "unlisted": self.unlisted,
            "arrived": self.arrived,
            "restarts": self.restarts,
        }
        return {**{name: number for name, number in counts.items() if number}, "ranges": listed}

    def shown(self) -> str:
        """The first ranges, for a sentence: ``BTC 5-7, 9``."""
        texts: list[str] = []
        for key, ranges in self.ranges.items():
            numbers = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges[:SHOWN_RANGES])
            texts.append(f"{key} {numbers}".strip())
        rest = self.listed - sum(len(ranges[:SHOWN_RANGES]) for ranges in list(self.ranges.values())[:SHOWN_RANGES])
        return "; ".join(texts[:SHOWN_RANGES]) + (f" and {rest:,} more" if rest > 0 else "")
