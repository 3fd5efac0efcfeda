"""Ports for programs that cannot be asked which one they got."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
