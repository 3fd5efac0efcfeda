"""Where sending goes on after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsmon.recorder.otlp_delivery import PushPosition, read_position, write_position


def test_it_is_what_was_written(tmp_path: Path) -> None:
    position = PushPosition("id").moved("spans", 7).moved("logRecords", 9).moved("spans", 8)
    write_position(tmp_path / "store.db", position)
    found = read_position(tmp_path / "store.db", "id")
    assert (found.of("spans"), found.of("logRecords")) == (8, 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recorder.otlp"]


def test_that_of_another_store_is_none(tmp_path: Path) -> None:
    write_position(tmp_path / "store.db", PushPosition("id", 8, 9))
    assert read_position(tmp_path / "store.db", "other") == PushPosition("other")


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"store_id":"id","spans":"x"}'])
def test_a_file_that_is_none_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "recorder.otlp").write_bytes(content)
    assert read_position(tmp_path / "store.db", "id") == PushPosition("id")


def test_stores_that_share_a_folder_have_their_own(tmp_path: Path) -> None:
    write_position(tmp_path / "a.db", PushPosition("a", 1, 1))
    write_position(tmp_path / "b.db", PushPosition("b", 2, 2))
    assert read_position(tmp_path / "a.db", "a") == PushPosition("a", 1, 1)
