"""Files that were damaged anywhere: an import ends with a sentence, or makes a whole store of what it could read."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.exports import RECORDING
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import story
from tests.support.stores import stored, stored_events
from tests.support.thoroughness import times
from wsmon.errors import WsmonError
from wsmon.export.formats import ImportFormat
from wsmon.export.importing import import_files
from wsmon.export.run import ExportRequest, run_export
from wsmon.store.reader import Reader
from wsmon.store.replay import replaying

# Bytes that mean something in JSON, or in none
_SIGNS = tuple(bytes([sign]) for sign in b'"\\{}[],-\n')
PIECES = st.sampled_from((b"", b"\x00", b"\xff", *_SIGNS, b"9" * 30, b"null", b"\r\n"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[ImportFormat, bytes]:
    """A file of each format that can be imported."""
    store = recorded(tmp_path_factory.mktemp("origin") / "store.db", story(), "nova", "b", end_s=20)
    written = {}
    for name in ("jsonl", "har"):
        reader, stream = Reader(store, FixedClock()), io.BytesIO()
        run_export(ExportRequest(name, stream), reader)
        reader.close()
        written[name] = stream.getvalue()
    return {"jsonl": written["jsonl"], "har": written["har"], "recording": b"\n".join(RECORDING)}


@pytest.mark.parametrize("name", ["jsonl", "har", "recording"])
@settings(max_examples=times(40), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_makes_a_whole_store(
    files: Mapping[ImportFormat, bytes], name: ImportFormat, data: st.DataObject
) -> None:
    content = files[name]
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(begin, min(len(content), begin + 40)))
        content = content[:begin] + data.draw(PIECES) + content[end:]
    with TemporaryDirectory() as folder:
        source, store = Path(folder) / "damaged", Path(folder) / "store.db"
        source.write_bytes(content)
        try:
            with replaying(store) as replay:
                report = import_files([str(source)], name, replay)
        except WsmonError:
            return
        assert stored(store, "PRAGMA integrity_check") == [("ok",)]
        assert len(stored_events(store)) == report.events
