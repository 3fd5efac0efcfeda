"""Which status may follow which: the tracer's cases CM-01 … CM-03."""

from __future__ import annotations

import itertools

import pytest

from wsmon.model.statuses import STATUSES, Status, is_allowed


def test_cm_01_the_ordinary_life_is_allowed_step_by_step() -> None:
    life: tuple[Status, ...] = ("initialized", "connecting", "connected", "websocket_connected", "disconnected")
    assert all(is_allowed(before, after) for before, after in itertools.pairwise(life))


@pytest.mark.parametrize("after", ["websocket_connected", "disconnected"])
def test_cm_02_nothing_is_up_or_lost_before_it_was_dialled(after: Status) -> None:
    assert not is_allowed("initialized", after)


@pytest.mark.parametrize("before", STATUSES)
def test_cm_03_every_status_may_end_in_error(before: Status) -> None:
    assert is_allowed(before, "error")
