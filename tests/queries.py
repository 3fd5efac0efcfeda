"""Queries as somebody types them, at a fixed time."""

from __future__ import annotations

from datetime import UTC

from wsmon.query.ast import Query
from wsmon.query.parser import parse
from wsmon.query.values import Now

NOW_NS = 1_768_053_744_000_000_000
# 2026-01-10T14:02:24Z
NOW = Now(NOW_NS, UTC)


def query(text: str) -> Query:
    """What the text means at ``NOW``, in UTC."""
    return parse(text, NOW)
