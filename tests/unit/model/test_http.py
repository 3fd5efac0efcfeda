"""HTTP status phrases, Retry-After, and headers of a response."""

from __future__ import annotations

import pytest

from tests.support.builders import event
from wsmon.model.events import Json
from wsmon.model.http import response_header, retry_after_s, status_phrase


@pytest.mark.parametrize(("status", "phrase"), [(101, "Switching Protocols"), (429, "Too Many Requests"), (520, "")])
def test_the_words_of_a_status(status: int, phrase: str) -> None:
    assert status_phrase(status) == phrase


# Sat, 10 Jan 2026 14:02:24 GMT
NOW_S = 1_768_053_744.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("86400", 3600.0),
        ("Sat, 10 Jan 2026 14:03:24 GMT", 60.0),
        ("Sat, 10 Jan 2026 14:03:24 -0000", 60.0),
        ("Sat, 10 Jan 2026 14:00:00 GMT", 0.0),
        ("Sun, 11 Jan 2026 14:00:00 GMT", 3600.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Sat, 99 Jan 2026 99:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, NOW_S) == seconds


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([["server", " nginx "], ["Server", "second"]], "nginx"),
        ([("SERVER", "envoy")], "envoy"),
        ([["Date", "x"], ["Server"], "Server", ["Server", 5]], ""),
        ("Server: nginx", ""),
        (None, ""),
    ],
)
def test_the_first_value_of_a_header(headers: Json, value: str) -> None:
    assert response_header(event("connection.completed", meta={"response_headers": headers}), "Server") == value
