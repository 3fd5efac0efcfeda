"""A whole recording in this process: how it starts, what it leaves, and what ends it.

Signals, kills and a second process: tests/integration/test_life_of_a_recorder.py.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import stored
from wsmon.clock import SystemClock
from wsmon.config.specs import BundleSpec, Configuration, ConnectionSpec, ReconnectSpec
from wsmon.control.lock import LockInfo, StoreLock, holder
from wsmon.control.registry import known_stores
from wsmon.errors import StoreError, StoreHeldError, WsmonError
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.bundles import FOLDER, IncidentBundles
from wsmon.recorder.recorder import record
from wsmon.recorder.run import RecorderOptions
from wsmon.store.reader import Reader


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check limits and the store often; keep the switch interval of the test process."""
    monkeypatch.setattr("wsmon.recorder.recorder.POLL_S", 0.01)
    interval_s = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval_s)


@asynccontextmanager
async def nothing_to_record() -> AsyncIterator[Configuration]:
    """A configuration without connections."""
    yield Configuration(None, "digest", ())


def options(folder: Path, **fields: Any) -> RecorderOptions:
    fields.setdefault("limit_s", 0.05)
    return RecorderOptions(nothing_to_record, folder / "data" / "store.db", folder / "run" / "s.sock", "test", **fields)


def ignore(_info: LockInfo) -> None:
    """Do nothing once viewers can attach."""


def test_a_limit_ends_the_recording_and_its_events_are_committed(tmp_path: Path) -> None:
    wanted = options(tmp_path)
    ready: list[tuple[LockInfo, LockInfo | None, tuple[Path, ...]]] = []
    record(wanted, lambda info: ready.append((info, holder(wanted.store), known_stores(wanted.socket.parent))))
    ((info, held_by, known),) = ready
    assert (held_by, known) == (info, (wanted.store,))
    assert (info.configuration, info.store, info.socket) == ("test", str(wanted.store), str(wanted.socket))
    assert [event.name for event in stored(wanted.store)] == ["self.run.started", "self.run.ended"]


def test_the_lock_the_socket_and_the_entry_go_with_the_recording(tmp_path: Path) -> None:
    wanted = options(tmp_path)
    record(wanted, ignore)
    assert holder(wanted.store) is None
    assert not wanted.socket.exists()
    assert known_stores(wanted.socket.parent) == ()


def test_a_second_run_continues_the_store(tmp_path: Path) -> None:
    for _ in range(2):
        record(options(tmp_path), ignore)
    events = stored(options(tmp_path).store)
    assert [event.id for event in events] == [1, 2, 3, 4]
    assert [event.source.run for event in events] == [1, 1, 2, 2]


def test_without_a_viewer_the_idle_limit_ends_the_recording(tmp_path: Path) -> None:
    record(options(tmp_path, limit_s=None, idle_limit_s=0.05), ignore)
    assert stored(options(tmp_path).store)[-1].name == "self.run.ended"


def test_lifecycle_events_are_passed_on_when_they_are_emitted(tmp_path: Path) -> None:
    seen: list[Event] = []
    record(options(tmp_path, on_event=seen.append), ignore)
    assert [event.name for event in seen] == ["self.run.started", "self.run.ended"]


def test_a_held_store_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    wanted = options(tmp_path)
    wanted.store.parent.mkdir()
    info = LockInfo(4711, "0.1", 1, 1, "/etc/orders.toml", str(wanted.store), str(wanted.socket), 0, "boot")
    with StoreLock(wanted.store, info), pytest.raises(StoreHeldError, match="pid 4711"):
        record(wanted, ignore)
    assert wanted.store.read_bytes() == b""


def test_a_store_that_is_removed_ends_the_recording(tmp_path: Path) -> None:
    wanted = options(tmp_path, limit_s=60.0)
    with pytest.raises(WsmonError, match=r"recording ended: the store .* was removed or replaced"):
        record(wanted, lambda _info: wanted.store.unlink())
    assert holder(wanted.store) is None


def test_an_incident_leaves_a_bundle_without_secrets_also_where_a_stop_cuts_it_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsmon.recorder.bundles.END_S", 60)
    url = Sensitive("ws://127.0.0.1:1/?token=cAnArY-of-a-url", "ws://127.0.0.1:1/?token=[FILTERED]")
    gives_up = ConnectionSpec("a", url, reconnect=ReconnectSpec(initial_s=0.01, max_attempts=1))
    bundle = BundleSpec(("retries_exhausted",), after_s=3_600)
    configuration = Configuration(None, "digest", (gives_up,), bundle=bundle, secrets=("cAnArY-of-a-url",))

    @asynccontextmanager
    async def prepare() -> AsyncIterator[Configuration]:
        yield configuration

    take = IncidentBundles._take

    def take_and_stop(bundles: IncidentBundles, event: Event) -> None:
        take(bundles, event)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(IncidentBundles, "_take", take_and_stop)
    wanted = options(tmp_path, limit_s=60.0, program=(sys.executable, "-m", "wsmon"))
    record(replace(wanted, prepare=prepare), ignore)
    (path,) = (wanted.store.parent / FOLDER).iterdir()
    assert path.name.startswith("store-")
    assert "-retries_exhausted-a-" in path.name
    assert b"cAnArY" not in path.read_bytes()
    with closing(Reader(path, SystemClock())) as reader:
        found = reader.bundle()
        names = [each.name for each in reader.events_after(0, 100)]
    assert found is not None
    assert (found.is_unaltered, found.manifest.made_by) == (True, "recorder")
    assert found.manifest.period.after_cut_short.startswith("the recorder was stopped ")
    assert found.manifest.configuration.values["connections"][0]["url"] == url.masked
    assert {"connection.started", "incident.opened"} <= set(names)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreError, match="cannot make the folder of the store"):
        record(options(tmp_path), ignore)
