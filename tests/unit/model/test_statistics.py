"""Key figures against thresholds: the guide's cases TG-10, TG-11 and TG-14, and what is left of a budget."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from wsmon.model.statistics import KPI_NAMES, KPI_UNITS, ConnectionStatistics, Flow, Heartbeats, Kpi, Summary, kpis

NOTHING = ConnectionStatistics(
    name="orders", group="", url="wss://orders", status="websocket_connected", stalled=False, profile="standard",
    trace_id="", sessions=0, connection_count=0, reconnection_count=0, reconnects_per_hour=None, total_uptime_ms=0.0,
    ws_uptime_ms=0.0, availability=None, last_connected_ns=None, last_disconnected_ns=None, last_message_ns=None,
    connect_ms=None, reconnect_ms=None, rtt_ms=None, message_size=None, messages=Flow(), bytes=Flow(),
    wire_bytes=Flow(), heartbeats=Heartbeats(), errors={}, close_codes={}, incidents={},
)  # fmt: skip


def took(mean_ms: float, count: int = 1) -> Summary:
    """A distribution with that average."""
    return Summary(count, mean_ms, mean_ms, mean_ms, mean_ms, mean_ms)


def found(
    name: str, fields: Mapping[str, object], profile: str = "standard", overrides: Mapping[str, float] | None = None
) -> Kpi:
    """One key figure of a connection of which ``fields`` are known."""
    of = dataclasses.replace(NOTHING, profile=profile, **fields)  # type: ignore[arg-type]  # fields by name
    return next(each for each in kpis(of, overrides or {}) if each.name == name)


def test_tg_10_999_of_1000_is_too_little_for_financial_and_enough_for_standard() -> None:
    fields = {"sessions": 1000, "connection_count": 999}
    strict = found("connection_success_rate", fields, "financial")
    assert (strict.value, strict.threshold, strict.ok, strict.samples) == (0.999, 0.999, False, 1000)
    assert strict.budget_left == pytest.approx(0.0, abs=1e-9)
    easy = found("connection_success_rate", fields, "standard")
    assert (easy.value, easy.threshold, easy.ok, easy.samples) == (0.999, 0.99, True, 1000)
    assert easy.budget_left == pytest.approx(0.9)


def test_tg_11_without_a_dial_there_is_no_rate() -> None:
    assert found("connection_success_rate", {}) == Kpi(
        "connection_success_rate", None, 0.99, None, 0, None, is_floor=True, unit="share", why="too few samples"
    )
    assert [each.ok for each in kpis(NOTHING)] == [None] * len(KPI_NAMES)


@pytest.mark.parametrize(("profile", "mean_ms", "ok"), [
    ("financial", 1_900.0, True), ("financial", 2_000.0, False),
    ("standard", 2_000.0, True), ("standard", 5_000.0, False),
])  # fmt: skip
def test_tg_14_two_seconds_to_reconnect_are_too_long_for_financial(profile: str, mean_ms: float, ok: bool) -> None:
    kpi = found("reconnection_time_ms", {"reconnect_ms": took(mean_ms, 3)}, profile)
    assert (kpi.value, kpi.ok, kpi.samples) == (mean_ms, ok, 3)


@pytest.mark.parametrize(("name", "few", "enough"), [
    ("connection_time_ms", {"connect_ms": took(9_000.0, 2)}, {"connect_ms": took(9_000.0, 3)}),
    ("reconnection_time_ms", {"reconnect_ms": took(9_000.0, 2)}, {"reconnect_ms": took(9_000.0, 3)}),
    ("processing_time_ms", {"process_ms": took(9_000.0, 2)}, {"process_ms": took(9_000.0, 3)}),
    ("connection_success_rate", {"sessions": 9}, {"sessions": 10}),
    ("reconnection_success_rate", {"errors": {"retries_exhausted": 9}}, {"errors": {"retries_exhausted": 10}}),
    (
        "message_error_rate",
        {"failed_messages": 9, "messages": Flow(9)}, {"failed_messages": 10, "messages": Flow(10)},
    ),
    ("availability", {"availability": 0.0, "scheduled_ms": 59_999.0}, {"availability": 0.0, "scheduled_ms": 60_000.0}),
    ("stalled_share", {"stalled_ms": 5e4, "scheduled_ms": 59_999.0}, {"stalled_ms": 5e4, "scheduled_ms": 60_000.0}),
    ("error_recovery_rate", {"unrecovered_errors": 9}, {"unrecovered_errors": 10}),
])  # fmt: skip
def test_few_samples_breach_nothing_and_have_a_value(
    name: str, few: Mapping[str, object], enough: Mapping[str, object]
) -> None:
    kpi = found(name, few)
    assert kpi.value is not None
    assert (kpi.ok, kpi.why, kpi.budget_left) == (None, "too few samples", None)
    kpi = found(name, enough)
    assert (kpi.ok, kpi.why) == (False, "")


def test_a_connection_that_is_hardly_open_or_mute_is_not_ok() -> None:
    kpi = found("availability", {"availability": 0.0014, "scheduled_ms": 540_000.0})
    assert (kpi.value, kpi.threshold, kpi.ok, kpi.samples) == (0.0014, 0.99, False, 540)
    assert kpi.basis == "9m of scheduled time"
    kpi = found("stalled_share", {"stalled_ms": 535_000.0, "scheduled_ms": 540_000.0})
    assert kpi.value == pytest.approx(535 / 540)
    assert (kpi.threshold, kpi.ok) == (0.01, False)
    assert found("stalled_share", {"stalled_ms": 0.0, "scheduled_ms": 540_000.0}).ok is True


def test_where_no_data_is_expected_silence_is_not_judged() -> None:
    kpi = found("stalled_share", {"stalled_ms": None, "scheduled_ms": 540_000.0})
    assert (kpi.value, kpi.ok, kpi.why) == (None, None, "no data is expected: expect_every is not set")


@pytest.mark.parametrize(
    ("name", "fields", "value", "samples", "financial", "standard"),
    [
        ("connection_time_ms", {"connect_ms": took(700.0, 3)}, 700.0, 3, False, True),
        ("processing_time_ms", {"process_ms": took(30.0, 8)}, 30.0, 8, False, True),
        ("message_error_rate", {"failed_messages": 1, "messages": Flow(3_000, 2_000)}, 0.0002, 5_000, False, True),
        ("message_error_rate", {"failed_messages": 0, "messages": Flow(10, 0)}, 0.0, 10, True, True),
        ("availability", {"availability": 0.995, "scheduled_ms": 100_500.0}, 0.995, 100, False, True),
        ("stalled_share", {"stalled_ms": 500.0, "scheduled_ms": 100_000.0}, 0.005, 100, False, True),
        ("reconnection_success_rate", {"reconnect_ms": took(1.0, 199)}, 1.0, 199, True, True),
        ("error_recovery_rate", {"recovered_errors": 199, "unrecovered_errors": 1}, 0.995, 200, True, True),
        ("error_recovery_rate", {"recovered_errors": 99, "unrecovered_errors": 1}, 0.99, 100, False, False),
        (
            "reconnection_success_rate",
            {"reconnect_ms": took(1.0, 98), "errors": {"retries_exhausted": 2, "eof": 100}},
            0.98, 100, False, False,
        ),
    ],
)  # fmt: skip
def test_each_figure_has_its_samples_and_thresholds(
    name: str, fields: dict[str, object], value: float, samples: int, financial: bool, standard: bool
) -> None:
    for profile, ok in (("financial", financial), ("standard", standard), ("detailed", standard)):
        kpi = found(name, fields, profile)
        assert kpi.value == pytest.approx(value)
        assert (kpi.samples, kpi.ok) == (samples, ok)


@pytest.mark.parametrize(("status", "ok", "samples"), [("connecting", True, 10), ("disconnected", False, 11)])
def test_a_dial_under_way_has_not_failed(status: str, ok: bool | None, samples: int) -> None:
    kpi = found(
        "connection_success_rate",
        {"sessions": 11, "connection_count": 10, "status": status},
        overrides={"connection_success_rate": 0.95},
    )
    assert (kpi.ok, kpi.samples) == (ok, samples)


def test_a_session_whose_dial_began_before_the_period_makes_no_rate_above_one() -> None:
    assert found("connection_success_rate", {"sessions": 1, "connection_count": 2}).value == 1.0


@pytest.mark.parametrize(
    ("fields", "profile", "expected"),
    [
        ({}, "financial", (None, 5_000.0, None, 0, "no alert was sent by alerts.command or alerts.webhook")),
        ({"alert_ms": took(900.0, 2)}, "financial", (900.0, 5_000.0, None, 2, "too few samples")),
        ({"alert_ms": took(900.0, 3)}, "financial", (900.0, 5_000.0, True, 3, "")),
        ({"alert_ms": took(5_000.0, 3)}, "financial", (5_000.0, 5_000.0, False, 3, "")),
        ({"alert_ms": took(900.0, 3)}, "standard", (900.0, None, None, 3, "no target is set")),
        # An alert that was not delivered is no soon one
        (
            {"alert_ms": took(900.0, 30), "failed_alerts": 1}, "financial",
            (900.0, 5_000.0, False, 31, "1 alert was not delivered"),
        ),
        ({"failed_alerts": 3}, "financial", (None, 5_000.0, False, 3, "3 alerts were not delivered")),
        ({"failed_alerts": 2}, "financial", (None, 5_000.0, None, 2, "2 alerts were not delivered")),
        ({"failed_alerts": 3}, "standard", (None, None, None, 3, "3 alerts were not delivered")),
    ],
)  # fmt: skip
def test_the_time_to_an_alert_is_never_good_where_one_was_not_delivered(
    fields: dict[str, object], profile: str, expected: tuple[object, ...]
) -> None:
    kpi = found("error_to_alert_ms", fields, profile)
    assert (kpi.value, kpi.threshold, kpi.ok, kpi.samples, kpi.why) == expected
    assert (kpi.is_floor, kpi.unit, kpi.budget_left is None) == (False, "ms", kpi.ok is None or bool(kpi.why))


def test_throughput_has_the_target_that_the_configuration_sets() -> None:
    fields = {"messages": Flow(3_000, 900), "scheduled_ms": 60_000.0}
    assert found("throughput_per_s", fields) == Kpi(
        "throughput_per_s", 50.0, None, None, 60, None, is_floor=True, unit="per_s", is_of_time=True,
        why="no target is set",
    )  # fmt: skip
    for target, ok in ((49.0, True), (50.0, False), (0.5, True)):
        kpi = found("throughput_per_s", fields, overrides={"throughput_per_s": target})
        assert (kpi.threshold, kpi.ok, kpi.budget_left, kpi.why, kpi.basis) == (
            target, ok, None, "", "1m of scheduled time",
        )  # fmt: skip
    few = found("throughput_per_s", {"messages": Flow(9), "scheduled_ms": 59_000.0}, overrides={"throughput_per_s": 1})
    assert (few.ok, few.why) == (None, "too few samples")


def test_without_an_error_there_is_no_recovery() -> None:
    kpi = found("error_recovery_rate", {})
    assert (kpi.value, kpi.ok, kpi.why) == (None, None, "no error occurred whose outcome is known")


def test_thresholds_of_the_configuration_replace_those_of_the_profile() -> None:
    kpi = found("connection_time_ms", {"connect_ms": took(700.0, 3)}, "financial", {"connection_time_ms": 900.0})
    assert (kpi.threshold, kpi.ok) == (900.0, True)
    assert kpi.budget_left == pytest.approx(2 / 9)


def test_an_overdrawn_budget_is_below_zero_and_no_tolerance_leaves_none() -> None:
    fields = {"sessions": 100, "connection_count": 97}
    assert found("connection_success_rate", fields).budget_left == pytest.approx(-2.0)
    all_of_them = {"connection_success_rate": 1.0}
    assert found("connection_success_rate", fields, overrides=all_of_them).budget_left is None
    no_error = found("message_error_rate", {"messages": Flow(50, 0)}, overrides={"message_error_rate": 0.0})
    assert (no_error.ok, no_error.budget_left) == (False, None)


def test_shares_are_told_from_times() -> None:
    by_unit = {unit: sorted(name for name in KPI_NAMES if KPI_UNITS[name] == unit) for unit in ("share", "per_s")}
    assert by_unit == {
        "share": [
            "availability", "connection_success_rate", "error_recovery_rate", "message_error_rate",
            "reconnection_success_rate", "stalled_share",
        ],
        "per_s": ["throughput_per_s"],
    }  # fmt: skip
    assert all(name.endswith("_ms") for name, unit in KPI_UNITS.items() if unit == "ms")


def test_every_key_figure_is_documented() -> None:
    operation = Path(__file__).parents[3] / "docs" / "operation.md"
    rows = re.findall(r"^\| `(\w+)` \|.*\| (?:[<>] \S|none)", operation.read_text(), re.MULTILINE)
    assert tuple(rows) == KPI_NAMES
