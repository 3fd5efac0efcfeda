"""What becomes of errors: recovered where the connection is usable within a minute; some outcomes are never known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.error_recovery import RECOVERED_WITHIN_S, ErrorRecovery, is_critical
from wsmon.model.units import SECOND_NS


def errors(*seconds: float) -> ErrorRecovery:
    made = ErrorRecovery()
    for second in seconds:
        made.occurred(round(second * SECOND_NS))
    return made


def test_an_error_of_a_session_that_is_still_open_a_minute_later_is_recovered() -> None:
    found = errors(1.5, 1.9, 30)
    assert found.expired(60 * SECOND_NS, is_open=True) == {}
    assert found.expired(61 * SECOND_NS, is_open=True) == {"recovered": 2}
    assert found.expired(89 * SECOND_NS, is_open=True) == {}
    assert found.expired(90 * SECOND_NS, is_open=False) == {"not_recovered": 1}
    assert not found


def test_an_open_or_the_last_attempt_decides_all_errors_of_the_last_minute() -> None:
    assert errors(1, 2, 2).opened() == {"recovered": 3}
    assert errors(1, 2, 2).gave_up() == {"not_recovered": 3}
    assert errors().opened() == errors().gave_up() == {}


def test_an_error_that_is_reported_as_handled_is_recovered_alone() -> None:
    found = errors(1, 5)
    assert (found.handled(), found.expired(61 * SECOND_NS, is_open=False)) == ({"recovered": 1}, {"not_recovered": 1})
    assert found.handled() == {}


def test_what_is_forgotten_has_no_outcome() -> None:
    found = errors(1, 2)
    found.forget()
    assert (found.opened(), bool(found)) == ({}, False)


@pytest.mark.parametrize(("error_type", "critical"), [("protocol", True), ("retries_exhausted", True), ("eof", False)])
def test_critical_errors_are_those_of_alerts_and_the_end_of_retries(error_type: str, critical: bool) -> None:
    assert is_critical(error_type) is critical


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=30))
def test_each_error_has_one_outcome(steps: list[tuple[int, bool]]) -> None:
    """Errors at some seconds, looked at in each second, with a connection that is open or not."""
    found, counts, is_open = ErrorRecovery(), {"recovered": 0, "not_recovered": 0}, False
    by_second = dict(steps)
    for second in range(301 + RECOVERED_WITHIN_S):
        for outcome, number in found.expired(second * SECOND_NS, is_open=is_open).items():
            counts[outcome] += number
        if second in by_second:
            is_open = by_second[second]
            found.occurred(second * SECOND_NS)
    assert not found
    assert sum(counts.values()) == len(by_second)
