"""Another local user: files that belong to it, and processes that it runs. Only root can be two users."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

# No account has it: what is tested is that it is not this user
STRANGER = 54_321

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")

# Before the drop: the interpreter may lie where only root can read
_AS_STRANGER = """
import fcntl, os, pathlib, socket, sys, time
os.setgroups([]); os.setgid({uid}); os.setuid({uid})
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder with a short path, as sockets want it, that every user may write to; those of pytest are private."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


def give_away(path: Path, uid: int = STRANGER) -> Path:
    """Make a file or a link belong to another user."""
    os.chown(path, uid, uid, follow_symlinks=False)
    return path


@contextmanager
def stranger(script: str, *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a script as another user until the block ends; it begins once the script has printed a line.

    ``fcntl``, ``os``, ``pathlib``, ``socket``, ``sys`` and ``time`` are imported.
    """
    command = [sys.executable, "-c", _AS_STRANGER.format(uid=STRANGER) + script, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "the script ended before it was ready"
            yield process
        finally:
            process.kill()
