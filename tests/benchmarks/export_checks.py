"""Each export checked by something that wsmon did not write: validators, definitions, SQLite's own shell.

Each check answers with a sentence; it raises where the export is not what it should be.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.support.node_peers import FOLDER as NODE_FOLDER

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
NODE_MEMORY = "--max-old-space-size=12000"
CSV_FIELD_BYTES = 10_000_000
BROWSER = ("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
IDS = ("traceId", "spanId", "parentSpanId")


def jsonl(path: Path, store: Path) -> str:
    """Against the JSON Schema, by ajv; then imported again: the same events."""
    count = _by_schema("event.json", path, "lines")
    again = store.with_name("imported.db")
    again.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "wsmon", "import", path, "--store", again], check=True, capture_output=True)
    events = differing(store, again)
    again.unlink()
    return f"{count:,} lines fit the JSON Schema (ajv); imported: {events:,} events, all identical"


def differing(store: Path, other: Path) -> int:
    """How many events two stores have; raises where one of them is another."""
    from itertools import zip_longest

    count = 0
    for one, two in zip_longest(_events(store), _events(other)):
        assert one == two, (one, two)
        count += 1
    return count


def _events(store: Path) -> Iterable[Any]:
    from tests.support.recordings import FixedClock
    from wsmon.store.reader import Reader

    view = Reader(store, FixedClock())
    after = 0
    while page := view.events_after(after, 2_000):
        yield from page
        after = page[-1].id
    view.close()


def json_(path: Path, store: Path) -> str:
    """Against its JSON Schema, by ajv; as many events as the store has."""
    _by_schema("trace.json", path)
    document = json.loads(path.read_bytes())
    count = sum(len(each["events"]) for each in document["connections"]) + len(document["recorder"])
    assert count == _rows(store), count
    return f"fits the JSON Schema (ajv), {count:,} events in {len(document['connections'])} connections"


def csv_(path: Path, store: Path) -> str:
    """By Python's reader, and imported by SQLite's shell; sizes add up to the store's."""
    csv.field_size_limit(CSV_FIELD_BYTES)
    with path.open(newline="", encoding="utf-8") as lines:
        widths = {len(row) for row in csv.reader(lines, strict=True)}
    (sums,) = _shell(":memory:", f'.import --csv "{path}" t', "SELECT count(*), sum(CAST(size AS INTEGER)) FROM t")
    (expected,) = _shell(str(store), "SELECT count(*), sum(size) FROM event")
    assert sums == expected, (sums, expected)
    return f"rows of {widths} columns; SQLite's shell imports it: count|size = {sums}, as in the store"


def har(path: Path, store: Path) -> str:
    """By har-validator from npm; as many frames as the store has."""
    done = _node("validate_har.mjs", path)
    assert json.loads(done) == [], done[:500]
    entries = json.loads(path.read_bytes())["log"]["entries"]
    count = sum(len(each.get("_webSocketMessages", ())) for each in entries)
    (expected,) = _shell(str(store), "SELECT count(*) FROM event WHERE opcode IS NOT NULL")
    assert str(count) == expected, (count, expected)
    return f"har-validator finds nothing wrong; {len(entries):,} entries, {count:,} frames"


def otlp(path: Path, _store: Path) -> str:
    """Read by the official protobuf definitions."""
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    data = _protobuf(path, TracesData())
    spans = [span for resource in data.resource_spans for scope in resource.scope_spans for span in scope.spans]
    assert all(len(span.trace_id) == 16 and len(span.span_id) == 8 for span in spans)
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano > 0 for span in spans)
    known = {span.span_id for span in spans}
    links = sum(len(span.links) for span in spans)
    assert all(link.span_id in known for span in spans for link in span.links)
    return f"the protobuf definitions read {len(spans):,} spans with {links:,} links, ids and times are whole"


def otlp_logs(path: Path, store: Path) -> str:
    """Read by the official protobuf definitions."""
    from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

    data = _protobuf(path, LogsData())
    count = sum(len(scope.log_records) for resource in data.resource_logs for scope in resource.scope_logs)
    assert count == _rows(store), count
    return f"the protobuf definitions read {count:,} log records"


def perfetto(path: Path, _store: Path) -> str:
    """As the Trace Event Format has it: every event a phase, every slice a length, every counter numbers."""
    events = json.loads(path.read_bytes())["traceEvents"]
    phases: dict[str, int] = {}
    for each in events:
        phases[each["ph"]] = phases.get(each["ph"], 0) + 1
        assert each["ph"] == "M" or each["ts"] >= 0
        assert each["ph"] != "X" or each["dur"] >= 0
        assert each["ph"] != "C" or all(isinstance(value, int | float) for value in each["args"].values())
    assert set(phases) <= set("XBEiICMbensfNOD"), phases
    return f"{len(events):,} trace events, by phase {phases}"


def report(path: Path, _store: Path) -> str:
    """Drawn by Chromium, which also writes down what it understood."""
    picture = path.with_suffix(".png")
    page = path.resolve().as_uri()
    subprocess.run(
        [*BROWSER, "--window-size=1280,3200", f"--screenshot={picture}", page], check=True, capture_output=True
    )
    dom = subprocess.run([*BROWSER, "--dump-dom", page], check=True, capture_output=True, text=True).stdout
    assert "<svg" in dom
    assert "<script" not in dom
    return f"Chromium draws it ({picture.stat().st_size:,} bytes of PNG), {dom.count('<tr')} rows"


def sqlite(path: Path, store: Path) -> str:
    """By SQLite's shell; as many events as the store has."""
    assert _shell(str(path), "PRAGMA integrity_check", "PRAGMA foreign_key_check") == ["ok"]
    counted = _shell(str(path), "SELECT count(*), sum(size), max(id) FROM event")
    assert counted == _shell(str(store), "SELECT count(*), sum(size), max(id) FROM event"), counted
    return f"SQLite's shell: integrity ok; count|size|newest = {counted[0]}"


CHECKS: dict[str, Callable[[Path, Path], str]] = {
    "jsonl": jsonl,
    "json": json_,
    "csv": csv_,
    "har": har,
    "otlp": otlp,
    "otlp-logs": otlp_logs,
    "perfetto": perfetto,
    "report": report,
    "sqlite": sqlite,
}


def _by_schema(schema: str, path: Path, *mode: str) -> int:
    answer = json.loads(_node("validate_schema.mjs", SCHEMAS / schema, path, *mode))
    assert answer["faults"] == [], answer
    return int(answer["documents"])


def _node(script: str, *arguments: Path | str) -> str:
    node = shutil.which("node")
    assert node is not None, "node is needed: apt-get install nodejs"
    command = [node, NODE_MEMORY, script, *(str(each) for each in arguments)]
    return subprocess.run(command, cwd=NODE_FOLDER, check=True, capture_output=True, text=True).stdout


def _shell(database: str, *commands: str) -> list[str]:
    done = subprocess.run(["sqlite3", "-bail", database, *commands], check=True, capture_output=True, text=True)
    return done.stdout.split()


def _rows(store: Path) -> int:
    (count,) = _shell(str(store), "SELECT count(*) FROM event")
    return int(count)


def _protobuf(path: Path, into: Any) -> Any:
    """OTLP writes ids in hex, protobuf's own JSON in base64."""
    import base64

    from google.protobuf.json_format import ParseDict

    def with_base64(fields: dict[str, Any]) -> dict[str, Any]:
        for name in IDS:
            if name in fields:
                fields[name] = base64.b64encode(bytes.fromhex(fields[name])).decode()
        return fields

    return ParseDict(json.loads(path.read_bytes(), object_hook=with_base64), into)
