"""Alerts to real programs: that work, fail, hang, talk, and leave something running."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wsmon.model.redact.masking import Sensitive, mask_secrets
from wsmon.recorder.alert_channels import OUTPUT_BYTES, AlertFailedError, CommandChannel

BODY = b'{"text":"feed: stall: no data"}'
SOON_S = 5.0
Program = Callable[..., CommandChannel]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A shell script as an alert command."""

    def make(text: str, *arguments: str, limit_s: float = SOON_S) -> CommandChannel:
        script = tmp_path / "alert.sh"
        script.write_text(f"#!/bin/sh\ncd {tmp_path}\n{text}\n")
        script.chmod(stat.S_IRWXU)
        command = (str(script), *arguments)
        return CommandChannel(
            tuple(Sensitive(each, mask_secrets(each, ["hunter22"])) for each in command),
            lambda text: mask_secrets(text, ["hunter22"]),
            limit_s=limit_s,
        )

    return make


async def test_it_gets_the_alert_on_stdin_and_its_arguments_untouched(program: Program, tmp_path: Path) -> None:
    await program('cat > got; printf %s "$1" > argument', "$(id); `id` 'x' hunter22").deliver(BODY)
    assert (tmp_path / "got").read_bytes() == BODY
    assert (tmp_path / "argument").read_text() == "$(id); `id` 'x' hunter22"


async def test_an_exit_code_is_a_failure(program: Program) -> None:
    with pytest.raises(AlertFailedError, match=r"alert\.sh ended with exit code 3$"):
        await program("exit 3").deliver(BODY)
    with pytest.raises(AlertFailedError, match=r"alert\.sh was ended by signal 9$"):
        await program("kill -9 $$").deliver(BODY)


async def test_one_that_cannot_be_started_is_a_failure(tmp_path: Path) -> None:
    for name in ("/nonexistent/alert", str(tmp_path), "a\0b"):
        with pytest.raises(AlertFailedError, match="cannot be started"):
            await CommandChannel((Sensitive(name),), str).deliver(BODY)


async def test_one_that_hangs_is_killed_with_all_it_started(program: Program, tmp_path: Path) -> None:
    way = program("sh -c 'echo $$ > child; exec sleep 600' & wait", limit_s=1.0)
    with pytest.raises(AlertFailedError, match="took longer than 1 s and was killed"):
        await way.deliver(BODY)
    await _until_gone(int((tmp_path / "child").read_text()))


async def test_a_cancelled_alert_leaves_no_program(program: Program, tmp_path: Path) -> None:
    way = program("echo $$ > pid.part; mv pid.part pid; exec sleep 600")
    delivering = asyncio.create_task(way.deliver(BODY), name="alert")
    async with asyncio.timeout(SOON_S):
        while not (tmp_path / "pid").exists():
            await asyncio.sleep(0.01)  # another process tells nobody
    delivering.cancel()
    await asyncio.wait([delivering])
    await _until_gone(int((tmp_path / "pid").read_text()))


async def test_what_it_leaves_running_is_left_running_and_not_waited_for(program: Program, tmp_path: Path) -> None:
    await program("sleep 600 & echo $! > left").deliver(BODY)
    left = int((tmp_path / "left").read_text())
    os.kill(left, 0)  # raises where there is none
    os.kill(left, 9)


async def test_what_it_prints_is_in_the_log_without_secrets(program: Program, caplog: pytest.LogCaptureFixture) -> None:
    await program("echo sent with hunter22; printf 'bad \\033[31m' >&2").deliver(BODY)
    said = [record.getMessage().partition("alert.sh: ")[2] for record in caplog.records]
    assert said == ["sent with [FILTERED]", "bad ␛[31m"]


async def test_a_program_that_floods_is_read_to_its_end_and_logged_in_part(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    await program("head -c 3000000 /dev/zero | tr '\\0' x").deliver(BODY)
    assert 0 < sum(len(record.getMessage()) for record in caplog.records) <= OUTPUT_BYTES


async def test_a_program_that_reads_nothing_may_still_succeed(program: Program) -> None:
    await program("exit 0").deliver(b"x" * 1_000_000)


async def test_any_program_will_do() -> None:
    await CommandChannel((Sensitive(sys.executable), Sensitive("-c"), Sensitive("")), str).deliver(BODY)


async def _until_gone(pid: int) -> None:
    async with asyncio.timeout(SOON_S):
        while _is_running(pid):
            await asyncio.sleep(0.01)  # another process tells nobody


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
