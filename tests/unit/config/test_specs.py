"""Specs: frozen values that show no secret."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from wsmon.config.load import Loaded, connection_spec, global_fields
from wsmon.config.schema import CONNECTION, CONNECTION_NAMES, WSMON, WSMON_NAMES, ConfigKey
from wsmon.config.secrets import ReferenceSources
from wsmon.config.specs import (
    CaptureSpec,
    Configuration,
    ConnectionSpec,
    HeartbeatSpec,
    OtlpSpec,
    PingSpec,
    ReconnectSpec,
    RedactSpec,
    RetentionSpec,
    TlsSpec,
)
from wsmon.config.table_reader import TableReader
from wsmon.model.redact.masking import Sensitive

Load = Callable[..., Loaded]


CANARY = "canary-0123456789"


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


def test_no_representation_contains_a_secret(loaded: Load) -> None:
    text = f'[[connection]]\nname = "a"\nurl = "wss://u:{CANARY}@h"\nsend = ["${{secret:S}}"]\nauth.x = "{CANARY}"\n'
    whole = loaded(text, S=CANARY)
    assert CANARY not in repr(whole)
    assert CANARY not in str(whole)


def test_the_defaults_of_the_table_are_those_of_the_specs(tmp_path: Path) -> None:
    reader = TableReader(ReferenceSources({}, tmp_path))
    url = Sensitive("ws://h")
    connection = reader.table(tree_of(CONNECTION), (), CONNECTION_NAMES).values
    wsmon = reader.table(tree_of(WSMON), (), WSMON_NAMES).values
    assert connection_spec({**connection, "name": "a", "url": url}) == ConnectionSpec("a", url)
    assert Configuration(None, "", (), **global_fields(wsmon)) == Configuration(None, "", ())
    assert (reader.faults, reader.warnings) == ([], [])


def test_specs_are_compared_and_hashed_by_value() -> None:
    for spec in (PingSpec, TlsSpec, ReconnectSpec, HeartbeatSpec, CaptureSpec, RedactSpec, OtlpSpec, RetentionSpec):
        assert {spec()} == {spec()}
    with pytest.raises(dataclasses.FrozenInstanceError):
        PingSpec().interval_s = 1.0  # type: ignore[misc]  # which is the point
