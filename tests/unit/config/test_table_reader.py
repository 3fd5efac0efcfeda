"""Tables of a TOML tree, read against the schema: values, places, faults and hints."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsmon.config.schema import CONNECTION_NAMES, KEYS, WSMON_NAMES, Names
from wsmon.config.secrets import ReferenceSources
from wsmon.config.table_reader import TableEntries, TableReader, TableValues, unknown_key, unknown_table
from wsmon.model.redact.masking import Sensitive


@pytest.fixture
def reader(tmp_path: Path) -> TableReader:
    return TableReader(ReferenceSources({"TOKEN": "a-long-token"}, tmp_path))


def test_dotted_keys_and_tables_are_the_same_keys(reader: TableReader) -> None:
    tree = {"group": "g", "ping": {"interval": "5s"}, "send": ["${secret:TOKEN}"]}
    read = reader.table(tree, ("connection", 0), CONNECTION_NAMES)
    assert read.values == {
        "group": "g",
        "ping.interval": 5.0,
        "send": (Sensitive("a-long-token", "[FILTERED]"),),
    }
    assert read.places["ping.interval"] == ("connection", 0, "ping", "interval")
    assert list(reader.secrets) == ["a-long-token"]
    assert reader.faults == []


def test_what_cannot_be_used_has_a_place_and_no_value(reader: TableReader) -> None:
    read = reader.table({"mouse": "yes", "otlp": 5, "nothing": 1}, ("wsmon",), WSMON_NAMES)
    assert (read.values, read.unusable) == ({}, {"mouse", "otlp"})
    assert [(fault.path, fault.value) for fault in reader.faults] == [
        (("wsmon", "mouse"), "yes"),
        (("wsmon", "otlp"), "5"),
        (("wsmon", "nothing"), ""),
    ]


def test_a_keymap_is_read_from_quoted_and_dotted_actions(reader: TableReader) -> None:
    read = reader.keymap({"log": {"search": "slash,ctrl+f"}, "app.quit": ["q", "Q"]}, ("keys",), KEYS)
    table = read.values["keys"]
    assert isinstance(table, TableEntries)
    assert list(table.entries.values()) == [("log.search", ("slash", "ctrl+f")), ("app.quit", ("q", "Q"))]


def test_tables_lie_over_each_other_entry_by_entry() -> None:
    below = TableValues({"kpi": TableEntries({"a": ("a", 1), "b": ("b", 2)}), "group": "x"}, unusable={"proxy"})
    above = TableValues({"kpi": TableEntries({"b": ("b", 3)})}, places={"proxy": ("connection", 0, "proxy")})
    merged = above.over(below)
    assert merged.values == {"kpi": TableEntries({"a": ("a", 1), "b": ("b", 3)}), "group": "x"}
    assert merged.unusable == set()


@pytest.mark.parametrize(
    ("name", "names", "hint"),
    [
        ("mouze", WSMON_NAMES, 'did you mean "mouse"?'),
        ("url", WSMON_NAMES, "it belongs in [[connection]] or [defaults]"),
        ("theme", CONNECTION_NAMES, "it belongs in [wsmon]"),
        ("ping_interval", CONNECTION_NAMES, 'did you mean "ping.interval"?'),
        ("jitter", CONNECTION_NAMES, 'did you mean "reconnect.jitter"?'),
        ("x", {"interval": KEYS, "timeout": KEYS}, "valid keys: interval, timeout"),
        ("x" * 65, CONNECTION_NAMES, ""),
    ],
)
def test_an_unknown_key_gets_a_hint(name: str, names: Names, hint: str) -> None:
    assert unknown_key(name, names) == hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("conection", "did you mean [[connection]]?"),
        ("url", "it belongs in [[connection]] or [defaults]"),
        ("store", "it belongs in [wsmon]"),
        ("zzz", "valid tables: [wsmon], [keys], [defaults], [[connection]], [[relay]]"),
    ],
)
def test_an_unknown_table_gets_a_hint(name: str, hint: str) -> None:
    assert unknown_table(name) == hint
