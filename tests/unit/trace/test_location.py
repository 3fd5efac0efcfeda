"""Where an application reports to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.applications import ListeningRecorder
from wsmon.control.lock import holder
from wsmon.control.registry import register
from wsmon.errors import UsageError
from wsmon.trace.location import locate_store


def environ(folder: Path, **more: str) -> dict[str, str]:
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    folders = {name: str(folder / name) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    return {**folders, "XDG_RUNTIME_DIR": str(runtime), **more}


def test_a_store_that_is_named_comes_first(tmp_path: Path) -> None:
    here = environ(tmp_path, WSMON_STORE="from-environment.db")
    assert locate_store("named.db", here, tmp_path) == tmp_path / "named.db"
    assert locate_store("", here, tmp_path) == tmp_path / "from-environment.db"
    (tmp_path / "folder").mkdir()
    assert locate_store("folder", here, tmp_path) == tmp_path / "folder" / "store.db"


def test_a_configuration_stands_for_its_store(tmp_path: Path) -> None:
    (tmp_path / "wsmon.toml").write_text('[wsmon]\nstore = "mine.db"\n')
    assert locate_store(str(tmp_path / "wsmon.toml"), environ(tmp_path), tmp_path) == tmp_path / "mine.db"
    assert locate_store("", environ(tmp_path), tmp_path) == tmp_path / "mine.db"


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for that of a socket, as those of pytest's processes may not."""
    with tempfile.TemporaryDirectory(prefix="w") as name:
        yield Path(name)


def test_without_any_the_only_recorder_that_runs_is_taken(short_path: Path) -> None:
    # Not the folder that all recorders of this machine share
    here = environ(short_path, TMPDIR=str(short_path))
    with pytest.raises(
        UsageError, match="no store is named, there is no configuration here, and no recorder is running"
    ):
        locate_store("", here, short_path)
    store = short_path / "recording" / "store.db"
    with ListeningRecorder(store):
        info = holder(store)
        assert info is not None
        entry = short_path / "run" / "wsmon"
        entry.mkdir(mode=0o700)
        register(msgspec.structs.replace(info, socket=str(entry / "one.sock")))
        assert locate_store("", here, short_path) == store
