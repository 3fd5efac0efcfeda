"""Faults on demand: what is accepted, what an error shows, and that the seed decides."""

from __future__ import annotations

import pytest

from wsmon.errors import UsageError
from wsmon.serve.faults import FAULT_FORMS, NO_FAULTS, FaultPlan, ServedEnd, StallPeriod, parse_faults

CODES = "1000 to 1003, 1007 to 1014, 3000 to 4999"


def test_every_form_is_accepted() -> None:
    plan = parse_faults([form for form, _ in FAULT_FORMS], "7")
    assert plan == FaultPlan("7", plan.drop_share, 0.2, (StallPeriod(30.0, 40.0),), 30.0, ServedEnd("eof"))
    assert plan.drop_share == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("drop 50 %", FaultPlan(drop_share=0.5)),
        ("DELAY 1.5s", FaultPlan(delay_s=1.5)),
        ("stall 10s", FaultPlan(stalls=(StallPeriod(0.0, 10.0),))),
        ("  cut  after 250ms ", FaultPlan(end_s=0.25, end=ServedEnd("eof"))),
        ("close 4001 after 1m", FaultPlan(end_s=60.0, end=ServedEnd("close", 4001))),
    ],
)
def test_one_fault(text: str, plan: FaultPlan) -> None:
    assert parse_faults([text]) == plan


def test_none_is_no_fault() -> None:
    assert parse_faults([]) == NO_FAULTS


def test_the_earliest_end_counts_and_delays_add_up() -> None:
    plan = parse_faults(["cut after 2s", "close 1012 after 1s", "delay 1s", "delay 2s"])
    assert (plan.end_s, plan.end, plan.delay_s) == (1.0, ServedEnd("close", 1012), 3.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "explode",
            (
                "invalid fault 'explode'. write it as drop 1%, delay 200ms, stall 10s after 30s, cut after 30s, "
                "close 1012 after 30s"
            ),
        ),
        ("drop 1", "invalid fault 'drop 1'. write it as drop 1%"),
        ("drop 101%", "invalid fault 'drop 101%': more than 100 %. write it as drop 1%"),
        ("cut", "invalid fault 'cut'. write it as cut after 30s"),
        ("close 1012", "invalid fault 'close 1012'. write it as close 1012 after 30s"),
        (
            "close 1006 after 1s",
            f"invalid fault 'close 1006 after 1s': no server may send code 1006. {CODES}",
        ),
    ],
)
def test_an_error_shows_what_is_accepted(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_faults([text])
    assert str(raised.value) == sentence


def test_a_duration_without_a_unit_is_refused() -> None:
    with pytest.raises(UsageError, match="invalid fault 'delay 200'"):
        parse_faults(["delay 200"])


def test_the_same_seed_drops_the_same_messages() -> None:
    def dropped(seed: str) -> list[int]:
        plan = parse_faults(["drop 10%"], seed)
        return [event_id for event_id in range(1_000) if plan.drops(event_id)]

    assert dropped("a") == dropped("a") != dropped("b")
    assert 50 < len(dropped("a")) < 150
    assert not any(NO_FAULTS.drops(event_id) for event_id in range(100))


def test_stalls_that_touch_are_one() -> None:
    plan = parse_faults(["stall 2s after 3s", "stall 2s after 1s"])
    assert [plan.stalled_until(at_s) for at_s in (0.5, 1.0, 3.5, 5.0)] == [0.5, 5.0, 5.0, 5.0]
