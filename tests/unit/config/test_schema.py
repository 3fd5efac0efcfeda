"""The table of keys agrees with the specs, and says what is masked."""

from __future__ import annotations

import dataclasses

import pytest

from wsmon.config.kinds import AnyKind, ChainOf, ConditionOr, KeyMap, ListOf, OneOrMore, RowsOf, TableOf, TablesOf
from wsmon.config.schema import CONNECTION, RELAY, RELAY_ALONE, WSMON, ConfigKey
from wsmon.config.specs import Configuration, ConnectionSpec, RelaySpec

NOT_KEYS = {"path", "digest", "connections", "relays", "keys", "secrets"}


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


def takes_secrets(kind: AnyKind) -> bool:
    match kind:
        case TablesOf():
            return False
        case RowsOf(keys=keys):
            return any(takes_secrets(inner) for inner in keys.values())
        case ConditionOr(other=inner):
            return takes_secrets(inner)
        case (
            ListOf(item=inner) | ChainOf(item=inner) | OneOrMore(item=inner) | TableOf(item=inner) | KeyMap(item=inner)
        ):
            return takes_secrets(inner)
        case _:
            return kind.takes_secrets


def test_every_field_of_the_specs_has_its_key() -> None:
    assert {key.target for key in CONNECTION} == leaves(ConnectionSpec)
    assert {key.target for key in WSMON} == leaves(Configuration) - NOT_KEYS
    assert {key.target for key in RELAY_ALONE} == leaves(RelaySpec) - {"connection"} | {"name"}


@pytest.mark.parametrize("key", [*WSMON, *CONNECTION, *RELAY], ids=lambda key: key.path)
def test_every_key_is_documented_in_one_short_line(key: ConfigKey) -> None:
    assert 0 < len(key.doc) <= 90
    assert key.doc.isprintable()
    assert not key.doc.endswith(".")


def test_only_these_keys_take_secrets_and_are_shown_as_written() -> None:
    shown = {key.path for key in (*WSMON, *CONNECTION, *RELAY) if takes_secrets(key.kind) and not key.credentials}
    assert shown == {"origin", "subscribe"}
