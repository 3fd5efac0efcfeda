"""The JSON of archives, whole or broken."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.errors import UsageError
from wsmon.export.har_document import HarEntries
from wsmon.export.import_session import Fault

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def archive(entries: object, **more: object) -> bytes:
    """An archive with these entries, and more keys before them."""
    return json.dumps({"log": {"version": "1.2", **more, "entries": entries}}).encode()


@given(st.lists(VALUES), st.sampled_from([None, 1]))
def test_entries_are_those_of_the_file(entries: list[object], indent: int | None) -> None:
    content = json.dumps({"comment": {}, "log": {"version": "1.2", "entries": entries, "comment": ""}}, indent=indent)
    assert list(HarEntries(content.encode())) == entries


def test_numbers_are_exact() -> None:
    digits = "9" * 5_000
    assert list(HarEntries(b'{"log":{"entries":[1764403201.123456789, 7, ' + digits.encode() + b"]}}")) == [
        Decimal("1764403201.123456789"),
        7,
        Decimal(digits),
    ]


def test_the_creator_and_the_first_page_are_known_before_the_entries() -> None:
    found = HarEntries(archive([], creator={"name": "WebInspector"}, pages=[{"id": "page_1"}, {}]))
    assert (found.creator, found.first_page) == ("WebInspector", {"id": "page_1"})
    bare = HarEntries(archive([], creator=None, pages=None))
    assert (bare.creator, bare.first_page) == ("", None)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"[]", "must be a JSON object"),
        (b"{}", "`log` is missing"),
        (b'{"log":[]}', "`log` must be an object"),
        (b'{"log":{}}', "`log.entries` is missing"),
        (b'{"log":{"entries":7}}', "`log.entries` must be an array"),
        (b'{"log" 7}', "Expecting ':' after a key: line 1 column 8 (char 7)"),
        (b'{"log":{"a":1 "b":2}}', "Expecting ',' or '}': line 1 column 15 (char 14)"),
        (b'{"log":{"version":' + b"[" * 100_000, ""),
        (b"\x00\xff\xfe", "must be a JSON object"),
    ],
)
def test_what_is_no_archive_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(UsageError) as error:
        HarEntries(content)
    assert str(error.value).startswith(f"not a valid HTTP Archive: {problem}")


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (b"", "it ends early"),
        (b', {"a": 1', "it ends early"),
        (b', {"a": "te', "it ends early"),
        (b', {"a":\n', "it ends early"),
        (b', {"a": 1}, {"b": oops}, {}]}}', "Expecting value: line 1 column 40 (char 39)"),
        (b" {}]}}", "Expecting ',' or ']': line 1 column 23 (char 22)"),
        (b"," + b"[" * 100_000, "maximum recursion depth exceeded"),
    ],
)
def test_entries_before_an_error_are_kept_and_the_rest_is_named(rest: bytes, problem: str) -> None:
    *entries, fault = HarEntries(b'{"log":{"entries":[{}' + rest)
    assert entries[0] == {}
    assert isinstance(fault, Fault)
    assert (fault.line, fault.part, fault.lost) == (len(entries) + 1, "entry", 1)
    assert fault.problem.startswith(f"the rest of the file cannot be read: {problem}")


def test_half_characters_and_control_characters_cost_nothing() -> None:
    assert list(HarEntries(b'{"log":{"entries":["cut \\ud83d", "a\nb\x01", "caf\xe9"]}}')) == [
        "cut \ud83d",
        "a\nb\x01",
        "caf\udce9",
    ]


@given(st.binary())
def test_any_bytes_are_an_archive_or_an_error(content: bytes) -> None:
    for whole in (content, b'{"log":{"entries":[' + content):
        try:
            found = list(HarEntries(whole))
        except UsageError:
            continue
        assert all(not isinstance(one, Fault) for one in found[:-1])
