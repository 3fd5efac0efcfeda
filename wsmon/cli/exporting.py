"""Exports as the screen orders them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wsmon.cli.stores import open_view
from wsmon.export import jsonl
from wsmon.export.run import ExportReport, ExportRequest, run_export
from wsmon.model.events import Event
from wsmon.tui.options import Exporter, ExportOrder, ExportProgress


def exporter(store: Path) -> Exporter:
    """Writes exports of a store; each opens a view of its own."""

    def write(
        order: ExportOrder, report: Callable[[ExportProgress], None], is_cancelled: Callable[[], bool]
    ) -> ExportProgress:
        def watch(progress: ExportReport) -> bool:
            report(_progress(progress))
            return not is_cancelled()

        request = ExportRequest(
            order.format,
            order.target,
            order.query,
            first_id=order.first_id,
            last_id=order.last_id,
            overwrite=order.overwrite,
        )
        view = open_view(store)
        try:
            return _progress(run_export(request, view, watch))
        finally:
            view.close()

    return write


def event_json(event: Event) -> str:
    """An event as one JSON object."""
    return jsonl.event_json(event).decode()


def _progress(report: ExportReport) -> ExportProgress:
    return ExportProgress(report.written, report.seen, report.total, report.size_bytes)
