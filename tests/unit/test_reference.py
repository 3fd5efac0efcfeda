"""The reference (docs/*.md): its tables are those of wsmon, its examples work, and it leaves nothing out."""

from __future__ import annotations

import re
import shlex
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from wsmon.config.load import load
from wsmon.export.jsonl import connection_document
from wsmon.query.fields import FIELDS
from wsmon.query.parser import ReferenceTime, parse

DOCS = Path(__file__).parents[2] / "docs"
NOW = ReferenceTime(1_790_000_000_000_000_000)
# A query of an example, up to the options behind it
_COMMAND = re.compile(r"^wsmon (?:search|stats) (?P<words>[^#\n]*)", re.MULTILINE)


def _generator() -> ModuleType:
    spec = spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text("utf-8")
    assert _generator().generated(text) == text, "run: python docs/generate.py"


def test_every_part_is_on_a_page() -> None:
    pages = "".join(page.read_text("utf-8") for page in DOCS.glob("*.md"))
    assert [name for name in _generator().PARTS if f"<!-- {name} -->" not in pages] == []


def _queries() -> list[str]:
    page = (DOCS / "search.md").read_text("utf-8")
    return [shlex.split(found["words"])[0] for found in _COMMAND.finditer(page)]


@pytest.mark.parametrize("query", [*_queries(), *(field.example for field in FIELDS.values())])
def test_an_example_is_a_query(query: str) -> None:
    assert parse(query, NOW).terms


def test_the_example_of_a_configuration_is_one(tmp_path: Path) -> None:
    page = (DOCS / "configuration.md").read_text("utf-8")
    path = tmp_path / "wsmon.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    path.chmod(0o600)
    loaded = load(path, {"TOKEN": "a-long-token"})
    assert [each.name for each in loaded.configuration.connections] == ["orders", "chat"]
    assert loaded.warnings == ()


def test_every_key_of_the_statistics_is_defined() -> None:
    page = (DOCS / "statistics.md").read_text("utf-8")
    (of,) = (_generator().unmeasured("detailed"),)
    undefined = {key for key in connection_document(of) if f"`{key}`" not in page}
    # What a connection is, not how it did
    assert undefined == {"name", "url", "profile", "trace_id"}
