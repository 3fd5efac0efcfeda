"""Exports that cannot come to their end: nothing half is left, and the recording does not notice."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.peers import Peers, scenario
from tests.support.processes import DEADLINE_S, POLL_S, WSMON, Home
from tests.support.recordings import Recording
from wsmon.export.formats import FORMATS

# The others are small whatever the messages are
LARGE = [name for name in FORMATS if name not in ("otlp", "perfetto", "report")]
LIMIT_BYTES = 64 * 1024
# Columns that are compressed are small
PARQUET_LIMIT_BYTES = 4 * 1024
BATCHES, BATCH_MESSAGES = 20, 1_000
# With more than this in the file, an export may be through before a signal is handled
EARLY_BYTES = 10 * 2**20


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 MB of messages."""
    path = tmp_path_factory.mktemp("large") / "store.db"
    with Recording(path, "a") as recording:
        for _ in range(BATCHES):
            recording.write([message("x" * 2_000, connection="a")] * BATCH_MESSAGES)
        recording.end(60.0)
    return path


async def exporting(home: Home, target: Path, *arguments: str | Path) -> asyncio.subprocess.Process:
    """An export that has begun to write, held there; one that was too quick for us is begun anew."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            process = await asyncio.create_subprocess_exec(
                WSMON, *arguments, env=home.environ, stderr=asyncio.subprocess.PIPE
            )
            while process.returncode is None:
                if written_bytes(target):
                    process.send_signal(signal.SIGSTOP)
                    # It writes on until the signal reaches it
                    while not has_stopped(process.pid):
                        await asyncio.sleep(POLL_S / 10)
                    if 0 < written_bytes(target) < EARLY_BYTES:
                        return process
                    process.send_signal(signal.SIGCONT)
                    await process.wait()
                await asyncio.sleep(POLL_S / 10)
            assert process.returncode == 0
            await asyncio.to_thread(target.unlink, missing_ok=True)


def has_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal, or has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TZ"
    except OSError:
        return True


def written_bytes(target: Path) -> int:
    """The size of what is to become a file."""
    return sum(part.stat().st_size for part in target.parent.glob(f".{target.name}.*.part"))


@pytest.mark.parametrize(
    ("name", "query", "number"),
    [
        ("jsonl", (), signal.SIGINT),
        ("jsonl", (), signal.SIGHUP),
        ("jsonl", (), signal.SIGTERM),
        ("sqlite", (), signal.SIGTERM),
        ("sqlite", ("conn:a",), signal.SIGINT),
    ],
)
async def test_one_that_is_cancelled_leaves_nothing(
    home: Home, store: Path, tmp_path: Path, name: str, query: tuple[str, ...], number: signal.Signals
) -> None:
    target = tmp_path / "out" / f"x{FORMATS['jsonl'].suffix}"
    target.parent.mkdir()
    options = ("--store", store, "--output", target)
    process = await exporting(home, target, "export", "--format", name, *options, *query)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(DEADLINE_S):
        assert await process.wait() == 130
    assert list(target.parent.iterdir()) == []


async def test_an_import_that_is_cancelled_leaves_nothing(home: Home, store: Path, tmp_path: Path) -> None:
    lines, target = tmp_path / "events.jsonl", tmp_path / "out" / "new.db"
    target.parent.mkdir()
    code, _, _ = await home.run("export", "--format", "jsonl", "--store", store, "--output", lines)
    assert code == 0
    process = await exporting(home, target, "import", lines, "--store", target)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(DEADLINE_S):
        assert await process.wait() == 130
    assert list(target.parent.iterdir()) == []


async def test_what_was_there_stays_when_its_replacement_is_cancelled(home: Home, store: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "x.jsonl"
    target.parent.mkdir()
    target.write_text("before")
    arguments = ("export", "--format", "jsonl", "--store", store, "--output", target, "--force")
    process = await exporting(home, target, *arguments)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(DEADLINE_S):
        assert await process.wait() == 130
    assert [(path.name, path.read_text()) for path in target.parent.iterdir()] == [("x.jsonl", "before")]


async def test_on_a_full_disk_every_export_says_so_and_the_recording_goes_on(home: Home, peers: Peers) -> None:
    server = await peers.start(scenario("load").with_(rate=2_000, count=10**6))
    recorder = await home.record(home.write(f'[[connection]]\nname = "a"\nurl = "{server.url}"\n'))
    await recorder.until_stored(500)
    folder = home.folder / "out"
    folder.mkdir()
    for name in LARGE:
        for query in ((), ("conn:a",)) if name == "sqlite" else ((),):
            target = folder / f"x{FORMATS[name].suffix}"
            code, said = await full_disk(home, recorder.store, name, target, *query)
            assert (code, f"{target}" in said, "nothing of it was kept" in said) == (1, True, True), said
            assert list(folder.iterdir()) == []
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    with closing(sqlite3.connect(recorder.store)) as database:
        (torn,) = database.execute(
            "SELECT count(*) - max(json_extract(payload, '$.seq')) FROM event WHERE name = 1"
        ).fetchone()
        (holes,) = database.execute("SELECT max(id) - count(*) FROM event").fetchone()
    assert (torn in (0, 1), holes) == (True, 0)


async def full_disk(home: Home, store: Path, name: str, target: Path, *query: str) -> tuple[int, str]:
    """An export in a process whose files may not grow; exit code and what it said."""
    arguments: tuple[str | Path, ...] = ("--format", name, "--store", store, "--output", target, *query)
    limit = PARQUET_LIMIT_BYTES if name == "parquet" else LIMIT_BYTES
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsmon", "export", *arguments),
        env=home.environ,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    async with asyncio.timeout(DEADLINE_S):
        _, said = await process.communicate()
    return process.returncode or 0, said.decode()
