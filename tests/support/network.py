"""A network of two hosts, in namespaces of their own, whose cable can be pulled and plugged in again."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.not_run import needs_root, needs_success

_CLONE_NEWNET = 0x4000_0000
OURS, THEIRS = "10.231.7.1", "10.231.7.2"


class Link:
    """The cable between the host of the test and that of its peers."""

    def __init__(self, ours: str, theirs: str) -> None:
        self._ours = ours
        self._theirs = theirs

    def listen(self, port: int = 0) -> socket.socket:
        """Return a socket that listens on the other host."""
        made: list[socket.socket] = []

        def make() -> None:
            _enter(Path("/run/netns") / self._theirs)
            listening = socket.create_server((THEIRS, port))
            listening.setblocking(False)
            made.append(listening)

        # A namespace is a thread's, and what it opens stays in it
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def pull(self) -> None:
        """Lose every packet in silence, as a partition does."""
        _ip("-n", self._theirs, "link", "set", "cable", "down")

    def plug_in(self) -> None:
        """Deliver packets again."""
        _ip("-n", self._theirs, "link", "set", "cable", "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=20)


def _enter(namespace: Path) -> None:
    file = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(file, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
    finally:
        os.close(file)


@contextmanager
def _inside(namespace: Path) -> Iterator[None]:
    """Everything that this thread opens and starts in the block is on that host."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(namespace)
        try:
            yield
        finally:
            _enter(Path(f"/proc/self/fd/{before}"))
    finally:
        os.close(before)


@pytest.fixture
def link() -> Iterator[Link]:
    """The test runs on one host, its peers on the other."""
    needs_root("network namespaces")
    ours, theirs = (f"wsmon-{os.getpid()}-{name}" for name in ("ours", "theirs"))
    with ExitStack() as stack:
        for name in (ours, theirs):
            needs_success("network namespaces", "ip", "netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)
        _ip("-n", ours, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", theirs)
        for name, address in ((ours, OURS), (theirs, THEIRS)):
            _ip("-n", name, "address", "add", f"{address}/30", "dev", "cable")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", "cable", "up")
        stack.enter_context(_inside(Path("/run/netns") / ours))
        yield Link(ours, theirs)
