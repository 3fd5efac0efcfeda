"""Payloads that break parsers: JSONTestSuite and some more (``tests/corpora``), by id."""

from __future__ import annotations

import base64
import functools
import json
import os
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parents[1] / "corpora" / "json_payloads.json"
# Payloads that hold a credential
HOLDS_SECRET = frozenset({"x_dup_token_keys", "x_escaped_key", "x_nested_string_json", "x_b64_token"})


class CorpusPayload(NamedTuple):
    """One payload of the corpus."""

    id: str
    payload: bytes
    is_utf8: bool


@functools.cache
def corpus() -> tuple[CorpusPayload, ...]:
    """All payloads; the corpus gives a long one as an expression that makes it."""
    names = {"os": os, "json": json, "base64": base64}
    return tuple(
        CorpusPayload(
            entry["id"],
            eval(entry["make"], names)  # noqa: S307 - an expression of our own file
            if entry["bytes_b64"] is None
            else base64.b64decode(entry["bytes_b64"]),
            entry["utf8"],
        )
        for entry in json.loads(CORPUS.read_text(encoding="utf-8"))["payloads"]
    )
