"""Patterns with ``*`` and ``?``."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.query.predicate import fits


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("*", "", True),
        ("?", "", False),
        ("a*c", "ABBC", True),
        ("a*c", "abcd", False),
        ("*b?", "abab1", True),
        ("a[b]", "a[b]", True),
        ("a[b]", "ab", False),
        ("**a**", "a", True),
    ],
)
def test_a_text_fits_its_pattern(pattern: str, text: str, expected: bool) -> None:
    assert fits(pattern, text) is expected


@given(st.text("ab*?", max_size=8), st.text("abA", max_size=12))
def test_patterns_mean_what_a_regular_expression_says(pattern: str, text: str) -> None:
    meant = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert fits(pattern, text) is bool(re.fullmatch(meant, text, re.IGNORECASE | re.DOTALL))


def test_a_pattern_of_many_stars_takes_linear_time() -> None:
    assert not fits("*a" * 400, "a" * 399 + "b" * 5_000)
