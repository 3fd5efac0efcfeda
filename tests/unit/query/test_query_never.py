"""A query that no event can match says why."""

from __future__ import annotations

import pytest

from wsmon.query.parser import Now, parse
from wsmon.query.predicate import why_never

OPEN_IS_FOLLOWED = "what follows open is disconnected, error or closed"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("state:open->reconnecting", OPEN_IS_FOLLOWED),
        ("conn:a from:open to:reconnecting size>1", OPEN_IS_FOLLOWED),
        ("state:closed->disconnected", "what follows closed is connecting or error"),
        ("state:open->disconnected", ""),
        ("state:open->*", ""),
        ("state:reconnecting", ""),
        ("-state:open->reconnecting", ""),
        ("state:open->reconnecting OR is:problem", ""),
        ("", ""),
    ],
)
def test_a_transition_that_connections_do_not_make_is_explained(text: str, why: str) -> None:
    assert why_never(parse(text, Now(0))) == why
