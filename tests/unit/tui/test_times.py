from __future__ import annotations

import time
from datetime import UTC, date, timedelta, timezone

import pytest

from tests.support.builders import T0_NS
from wsmon.tui.times import dated_time, day_name, day_of, full_time, time_of_day

EAST = timezone(timedelta(hours=10))


def test_a_time_is_written_with_milliseconds_and_on_demand_with_its_day() -> None:
    at_ns = T0_NS + 118_000_000

    assert time_of_day(at_ns, UTC) == "14:02:24.118"
    assert dated_time(at_ns, UTC) == "10 Jan 14:02:24.118"
    assert full_time(at_ns, UTC) == "2026-01-10 14:02:24.118000 UTC"
    assert dated_time(at_ns, EAST) == "11 Jan 00:02:24.118"


def test_local_time_follows_the_zone_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    try:
        for zone in ("UTC0", "EST+5"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            seen.append(time_of_day(T0_NS, None))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert seen == ["14:02:24.000", "09:02:24.000"]


def test_a_day_has_its_name_in_english_and_depends_on_the_zone() -> None:
    assert day_name(day_of(T0_NS, UTC)) == "Sat 10 Jan 2026"
    assert day_of(T0_NS, EAST) == date(2026, 1, 11)
