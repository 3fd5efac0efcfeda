"""A shell command that reads from us: whatever it does, it ends when it is told to, and its output is bounded."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.children import command_of
from wsmon.errors import StoreError
from wsmon.tui.terminal import pipe
from wsmon.tui.terminal.pipe import CommandInput, PipedCommand

LINES = b"".join(b'{"n":%d}\n' % number for number in range(50_000))


def all_lines(given: CommandInput) -> None:
    given.write(LINES)


async def ran(command: str) -> PipedCommand:
    piped = PipedCommand(command, all_lines)
    async with asyncio.timeout(20):
        await piped.run()
    return piped


async def test_a_command_reads_everything_and_its_output_and_status_are_kept() -> None:
    piped = await ran("wc -c; echo bad >&2; exit 3")
    assert (bytes(piped.output).split(), piped.status) == ([str(len(LINES)).encode(), b"bad"], 3)


@pytest.mark.parametrize("command", ["head -n 1", "exit 0", "exec <&-; sleep 0.2"])
async def test_a_command_may_read_as_little_as_it_wants(command: str) -> None:
    assert (await ran(command)).status == 0


async def test_output_beyond_the_limit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "OUTPUT_LIMIT_BYTES", 10)
    piped = await ran("cat")
    assert (bytes(piped.output), piped.dropped_bytes) == (LINES[:10], len(LINES) - 10)


@pytest.mark.parametrize("command", ["sleep 1000", "cat > /dev/null; sleep 1000", "yes", "trap '' TERM; sleep 1000"])
async def test_a_command_without_end_ends_when_it_is_told_to(command: str) -> None:
    piped = PipedCommand(f"echo up; {command}", all_lines)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(piped.run())
        while not piped.output:
            await asyncio.sleep(0)
        group.create_task(piped.end())
    assert piped.status in (-15, -9, 143)


async def test_what_a_command_left_running_holds_nothing_up_and_is_killed() -> None:
    piped = await ran("sleep 1000 & echo $!")
    assert piped.status == 0
    # The kernel ends it in its own time
    async with asyncio.timeout(20):
        while command_of(int(piped.output)):
            await asyncio.sleep(0)


async def test_a_store_that_fails_ends_the_command() -> None:
    def fail(_given: CommandInput) -> None:
        raise StoreError("the store is gone")

    piped = PipedCommand("cat", fail)
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.timeout(20):
            await piped.run()
    assert [str(each) for each in caught.value.exceptions] == ["the store is gone"]
    assert piped.status in (0, -9)


async def test_a_run_that_is_cancelled_returns_when_the_command_has_ended() -> None:
    piped = PipedCommand("echo up; trap '' TERM; sleep 1000", all_lines)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(piped.run())
        while not piped.output:
            await asyncio.sleep(0)
        running.cancel()
    assert piped.status == -9
