"""What is exported as JSON fits the JSON Schemas in docs/schemas, as ajv from npm has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from tests.support.exports import full_event
from tests.support.node_peers import FOLDER, REQUIRED, missing
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import story
from wsmon.export.jsonl import EventDocument
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import CloseBy, Opcode, Verdict
from wsmon.model.statuses import STATUSES
from wsmon.store.reader import Reader

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def exported(folder: Path, name: str) -> Path:
    """Sessions with all that they can have."""
    view = Reader(
        recorded(folder / "store.db", [*story(), msgspec.structs.replace(full_event(), id=0)], "nova", "b"),
        FixedClock(),
    )
    run_export(ExportRequest(name, folder / f"x.{name}"), view)
    view.close()
    return folder / f"x.{name}"


def validated(schema: str, path: Path, *mode: str) -> tuple[int, list[str]]:
    """How many documents there are, and what is wrong with them."""
    reason = missing()
    if reason and os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    node = shutil.which("node")
    assert node is not None
    command = [node, "validate_schema.mjs", str(SCHEMAS / schema), str(path), *mode]
    answer = json.loads(subprocess.run(command, cwd=FOLDER, capture_output=True, check=True, timeout=30).stdout)
    return answer["documents"], answer["faults"]


def test_every_line_is_an_event(tmp_path: Path) -> None:
    documents, faults = validated("event.json", exported(tmp_path, "jsonl"), "lines")
    assert (documents, faults) == (len(story()) + 1, [])


def test_a_trace_is_one_document(tmp_path: Path) -> None:
    assert validated("trace.json", exported(tmp_path, "json")) == (1, [])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": 0}, ".id"),
        ({"surprise": 1}, "additional properties"),
        ({"to_status": "open"}, ".to_status"),
        ({"payload": "x", "payload_base64": "eA=="}, "should NOT be valid"),
        ({"truncated": False}, ".truncated"),
        ({"ts": "yesterday"}, ".ts"),
    ],
)
def test_the_schema_finds_what_is_no_event(tmp_path: Path, change: dict[str, object], fault: str) -> None:
    event = {"id": 1, "ts": "2026-01-10T14:02:24.000000Z", "ts_ns": 1, "mono_ns": 1, "name": "message.received"}
    (tmp_path / "x").write_text(json.dumps(event | change))
    documents, faults = validated("event.json", tmp_path / "x")
    assert documents == 1
    assert len(faults) == 1
    assert fault in faults[0]


def test_the_schema_knows_every_key_and_value_of_the_code() -> None:
    schema = json.loads((SCHEMAS / "event.json").read_text())
    keys = schema["properties"]
    assert list(keys) == list(EventDocument.__struct_fields__)
    assert keys["opcode"]["enum"] == [each for each in get_args(Opcode) if each]
    assert keys["close_by"]["enum"] == [each for each in get_args(CloseBy) if each]
    assert schema["definitions"]["status"]["enum"] == list(STATUSES)
    assert list(keys["verdict"]["properties"]) == list(Verdict.__struct_fields__)
