"""Blocks of a report as HTML, Markdown and SVG."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from tests.support.builders import refused
from tests.support.exports import report_text
from tests.support.recordings import recorded
from wsmon.export.report_render import Block, Heading, Paragraph, ReportTable, html_page, markdown


def pictures(page: str) -> list[ElementTree.Element]:
    # wsmon's own
    return [ElementTree.fromstring(svg) for svg in re.findall(r'<svg viewBox="0 0 1160.*?</svg>', page, re.DOTALL)]  # noqa: S314


def test_the_timeline_draws_every_status_where_it_was(store: Path) -> None:
    (svg,) = pictures(report_text(store)[0])
    space = "{http://www.w3.org/2000/svg}"
    rects = [(one.get("y"), one.get("class"), one.get("x"), one.get("width")) for one in svg.iter(f"{space}rect")]
    nova = [(kind, int(x or 0) - 160, int(width or 0)) for y, kind, x, width in rects if y == "6"]
    # 20 s are 1,000 columns; what lasted no time has none
    assert nova == [("dial", 50, 10), ("open", 60, 190), ("wait", 250, 50), ("dial", 300, 5), ("lost", 305, 695)]
    assert [one.get("class") for one in svg.iter(f"{space}path")] == ["lost", "lost"]
    assert sum(kind == "incident" for _, kind, _, _ in rects) == 1
    assert {one.text for one in svg.iter(f"{space}text")} >= {"nova", "b", "14:02:24", "14:02:44"}


def test_the_picture_stays_small_whatever_happened(tmp_path: Path) -> None:
    storm = [each for number in range(3_000) for each in (refused(1 + number / 100, "nova", from_status="connecting"),)]
    page = report_text(recorded(tmp_path / "store.db", storm, "nova", end_s=40))[0]
    (svg,) = pictures(page)
    assert len(list(svg.iter())) < 1_500
    assert len(page) < 200_000


def test_blocks_are_the_same_in_both() -> None:
    blocks: list[Block | None] = [
        Heading(2, "A & B"),
        Paragraph("a|b"),
        ReportTable(("x",), (("1",), ("2",)), marked=1),
        None,
    ]
    assert b"".join(markdown(blocks)).decode() == ("## A \\& B\n\na\\|b\n\n| x |\n| --- |\n| 1 |\n| **2** |\n\n")
    page = b"".join(html_page("t", blocks)).decode()
    assert "<h2>A &amp; B</h2>" in page
    assert '<tr class="marked"><td data-label="x">2</td></tr>' in page
