"""Scenarios with other rates, counts and sizes."""

from __future__ import annotations

from dataclasses import replace

from wsmon.demo.steps import Accept, Between, Cycle, Drop, Fixed, Numbered, Repeat, Scenario, Send

SEND = Send((Numbered(),), 2, rate_per_s=1.0, duration_s=Between(1.0, 2.0), sizes_bytes=(9, 10))


def scenario(*steps: Send | Repeat | Cycle | Drop) -> Scenario:
    return Scenario("s", (Accept(),), steps)


def test_every_send_gets_the_new_rate_count_and_size() -> None:
    other = replace(SEND, payloads=(Fixed(b"x"),))
    given = scenario(SEND, Repeat((Cycle((other, Drop())),), 2))

    def changed(send: Send) -> Send:
        return replace(send, rate_per_s=50.0, count=3, duration_s=None, sizes_bytes=(200,))

    expected = scenario(changed(SEND), Repeat((Cycle((changed(other), Drop())),), 2))
    assert given.with_(rate=50.0, count=3, size_bytes=200) == expected


def test_what_is_not_named_stays() -> None:
    assert scenario(SEND).with_(rate=7.0) == scenario(replace(SEND, rate_per_s=7.0))
    assert scenario(SEND).with_() == scenario(SEND)


def test_between_goes_from_low_to_high() -> None:
    assert [Between(2.0, 6.0).at(roll) for roll in (0.0, 0.25, 0.5)] == [2.0, 3.0, 4.0]
