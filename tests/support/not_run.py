"""Tests that need what a machine may not give: privileges, a compiler, a kernel. They are "not run", never passed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import NoReturn

import pytest


def not_run(reason: str) -> NoReturn:
    """Leave the test out, and list it with the reason in the summary."""
    pytest.skip(f"not run: {reason}")


def needs_root(purpose: str) -> None:
    """Leave the test out where it is not root's."""
    if os.geteuid() != 0:
        not_run(f"{purpose} needs root")


def needs_success(purpose: str, *command: str) -> None:
    """Leave the test out where a command does not succeed: the program is missing, or the kernel refuses."""
    if shutil.which(command[0]) is None:
        not_run(f"{purpose} needs {command[0]}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        not_run(f"{purpose}: {' '.join(command)}: {done.stderr.strip()}")
