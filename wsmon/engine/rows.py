"""Rows: the names under which connections that applications open are shown, one connection at a time under each."""

from __future__ import annotations

from collections.abc import Container, Iterable
from threading import Lock
from typing import NamedTuple

from wsmon.model.statuses import Status


class Rows:
    """The rows of one recording: connections of one name that are open together are ``NAME``, ``NAME-2``, …"""

    def __init__(self) -> None:
        # Event loops of several threads may share a recording
        self._lock = Lock()
        self._used: set[str] = set()
        self._reserved: Container[str] = frozenset()
        self._statuses: dict[str, Status] = {}

    def reserve(self, names: Iterable[str]) -> None:
        """Give none of these names to a further connection of another name."""
        self._reserved = frozenset(names)

    def take(self, name: str) -> Row:
        """Return the first row of a name that is free."""
        number, free = 1, name
        with self._lock:
            while free in self._used or (free in self._reserved and free != name):
                number += 1
                free = f"{name}-{number}"
            self._used.add(free)
            return Row(free, self._statuses.get(free, "initialized"), self)

    def give_back(self, name: str, status: Status) -> None:
        """Free a row; its next connection begins with the status in which this one ended."""
        with self._lock:
            self._statuses[name] = status
            self._used.discard(name)


class Row(NamedTuple):
    """A row that one connection has."""

    name: str
    status: Status
    rows: Rows

    def release(self, status: Status) -> None:
        """Let another connection have it."""
        self.rows.give_back(self.name, status)
