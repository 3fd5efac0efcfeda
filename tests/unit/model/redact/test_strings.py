"""Escapes of messages are undone without losing their offsets, and the string around an offset is found."""

from __future__ import annotations

import pytest

from wsmon.model.redact.strings import JsonStrings, UnescapedText


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (rb'{"\u0074oken":"x"}', b'{"token":"x"}'),
        (rb'"{\u0022token\u0022:1}"', rb'"{\"token\":1}"'),
        (rb"\u005cu0074oken", b"token"),
        (rb"\u0000\ud800", rb"\u0000\ud800"),
    ],
)
def test_unicode_escapes_are_undone_as_the_short_form_would_be(message: bytes, text: bytes) -> None:
    assert UnescapedText(message).text == text


def test_offsets_in_the_text_lead_back_to_the_message() -> None:
    message = rb'{"\u0074oken":"x"}'
    unescaped = UnescapedText(message)
    value_at = unescaped.text.index(b"x")
    assert message[unescaped.original(value_at) :] == b'x"}'
    assert (unescaped.is_original, UnescapedText(b"plain").is_original) == (False, True)


def test_the_text_ends_past_the_most_escapes_and_says_where_that_is_in_the_message() -> None:
    message = rb'{"\u0061":"\u0062\u0063\u0064"}'
    unescaped = UnescapedText(message, 2)
    assert (unescaped.text, unescaped.unread_at) == (rb'{"a":"b', message.index(rb"\u0063"))
    assert unescaped.original(len(unescaped.text)) == unescaped.unread_at
    assert (UnescapedText(message, 4).unread_at, UnescapedText(message).unread_at) == (None, None)


def test_escapes_of_other_scripts_are_left_out_where_asked() -> None:
    message = rb"\u4e2d\u0061\u00e4\u005c\u0062"
    assert UnescapedText(message, is_ascii=True).text == rb"\u4e2da\u00e4\\b"
    assert UnescapedText(message).text == "中aä\\\\b".encode()


def test_the_string_around_an_offset_ends_at_its_own_quote() -> None:
    text = rb'{"a":"x\"y","b":1,"c":"open'
    ends = [JsonStrings().end_around(text, at) for at in range(len(text) + 1)]
    assert ends == [
        *(None, None, 3, 3, None, None),
        *(10, 10, 10, 10, 10),
        *(None, None, 14, 14, None, None, None, None, 20, 20, None, None),
        *(len(text),) * 5,
    ]


def test_offsets_may_be_asked_for_again() -> None:
    strings = JsonStrings()
    text = b'{"a":"xy","b":"z"}'
    assert [strings.end_around(text, at) for at in (15, 7, 8, 6, 15)] == [16, 8, 8, 8, 16]


@pytest.mark.parametrize("text", [b'a "b c"', b"", b"b='x'"])
def test_a_text_that_is_no_json_has_no_strings(text: bytes) -> None:
    assert [JsonStrings().end_around(text, at) for at in range(len(text))] == [None] * len(text)
