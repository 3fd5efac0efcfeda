"""A whole parsed document: its tables read, defaults applied, connections compared with each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wsmon.config.build import connection_spec, global_fields, pairs
from wsmon.config.fault import FaultError, Finding
from wsmon.config.hints import unknown_table
from wsmon.config.kinds import name_of_type
from wsmon.config.lines import KeyPath
from wsmon.config.read import Reader
from wsmon.config.rules import RULES
from wsmon.config.schema import CONNECTION, CONNECTION_NAMES, KEYS, TABLES, WSMON_NAMES
from wsmon.config.secrets import masked
from wsmon.config.specs import Configuration, ConnectionSpec
from wsmon.config.values import Values

_NEEDED = tuple(key.path for key in CONNECTION if key.needed)


def read_document(tree: Mapping[str, object], reader: Reader, path: Path | None, digest: str) -> Configuration:
    """The configuration that ``tree`` means; where ``reader`` has found faults, it is not to be used."""
    for name in tree:
        if name not in TABLES:
            reader.fault((name,), FaultError("is no table of the configuration", unknown_table(name)))
    wsmon = reader.table(tree.get("wsmon", {}), ("wsmon",), WSMON_NAMES)
    keymap = reader.keymap(tree.get("keys", {}), ("keys",), KEYS)
    defaults = reader.table(tree.get("defaults", {}), ("defaults",), CONNECTION_NAMES)
    if "name" in defaults.places:
        fault = FaultError("cannot be a default", "each [[connection]] needs a name of its own")
        reader.fault(defaults.places["name"], fault)
        defaults.values.pop("name", None)
    configuration = Configuration(
        path=path,
        digest=digest,
        connections=_connections(tree.get("connection", []), reader, defaults.over(_inherited(wsmon))),
        keys=pairs(keymap.values.get("keys")),
        secrets=tuple(reader.secrets),
        **global_fields(wsmon.values),
    )
    return configuration if reader.faults else masked(configuration)


def _inherited(wsmon: Values) -> Values:
    """What connections take from ``[wsmon]``."""
    profile = wsmon.values.get("profile")
    return Values({"profile": profile}) if profile is not None else Values()


def _connections(tree: object, reader: Reader, defaults: Values) -> tuple[ConnectionSpec, ...]:
    at: KeyPath = ("connection",)
    if not isinstance(tree, list):
        hint = "write [[connection]]" if isinstance(tree, dict) else ""
        reader.fault(at, FaultError(f"is {name_of_type(tree)} where a list of tables is expected", hint))
        return ()
    if not tree:
        reader.fault(
            at, FaultError("is missing: there is nothing to watch", "add [[connection]] with a name and a url")
        )
    specs: list[ConnectionSpec] = []
    names: dict[str, int] = {}
    for index, table in enumerate(tree):
        here = (*at, index)
        own = reader.table(table, here, CONNECTION_NAMES)
        merged = own.over(defaults)
        spec = connection_spec(merged.values)
        if isinstance(table, dict):
            _check(spec, own, merged, reader, here)
        first = names.setdefault(spec.name, index)
        if spec.name and first != index:
            fault = FaultError("is the name of two connections", f"connection[{first}] has it already")
            reader.fault((*here, "name"), fault, spec.name)
        specs.append(spec)
    return tuple(specs)


def _check(spec: ConnectionSpec, own: Values, merged: Values, reader: Reader, here: KeyPath) -> None:
    """Faults of a connection as a whole: what is missing, and what does not go together."""
    for name in _NEEDED:
        if name not in merged.places:
            reader.fault((*here, name), FaultError("is missing"))
    for rule in RULES:
        if rule.is_broken(spec) and not merged.unusable.intersection(rule.keys):
            ours = [own.places[key] for key in rule.keys if key in own.places]
            place = ours[0] if ours else next(merged.places[key] for key in rule.keys if key in merged.places)
            if rule.is_warning:
                reader.warnings.append(Finding(place, rule.problem, rule.value(spec), rule.hint))
            else:
                reader.fault(place, FaultError(rule.problem, rule.hint, rule.value(spec)))
