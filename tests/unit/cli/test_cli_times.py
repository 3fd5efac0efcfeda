"""How times are printed."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from wsmon.cli.times import shown_time

NOW = 1_768_053_744_000_000_000
BERLIN = ZoneInfo("Europe/Berlin")


def test_times_are_shown_to_the_millisecond() -> None:
    assert shown_time(NOW + 118_999_999, UTC) == "2026-01-10 14:02:24.118"
    assert shown_time(NOW, BERLIN) == "2026-01-10 15:02:24.000"
