"""The file of a bundle: its seal, every change that breaks it, and that nothing is written into it or beside it."""

from __future__ import annotations

import hashlib
import random
import re
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.bundles import bundled, incident_store
from tests.support.recordings import FixedClock
from tests.support.stores import stored
from wsmon.errors import StoreError
from wsmon.export.run import ExportRequest, run_export
from wsmon.store.bundle import META_MANIFEST, META_SEAL
from wsmon.store.database import open_for_writing
from wsmon.store.reader import Reader


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("written")
    store, incident = incident_store(folder / "store.db")
    bundled(store, path := folder / "b.wsmon", incident)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in folder.iterdir() if "store" not in each.name) == ["b.wsmon"]
    return path.read_bytes()


@pytest.fixture
def bundle(tmp_path: Path, written: bytes) -> Path:
    """The same bundle in a folder of its own."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "b.wsmon").write_bytes(written)
    return folder / "b.wsmon"


def is_unaltered(path: Path) -> bool:
    with closing(Reader(path, FixedClock())) as reader:
        found = reader.bundle()
        assert found is not None
        return found.is_unaltered


def test_it_is_one_private_file_that_reading_leaves_as_it_is(bundle: Path) -> None:
    before = bundle.read_bytes()
    with closing(Reader(bundle, FixedClock())) as reader:
        assert (reader.is_bundle, reader.notice) == (True, "")
        assert len(reader.events_after(0, 100)) == 11
    assert is_unaltered(bundle)
    assert (bundle.read_bytes(), [each.name for each in bundle.parent.iterdir()]) == (before, ["b.wsmon"])


def test_the_seal_is_the_hash_of_the_file_with_zeros_in_its_place(bundle: Path) -> None:
    ((seal,),) = stored(bundle, "SELECT value FROM meta WHERE key = ?", META_SEAL)
    content = bundle.read_bytes()
    assert content.count(str(seal).encode()) == 1
    assert hashlib.sha256(content.replace(str(seal).encode(), b"0" * 64)).hexdigest() == seal


def test_each_changed_byte_shows(bundle: Path) -> None:
    content = bytearray(bundle.read_bytes())
    ((seal,),) = stored(bundle, "SELECT value FROM meta WHERE key = ?", META_SEAL)
    at_seal = content.index(str(seal).encode())
    # Behind the schema, which SQLite and wsmon check when they open it; the payloads, and the seal itself
    places = [content.index(b"nova 90"), at_seal, at_seal + 63]
    for place in places:
        content[place] ^= 1
        bundle.write_bytes(content)
        assert not is_unaltered(bundle), place
        content[place] ^= 1
    bundle.write_bytes(content)
    assert is_unaltered(bundle)


def test_any_flipped_bit_shows_or_the_file_is_refused(bundle: Path, written: bytes) -> None:
    dice = random.Random(7)
    for _ in range(60):
        content = bytearray(written)
        place = dice.randrange(len(content))
        content[place] ^= 1 << dice.randrange(8)
        bundle.write_bytes(content)
        try:
            with closing(Reader(bundle, FixedClock())) as reader:
                found = reader.bundle()
        except StoreError:
            continue
        # Without its manifest it is an ordinary store, and says that of itself
        assert found is None or not found.is_unaltered, place


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET payload = 'x' WHERE payload = 'nova 90'",
        "DELETE FROM event WHERE payload = 'nova 90'",
        "UPDATE meta SET value = replace(value, 'prod-1', 'prod-2') WHERE key = 'bundle'",
        "DELETE FROM meta WHERE key = 'bundle_sha256'",
        "VACUUM",
        "PRAGMA journal_mode = WAL",
    ],
)
def test_what_another_program_changes_shows(bundle: Path, statement: str) -> None:
    with closing(sqlite3.connect(bundle)) as connection, connection:
        connection.execute(statement)
    assert not is_unaltered(bundle)


def test_bytes_added_or_cut_off_show(bundle: Path) -> None:
    content = bundle.read_bytes()
    bundle.write_bytes(content + b"\0")
    assert not is_unaltered(bundle)
    bundle.write_bytes(content)
    bundle.with_name("b.wsmon-journal").touch()
    assert not is_unaltered(bundle)


def test_nothing_is_recorded_into_it(bundle: Path) -> None:
    before = bundle.read_bytes()
    with pytest.raises(StoreError, match="is an incident bundle, which is only read"):
        open_for_writing(bundle)
    assert (bundle.read_bytes(), len(list(bundle.parent.iterdir()))) == (before, 1)


def test_a_copy_made_by_export_is_an_ordinary_store(bundle: Path, tmp_path: Path) -> None:
    with closing(Reader(bundle, FixedClock())) as reader:
        run_export(ExportRequest("sqlite", tmp_path / "copy.db"), reader)
    with closing(Reader(tmp_path / "copy.db", FixedClock())) as reader:
        assert (reader.bundle(), len(reader.events_after(0, 100))) == (None, 11)
    assert is_unaltered(bundle)


@pytest.mark.parametrize("manifest", ["", "{}", "[1]", '{"schema": "wsmon.bundle/1"}'])
def test_a_manifest_that_cannot_be_read_is_refused(bundle: Path, manifest: str) -> None:
    with closing(sqlite3.connect(bundle)) as connection, connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (manifest, META_MANIFEST))
    with closing(Reader(bundle, FixedClock())) as reader, pytest.raises(StoreError, match="has an invalid manifest"):
        reader.bundle()


def test_bytes_of_events_outside_of_it_are_nowhere_in_the_file(tmp_path: Path) -> None:
    store, incident = incident_store(tmp_path / "store.db")
    # Pages that were used and are free again may hold anything: the bundle is made of rows alone
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE run SET configuration = '/home/canary/wsmon.toml'")
        rows = [(f"canary {random.Random(number).random()}" * 50,) for number in range(200)]
        connection.executemany("INSERT INTO meta (key, value) VALUES (?, 1)", rows)
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("DELETE FROM meta WHERE key LIKE 'canary%'")
    bundled(store, path := tmp_path / "b.wsmon", incident)
    content = path.read_bytes()
    assert set(re.findall(rb"canary|other \d+|nova [1-6]0\b", content)) == set()
    assert stored(path, "PRAGMA freelist_count") == [(0,)]
    assert stored(path, "SELECT configuration FROM run") == [("wsmon.toml",)]
    assert b"nova 90" in content


def test_it_is_read_in_a_folder_that_nobody_can_write_to(bundle: Path) -> None:
    bundle.chmod(0o400)
    bundle.parent.chmod(0o500)
    try:
        assert is_unaltered(bundle)
    finally:
        bundle.parent.chmod(0o700)
