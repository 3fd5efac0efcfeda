"""Which incidents leave a bundle, when it is written, and what is kept.

The process that writes it is a small program; test_recorder.py has one of wsmon.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.builders import SECOND_NS, T0_NS, event, stall
from tests.support.fake_ports import FakeClock
from wsmon.config.specs import BundleSpec, Configuration
from wsmon.model.bundle import BundleOrder
from wsmon.model.events import Event
from wsmon.recorder.bundles import FOLDER, STALE_S, IncidentBundles, tidy

SPEC = BundleSpec(("stall", "rule:big"), before_s=30, after_s=20)
# Keeps the order under the name of the bundle, as `wsmon bundle` does with its file
WRITES = 'import json,sys; o=sys.stdin.read(); open(json.loads(o)["target"],"w").write(o)'


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the processes, however slow the machine is."""
    monkeypatch.setattr("wsmon.recorder.bundles.END_S", 60)


@dataclass
class Rig:
    """Bundles of a store in a folder, with a clock that moves when the bundles sleep."""

    folder: Path
    program: str = WRITES
    spec: BundleSpec = SPEC
    clock: FakeClock = field(default_factory=FakeClock)
    faults: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bundles = IncidentBundles(
            self.folder / "store.db",
            (sys.executable, "-S", "-c", self.program),
            self.clock,
            lambda sink, error: self.faults.append(f"{sink}: {error}"),
            sleep=self._sleep,
        )
        self.bundles.configure(Configuration(None, "digest", (), bundle=self.spec))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    async def run_until(self, condition: Callable[[], bool], *, is_finished: bool = True) -> None:
        """Run the bundles until the condition holds, then cancel them, and finish what is under way."""
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.bundles.run(), name="bundles")
            while not condition():
                await asyncio.sleep(0)
            running.cancel()
        if is_finished:
            await self.bundles.finish()

    def orders(self) -> list[BundleOrder]:
        """The bundles that are there, oldest first."""
        files = sorted((self.folder / FOLDER).glob("*.wsmon"))
        found = []
        for path in files:
            with suppress(msgspec.DecodeError):
                found.append(msgspec.json.decode(path.read_bytes(), type=BundleOrder))
        return found


def incident(event_id: int, after_s: float, connection: str = "a", kind: str = "stall") -> Event:
    """An incident that was committed."""
    return msgspec.structs.replace(stall(after_s, connection), id=event_id, type=kind)


async def test_an_incident_leaves_a_bundle_once_the_time_after_it_is_over(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.bundles.take([event("error.occurred", 1), incident(1, 0, kind="gap"), incident(4, 0, kind="rule:big")])
    await rig.run_until(lambda: len(rig.orders()) == 1)
    (order,) = rig.orders()
    assert rig.slept == [21.0]
    assert Path(order.target).name == "store-20260110T140224Z-rule-big-a-4.wsmon"
    assert (order.incidents, order.before_s, order.after_s) == ((4,), 30, 20)
    assert (order.until_ns, order.is_stopping, order.limit_bytes) == (T0_NS + 20 * SECOND_NS, False, 256_000_000)
    assert order.settings.values["bundle"] == {"kinds": ["stall", "rule:big"], "before_s": 30, "after_s": 20}
    assert oct((tmp_path / FOLDER).stat().st_mode)[-3:] == "700"
    assert rig.faults == []


async def test_a_thousand_incidents_in_a_minute_leave_one(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.bundles.take([incident(1 + each, each * 0.06, f"c{each}") for each in range(1_000)])
    await rig.run_until(lambda: len(rig.orders()) == 1)
    (order,) = rig.orders()
    assert (order.incidents, order.more_incidents) == (tuple(range(1, 101)), 900)
    # Three times the time after, however long the storm lasts
    assert order.until_ns == T0_NS + 60 * SECOND_NS
    rig.bundles.take([incident(2_001, 70, "c7")])
    await rig.bundles.finish()
    assert len(rig.orders()) == 1


async def test_one_that_opens_meanwhile_gets_its_time_after_too(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.bundles.take([incident(1, 0), incident(2, 15, "b")])
    await rig.run_until(lambda: len(rig.orders()) == 1)
    assert (rig.slept, rig.orders()[0].until_ns) == ([36.0], T0_NS + 35 * SECOND_NS)


async def test_the_same_again_within_ten_minutes_leaves_none_and_is_counted(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    for number, after_s in enumerate((0, 300, 700, 1_200)):
        rig.bundles.take([incident(1 + number, after_s)])
        if not number:
            await rig.run_until(lambda: len(rig.orders()) == 1)
    rig.bundles.take([incident(9, 1_300, "b")])
    await rig.bundles.finish()
    assert [(order.incidents, order.not_bundled) for order in rig.orders()] == [((1,), 0), ((9,), 3)]
    rig.bundles.take([incident(10, 1_801)])
    await rig.bundles.finish()
    assert rig.orders()[-1].not_bundled == 0


async def test_a_stop_writes_what_waits_and_says_so(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.bundles.take([incident(1, 0)])
    rig.clock.advance(7)
    await rig.bundles.finish()
    (order,) = rig.orders()
    assert (order.is_stopping, order.until_ns) == (True, T0_NS + 7 * SECOND_NS)
    await rig.bundles.finish()
    assert len(rig.orders()) == 1


async def test_one_under_way_at_the_stop_is_waited_for(tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    rig = Rig(tmp_path, f"open({str(go)!r}).read(); {WRITES}")
    rig.bundles.take([incident(1, 0)])
    await rig.run_until(lambda: rig.bundles._process is not None, is_finished=False)
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.bundles.finish(), name="end")
        await asyncio.to_thread(go.write_text, "")
    assert ([order.is_stopping for order in rig.orders()], rig.faults) == ([False], [])


@pytest.mark.parametrize("can_start", [True, False])
async def test_one_that_is_started_at_the_stop_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_start: bool
) -> None:
    is_starting, may_start = threading.Event(), threading.Event()
    start = subprocess.Popen

    def slow(*arguments: Any, **options: Any) -> object:
        is_starting.set()
        may_start.wait()
        if not can_start:
            raise OSError(11, "Resource temporarily unavailable")
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", slow)
    rig = Rig(tmp_path)
    rig.bundles.take([incident(1, 0)])
    try:
        await rig.run_until(is_starting.is_set, is_finished=False)
    finally:
        may_start.set()
    await rig.bundles.finish()
    faults = [] if can_start else ["bundle: [Errno 11] Resource temporarily unavailable"]
    assert ([order.incidents for order in rig.orders()], rig.faults) == ([(1,)] if can_start else [], faults)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ('import sys; sys.exit("note\\nwsmon: no space left for x.wsmon. free up space")', "no space left for x.wsmon"),
        ("import os; os.kill(os.getpid(), 9)", "the process writing it was ended by signal 9"),
        ("raise SystemExit(3)", "the process writing it ended with exit code 3"),
        ("import time; time.sleep(60)", "the process writing it was ended by signal 9"),
    ],
    ids=["full", "killed", "silent", "stuck"],
)
async def test_a_failure_is_reported_once_and_the_next_bundle_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    monkeypatch.setattr("wsmon.recorder.bundles.LIMIT_S", 0.2 if "sleep" in program else 60)
    flag = tmp_path / "failed"
    once = f"import os\nif not os.path.exists({str(flag)!r}):\n open({str(flag)!r}, 'w').close()\n {program}\n{WRITES}"
    rig = Rig(tmp_path, once)
    rig.bundles.take([incident(1, 0)])
    await rig.run_until(lambda: bool(rig.faults))
    assert rig.faults[0].startswith(f"bundle: {said}")
    assert rig.orders() == []
    monkeypatch.setattr("wsmon.recorder.bundles.LIMIT_S", 60)
    rig.bundles.take([incident(2, 30, "b")])
    await rig.run_until(lambda: len(rig.orders()) == 1)
    assert len(rig.faults) == 1


async def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file")
    rig = Rig(tmp_path)
    rig.bundles.take([incident(1, 0)])
    await rig.bundles.finish()
    assert rig.faults == [f"bundle: [Errno 17] File exists: {str(tmp_path / FOLDER)!r}"]


async def test_a_bundle_without_a_folder_is_given_up_and_the_next_one_is_written(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file")
    rig = Rig(tmp_path)
    rig.bundles.take([incident(1, 0)])
    await rig.run_until(lambda: len(rig.faults) >= 1)
    (tmp_path / FOLDER).unlink()
    rig.bundles.take([incident(2, 30, "b")])
    await rig.run_until(lambda: len(rig.orders()) == 1)
    assert ([order.incidents for order in rig.orders()], len(rig.faults)) == ([(2,)], 1)


async def test_a_failure_of_the_one_under_way_at_the_stop_does_not_cost_the_last_one(tmp_path: Path) -> None:
    go, failed = tmp_path / "go", tmp_path / "failed"
    os.mkfifo(go)
    fails = f"open({str(failed)!r}, 'w').close(); open({str(go)!r}).read(); raise SystemExit('full')"
    rig = Rig(tmp_path, f"import os\nif not os.path.exists({str(failed)!r}):\n {fails}\n{WRITES}")
    rig.bundles.take([incident(1, 0)])
    await rig.run_until(lambda: rig.bundles._process is not None, is_finished=False)
    rig.bundles.take([incident(2, 30, "b")])
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.bundles.finish(), name="end")
        await asyncio.to_thread(go.write_text, "")
    assert ([order.incidents for order in rig.orders()], rig.faults) == ([(2,)], ["bundle: full"])


async def test_old_bundles_that_cannot_be_deleted_are_reported_and_new_ones_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("wsmon.recorder.bundles.tidy", refuse)
    rig = Rig(tmp_path)
    rig.bundles.take([incident(1, 0)])
    await rig.run_until(lambda: len(rig.orders()) == 1)
    assert rig.faults == ["bundle: [Errno 13] Permission denied"] * 2


async def test_a_reload_that_shortens_the_time_after_counts_for_incidents_that_wait(tmp_path: Path) -> None:
    rig = Rig(tmp_path, spec=BundleSpec(("stall",), after_s=3_600))
    rig.bundles.take([incident(1, 0)])

    def is_written() -> bool:
        if rig.slept:
            rig.bundles.configure(Configuration(None, "digest", (), bundle=SPEC))
        return len(rig.orders()) == 1

    await rig.run_until(is_written)
    assert sum(rig.slept) < 600
    assert rig.orders()[0].until_ns == T0_NS + 20 * SECOND_NS


async def test_without_kinds_or_without_wsmon_itself_nothing_is_written(tmp_path: Path) -> None:
    rig = Rig(tmp_path, spec=BundleSpec())
    rig.bundles.take([incident(1, 0)])
    await rig.bundles.finish()
    assert not (tmp_path / FOLDER).exists()


def test_the_oldest_go_first_past_the_number_and_the_size(tmp_path: Path) -> None:
    names = [f"store-2026011{day}T000000Z-stall-a-{day}.wsmon" for day in range(5)]
    others = ["store-notes.txt", "mine.wsmon", "other-20260101T000000Z-stall-a-1.wsmon", ".store-x.part"]
    for name in (*names, *others):
        (tmp_path / name).write_bytes(b"x" * 1_000)

    def left() -> list[str]:
        return sorted(path.name for path in tmp_path.iterdir())

    tidy(tmp_path, Path("store.db"), BundleSpec(keep=4, size_bytes=10**6), 0)
    assert left() == sorted((*names[1:], *others))
    tidy(tmp_path, Path("store.db"), BundleSpec(keep=4, size_bytes=2_500), 0)
    assert left() == sorted((*names[3:], *others))


def test_what_a_killed_process_left_is_deleted_later(tmp_path: Path) -> None:
    names = [".store-1.wsmon.ab.part", ".store-1.wsmon.ab.part-wal", ".store-1.wsmon.ab.part.compact", ".other.ab.part"]
    for name in names:
        (tmp_path / name).touch()
    now_s = (tmp_path / names[0]).stat().st_mtime
    assert not tidy(tmp_path, Path("store.db"), BundleSpec(), now_s + STALE_S - 1)
    assert len(list(tmp_path.iterdir())) == 4
    assert tidy(tmp_path, Path("store.db"), BundleSpec(), now_s + STALE_S + 1)
    assert [path.name for path in tmp_path.iterdir()] == [".other.ab.part"]


async def test_what_a_killed_process_left_just_now_is_deleted_without_another_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsmon.recorder.bundles.STALE_S", 0.05)
    left = tmp_path / FOLDER / ".store-1.wsmon.ab.part"
    left.parent.mkdir()
    left.touch()
    rig = Rig(tmp_path, clock=FakeClock(left.stat().st_mtime_ns))

    def is_deleted() -> bool:
        rig.clock.advance(0.001)
        return not left.exists()

    await rig.run_until(is_deleted)
    assert rig.faults == []
