"""No text that anybody can type or paste brings the parser down."""

from __future__ import annotations

import random

from tests.support.queries import query as parse
from tests.support.thoroughness import times
from wsmon.errors import QueryError

PIECES = (
    *'"\\:,*?-!.()[]{}$/~<>= \t\n\x00',
    *(
        "conn:",
        "connection:",
        "name:",
        "dir:",
        "id:",
        "AND",
        "OR",
        "NOT",
        "10..20",
        "$.a",
        "$.a[0]:",
        "size>",
        "lat<=5ms",
        "is:",
        "state:open->",
        "since:-5m",
        "/x/",
        "/(/i",
        "(",
        ")",
        ") OR (",
        " AND ",
        "..",
        "in",
        '"a b"',
        "\udcff",
        "é",
        "😀",
    ),
    *"abc019",
)
TEXTS = times(10_000)
MAX_PIECES = 12


def test_every_text_is_a_query_or_an_error_with_a_column() -> None:
    rolls = random.Random(2)
    understood = 0
    for _ in range(TEXTS):
        text = "".join(rolls.choices(PIECES, k=rolls.randint(0, MAX_PIECES)))
        refusal = _refusal(text)
        if refusal is None:
            understood += 1
        else:
            assert (refusal.query, str(refusal).count("\n") >= 2) == (text, True)
            assert 0 <= refusal.column <= len(text), text
    assert TEXTS * 0.1 < understood < TEXTS * 0.9  # both ways are walked


def _refusal(text: str) -> QueryError | None:
    try:
        parse(text)
    except QueryError as error:
        return error
    return None
