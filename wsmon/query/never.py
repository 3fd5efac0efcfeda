"""Queries that no event can match, and why: said where a search has found nothing."""

from __future__ import annotations

from wsmon.model.statuses import ALLOWED, LABELS, STATUSES, Status
from wsmon.query.ast import Exact, FieldTerm, Query


def why_never(query: Query) -> str:
    """A sentence about a transition that connections do not make; empty for every other query."""
    before, after = _status(query, "from"), _status(query, "to")
    if before is None or after is None or after in ALLOWED[before]:
        return ""
    follow = [LABELS[status] for status in STATUSES if status in ALLOWED[before]]
    return f"what follows {LABELS[before]} is {', '.join(follow[:-1])} or {follow[-1]}"


def _status(query: Query, field: str) -> Status | None:
    """The one status that the whole query asks of a field."""
    for term in query.terms:
        if isinstance(term, FieldTerm) and term.field == field and len(term.items) == 1:
            (item,) = term.items
            if isinstance(item, Exact) and item.text in STATUSES:
                return item.text
    return None
