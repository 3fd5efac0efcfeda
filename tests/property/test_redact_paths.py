"""Tokens in paths of URLs: masked wherever they stand, and masking twice is masking once."""

from __future__ import annotations

import string

from hypothesis import example, given
from hypothesis import strategies as st

from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.urls import mask_url

REDACTOR = Redactor()
# As random as any: a change between letters and digits, or of the case, at least at each third character
TOKEN = "q7Rk2vZ9xW4tB8nM1pL6sD3fG5hJ0cY7aK"

pieces = st.sampled_from(
    [
        *(
            "/",
            "/",
            "/",
            "\\/",
            "?",
            "#",
            "&",
            "%2B",
            ";",
            "=",
            ":",
            "%3A",
            ".",
            ",",
            " ",
            '"',
            "@",
            "[FILTERED]",
            TOKEN,
        ),
        *(
            "token",
            "access_token",
            "bot12",
            "bot12:abcdefgh",
            "services/T0/B0",
            "webhooks/1",
            "abc",
            "v2",
            "a b",
            "%2B",
        ),
        *("550e8400-e29b-41d4-a716-446655440000", "0x" + "a1" * 20, "wss://host", "://", "eyJhbGciOi.eyJz.c2ln"),
    ]
)
paths = st.lists(pieces, max_size=12).map("".join)
plain_segments = st.text(string.ascii_lowercase + "-._~@!$'()*+,", min_size=1, max_size=12)


@given(paths)
@example(f"bot12:abcdefghbot12:abcdefgh{TOKEN}")
def test_masking_twice_is_masking_once(path: str) -> None:
    for text in (path, f"wss://h/{path}", f"said wss://h/{path} now"):
        for masked in (REDACTOR.url, REDACTOR.text, mask_url):
            once = masked(text)
            assert masked(once) == once


@given(st.lists(plain_segments, max_size=4), st.lists(plain_segments, max_size=4), st.sampled_from(["", "?x=1", "#y"]))
def test_a_token_is_masked_among_any_segments_and_they_stay(before: list[str], after: list[str], end: str) -> None:
    head, tail = (f"wss://h/{'/'.join([*before, ''])}", f"{''.join(f'/{each}' for each in after)}{end}")
    assert REDACTOR.url(head + TOKEN + tail) == f"{head}[FILTERED]{tail}"
    assert TOKEN not in REDACTOR.text(f"cannot open {head}{TOKEN}{tail}: refused")
