from __future__ import annotations

import pytest

from wsmon.tui.json_view import json_fault, json_lines


def drawn(text: str) -> list[str]:
    return ["  " * depth + "".join(token for token, _ in tokens) for depth, tokens in json_lines(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", ["{}"]),
        ("[]", ["[]"]),
        ("[1]", ["[", "  1", "]"]),
        ('{"a": 1, "b" :[true,null]}', ["{", '  "a": 1,', '  "b": [', "    true,", "    null", "  ]", "}"]),
        ("[[[]],{}]", ["[", "  [", "    []", "  ],", "  {}", "]"]),
        ('{"a":"x, {y}: \\" ["}', ["{", '  "a": "x, {y}: \\" ["', "}"]),
        ("[1.50e3,-0.0,12345678901234567890]", ["[", "  1.50e3,", "  -0.0,", "  12345678901234567890", "]"]),
        ('{"a":1,"a":2}', ["{", '  "a": 1,', '  "a": 2', "}"]),
    ],
)
def test_json_is_indented_as_it_stands(text: str, expected: list[str]) -> None:
    assert drawn(text) == expected


def test_what_was_cut_is_shown_up_to_the_cut() -> None:
    assert drawn('{"a":[1,"unfinis') == ["{", '  "a": [', "    1,", '    "unfinis']


def test_tokens_carry_their_kind() -> None:
    assert list(json_lines('{"a":"b","c":[1,null]}'))[1:4] == [
        (1, (('"a"', "key"), (": ", "sign"), ('"b"', "string"), (",", "sign"))),
        (1, (('"c"', "key"), (": ", "sign"), ("[", "sign"))),
        (2, (("1", "number"), (",", "sign"))),
    ]


@pytest.mark.parametrize(
    ("text", "is_cut", "expected"),
    [
        ('{"a":1}', False, None),
        (" [1]", False, None),
        ("plain", False, ""),
        ('"a text"', False, ""),
        ("[/b]", False, "JSON is malformed: invalid character (byte 1)"),
        ("[/b]", True, "invalid character (byte 1)"),
        ('{"a":[1,"unfin', True, None),
        ('{"a":tru', True, None),
        ("[" * 100_000, False, "nested too deep"),
    ],
)
def test_what_is_not_json_says_why(text: str, is_cut: bool, expected: str | None) -> None:
    assert json_fault(text, is_cut=is_cut) == expected


@pytest.mark.parametrize("text", ["[" * 200_000, '"' + "\\" * 200_000, "[" + "1," * 100_000, "-" * 200_000, "]" * 9999])
def test_any_text_ends(text: str) -> None:
    tokens = "".join(token for _, line in json_lines(text) for token, _ in line)

    assert tokens.replace(" ", "") == text
