"""The limit on open files: raised for the recorder, as before for what it starts."""

from __future__ import annotations

import errno
import os
import resource
import subprocess

import pytest

from wsmon.recorder.descriptors import SetAside, raised_limit, with_limit


def limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def test_the_soft_limit_is_raised_and_comes_back() -> None:
    soft, hard = limits()
    with raised_limit() as before:
        assert (before, limits()) == (soft, (hard, hard))
    assert limits() == (soft, hard)


def test_a_program_gets_the_limit_of_before() -> None:
    low = min(limits()[0], 200)
    command = with_limit(["sh", "-c", "ulimit -Sn; ulimit -Hn; echo $0 $1", "a b", "$c"], low)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == [str(low), str(limits()[1]), "a b $c", ""]


def test_a_command_stays_as_it_is_where_nothing_was_raised() -> None:
    assert with_limit(["sh", "-c", "true"], limits()[0]) == ["sh", "-c", "true"]


@pytest.mark.parametrize(("name", "error"), [("no-such-program", FileNotFoundError), (__file__, PermissionError)])
def test_a_program_that_cannot_run_is_an_error_of_the_system(name: str, error: type[OSError]) -> None:
    with pytest.raises(error):
        with_limit([name], limits()[0] - 1)


def test_a_file_can_be_opened_by_what_was_set_aside_when_all_other_descriptors_are_taken() -> None:
    soft, hard = limits()
    taken: list[int] = []
    set_aside = SetAside()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
            taken.extend(os.dup(2) for _ in range(256))
        set_aside.give_back()
        taken.append(os.open(__file__, os.O_RDONLY))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in taken:
            os.close(number)
