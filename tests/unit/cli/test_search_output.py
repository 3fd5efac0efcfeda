"""An event as a line: time, connection, direction, kind, content and size, in the width that there is."""

from __future__ import annotations

import json

import pytest

from tests.support.builders import event, loss, message
from wsmon.cli.search_output import CONTENT_CHARS, as_json, event_line
from wsmon.model.events import Event


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            message("hello", 1.5, "orders"),
            "2026-01-10 14:02:25.500  orders            ↓ text                hello 5 B",
        ),
        (
            event("connection.open", 0, "orders", from_status="connecting", to_status="connected"),
            "2026-01-10 14:02:24.000  orders            · connected",
        ),
        (
            event("heartbeat.timeout", 0, "a\x1b[2Jname-that-is-too-long"),
            "2026-01-10 14:02:24.000  a␛[2Jname-that-…  ✕ heartbeat.timeout",
        ),
    ],
)
def test_a_line_for_a_pipe(given: Event, line: str) -> None:
    assert event_line(given, None, utc=True) == line


@pytest.mark.parametrize("width", [80, 120])
def test_a_line_is_as_wide_as_the_terminal_at_most_and_its_size_is_at_the_end(width: int) -> None:
    line = event_line(message("x" * 5_000, 1, "orders"), width, utc=True)
    assert len(line) <= width
    assert line.endswith("4.9 KiB")


def test_a_pipe_gets_enough_of_a_long_message_to_search_in() -> None:
    line = event_line(message("x" * 5_000, 1, "orders"), None, utc=True)
    assert line.count("x") == pytest.approx(CONTENT_CHARS, abs=1)


def test_a_loss_says_why() -> None:
    assert "1008" in event_line(loss(1, "orders", code=1008), None, utc=True)


def test_a_message_of_a_known_type_is_called_by_it() -> None:
    assert "↓ trade " in event_line(message("{}", 1, "orders", type="trade"), None, utc=True)


def test_json_is_a_line_with_times_in_utc() -> None:
    line = as_json()(message("hello", 1.5, "orders"))
    assert line.endswith(b"\n")
    assert (json.loads(line)["ts"], json.loads(line)["payload"]) == ("2026-01-10T14:02:25.500000Z", "hello")
