"""Copies of a store: where the disk is full, none is left."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.recordings import recorded
from wsmon.errors import WsmonError
from wsmon.export.sink import whole_path
from wsmon.store.copying import copy_store


def test_a_disk_that_is_full_is_said_as_such(tmp_path: Path) -> None:
    (tmp_path / "origin").mkdir()
    origin = recorded(tmp_path / "origin" / "store.db", [message("x", 1)], end_s=2)
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL

    def refuse(_done: int, _total: int) -> None:
        raise full

    with (
        closing(sqlite3.connect(origin)) as connection,
        pytest.raises(WsmonError, match=r"no space left for .*copy\.db"),
        whole_path(tmp_path / "copy.db", overwrite=False) as part,
    ):
        copy_store(connection, part, refuse)
    assert [path.name for path in tmp_path.iterdir()] == ["origin"]
