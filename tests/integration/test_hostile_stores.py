"""Stores that someone or something changed: every reading command answers, or refuses with a sentence, in time.

``WSMON_MUTATIONS=2000`` tries so many, which ``.ci/long`` does.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import SECOND_NS, at_ns, event, loss, message, usable
from tests.support.hostile_stores import mutate
from tests.support.recordings import Recording
from tests.support.session_events import FIRST, of, story
from wsmon.cli.main import run
from wsmon.clock import SystemClock
from wsmon.config.specs import Configuration, ConnectionSpec
from wsmon.errors import StoreError, WsmonError
from wsmon.export.formats import FORMATS
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.recorder import record
from wsmon.recorder.run import RecorderOptions
from wsmon.store.database import open_for_writing
from wsmon.store.journal import MessageTraffic
from wsmon.store.reader import Reader
from wsmon.store.search import skip_index
from wsmon.store.search.skip_index import SearchIndexer

MUTATIONS = int(os.environ.get("WSMON_MUTATIONS", "200"))
LANES = 8
# Every so many of them is recorded into
RECORDED = 4
# Of all reading commands on one store, which take a second on an idle machine
LIMIT_S = 60


class TooLate(BaseException):
    """Not an ``Exception``: no border of a task or thread may turn it into an answer."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two runs with something in every table."""
    path = tmp_path_factory.mktemp("hostile") / "store.db"
    asked = event("subscription.subscribe.completed", 1.4, "nova", topic="book", span_id="5" * 16, duration_ns=9_000)
    shed = event("self.shed", 4.6, "nova", meta={"name": "message.received", "events": 7, "size_bytes": 70})
    with Recording(path, "nova", "b") as recording:
        recording.write([*story(), *of(FIRST, asked, shed)], rolled_after_s=3_700)
    with Recording(path, "nova", "b", after_s=7_200) as recording:
        more = [message(f"w{number} needle", 7_210 + number, "nova", type="tick") for number in range(80)]
        recording.write([usable(7_205, "nova"), *more, loss(7_300, "b")], rolled_after_s=7_250)
        recording.execute("INSERT INTO subscription VALUES (1, 'book', 'active', ?)", at_ns(7_205))
        sizes, none = (3, 4), ()
        traffic = MessageTraffic(
            at_ns(7_301) // SECOND_NS, 1, 2, sizes, none, 11, 0, ("tick",), none, sizes, none, none
        )
        recording.execute("INSERT INTO ingest VALUES ('5e551011c0ffee11', 3, ?)", at_ns(7_302))
        recording.execute("INSERT INTO journal VALUES (1, ?)", msgspec.msgpack.encode([traffic]))
        recording.execute("INSERT INTO ingest VALUES ('4f2a', 7, ?)", at_ns(7_301))
    database = open_for_writing(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skip_index, "BLOCK_EVENTS", 1)
        SearchIndexer(database.connection, path).index(database.last_id, lambda: False)
    database.close()
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        counts = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}
    assert all(counts.values()), counts
    return path


@contextmanager
def in_time(what: str) -> Iterator[None]:
    """End the block, with an exception, when its time is up."""

    def end(_number: int, _frame: object) -> None:
        raise TooLate(what)

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def command(*arguments: str) -> int:
    """Run a command line in this process: a traceback would be an exception here."""
    with redirect_stdout(io.TextIOWrapper(io.BytesIO())), redirect_stderr(io.StringIO()):
        return run([*arguments])


def look(path: Path) -> None:
    """Read what the screen reads."""
    view = Reader(path, SystemClock())
    try:
        bounds = view.bounds()
        view.period()
        view.snapshot(at_ns(7_400))
        view.lane_titles(at_ns(0), at_ns(8_000))
        view.lanes(at_ns(0), at_ns(8_000), None, 1_000_000_000)
        view.density(at_ns(0), at_ns(8_000), 100)
        view.problems_near((("nova", at_ns(100)), ("b", at_ns(100))), newer=True)
        for name in ("nova", "b"):
            view.trend(name, at_ns(0), at_ns(8_000), 50)
        view.sessions((FIRST,))
        view.spans(FIRST, 100)
        view.spans(FIRST, 100, of_trace=True)
        view.events_before(bounds.last_id + 1, 200)
        view.is_cut_off()
        view.id_at(at_ns(3_000))
    finally:
        view.close()


def read(path: Path, folder: Path) -> None:
    """Run every reading command; each result is an exit code, each refusal a ``WsmonError``."""
    asked: list[tuple[str, ...]] = [
        ("stats", "--json"),
        ("stats",),
        ("stats", "kind:message"),
        ("search", "--json"),
        ("search", "--order", "asc", "needle OR connection:b"),
        ("search", "--count"),
    ]
    asked += [("export", "--format", name, "--output", str(folder / f"out-{name}")) for name in FORMATS]
    for arguments in asked:
        assert command(*arguments, "--store", str(path)) in (0, 1, 2), arguments
    assert command("doctor", str(path)) in (0, 1)
    with suppress(WsmonError):
        look(path)


@pytest.mark.timeout(120 + MUTATIONS * 5)
@pytest.mark.parametrize("lane", range(LANES))
def test_no_mutation_of_a_store_makes_a_reading_command_hang_or_fail_without_a_sentence(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lane: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    for seed in range(lane, MUTATIONS, LANES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        path = folder / "store.db"
        shutil.copyfile(store, path)
        done = mutate(path, seed)
        try:
            with in_time(f"{seed}: {done}"):
                read(path, folder)
        except Exception as error:
            error.add_note(f"mutation {seed}: {done}")
            raise
        shutil.rmtree(folder)


@asynccontextmanager
async def of_both() -> AsyncIterator[Configuration]:
    """The connections that the store knows, so that what it says of them is read; nothing listens there."""
    url = Sensitive("ws://127.0.0.1:1")
    yield Configuration(None, "digest", tuple(ConnectionSpec(name, url) for name in ("nova", "b")))


@pytest.mark.timeout(120 + MUTATIONS)
def test_no_mutation_of_a_store_makes_a_recorder_hang_or_end_without_a_sentence(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A traceback would be an exception here, or in the log of the thread that writes."""
    interval_s = sys.getswitchinterval()
    monkeypatch.setattr("wsmon.recorder.recorder.POLL_S", 0.01)
    for seed in range(0, MUTATIONS, RECORDED):
        folder = tmp_path / str(seed)
        folder.mkdir(mode=0o700)
        path = folder / "store.db"
        shutil.copyfile(store, path)
        done = f"{seed}: {mutate(path, seed)}"
        options = RecorderOptions(of_both, path, folder / "s.sock", "test", limit_s=0.1, state_folder=folder)
        with in_time(done), suppress(WsmonError):
            record(options, lambda _info: None)
        assert [entry.exc_text or entry.exc_info for entry in caplog.records if entry.exc_info] == [], done
        shutil.rmtree(folder)
    sys.setswitchinterval(interval_s)


def changed(store: Path, folder: Path, script: str) -> Path:
    path = folder / "store.db"
    shutil.copyfile(store, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


@pytest.mark.parametrize("opened", [lambda path: Reader(path, SystemClock()), open_for_writing], ids=["read", "write"])
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END", "has the trigger 't', which differs"),
        ("CREATE VIEW events AS SELECT * FROM event", "has the view 'events', which differs from wsmon's schema"),
        ("DROP TABLE span", "lacks the table 'span'"),
        ("CREATE VIRTUAL TABLE f USING fts5(x)", "has the table 'f"),
        ("ALTER TABLE run ADD COLUMN g AS (1)", "has the table 'run', which differs from"),
        ("DROP INDEX event_by_name; CREATE INDEX event_by_name ON event (abs(size))", "has the index 'event_by_name'"),
    ],
)
def test_a_schema_that_wsmon_does_not_make_is_refused_by_readers_and_recorders(
    store: Path, tmp_path: Path, script: str, sentence: str, opened: Callable[[Path], object]
) -> None:
    path = changed(store, tmp_path, script)
    with pytest.raises(StoreError) as refused:
        opened(path)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE rollup SET messages_in = x'00'",
        "UPDATE rollup SET messages_in = 4611686018427387905",
        "UPDATE meta SET value = 'x' WHERE key = 'rolled_s'",
        "DELETE FROM meta WHERE key = 'last_id'",
        "UPDATE search_segment SET last_id = 'null'",
        "UPDATE connection SET spec = '{\"url\":0}'",
        "UPDATE event SET ts_ns = 'x'",
        "UPDATE journal SET messages = 'text'",
        "UPDATE journal SET messages = x'91c0'",
        "UPDATE journal SET messages = x'93'",
    ],
)
def test_what_no_recorder_writes_is_refused_by_a_recorder_with_a_sentence(
    store: Path, tmp_path: Path, script: str
) -> None:
    tmp_path.chmod(0o700)
    path = changed(store, tmp_path, script)
    with pytest.raises(WsmonError) as refused:
        record(RecorderOptions(of_both, path, tmp_path / "s.sock", "test", limit_s=2.0), lambda _info: None)
    assert "contains an invalid value" in str(refused.value)
    assert "use --store to record into another one" in str(refused.value)


def test_ids_that_the_file_cannot_hold_are_refused(store: Path, tmp_path: Path) -> None:
    path = changed(store, tmp_path, "UPDATE meta SET value = 1099511627776 WHERE key = 'last_id'")
    with pytest.raises(StoreError, match=r"is too small for the 1,099,511,627,776 events that it claims"):
        Reader(path, SystemClock())
