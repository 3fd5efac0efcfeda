"""wsmon-query(7): every field, form, flag, status and event name is there, and readers of manual pages take it."""

from __future__ import annotations

from pathlib import Path

from tests.support.external_programs import needs, output_of
from wsmon.cli.man_query import query_page
from wsmon.model.events import EVENT_NAMES
from wsmon.model.statuses import STATUSES
from wsmon.query.fields import FIELDS, FLAGS, GRAMMAR, INCIDENT_FLAGS

PAGE = query_page("0.1.0").replace("\\-", "-").replace("\\e", "\\").replace('""', '"')


def test_everything_of_the_language_is_there() -> None:
    names = [name for field in FIELDS.values() for name in (field.name, *field.aliases, field.example)]
    forms = [form for form, _ in GRAMMAR]
    missing = [each for each in (*names, *forms, *FLAGS, *INCIDENT_FLAGS, *STATUSES, *EVENT_NAMES) if each not in PAGE]
    assert missing == []


@needs("mandoc")
def test_mandoc_finds_nothing_wrong_with_the_page(tmp_path: Path) -> None:
    page = tmp_path / "wsmon-query.7"
    page.write_text(query_page("0.1.0"))
    assert output_of("mandoc", "-Tlint", "-W", "warning", page) == ""


@needs("man")
def test_man_shows_the_page_without_a_warning(tmp_path: Path) -> None:
    page = tmp_path / "wsmon-query.7"
    page.write_text(query_page("0.1.0"))
    shown = output_of("man", "--warnings", "-E", "UTF-8", "-l", page)
    assert "warning: " not in shown
    assert "wsmon search language" in " ".join(shown.split())
    assert "conn:binance-*" in shown
