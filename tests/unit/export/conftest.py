"""Recorded stores to export from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import event, message
from tests.support.exports import nova_session
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import story
from wsmon.store.reader import Reader


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of ``story()``, 20 seconds long."""
    return recorded(tmp_path / "store.db", story(), "nova", "b", end_s=20)


@pytest.fixture
def view(tmp_path: Path) -> Iterator[Reader]:
    """A store of 15 events: the recorder's start, a session of ``nova``, ten messages of ``b``."""
    events = [*nova_session(), *(message(f"m{number}", 2 + number, "b") for number in range(10))]
    (tmp_path / "store").mkdir()
    path = recorded(tmp_path / "store" / "store.db", [event("self.run.started", connection=""), *events], "nova", "b")
    reader = Reader(path, FixedClock())
    yield reader
    reader.close()
