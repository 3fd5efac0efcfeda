"""The table of export formats: every row works, and has a suffix of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.exports import nova_session
from tests.support.recordings import FixedClock, Recording
from wsmon.export.formats import FORMATS, ExportFormat
from wsmon.export.run import ExportReport, ExportRequest, run_export
from wsmon.store.reader import Reader


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_what_was_committed_when_it_began(tmp_path: Path, name: str) -> None:
    with Recording(tmp_path / "store.db", "nova") as recording:
        recording.write([*nova_session(), *(message(f"m{number}", 2, "nova") for number in range(1_000))])
        reader = Reader(tmp_path / "store.db", FixedClock())
        reports: list[ExportReport] = []

        def record_more(report: ExportReport) -> bool:
            recording.write([message("later than all", 100, "nova")])
            reports.append(report)
            return True

        told = run_export(ExportRequest(name, tmp_path / "out"), reader, record_more)
        reader.close()
    assert reports[-1].seen == told.seen == told.total
    assert b"later than all" not in (tmp_path / "out").read_bytes()
    assert (tmp_path / "out").stat().st_size == told.size_bytes > 0


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_that_is_ended_leaves_nothing(view: Reader, tmp_path: Path, name: str) -> None:
    with pytest.raises(InterruptedError):
        run_export(ExportRequest(name, tmp_path / "out"), view, lambda _report: False)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["store"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_an_ending_of_its_own(name: str) -> None:
    assert FORMATS[name].suffix.startswith(".")
    assert [other for other in FORMATS if FORMATS[other].suffix == FORMATS[name].suffix] == [name]


@pytest.mark.parametrize("row", FORMATS.values(), ids=lambda row: row.name)
def test_every_format_is_described_for_the_help(row: ExportFormat) -> None:
    assert row.description
    assert not row.description.endswith(".")
    assert row.description.isprintable()


def test_a_variant_is_written_where_the_target_has_its_suffix(view: Reader, tmp_path: Path) -> None:
    for suffix, start in ((".md", "# WebSocket report"), (".html", "<!doctype html>"), (".txt", "<!doctype html>")):
        target = tmp_path / f"report{suffix}"
        run_export(ExportRequest("report", target), view)
        assert target.read_text().startswith(start)
    assert FORMATS["sqlite"].pieces_for(".db") is None
