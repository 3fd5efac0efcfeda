"""Limit on open files: raised for the recorder, and given back to the programs that it starts; some are set aside.

A module of its own because two things that know nothing of each other need it: the start of the recorder, and the
channels that run programs.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_SHELL = "/bin/sh"
# An import opens one file at a time; the other threads of a recorder may open some meanwhile
_SET_ASIDE = 4


@contextmanager
def raised_limit() -> Iterator[int]:
    """Raise the soft limit on open files to the hard one inside the block; give the soft limit of before.

    A recorder takes two descriptors a connection, and the usual soft limit of 1,024 exists for programs that use
    ``select``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS refuses more than the kernel's own limit, and the soft limit stays as it is
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield soft
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class SetAside:
    """Descriptors set aside at the start, for a file that must be read later, when clients may have taken the rest."""

    def __init__(self) -> None:
        self._numbers = [os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(_SET_ASIDE)]

    def give_back(self) -> None:
        """Give them back to the process; the call after this one may use them."""
        while self._numbers:
            os.close(self._numbers.pop())


def with_limit(command: Sequence[str], soft: int) -> Sequence[str]:
    """Return a command that runs ``command`` with a soft limit on open files; the same where that is in force.

    A shell sets the limit and becomes the program: Python code between fork and exec is not safe in a process with
    threads, and lowering the limit of this process meanwhile would take descriptors from its other threads. Raises
    ``OSError`` where the program cannot be run.
    """
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] == soft:
        return command
    name = command[0]
    if shutil.which(name) is None:
        number = errno.EACCES if Path(name).exists() else errno.ENOENT
        raise OSError(number, os.strerror(number), name)
    limit = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    return (_SHELL, "-c", 'ulimit -S -n "$0"; exec "$@"', limit, *command)
