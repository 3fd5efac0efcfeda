"""Exports by the programs that read them: DuckDB, polars, pyarrow, Datasette and lnav."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pyarrow.json
import pytest

from tests.support.builders import event, loss, message
from tests.support.exports import full_event
from tests.support.external_programs import consumer
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import FIRST, of, opening, story
from wsmon.export.jsonl import lnav_format
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import EVENT_NAMES, PROBLEM_NAMES, Event
from wsmon.store.reader import Reader

DOCS = Path(__file__).parents[2] / "docs"


def events() -> list[Event]:
    """Every kind of event, with statuses and outcomes in turn."""
    return [
        *story(),
        msgspec.structs.replace(full_event(), id=0),
        *(event(name, 20 + number, "nova") for number, name in enumerate(EVENT_NAMES)),
        event("auth.completed", 100, "nova", status="ok"),
        event("connection.completed", 101, "nova", status=101),
        event("auth.failed", 102, "nova", status="error", error_type="rejected"),
        *of(FIRST, *(message("x", 103 + 2 * number, "nova") for number in range(3))),
    ]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an export in each of the formats that are tables."""
    folder = tmp_path_factory.mktemp("consumers")
    reader = Reader(recorded(folder / "store.db", events(), "nova", "b", end_s=200), FixedClock(200))
    for name in ("jsonl", "csv", "parquet"):
        run_export(ExportRequest(name, folder / f"events.{name}"), reader)
    run_export(ExportRequest("parquet", folder / "events", is_folder=True), reader)
    (folder / "read-only").mkdir()
    run_export(ExportRequest("sqlite", folder / "read-only" / "copy.db"), reader)
    reader.close()
    (folder / "read-only").chmod(0o555)
    return folder


POLARS = """
import json, polars
tables = {
    "jsonl": polars.read_ndjson("events.jsonl", infer_schema_length=None),
    "csv": polars.read_csv("events.csv", infer_schema_length=None),
    "parquet": polars.read_parquet("events.parquet"),
}
print(json.dumps({name: [table.height, str(table.schema["status"]), str(table.schema["outcome"])]
                  for name, table in tables.items()}))
"""


def test_polars_infers_one_type_for_each_key(exports: Path) -> None:
    of_each = [len(events()), "Int64", "String"]
    assert consumer(POLARS, folder=exports) == {"jsonl": of_each, "csv": of_each, "parquet": of_each}


def test_pyarrow_infers_one_type_for_each_key(exports: Path) -> None:
    table = pyarrow.json.read_json(exports / "events.jsonl")
    assert table.num_rows == len(events())
    assert [str(table.schema.field(name).type) for name in ("status", "outcome")] == ["int64", "string"]


DUCKDB = """
import duckdb, json, sys
answers = []
for query in json.loads(sys.argv[1]):
    answers.append([list(map(str, row)) for row in duckdb.sql(query).fetchall()])
print(json.dumps(answers))
"""


@pytest.mark.parametrize(
    "source", ["'events.parquet'", "read_parquet('events/**/*.parquet', hive_partitioning = true)"]
)
def test_duckdb_answers_the_queries_of_the_page(exports: Path, source: str) -> None:
    page = (DOCS / "parquet.md").read_text()
    assert "read_parquet('events/**/*.parquet', hive_partitioning = true)" in page
    queries = [query.replace("'events.parquet'", source) for query in re.findall(r"```sql\n(.*?)```", page, re.DOTALL)]
    minutes, losses, silences = consumer(DUCKDB, json.dumps(queries), folder=exports)
    assert sum(int(row[3]) for row in minutes) == sum(
        one.name in ("message.received", "message.sent") for one in events()
    )
    assert {tuple(row[:3]) for row in losses} >= {("nova", "1008", "peer")}
    assert [row[2] for row in silences if row[0] == "nova"][1:3] == ["0:00:02", "0:00:02"]


def test_duckdb_answers_queries_over_the_folders_of_many_hosts(tmp_path: Path) -> None:
    """Those of docs/many-recorders.md, with folders named as its command names them."""
    page = (DOCS / "many-recorders.md").read_text()
    assert '--output "hosts/host=$(hostname)/export=$(date -u +%F)/"' in page
    for host, payloads in (("eu", "abc"), ("us", "ab")):
        feed = [message(payload, 10 + number, "orders") for number, payload in enumerate(payloads)]
        own = of(FIRST, *opening(1, "orders"), *feed, *([loss(20, "orders")] if host == "eu" else []))
        reader = Reader(recorded(tmp_path / f"{host}.db", own, "orders", end_s=200), FixedClock(200))
        target = tmp_path / "hosts" / f"host={host}" / "export=2026-01-11"
        target.parent.mkdir(parents=True)
        run_export(ExportRequest("parquet", target, is_folder=True), reader)
        reader.close()
    queries = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    totals, around, missing = consumer(DUCKDB, json.dumps(queries), folder=tmp_path)
    assert totals == [["eu", "orders", "3", "1"], ["us", "orders", "2", "0"]]
    assert [(row[1], row[3]) for row in around if row[3] == "connection.disconnected"] == [
        ("eu", "connection.disconnected")
    ]
    assert {(row[1], row[3]) for row in around} >= {("eu", "connection.completed"), ("us", "connection.completed")}
    assert [(row[0], row[2]) for row in missing] == [("orders", "c")]


def test_duckdb_reads_every_table_alike(exports: Path) -> None:
    sources = ("'events.parquet'", "read_json_auto('events.jsonl')", "read_csv_auto('events.csv')")
    asked = [f"SELECT count(*), sum(status), count(outcome), sum(size) FROM {source}" for source in sources]
    first, second, third = consumer(DUCKDB, json.dumps(asked), folder=exports)
    assert first == second == third


DATASETTE = """
import asyncio, json
from datasette.app import Datasette

async def rows(datasette):
    found = {}
    for view in ("events", "sessions", "losses", "incidents"):
        answer = await datasette.client.get(f"/copy/{view}.json?_shape=array&_size=1000")
        assert answer.status_code == 200, answer.text
        found[view] = answer.json()
    return {view: len(of_view) for view, of_view in found.items()}, found["losses"][0]["cause"]

async def main():
    path = "read-only/copy.db"
    print(json.dumps([await rows(Datasette([path])), await rows(Datasette([], immutables=[path]))]))

asyncio.run(main())
"""


def test_datasette_serves_the_views(exports: Path) -> None:
    mutable, immutable = consumer(DATASETTE, folder=exports)
    assert mutable == immutable
    counts, cause = mutable
    assert counts["events"] == len(events())
    assert counts["losses"] >= counts["incidents"] >= 1
    assert cause.endswith("a rate or volume limit of the server was reached")
    assert sorted(path.name for path in (exports / "read-only").iterdir()) == ["copy.db"]


def lnav(folder: Path, *commands: str) -> str:
    """What lnav prints about the events, with the format installed as the page says."""
    program = shutil.which("lnav")
    if program is None:
        pytest.skip("not run: lnav is missing: apt-get install lnav")
    environ = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "TERM": "xterm", "TZ": "UTC", "LANG": "C.UTF-8"}
    (folder / "wsmon.json").write_text(lnav_format())
    installed = subprocess.run(
        [program, "-i", "wsmon.json"], cwd=folder, env=environ, capture_output=True, timeout=30, check=True
    )
    assert b"installed" in installed.stderr
    checked = subprocess.run([program, "-C"], cwd=folder, env=environ, capture_output=True, timeout=30, check=True)
    assert (checked.stdout, checked.stderr) == (b"", b"")
    asked = [part for command in commands for part in ("-c", command)]
    command = [program, "-n", *asked, "events.jsonl"]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, timeout=30, check=True)
    assert done.stderr == b""
    return done.stdout.decode()


def test_lnav_reads_every_line_with_its_level(exports: Path) -> None:
    query = ";SELECT name, log_level, count(*) AS n, max(status) AS status FROM wsmon_log GROUP BY name"
    rows = list(csv.DictReader(io.StringIO(lnav(exports, query, ":write-csv-to -"))))
    assert sum(int(row["n"]) for row in rows) == len(events())
    levels = {row["name"]: row["log_level"] for row in rows}
    assert {levels[name] for name in PROBLEM_NAMES} == {"error", "warning"}
    assert levels["message.received"] == levels["connection.completed"] == "info"
    assert {row["name"]: row["status"] for row in rows}["connection.completed"] == "101"


def test_lnav_shows_a_line_an_event(exports: Path) -> None:
    shown = lnav(exports).splitlines()
    assert len(shown) == len(events())
    assert shown[0].split() == ["2026-01-10", "14:02:24.000", "-", "self.run.started"]
    assert any(line.split()[2:] == ["nova", "in", "message.received", "hello"] for line in shown)
