"""The report as a page and as Markdown: what it tells, and that nothing foreign in it is more than text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import at_ns, dialled, event, loss, message, refused
from tests.support.exports import report_text
from tests.support.queries import query as parse
from tests.support.recordings import recorded
from tests.support.session_events import FIRST, of, opening
from wsmon.export import report as report_module

VOID = {"meta", "br"}


HOSTILE = '</td><script src="http://evil.example/x.js">alert(1)</script><img src=x onerror=alert(1)>\x1b[31m|`*_[a](b)'


class Page(HTMLParser):
    """What a browser would find: tags in balance, their attributes, the text of cells by table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] != "style" and data.strip():
            self.text.append(data.strip())


def test_a_page_tells_statistics_incidents_and_losses(store: Path) -> None:
    page = Page(report_text(store)[0])
    assert page.stack == []
    text = page.text
    for words in (
        "WebSocket report: nova, b (nova.example.net, b.example.net)",
        "Connections", "Timeline", "Incidents", "Disconnects", "Failed attempts",
        "1 disconnect, 1 failed attempt, 1 incident",
        "2026-01-10 14:02:24.000 to 2026-01-10 14:02:44.000 (UTC), 20 s",
        "no data for 41 s",
        "2026-01-10 14:02:29.000 nova: “rate limit: 5 connections”, 1008, closed by peer",
        "1008", FIRST,
    ):  # fmt: skip
        assert words in text, words
    assert text[text.index("Likely cause") + 1].endswith("a rate or volume limit of the server was reached")
    assert text[text.index("Suggested action") + 1].startswith("send and subscribe less at once")
    assert any(one.startswith("the server answered HTTP 403; response body: “no key”; HTTP 403 us") for one in text)
    around = text[text.index("-3.000 s") : text.index("Failed attempts")]
    assert around[:3] == ["-3.000 s", "message.received", "in"]
    assert [cell for cell in around if re.fullmatch(r"[+-].* s", cell)] == [
        "-3.000 s", "-2.000 s", "-1.000 s", "-0.900 s", "-0.500 s", "+0.000 s", "+0.000 s", "+1.000 s", "+1.100 s",
    ]  # fmt: skip


def test_the_page_needs_nothing_and_runs_nothing(store: Path) -> None:
    page = report_text(store)[0]
    found = Page(page)
    assert not found.tags & {"script", "img", "link", "iframe", "object", "a", "form", "base"}
    assert not {name for name in found.attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert "url(" not in page
    assert "@import" not in page
    assert re.findall(r"https?://\S+", page) == ['http://www.w3.org/2000/svg"']
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_what_is_foreign_is_text(tmp_path: Path, name: str) -> None:
    hostile = [
        *of(FIRST, *opening(1)),
        message(HOSTILE, 2, "nova"),
        loss(3, "nova", reason=HOSTILE),
        refused(4, "nova", error=HOSTILE),
        event("incident.opened", 5, "nova", type="gap", reason=HOSTILE),
    ]
    found = report_text(recorded(tmp_path / "store.db", hostile, "nova"), name, query=parse('"<b>" OR conn:*'))[0]
    assert "\x1b" not in found
    if name.endswith("html"):
        page = Page(found)
        assert page.stack == []
        assert not page.tags & {"script", "img", "b"}
        assert any("<script src=" in text for text in page.text)
    else:
        assert re.search(r"(?<!\\)<", found) is None
        rows = [line for line in found.splitlines() if "alert" in line and line.startswith("|")]
        assert rows
        assert all(re.sub(r"\\.", "", row).count("`") == 0 for row in rows)
        assert "http\\://" in found


def test_a_connection_is_as_foreign_as_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A store with such a name is refused when it is opened; the report does not rely on that
    for module in ("opening", "database"):
        monkeypatch.setattr(f"wsmon.store.{module}.check_names", lambda *_: None)
    name = "<x>&\"'"
    page = Page(report_text(recorded(tmp_path / "store.db", [loss(3, name)], name))[0])
    assert "x" not in page.tags
    assert name in page.text


def test_markdown_has_tables_that_hold(store: Path) -> None:
    text = report_text(store, "report.md")[0]
    assert text.startswith("# WebSocket report: nova, b (nova.example.net, b.example.net)\n\nIn 20 s, 1 of 2 ")
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) >= 6
    for rows in tables:
        widths = {len(re.sub(r"\\.", "", row).split("|")) for row in rows}
        assert len(widths) == 1, rows
    assert any("| **+0.000 s** | **connection.disconnected** |" in row for rows in tables for row in rows)


def test_only_the_connections_that_the_query_names(store: Path) -> None:
    text = " ".join(Page(report_text(store, query=parse("conn:b"))[0]).text)
    assert "0 disconnects, 0 failed attempts, 0 incidents" in text
    assert "nova" not in text
    assert "None." in text


def test_a_period_is_that_of_what_was_asked_for(store: Path) -> None:
    by_time = report_text(store, since_ns=at_ns(3), until_ns=at_ns(6))[0]
    by_ids = report_text(store, first_id=9, last_id=12)[0]
    assert "2026-01-10 14:02:27.000 to 2026-01-10 14:02:30.000 (UTC), 3.0 s" in by_time
    assert "2026-01-10 14:02:27.000 to 2026-01-10 14:02:29.000 (UTC), 2.0 s" in by_ids


def test_long_lists_keep_the_newest_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_module, "MOST", 3)
    losses = [loss(1 + number, "nova", reason=f"number {number}") for number in range(9)]
    text = Page(report_text(recorded(tmp_path / "store.db", losses, "nova"))[0]).text
    assert "Showing the newest 3 of 9; the recording contains the others." in text
    assert [one[24:] for one in text if " nova: " in one] == [
        f"nova: “number {number}”, 1008, closed by peer" for number in (6, 7, 8)
    ]


def test_a_report_of_nothing_is_a_report(tmp_path: Path) -> None:
    page, told = report_text(recorded(tmp_path / "store.db", [], "nova", end_s=0))
    assert Page(page).stack == []
    assert told.written == 0


def test_key_figures_that_are_not_as_wanted_are_named(tmp_path: Path) -> None:
    attempts = [each for at in range(10) for each in (dialled(at, "nova"), refused(at + 0.5, "nova"))]
    text = Page(report_text(recorded(tmp_path / "ten.db", attempts, "nova"))[0]).text
    figures = text[text.index("KPIs") : text.index("Timeline")]
    assert figures[1].endswith("KPIs within target.")
    assert figures[2:7] == ["connection", "KPI", "actual", "target", "samples"]
    assert figures[7:12] == ["nova", "connection success rate", "0.00 %", "> 99.00 %", "10 samples"]


def test_what_went_wrong_is_counted_by_connection(store: Path) -> None:
    text = Page(report_text(store)[0]).text
    at = text.index("close codes")
    assert text[at - 2 : at + 6] == [
        "connection", "errors", "close codes", "incidents", "nova", "http_status × 1", "1008 × 1", "stall × 1",
    ]  # fmt: skip


def test_the_first_sentence_says_what_happened(store: Path) -> None:
    last = (
        "at 2026-01-10 14:02:29.000 (UTC): “rate limit: 5 connections”, 1008, closed by peer; a rate or volume "
        "limit of the server was reached."
    )

    def first_sentence(**fields: Any) -> str:
        text = Page(report_text(store, **fields)[0]).text
        return text[text.index("Period") - 1]

    assert first_sentence() == (
        "In 20 s, 1 of 2 connections disconnected (nova once), with 1 failed attempt and 1 incident. "
        f"The last disconnect of nova, {last}"
    )
    assert first_sentence(query=parse("conn:nova")).startswith(
        "In 20 s, nova disconnected once and was open 19.93 % of scheduled time, with 1 failed attempt and 1 incident. "
        "The last disconnect, at 2026-01-10 14:02:29.000 (UTC): "
    )
    assert first_sentence(query=parse("conn:b")).startswith("In 20 s, b did not disconnect and was open ")
    assert first_sentence(query=parse("conn:nobody")) == "No connection was recorded in this period."


def test_totals_are_those_of_its_connections(store: Path) -> None:
    whole, of_b = report_text(store), report_text(store, query=parse("conn:b"))
    assert " (UTC): 4 messages, 1 error." in whole[0]
    assert " (UTC): 2 messages, 0 errors." in of_b[0]
    assert (whole[1].written, of_b[1].written) == (17, 5)


def test_the_title_names_connection_and_host(store: Path, tmp_path: Path) -> None:
    assert "<title>WebSocket report: b (b.example.net)</title>" in report_text(store, query=parse("conn:b"))[0]
    names = [f"feed-{number}" for number in range(4)]
    many = report_text(recorded(tmp_path / "many.db", [], *names))[0]
    assert "<title>WebSocket report: 4 connections (4 hosts)</title>" in many


def test_the_page_has_landmarks_and_its_timeline_a_name(store: Path) -> None:
    page = report_text(store)[0]
    assert page.count("<main>") == page.count("</main>") == 1
    assert (
        'role="img" aria-label="Timeline of nova, b, 2026-01-10 14:02:24.000 to 2026-01-10 14:02:44.000 (UTC): '
        '1 disconnect, 4 messages, 1 error"' in page
    )
