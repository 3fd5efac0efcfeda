"""The value of a credential key is found in whatever notation it is written, and ends where the notation ends it."""

from __future__ import annotations

import re

import pytest

from wsmon.model.redact.key_values import credential_ranges
from wsmon.model.redact.masking import StepBudget, mask_ranges
from wsmon.model.redact.names import KeyRules
from wsmon.model.redact.strings import JsonStrings


def masked(text: str) -> str:
    """Mask the values of ``token``, and those of ``sig`` beside it."""
    as_bytes = text.encode()
    hits = [match.span() for match in re.finditer(rb"token|sig", as_bytes)]
    budget = StepBudget(len(as_bytes))
    ranges = credential_ranges(
        *(as_bytes, as_bytes.lower(), hits, KeyRules(), budget, JsonStrings(), None),
        is_text=True,
        is_original=True,
        may_have_code=False,
    )
    return mask_ranges(as_bytes, ranges).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"token":"abc","x":"y"}', '{"token":"[FILTERED]","x":"y"}'),
        ('{"token" : "a\\"b" }', '{"token" : "[FILTERED]" }'),
        ('{"token":123}', '{"token":"[FILTERED]"}'),
        ('{"token":{"a":["}"]},"x":1}', '{"token":"[FILTERED]","x":1}'),
        ('{"token":["a","b"],"x":1}', '{"token":"[FILTERED]","x":1}'),
        ("{'token': 'abc'}", "{'token': '[FILTERED]'}"),
        ('{"body":"{\\"token\\":\\"abc\\",\\"x\\":1}"}', '{"body":"{\\"token\\":\\"[FILTERED]\\",\\"x\\":1}"}'),
        ("token=abc&x=1", "token=[FILTERED]&x=1"),
        ("token%3Dabc%26x", "token%3D[FILTERED]%26x"),
        ("token: abc, then more", "token: [FILTERED], then more"),
        ("token: Bearer abc", "token: Bearer [FILTERED]"),
        ("<line😀token=abc", "<line😀token=[FILTERED]"),
        ("(token=abc).", "(token=[FILTERED])."),
        ('{"token":"abc', '{"token":"[FILTERED]'),
    ],
)
def test_a_value_is_masked_in_its_notation(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token: token: abc", "token: [FILTERED] [FILTERED]"),
        ("token: token : abc", "token: token [FILTERED] [FILTERED]"),
        ("token: token = abc, x", "token: token [FILTERED] [FILTERED], x"),
        ("token = token='abc'", "token = [FILTERED]'[FILTERED]'"),
        ('token: "token": "abc"', 'token: "[FILTERED]": "[FILTERED]"'),
        ('{"m":"token: token: abc","n":1}', '{"m":"token: [FILTERED] [FILTERED]","n":1}'),
        ('{"token":"token","n":"a: b"}', '{"token":"[FILTERED]","n":"a: b"}'),
    ],
)
def test_a_value_that_ends_with_a_key_has_the_value_of_that_key_behind_it(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert masked(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "the token is missing",
        '{"tokens":"abc"}',
        '{"x":"token"}',
        '{"text":"enter \'token\':"}',
        "token",
        "https://token.example",
    ],
)
def test_a_word_that_is_no_key_has_no_value(text: str) -> None:
    assert masked(text) == text


def test_a_signature_is_a_credential_beside_another_one_only() -> None:
    assert masked('{"sig":"abc","x":1}') == '{"sig":"abc","x":1}'
    assert masked('{"sig":"abc","token":"def"}') == '{"sig":"[FILTERED]","token":"[FILTERED]"}'
    assert masked('{"sig":"abc","api_key":"def"}') == '{"sig":"[FILTERED]","api_key":"def"}'
