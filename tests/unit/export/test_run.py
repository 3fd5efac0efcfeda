"""Exports of a real store: what they hold, how they end, and that nothing half-written is left."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.support.builders import at_ns, message
from tests.support.exports import exported, ids
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, Recording
from wsmon.export import selection
from wsmon.export.run import ExportCount, ExportReport, ExportRequest, count_events, run_export
from wsmon.store.reader import Reader


def test_everything_oldest_first(view: Reader) -> None:
    lines, report = exported(view)
    assert ids(lines) == list(range(1, 16))
    assert report == ExportReport(seen=15, total=15, written=15, size_bytes=len(lines))


@pytest.mark.parametrize(
    ("request_fields", "expected"),
    [
        ({"query": parse("conn:nova")}, [2, 3, 4, 5]),
        ({"since_ns": at_ns(4), "until_ns": at_ns(6)}, [8, 9]),
        ({"limit": 3}, [13, 14, 15]),
        ({"limit": 3, "query": parse("conn:nova")}, [3, 4, 5]),
        ({"limit": 0}, []),
        ({"limit": 99}, list(range(1, 16))),
        ({"first_id": 4, "last_id": 6}, [4, 5, 6]),
        ({"since_ns": at_ns(600)}, []),
        ({"query": parse("nothing")}, []),
    ],
)
def test_what_was_asked_for(view: Reader, request_fields: dict[str, object], expected: list[int]) -> None:
    assert ids(exported(view, "jsonl", **request_fields)[0]) == expected
    request = ExportRequest("jsonl", io.BytesIO(), **request_fields)  # type: ignore[arg-type]  # of any type
    assert list(count_events(request, view))[-1] == ExportCount(len(expected), is_whole=True)


def test_progress_grows_to_the_whole_and_false_ends_it(
    view: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "WINDOW_IDS", 4)
    reports: list[ExportReport] = []

    def until_eight(report: ExportReport) -> bool:
        reports.append(report)
        return report.seen < 8

    target = tmp_path / "out.jsonl"
    with pytest.raises(InterruptedError):
        run_export(ExportRequest("jsonl", target), view, until_eight)
    assert [report.seen for report in reports] == sorted(report.seen for report in reports)
    assert (reports[-1].seen, reports[-1].total) == (8, 15)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["store"]


def test_what_is_recorded_meanwhile_is_not_in_it(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message("x", number) for number in range(3)])
        reader = Reader(tmp_path / "store.db", FixedClock())
        stream = io.BytesIO()

        def record_more(_report: ExportReport) -> bool:
            recording.write([message("later", 100)])
            return True

        run_export(ExportRequest("jsonl", stream), reader, record_more)
        assert ids(stream.getvalue()) == [1, 2, 3]
        reader.close()
