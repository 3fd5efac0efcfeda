"""Look-ups: shared, patient, and no trouble for anybody who stopped waiting."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from wsmon.engine.loop import Resolver

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
    asking = [asyncio.ensure_future(resolver.look_up(QUESTION)) for _ in range(3)]
    await asyncio.sleep(0)
    answers.released.set()
    assert await asyncio.gather(*asking) == [["address"]] * 3
    assert answers.asked == ["feed.test"]


async def test_who_asks_later_asks_anew(answers: Answers) -> None:
    answers.released.set()
    resolver = Resolver(asyncio.get_running_loop())
    await resolver.look_up(QUESTION)
    await resolver.look_up(QUESTION)
    assert answers.asked == ["feed.test"] * 2


async def test_one_who_gives_up_leaves_the_others_waiting(answers: Answers) -> None:
    resolver = Resolver(asyncio.get_running_loop())
    impatient, patient = (asyncio.ensure_future(resolver.look_up(QUESTION)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    answers.released.set()
    assert await patient == ["address"]
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
        task = asyncio.ensure_future(Resolver(asyncio.get_running_loop()).look_up(QUESTION))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(ask())
    asking = [thread for thread in threading.enumerate() if thread.name == "dns 'feed.test'"]
    answers.released.set()
    for thread in asking:
        thread.join(5.0)
    assert len(asking) == 1
