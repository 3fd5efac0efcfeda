"""What this process says first on a control socket."""

from __future__ import annotations

import os

import wsmon
from wsmon.control.messages import PROTOCOL, Hello
from wsmon.store.schema import SCHEMA_VERSION


def greeting(last_id: int = 0) -> Hello:
    """A viewer's hello."""
    return Hello(PROTOCOL, wsmon.__version__, SCHEMA_VERSION, run=0, pid=os.getpid(), last_id=last_id)
