"""Programs of Debian's that tests ask for a second opinion; missing, the test is skipped, or fails where required."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.node_peers import REQUIRED


def program(name: str, package: str) -> str:
    """The path of a program."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed: apt-get install {package}"
        if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    return found
