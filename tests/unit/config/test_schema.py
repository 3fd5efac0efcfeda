"""The table of keys agrees with the specs, the contract's names and the example."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import tomli

from wsmon.config.example import example
from wsmon.config.kinds import KeyMap, ListOf, TableOf
from wsmon.config.load import connection_spec, global_fields, load
from wsmon.config.schema import CONNECTION, CONNECTION_NAMES, WSMON, WSMON_NAMES, ConfigKey
from wsmon.config.secrets import ReferenceSources
from wsmon.config.specs import Configuration, ConnectionSpec
from wsmon.config.table_reader import TableReader
from wsmon.model.redact.masking import Sensitive

ROOT = Path(__file__).parents[3]
NOT_KEYS = {"path", "digest", "connections", "keys", "secrets"}


def tree_of(keys: tuple[ConfigKey, ...]) -> dict[str, object]:
    tree: dict[str, object] = {}
    for key in keys:
        if key.needed:
            continue
        table, dot, name = key.path.partition(".")
        inner = tree.setdefault(table, {}) if dot else tree
        assert isinstance(inner, dict)
        inner[name or table] = key.default
    return tree


def leaves(spec: type) -> set[str]:
    """The dotted names of the fields of a spec and of the specs in it."""
    found = set()
    for field in dataclasses.fields(spec):
        inner = field.default
        if dataclasses.is_dataclass(inner) and not isinstance(inner, type):
            found |= {f"{field.name}.{below}" for below in leaves(type(inner))}
        else:
            found.add(field.name)
    return found


def takes_secrets(key: ConfigKey) -> bool:
    kind = key.kind.item if isinstance(key.kind, ListOf | TableOf | KeyMap) else key.kind
    return kind.takes_secrets


def test_every_field_of_the_specs_has_its_key() -> None:
    assert {key.target for key in CONNECTION} == leaves(ConnectionSpec)
    assert {key.target for key in WSMON} == leaves(Configuration) - NOT_KEYS


def test_the_defaults_of_the_table_are_those_of_the_specs(tmp_path: Path) -> None:
    reader = TableReader(ReferenceSources({}, tmp_path))
    url = Sensitive("ws://h")
    connection = reader.table(tree_of(CONNECTION), (), CONNECTION_NAMES).values
    wsmon = reader.table(tree_of(WSMON), (), WSMON_NAMES).values
    assert connection_spec({**connection, "name": "a", "url": url}) == ConnectionSpec("a", url)
    assert Configuration(None, "", (), **global_fields(wsmon)) == Configuration(None, "", ())
    assert (reader.faults, reader.warnings) == ([], [])


@pytest.mark.parametrize("key", [*WSMON, *CONNECTION], ids=lambda key: key.path)
def test_every_key_is_documented_in_one_short_line(key: ConfigKey) -> None:
    assert 0 < len(key.doc) <= 90
    assert key.doc.isprintable()
    assert not key.doc.endswith(".")


def test_only_these_keys_take_secrets_and_are_shown_as_written() -> None:
    shown = {key.path for key in (*WSMON, *CONNECTION) if takes_secrets(key) and not key.credentials}
    assert shown == {"origin", "subscribe"}


def test_the_example_in_the_repository_is_the_one_that_the_table_gives() -> None:
    assert (ROOT / "config.example.toml").read_text(encoding="utf-8") == example()


def test_the_example_loads_without_a_warning_and_says_nothing_but_defaults() -> None:
    loaded = load(ROOT / "config.example.toml", {})
    assert loaded.warnings == ()
    assert loaded.configuration == Configuration(
        path=ROOT / "config.example.toml",
        digest=loaded.configuration.digest,
        connections=(ConnectionSpec("orders", Sensitive("wss://example.com/feed")),),
    )


def test_every_key_is_in_the_example() -> None:
    for key in (*WSMON, *CONNECTION):
        assert any(line.removeprefix("# ").startswith(f"{key.path} = ") for line in example().splitlines())


def test_what_the_example_comments_out_is_valid_too(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    settings = ("# store", '# "log.search"', "# open_timeout", "# headers")
    lines = [line.removeprefix("# ") if line.startswith(settings) else line for line in example().splitlines()]
    file.write_text("\n".join(lines))
    configuration = load(file, {"TOKEN": "a-long-token"}).configuration
    assert configuration.store == tmp_path / "wsmon.db"
    assert configuration.keys == (("log.search", ("slash",)),)
    assert configuration.connections[0].headers[0][1].masked == "Bearer [FILTERED]"
    assert "open_timeout" in tomli.loads(file.read_text())["defaults"]
