"""An archive by a validator that other people wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.builders import dialled, event, loss, message, refused, usable
from tests.support.node_peers import FOLDER, REQUIRED, missing
from tests.support.recordings import FixedClock, recorded
from wsmon.export.run import ExportRequest, run_export
from wsmon.store.reader import Reader


def faults(archive: Path) -> list[str]:
    """What the validator finds wrong."""
    reason = missing()
    if reason and os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    node = shutil.which("node")
    assert node is not None
    answer = subprocess.run(
        [node, "validate_har.mjs", archive], cwd=FOLDER, capture_output=True, check=True, timeout=30
    )
    found: list[str] = json.loads(answer.stdout)
    return found


def exported(folder: Path) -> Path:
    """The archive of a session with messages, of a failed attempt, and of one of which little is known."""
    opened = {"peer": "[2001:db8::7]:443"}
    events = [
        dialled(1, "nova"),
        event("connection.open", 2, "nova", from_status="connecting", to_status="connected", meta=opened),
        usable(3, "nova"),
        message("text", 4, "nova"),
        message(b"\xff", 5, "nova", direction="out"),
        loss(6, "nova"),
        dialled(7, "b", meta={}),
        refused(8, "b"),
        loss(9, "c", code=None, by="network", meta=None),
    ]
    reader = Reader(recorded(folder / "store.db", events, "nova", "b", "c"), FixedClock())
    run_export(ExportRequest("har", folder / "archive.har"), reader)
    reader.close()
    return folder / "archive.har"


def test_a_validator_accepts_the_archive(tmp_path: Path) -> None:
    archive = exported(tmp_path)
    assert len(json.loads(archive.read_bytes())["log"]["entries"]) == 3
    assert faults(archive) == []


def test_the_validator_finds_faults(tmp_path: Path) -> None:
    archive = exported(tmp_path)
    whole = json.loads(archive.read_bytes())
    del whole["log"]["entries"][0]["request"]["cookies"]
    archive.write_text(json.dumps(whole))
    assert any("cookies" in fault for fault in faults(archive))
