"""Name look-ups: shared, cancelled without harm to others, and explained where they fail."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.background import background
from wsmon.engine.resolver import (
    NOT_FOUND,
    Resolver,
    explained,
    name_servers,
    question_packet,
    reason,
    response_code,
)

QUESTION = ("feed.test", 80, 0, 0, 0, 0)


class Answers:
    """Stands in for the operating system's resolver; waits until released."""

    def __init__(self, outcome: object) -> None:
        self.asked: list[object] = []
        self.released = threading.Event()
        self._outcome = outcome

    def __call__(self, host: object, *_: object, **__: object) -> Any:
        self.asked.append(host)
        assert self.released.wait(5.0)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Answers:
    made = Answers(getattr(request, "param", ["address"]))
    monkeypatch.setattr("wsmon.engine.resolver.socket.getaddrinfo", made)
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


@contextmanager
def name_server(code: int | None) -> Iterator[int]:
    """A name server on loopback that answers every question with a response code, or not at all; yields its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5.0)

        def answer() -> None:
            question, asker = server.recvfrom(512)
            if code is not None:
                server.sendto(b"no answer to this question", asker)
                server.sendto(question[:2] + bytes([0x81, 0x80 | code]) + question[4:], asker)

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5.0)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, ""),
        (2, "name server 127.0.0.1 failed to answer (SERVFAIL)"),
        (3, "no such name (NXDOMAIN)"),
        (4, "name server 127.0.0.1 gave no answer (NOTIMP)"),
        (5, "name server 127.0.0.1 refused to answer (REFUSED)"),
        (9, "name server 127.0.0.1 gave no answer (code 9)"),
        (None, "no name server answered (127.0.0.1: timeout)"),
    ],
)
def test_the_answers_of_name_servers_are_told_apart(code: int | None, text: str) -> None:
    with name_server(code) as port:
        assert reason("feed.test", ["127.0.0.1"], port, 5.0 if code is not None else 0.05) == text


def test_a_name_server_that_is_not_there_cannot_be_reached() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert reason("feed.test", ["127.0.0.1", "no address"], port) == (
        "no name server can be reached (127.0.0.1, no address)"
    )


@pytest.mark.parametrize(
    ("number", "text"), [(socket.EAI_NONAME, NOT_FOUND), (socket.EAI_AGAIN, "no name server can be reached (nowhere)")]
)
def test_an_error_of_the_system_is_explained(number: int, text: str) -> None:
    error = explained(socket.gaierror(number, "as the system says"), b"feed.test", lambda: ["nowhere"])
    assert (error.errno, error.strerror) == (number, text)


@pytest.mark.parametrize("number", [socket.EAI_FAMILY, socket.EAI_NODATA])
def test_other_errors_stay_as_they_are(number: int) -> None:
    error = socket.gaierror(number, "as the system says")
    assert explained(error, "feed.test", list) is error


@pytest.mark.parametrize(("number", "is_ours"), [(errno.EMFILE, True), (errno.ENFILE, True), (errno.EACCES, False)])
def test_a_lack_of_descriptors_is_no_fault_of_a_name_server(number: int, is_ours: bool) -> None:
    ours = OSError(number, "no")

    def servers() -> list[str]:
        raise ours

    error = socket.gaierror(socket.EAI_AGAIN, "try again")
    assert explained(error, "feed.test", servers) is (ours if is_ours else error)


def test_a_question_asks_for_the_address_of_a_name() -> None:
    asked = b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6 + b"\x04feed\x04test\x00\x00\x01\x00\x01"
    assert question_packet("feed.test.", b"\x12\x34") == asked
    assert question_packet("bücher.test", b"\x12\x34")[12:] == b"\x0dxn--bcher-kva\x04test\x00\x00\x01\x00\x01"


@pytest.mark.parametrize(
    "packet", [b"", b"\x12\x34\x81", b"\x12\x35\x81\x83" + b"\x00" * 8, b"\x12\x34\x01\x00" + b"\x00" * 8]
)
def test_other_packets_are_no_answer(packet: bytes) -> None:
    assert response_code(packet, b"\x12\x34") == ""


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("# none\n", ("127.0.0.1",)),
        ("nameserver\nnameserver 10.0.0.1 # a\nsearch x\n  nameserver fe80::1%eth0\n", ("10.0.0.1", "fe80::1%eth0")),
        ("nameserver 1\nnameserver 2\nnameserver 3\nnameserver 4\n", ("1", "2", "3")),
    ],
)
def test_name_servers_of_the_machine(tmp_path: Path, text: str, servers: tuple[str, ...]) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    assert name_servers(path) == servers


def test_a_machine_without_resolv_conf_asks_itself(tmp_path: Path) -> None:
    assert name_servers(tmp_path / "resolv.conf") == ("127.0.0.1",)
