"""Places in messages that a configuration names."""

from __future__ import annotations

import pytest

from wsmon.config.specs import MessageCondition
from wsmon.model.json_path import MISSING
from wsmon.protocols.finders import Finder, Sign, SlowPatterns, value_text
from wsmon.protocols.jsonrpc_messages import MAX_BYTES

# Would take for ever on such a text
SLOW = "(a|aa)+$"
SLOW_TEXT = b"a" * 500 + b"!"


@pytest.mark.parametrize(
    ("places", "message", "found"),
    [
        (("$.a",), b'{"a": 5}', 5),
        (("$[1]",), b'[17, "hb"]', "hb"),
        (("$.a.b", "$.c"), b'{"c": "x"}', "x"),
        (("$.a", "$.c"), b'{"a": null, "c": false}', False),
        (("$.a",), b"a|b", MISSING),
        (("$.a",), b'"a"', MISSING),
        (("$.a",), b"{", MISSING),
        ((r"^(\w+)\|",), b"TRADE|BTC", "TRADE"),
        ((r"^\w+",), b"TRADE|BTC", "TRADE"),
        ((r"^(A)|(B)",), b"B", MISSING),
        ((r"^X", "$.a"), b'{"a": 1.5}', 1.5),
        ((r"(\xff.)",), b"\xff", MISSING),
        ((), b"{}", MISSING),
    ],
)
def test_the_first_place_that_has_a_value_counts(places: tuple[str, ...], message: bytes, found: object) -> None:
    assert Finder(places, SlowPatterns()).find(message) == found


def test_the_head_of_a_message_is_what_patterns_see_and_paths_read_what_is_not_too_large() -> None:
    finder = Finder(("(end)", "$.a"), SlowPatterns())
    assert finder.find(b"." * 65_536 + b"end") is MISSING
    assert finder.find(b'{"a": 1}' + b" " * MAX_BYTES) is MISSING


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (5, "5"), (True, "true"), (False, "false"), (1.5, "1.5"), (None, ""), ([1], ""), (MISSING, "")],
)
def test_a_value_becomes_a_text(value: object, text: str) -> None:
    assert value_text(value) == text


def test_a_text_that_was_found_is_bounded() -> None:
    assert len(Finder((".*",), SlowPatterns()).find_text(b"x" * 1_000)) == 200


def test_a_pattern_that_takes_too_long_is_used_once_and_reported_once() -> None:
    slow = SlowPatterns()
    finder = Finder((SLOW, "(!)"), slow)
    assert [finder.find(SLOW_TEXT), finder.find(SLOW_TEXT)] == ["!", "!"]
    (happening,) = slow.take()
    assert (happening.name, happening.error_type) == ("error.occurred", "pattern_too_slow")
    assert "takes more than 20 ms" in happening.error
    assert "not used any more in this session" in happening.error
    assert slow.take() == ()


@pytest.mark.parametrize(
    ("wanted", "message", "is_in"),
    [
        (b"welcome", b"you are welcome", True),
        (b"welcome", b"go", False),
        (b"", b"go", False),
        (MessageCondition(((("$.event", ("login",)), ("$.code", (0, 200))),)), b'{"event":"login","code":200}', True),
        (MessageCondition(((("$.event", ("login",)), ("$.code", (0, 200))),)), b'{"event":"login","code":5}', False),
        (MessageCondition(((("$.event", ("login",)),), (("$[0]", (1,)),))), b"[1.0]", True),
        (MessageCondition(((("$.ok", (True,)),),)), b'{"ok":1}', False),
        (MessageCondition(((("$.ok", (1,)),),)), b'{"ok":true}', False),
        (MessageCondition((((r"^CODE\|(\d+)", (0,)),),)), b"CODE|0", True),
        (MessageCondition((((r"^CODE\|(\d+)", (0,)),),)), b"none", False),
        (MessageCondition(), b"", False),
    ],
)
def test_a_message_has_a_sign(wanted: bytes | MessageCondition, message: bytes, *, is_in: bool) -> None:
    sign = Sign(wanted, SlowPatterns())
    assert sign.is_in(message) is is_in
    assert bool(sign) is bool(wanted != b"" and wanted != MessageCondition())
