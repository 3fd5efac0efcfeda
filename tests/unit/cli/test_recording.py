"""Lines on stderr: told in order, harmless, left out rather than waited for."""

from __future__ import annotations

import fcntl
import logging
import os

import msgspec

from tests.support.builders import event, retry
from wsmon.cli.recording import LINES_WAITING, REPEAT_KEYS, RepeatLimit, StderrLog

PIPE_BYTES = 4096


def read_all(fd: int) -> list[str]:
    """The lines in a pipe whose other end is closed."""
    with os.fdopen(fd, "rb") as pipe:
        return pipe.read().decode().splitlines()


def test_lines_are_told_in_order_and_harmless() -> None:
    reading, writing = os.pipe()
    with StderrLog(is_quiet=False, fd=writing) as log:
        log.print_line("first\x1b[2J")
        log.print_event(event("message.received"))
        logging.getLogger("wsmon.anything").warning("disk %s", "full\x9b\nsecond line")
        log.print_line("last")
    os.close(writing)
    assert read_all(reading) == ["first␛[2J", "disk full\\x9b", "second line", "last"]


def test_an_attempt_says_when_and_why_it_waits_longer() -> None:
    reading, writing = os.pipe()
    with StderrLog(is_quiet=False, fd=writing) as log:
        log.print_event(retry())
        log.print_event(msgspec.structs.replace(retry(), reason="Retry-After asks for 7 s"))
    os.close(writing)
    plain, longer = read_all(reading)
    assert plain.endswith("retrying in 7.0 s (attempt 18)")
    assert longer == f"{plain}, Retry-After asks for 7 s"


def test_the_quiet_one_tells_warnings_only() -> None:
    reading, writing = os.pipe()
    with StderrLog(is_quiet=True, fd=writing) as log:
        log.print_line("first")
        logging.getLogger("wsmon.anything").info("nothing")
        logging.getLogger("wsmon.anything").error("failed")
    os.close(writing)
    assert read_all(reading) == ["failed"]


def test_libraries_can_be_left_out() -> None:
    reading, writing = os.pipe()
    with StderrLog(is_quiet=True, fd=writing, has_libraries=False) as log:
        log.print_line("first")
        logging.getLogger("asyncio").error("socket.accept() out of system resource")
        logging.getLogger("wsmon.anything").error("failed")
    os.close(writing)
    assert read_all(reading) == ["failed"]


def test_who_does_not_read_is_waited_for_by_nobody_and_told_how_much_is_left_out() -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    lines = LINES_WAITING + 2 * PIPE_BYTES
    with StderrLog(is_quiet=False, fd=writing) as log:
        for number in range(lines):
            log.print_line(f"{number}")
        told = b""
        while not told.endswith(f"{lines - 1}\n".encode()):
            told += os.read(reading, 65_536)
    os.close(reading)
    os.close(writing)
    said = told.decode().splitlines()
    notices = [line for line in said if line.endswith(" lines dropped)")]
    left_out = sum(int(notice[1:].split()[0].replace(",", "")) for notice in notices)
    assert left_out > 0
    assert len(said) - len(notices) + left_out == lines
    numbers = [int(line) for line in said if line not in notices]
    assert numbers == sorted(numbers)


def test_a_reader_that_has_left_silences_it() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with StderrLog(is_quiet=False, fd=writing) as log:
        log.print_line("to nobody")
    os.close(writing)


def record(name: str, at_s: float, text: str) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, __file__, 1, text, None, None)
    made.created = at_s
    return made


def test_a_library_that_repeats_itself_is_cut_short() -> None:
    limit = RepeatLimit(60.0)
    admitted = [limit.admit(record("asyncio", at_s, "accept failed\nsocket 1"), logging.Formatter().format)
                for at_s in (100.0, 101.0, 159.9, 160.0, 161.0)]  # fmt: skip
    whole = "accept failed\nsocket 1"
    assert admitted == [whole, "", "", f"{whole}\n(2 more like 'accept failed' suppressed)", ""]


def test_other_messages_of_a_library_and_those_of_wsmon_pass() -> None:
    limit = RepeatLimit(60.0)
    said = [("asyncio", "one"), ("asyncio", "two"), ("wsmon.alerts", "three"), ("wsmon.alerts", "three")]
    assert [limit.admit(record(name, 1.0, text), logging.Formatter().format) for name, text in said] == [
        "one",
        "two",
        "three",
        "three",
    ]


def test_the_clock_may_be_set_back() -> None:
    limit = RepeatLimit(60.0)
    assert [bool(limit.admit(record("asyncio", at_s, "x"), str)) for at_s in (1000.0, 10.0)] == [True, True]


def test_many_different_messages_take_no_more_memory() -> None:
    limit = RepeatLimit(60.0)
    for number in range(10 * REPEAT_KEYS):
        limit.admit(record("asyncio", 1.0, f"message {number}"), str)
    assert len(limit._seen) <= REPEAT_KEYS
