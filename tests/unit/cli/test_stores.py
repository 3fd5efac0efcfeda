"""What a command line names: stores and recorders; and periods as ranges of ids."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.builders import T0_NS, message
from tests.support.recordings import FixedClock, recorded
from wsmon.cli.stores import find_recorder, find_store, ids_of_period
from wsmon.errors import UsageError, WsmonError
from wsmon.model.units import SECOND_NS
from wsmon.store.reader import Reader

CONFIG = '[[connection]]\nname = "a"\nurl = "wss://user:pass@host/?token=abc"\n'


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A user's folders, and an empty working directory."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return {
        name: str(tmp_path / name.lower()) for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    }


def store_at(path: Path, written_s: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (written_s, written_s))
    return path


def test_a_store_is_named_by_its_path_its_folder_or_its_configuration(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    store = store_at(tmp_path / "rec" / "store.db")
    config = tmp_path / "a.toml"
    config.write_text(f'[wsmon]\nstore = "{store}"\n{CONFIG}')
    assert {find_store(name, environ) for name in (store, store.parent, config, str(config))} == {store}


def test_the_newest_store_is_taken_where_none_is_named(tmp_path: Path, environ: Mapping[str, str]) -> None:
    state = tmp_path / "xdg_state_home" / "wsmon"
    for name, written_s in (("old", 100), ("new", 300), ("middle", 200)):
        store_at(state / name / "store.db", written_s)
    assert find_store(None, environ) == state / "new" / "store.db"
    store_at(state / "middle" / "store.db-wal", 400)
    assert find_store(None, environ) == state / "middle" / "store.db"


def test_a_store_that_is_not_there_is_named(tmp_path: Path, environ: Mapping[str, str]) -> None:
    with pytest.raises(UsageError, match=f"there is no store at {tmp_path}/none.db"):
        find_store(tmp_path / "none.db", environ)
    with pytest.raises(UsageError, match="nothing has been recorded yet"):
        find_store(None, environ)


def test_a_recorder_that_does_not_run_is_named_with_its_store(tmp_path: Path, environ: Mapping[str, str]) -> None:
    store = store_at(tmp_path / "store.db")
    with pytest.raises(WsmonError, match=f"no recorder runs on {store}. `wsmon open {store}` shows"):
        find_recorder(store, environ)
    with pytest.raises(WsmonError, match=r"no recorder runs\. `wsmon` starts one"):
        find_recorder(None, environ)


def test_a_period_is_a_closed_range_of_ids(tmp_path: Path) -> None:
    store = recorded(tmp_path / "store.db", [message("x", second) for second in (10, 20, 30)], "orders")
    view = Reader(store, FixedClock())
    try:
        tenth, twentieth = (T0_NS + second * SECOND_NS for second in (10, 20))
        counts = []
        for since_ns, until_ns in ((None, None), (twentieth, None), (None, tenth + 1)):
            first, last = ids_of_period(view, since_ns, until_ns)
            found = view.events_by_id(tuple(range(first, last + 1)))
            counts.append(sum(each.name == "message.received" for each in found))
        empty = ids_of_period(view, tenth + 1, tenth + 1)
    finally:
        view.close()
    assert counts == [3, 2, 1]
    assert empty[0] > empty[1]
