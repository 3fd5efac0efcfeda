"""The note of what a recorder lost at its end: where it is, what it adds up, and when it goes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from wsmon.control import losses
from wsmon.control.losses import LossNote, keep_note, note_paths, read_note, remove_note


def note(folder: Path, count: int = 2_268) -> LossNote:
    return LossNote(str(folder / "store.db"), count, 1_700_000_000_000_000_000, 4711, "no space left")


def test_a_note_is_beside_the_store_and_only_for_its_owner(tmp_path: Path) -> None:
    kept = keep_note(note(tmp_path), tmp_path / "state")
    assert kept == tmp_path / "recorder.lost"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert read_note(tmp_path / "store.db", None) == note(tmp_path)


def test_where_the_folder_of_the_store_takes_nothing_it_is_in_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, state = tmp_path / "store.db", tmp_path / "state"
    beside, elsewhere = note_paths(store, state)
    write = losses._write

    def refuse(path: Path, octets: bytes) -> None:
        if path == beside:
            raise OSError(28, "No space left on device")
        write(path, octets)

    monkeypatch.setattr(losses, "_write", refuse)
    assert keep_note(note(tmp_path), state) == elsewhere
    assert read_note(store, state) == note(tmp_path)
    monkeypatch.setattr(losses, "_write", write)
    # The next recorder loses some, too, and its folder takes files again
    assert keep_note(note(tmp_path, 32), state) == beside
    assert (read_note(store, state), elsewhere.exists()) == (note(tmp_path, 2_300), False)


def test_where_no_place_takes_it_that_is_the_answer(tmp_path: Path) -> None:
    gone = msgspec.structs.replace(note(tmp_path), store="/proc/no-such-folder/store.db")
    assert keep_note(gone, Path("/proc/no-such-folder")) is None


def test_a_note_that_was_recorded_goes_from_every_place(tmp_path: Path) -> None:
    keep_note(note(tmp_path), tmp_path / "state")
    remove_note(tmp_path / "store.db", tmp_path / "state")
    assert read_note(tmp_path / "store.db", tmp_path / "state") is None
    assert list(tmp_path.glob("recorder.lost*")) == []


def test_a_file_that_is_no_note_is_none(tmp_path: Path) -> None:
    (tmp_path / "recorder.lost").write_text("{")
    assert read_note(tmp_path / "store.db", None) is None
