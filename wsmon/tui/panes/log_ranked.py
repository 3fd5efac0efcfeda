"""The log sorted by duration or size: the slowest or largest of what matches, found once, and what the title says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import tzinfo

from wsmon.model import units as fmt
from wsmon.model.ranges import Ranking, TopMatches
from wsmon.ports import Clock, StoreView
from wsmon.query.ast import Query
from wsmon.tui.widgets.row_list import RankedRows

# Rows that are found and shown: more than one reads, and found in one pass whatever the number of events
MOST_ROWS = 1_000
WORDS: dict[Ranking, str] = {"duration": "slowest", "size": "largest"}
NOTHING: dict[Ranking, str] = {"duration": "no operation with a duration", "size": "no message"}


def run_ranking(view: StoreView, query: Query, ranking: Ranking | None) -> Iterator[TopMatches]:
    """Yield what the view finds; nothing where ``ranking`` is None, which replaces a search that runs."""
    if ranking is None:
        return
    answers = view.top(query, ranking, MOST_ROWS)
    # An iterator that is not closed would go on holding its read transaction
    with closing(answers):
        yield from answers


class RankedMatches:
    """By what the log is sorted, and the rows found so far."""

    def __init__(self) -> None:
        self.ranking: Ranking | None = None
        """None = by time."""
        self.serial = 0
        """Counts the questions: answers to older ones are dropped."""
        self.began_following = False
        """Whether the log followed before it was sorted."""
        self.rows = RankedRows(())
        self._found: TopMatches | None = None
        self._at_ns = 0

    @property
    def has_rows(self) -> bool:
        """Whether something was found."""
        return len(self.rows) > 0

    def begin(self, ranking: Ranking | None, *, was_following: bool, now_ns: int) -> None:
        """Sort by another value from now on, with no rows yet."""
        self.serial += 1
        self.ranking, self.began_following, self._at_ns = ranking, was_following, now_ns
        self.rows, self._found = RankedRows(()), None

    def stay(self) -> None:
        """Do not follow again once the log is sorted by time."""
        self.began_following = False

    def take(self, serial: int, found: TopMatches) -> bool:
        """Take in an answer; return whether it is one to the last question."""
        if serial != self.serial or self.ranking is None:
            return False
        self._found, self.rows = found, RankedRows(found.ids)
        return True

    def sentence(self, clock: Clock, zone: tzinfo | None) -> tuple[str, ...]:
        """Return the parts of the title; empty where the log is sorted by time."""
        if self.ranking is None:
            return ()
        found = self._found
        as_of = f"snapshot of {fmt.moment(self._at_ns, clock.wall_ns(), zone)}"
        if found is None:
            return (f"looking for the {WORDS[self.ranking]}", as_of, "Esc: by time")
        looked = f"{fmt.count(found.searched)} events" + ("" if found.is_complete else " so far")
        if not found.ids:
            return (f"{NOTHING[self.ranking]} in {looked}", as_of, "Esc: by time")
        return (
            f"{fmt.count(len(found.ids))} {WORDS[self.ranking]} of {looked}",
            as_of,
            "Enter: show in time order",
            "Esc: by time",
        )
