"""Lines of the statistics."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.builders import T0_NS, at_ns
from tests.support.screen_harness import connection_statistics
from wsmon.model.statistics import ConnectionStatistics, Flow, Statistics
from wsmon.tui.panes.statistics_render import number_lines, period, state_lines


def shown(each: ConnectionStatistics) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in (*state_lines(each, T0_NS), *number_lines(each, 76))]


def test_a_session_of_half_a_millisecond_is_not_zero() -> None:
    bounced = connection_statistics(
        "bouncer", "reconnecting", ws_uptime_ms=0.5, total_uptime_ms=7.1, availability=0.0002, reconnection_count=1
    )

    assert shown(bounced)[:3] == [
        "state       reconnecting · open 0.5 ms in all (TCP 7.1 ms)",
        "available   0.02 % of the time it should be open",
        "sessions    1 dialled · 1 usable · 1 reconnect (0.0/h)",
    ]


def test_one_that_was_never_wanted_has_no_availability() -> None:
    assert "available   n/a: it was to be off all the time" in shown(connection_statistics("legacy", availability=None))


def test_bytes_say_what_they_were_on_the_wire() -> None:
    each = connection_statistics("a", bytes=Flow(2048, 10), wire_bytes=Flow(1024, 14))

    assert "bytes       received 2.0 KiB (1.0 KiB on the wire), sent 10 B (14 B)" in shown(each)


@pytest.mark.parametrize(("seconds", "expected"), [(8, "last 8.0 s"), (59, "last 59 s"), (3600, "last 1h00m")])
def test_the_period_is_the_one_that_was_answered_for(seconds: int, expected: str) -> None:
    assert period(replace(Statistics(0, 0, ()), since_ns=at_ns(-seconds), until_ns=at_ns(0))) == expected
