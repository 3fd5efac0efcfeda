"""Headers are found whatever their case and shape."""

from __future__ import annotations

import pytest

from tests.support.builders import event
from wsmon.model.events import Json
from wsmon.model.http import response_header


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
