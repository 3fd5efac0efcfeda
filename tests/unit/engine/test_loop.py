"""The phases of a dial, and name look-ups: shared, and cancelled without harm to others."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from tests.support.background import background
from wsmon.engine.loop import Phases, Resolver


class Steps:
    """A clock that a test moves on, in milliseconds."""

    def __init__(self) -> None:
        self.now_ms = 0

    def wall_ns(self) -> int:
        return self.mono_ns()

    def mono_ns(self) -> int:
        return self.now_ms * 1_000_000


def timed(clock: Steps, phases: Phases, *steps: str) -> None:
    """Each step takes one millisecond more than the one before."""
    for number, step in enumerate(steps, 1):
        match step.split():
            case ["begin", phase]:
                phases.begin(phase)  # type: ignore[arg-type]  # from a literal of the test
            case ["end", phase]:
                phases.end(phase)  # type: ignore[arg-type]  # the same
            case [name]:
                getattr(phases, name)()
        clock.now_ms += number


def test_direct_dial_over_tls() -> None:
    clock = Steps()
    phases = Phases(clock, secure=True, tunnel=False)
    timed(clock, phases, "begin dns", "end dns", "begin tcp", "tcp_opened", "connected", "upgraded")
    assert phases.milliseconds() == {"dns_ms": 1.0, "tcp_ms": 3.0, "tls_ms": 4.0, "upgrade_ms": 5.0}


def test_plain_dial_has_no_tls() -> None:
    clock = Steps()
    phases = Phases(clock, secure=False, tunnel=False)
    timed(clock, phases, "begin tcp", "tcp_opened", "connected")
    assert (phases.milliseconds(), phases.current) == ({"tcp_ms": 1.0}, "upgrade")


def test_tunnel_is_a_phase_between_tcp_and_tls() -> None:
    clock = Steps()
    phases = Phases(clock, secure=True, tunnel=True)
    timed(clock, phases, "begin tcp", "tcp_opened", "tunnel_opened", "connected", "upgraded")
    assert phases.milliseconds() == {"tcp_ms": 1.0, "proxy_ms": 2.0, "tls_ms": 3.0, "upgrade_ms": 4.0}


def test_addresses_in_turn_are_one_phase() -> None:
    clock = Steps()
    phases = Phases(clock, secure=False, tunnel=False)
    timed(clock, phases, "begin tcp", "begin tcp", "tcp_opened")
    assert phases.milliseconds() == {"tcp_ms": 3.0}


def test_on_a_foreign_loop_only_the_upgrade_is_known() -> None:
    clock = Steps()
    phases = Phases(clock, secure=True, tunnel=False)
    timed(clock, phases, "connected", "upgraded")
    assert phases.milliseconds() == {"upgrade_ms": 1.0}


QUESTION = ("feed.test", 80, 0, 0, 0, 0)


class Answers:
    """Stands in for the operating system's resolver; waits until released."""

    def __init__(self, outcome: object) -> None:
        self.asked: list[object] = []
        self.released = threading.Event()
        self._outcome = outcome

    def __call__(self, host: object, *_: object) -> Any:
        self.asked.append(host)
        assert self.released.wait(5.0)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Answers:
    made = Answers(getattr(request, "param", ["address"]))
    monkeypatch.setattr("wsmon.engine.loop.socket.getaddrinfo", made)
    return made


async def test_who_asks_at_the_same_time_shares_the_answer(answers: Answers) -> None:
    resolver = Resolver(asyncio.get_running_loop())
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(resolver.look_up(QUESTION)) for _ in range(3)]
        await asyncio.sleep(0)
        answers.released.set()
    assert [task.result() for task in asking] == [["address"]] * 3
    assert answers.asked == ["feed.test"]


async def test_who_asks_later_asks_anew(answers: Answers) -> None:
    answers.released.set()
    resolver = Resolver(asyncio.get_running_loop())
    await resolver.look_up(QUESTION)
    await resolver.look_up(QUESTION)
    assert answers.asked == ["feed.test"] * 2


async def test_one_who_gives_up_leaves_the_others_waiting(answers: Answers) -> None:
    resolver = Resolver(asyncio.get_running_loop())
    async with asyncio.TaskGroup() as group:
        impatient, patient = (group.create_task(resolver.look_up(QUESTION)) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        answers.released.set()
    assert patient.result() == ["address"]
    assert impatient.cancelled()


@pytest.mark.parametrize(
    ("answers", "number"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "try again"), socket.EAI_AGAIN),
        (UnicodeError("label too long"), socket.EAI_NONAME),
    ],
    indirect=["answers"],
)
async def test_failures_are_the_askers(answers: Answers, number: int) -> None:
    answers.released.set()
    with pytest.raises(socket.gaierror) as raised:
        await Resolver(asyncio.get_running_loop()).look_up(QUESTION)
    assert raised.value.errno == number


def test_an_answer_after_the_end_of_the_loop_is_dropped(answers: Answers) -> None:
    async def ask() -> None:
        async with background(Resolver(asyncio.get_running_loop()).look_up(QUESTION), "resolver"):
            await asyncio.sleep(0)

    asyncio.run(ask())
    asking = [thread for thread in threading.enumerate() if thread.name == "dns 'feed.test'"]
    answers.released.set()
    for thread in asking:
        thread.join(5.0)
    assert len(asking) == 1
