"""Read the tables of a parsed TOML document against the schema: values, faults with hints, and warnings."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from wsmon.config.kinds import (
    AnyKind,
    ChainOf,
    ConditionOr,
    ExistingFile,
    FaultError,
    Finding,
    KeyMap,
    Kind,
    ListOf,
    NewFile,
    OneOrMore,
    RowsOf,
    TableOf,
    TablesOf,
    absolute,
    mismatch,
    name_of_type,
    nearest,
)
from wsmon.config.lines import KeyPath
from wsmon.config.schema import (
    CONNECTION,
    CONNECTION_NAMES,
    RELAY,
    RELAY_NAMES,
    TABLES,
    WSMON,
    WSMON_NAMES,
    ConfigKey,
    Names,
)
from wsmon.config.secrets import ReferenceSources, expand
from wsmon.config.specs import MessageCondition, Term
from wsmon.model.redact.masking import Sensitive
from wsmon.model.redact.urls import mask_url

# A shorter secret would be found by chance in many payloads
SHORT_SECRET_CHARS = 8

# Python refuses to write integers of more than 4,300 digits
_LONGEST_NUMBER = 10**30
_MAX_ACTION_PARTS = 8
# A hint takes a millisecond; a file with more faults is no configuration
_MAX_HINTED = 100
# Keys that a hint may list
_FEW = 10


class _PlainKind:
    """A text without secrets, a number, or a truth value: what a message may have at a path."""

    takes_secrets = False
    expected = "a string, a number, true or false"

    def read(self, value: object) -> object:
        """Return the value as it is; raises ``FaultError`` for a date, and for a number that is not finite."""
        if isinstance(value, float) and not math.isfinite(value):
            raise FaultError("must be a finite number")
        if not isinstance(value, str | bool | int | float):
            raise mismatch(value, self.expected)
        return value


_PLAIN = _PlainKind()


class TableReader:
    """Reads the tables of one document, and collects faults, warnings and secrets."""

    def __init__(self, sources: ReferenceSources) -> None:
        self.faults: list[Finding] = []
        self.warnings: list[Finding] = []
        # Of less weight than warnings: ``check`` alone shows them
        self.notes: list[Finding] = []
        # An ordered set of the values of references to secrets
        self.secrets: dict[str, None] = {}
        self._sources = sources

    def fault(self, at: KeyPath, fault: FaultError, value: object = None) -> None:
        """Record a fault of the key at ``at``; ``value`` is shown where it is a text, a number or a truth value."""
        text = _shown(value) if fault.value is None else fault.value
        self.faults.append(Finding(at, fault.what, text, fault.hint))

    def table(self, tree: object, at: KeyPath, names: Names) -> TableValues:
        """Return the values of the table at ``at``, whose keys are ``names``."""
        read = TableValues()
        if isinstance(tree, dict):
            self._names(tree, at, names, read)
        else:
            self.fault(at, _no_table(tree), tree)
        return read

    def keymap(self, tree: object, at: KeyPath, key: ConfigKey) -> TableValues:
        """Return the user's keymap, the table ``[keys]``, as the value of ``key``."""
        read = TableValues()
        self._key(tree, at, key, read)
        return read

    def _names(self, tree: Mapping[str, object], at: KeyPath, names: Names, read: TableValues) -> None:
        for name, value in tree.items():
            path = (*at, name)
            match names.get(name):
                case None:
                    hint = unknown_key(name, names) if len(self.faults) < _MAX_HINTED else ""
                    self.fault(path, FaultError("unknown key", hint))
                case ConfigKey() as key:
                    self._key(value, path, key, read)
                case inner if isinstance(value, dict):
                    self._names(value, path, inner, read)
                case inner:
                    self.fault(path, _no_table(value, f"valid keys: {', '.join(inner)}"), value)

    def _key(self, value: object, at: KeyPath, key: ConfigKey, read: TableValues) -> None:
        read.places[key.path] = at
        faults_before = len(self.faults)
        result = self._value(value, at, key.kind)
        if len(self.faults) > faults_before:
            read.unusable.add(key.path)
            return
        read.values[key.path] = result

    def _value(self, value: object, at: KeyPath, kind: AnyKind) -> object:
        match kind:
            case ListOf():
                return self._list(value, at, kind)
            case OneOrMore():
                if isinstance(value, list):
                    return self._list(value, at, ListOf(kind.item))
                read = self._scalar(value, at, kind.item)
                return (read,) if read else ()
            case ConditionOr():
                if isinstance(value, dict):
                    return MessageCondition((self._terms(value, at, kind),))
                if isinstance(value, list) and any(isinstance(each, dict) for each in value):
                    return MessageCondition(tuple(self._terms(each, (*at, n), kind) for n, each in enumerate(value)))
                return self._value(value, at, kind.other)
            case ChainOf():
                return self._chain(value, at, kind)
            case TableOf():
                return self._entries(value, at, kind)
            case TablesOf():
                return self._tables(value, at, kind)
            case RowsOf():
                return self._rows(value, at, kind)
            case KeyMap():
                entries: dict[str, tuple[str, object]] = {}
                self._actions(value, at, kind, entries)
                return TableEntries(entries)
            case _:
                return self._scalar(value, at, kind)

    def _list(self, value: object, at: KeyPath, kind: ListOf) -> object:
        if not isinstance(value, list):
            hint = "put it in brackets" if isinstance(value, str) else ""
            self.fault(at, FaultError(f"expected a list, got {name_of_type(value)}", hint))
            return None
        items = tuple(self._value(item, (*at, index), kind.item) for index, item in enumerate(value))
        if kind.is_set:
            seen: set[object] = {None}
            for index, item in enumerate(items):
                if item is not None and item in seen:
                    self.fault((*at, index), FaultError("duplicate"))
                seen.add(item)
        return items

    def _chain(self, value: object, at: KeyPath, kind: ChainOf) -> object:
        if isinstance(value, str):
            return kind.words[value] if value in kind.words else (self._scalar(value, at, kind.alone),)
        steps = self._list(value, at, ListOf(kind.item))
        if isinstance(steps, tuple) and len(steps) > kind.most:
            self.fault(at, FaultError(f"too many: {len(steps)}", f"use at most {kind.most}"))
        return steps

    def _entries(self, value: object, at: KeyPath, kind: TableOf) -> object:
        if not isinstance(value, dict):
            self.fault(at, _no_table(value))
            return None
        entries: dict[str, tuple[str, object]] = {}
        for name, inner in value.items():
            path = (*at, name)
            try:
                kind.check_key(name)
            except FaultError as fault:
                self.fault(path, fault, "")
                continue
            identity = name.lower() if kind.fold_keys else name
            if identity in entries:
                self.fault(path, FaultError("duplicate", f"same as {entries[identity][0]}"))
            entries[identity] = (name, self._value(inner, path, kind.item))
        return TableEntries(entries)

    def _terms(self, value: object, at: KeyPath, kind: ConditionOr) -> tuple[Term, ...]:
        if not isinstance(value, dict):
            self.fault(at, _no_table(value), value)
            return ()
        if not value:
            self.fault(at, FaultError("empty condition", 'e.g. { "$.event" = "login" }'))
        terms: list[Term] = []
        for place, inner in value.items():
            path = (*at, place)
            try:
                kind.check_place(place)
            except FaultError as fault:
                self.fault(path, fault, "")
            wanted = inner if isinstance(inner, list) else [inner]
            if not wanted:
                self.fault(path, FaultError("must not be empty"))
            paths = [(*path, index) if wanted is inner else path for index in range(len(wanted))]
            values: tuple[Any, ...] = tuple(
                self._scalar(each, inside, _PLAIN) for each, inside in zip(wanted, paths, strict=True)
            )
            terms.append((place, values))
        return tuple(terms)

    def _tables(self, value: object, at: KeyPath, kind: TablesOf) -> Mapping[str, Mapping[str, object]] | None:
        if not isinstance(value, dict):
            self.fault(at, _no_table(value))
            return None
        found: dict[str, Mapping[str, object]] = {}
        for name, inner in value.items():
            path = (*at, name)
            keys = kind.tables.get(name)
            if keys is None:
                self.fault(path, FaultError("unknown key", _named_nearest(name, kind.tables)))
            elif not isinstance(inner, dict):
                self.fault(path, _no_table(inner, f"valid keys: {', '.join(keys)}"), inner)
            else:
                found[name] = self._table_of(inner, path, keys, partial(kind.check, name))
        return found

    def _rows(self, value: object, at: KeyPath, kind: RowsOf) -> tuple[Mapping[str, object], ...] | None:
        if not isinstance(value, list):
            hint = "put it in brackets" if isinstance(value, dict) else ""
            self.fault(at, FaultError(f"expected a list of tables, got {name_of_type(value)}", hint))
            return None
        rows: list[Mapping[str, object]] = []
        for index, row in enumerate(value):
            path = (*at, index)
            if not isinstance(row, dict):
                self.fault(path, _no_table(row, f"valid keys: {', '.join(kind.keys)}"), row)
                continue
            rows.append(self._table_of(row, path, kind.keys, lambda _values: None))
            for name in kind.keys:
                if name not in row:
                    self.fault((*path, name), FaultError("is required"))
        return tuple(rows)

    def _table_of(
        self,
        value: Mapping[str, object],
        at: KeyPath,
        keys: Mapping[str, Kind],
        check: Callable[[Mapping[str, object]], None],
    ) -> Mapping[str, object]:
        faults_before = len(self.faults)
        values: dict[str, object] = {}
        for name, inner in value.items():
            if name in keys:
                values[name] = self._scalar(inner, (*at, name), keys[name])
            else:
                self.fault((*at, name), FaultError("unknown key", _named_nearest(name, keys)))
        if len(self.faults) == faults_before:
            try:
                check(values)
            except FaultError as fault:
                self.fault(at, fault)
        return values

    def _actions(self, value: object, at: KeyPath, kind: KeyMap, entries: dict[str, tuple[str, object]]) -> None:
        """Read entries of a keymap; ``log.search`` without quotes is a table in a table in TOML, and means the same."""
        if not isinstance(value, dict):
            self.fault(at, _no_table(value))
            return
        if len(at) > _MAX_ACTION_PARTS:
            self.fault(at, FaultError("nested too deeply for an action name"))
            return
        for name, inner in value.items():
            path = (*at, name)
            if isinstance(inner, dict):
                self._actions(inner, path, kind, entries)
                continue
            presses = (
                self._list(inner, path, ListOf(kind.item))
                if isinstance(inner, list)
                else self._presses(inner, path, kind)
            )
            action = ".".join(map(str, path[1:]))
            entries[action] = (action, presses)

    def _presses(self, value: object, at: KeyPath, kind: KeyMap) -> object:
        read = self._scalar(value, at, kind.item)
        return tuple(press for press in read.split(",") if press) if isinstance(read, str) else None

    def _scalar(self, value: object, at: KeyPath, kind: Kind) -> object:
        if isinstance(value, dict | list):
            self.fault(at, FaultError(f"expected {kind.expected}, got {name_of_type(value)}"))
            return None
        if isinstance(value, str):
            value = self._text(value, at, kind)
            if value is None:
                return None
        try:
            if isinstance(value, str) and isinstance(kind, ExistingFile | NewFile):
                value = absolute(value, self._sources.folder)
            return kind.read(value)
        except FaultError as fault:
            self.fault(at, fault, value)
            return None

    def _text(self, written: str, at: KeyPath, kind: Kind) -> str | Sensitive | None:
        """``written`` with its references replaced; ``None`` where one failed, or yields a secret that must not be."""
        expanded = expand(written, self._sources)
        for fault in expanded.faults:
            self.fault(at, fault)
        self.notes += [Finding(at, note.what, note.value or "", note.hint) for note in expanded.notes]
        for secret in expanded.secrets:
            if len(secret) < SHORT_SECRET_CHARS and secret not in self.secrets:
                hint = "it is masked only in the configuration and headers"
                problem = f"secret has fewer than {SHORT_SECRET_CHARS} characters"
                self.warnings.append(Finding(at, problem, "", hint))
            self.secrets[secret] = None
        if expanded.faults:
            return None
        if kind.takes_secrets:
            return Sensitive(expanded.text, expanded.masked)
        if expanded.secrets:
            self.fault(
                at,
                FaultError(
                    "secrets are not allowed here, because the value is displayed", "use ${env:…} or plain text"
                ),
                written,
            )
            return None
        return expanded.text


def _named_nearest(name: str, valid: Iterable[str]) -> str:
    match = nearest(name, valid)
    return f'did you mean "{match}"?' if match else f"valid keys: {', '.join(valid)}"


def _no_table(value: object, hint: str = "") -> FaultError:
    return FaultError(f"expected a table, got {name_of_type(value)}", hint)


def _shown(value: object) -> str:
    """What a message shows of ``value``; credentials in a URL are masked, whatever the key."""
    match value:
        case Sensitive():
            return mask_url(value.masked)
        case bool():
            return "true" if value else "false"
        case int() if abs(value) > _LONGEST_NUMBER:
            return "a huge number"
        case int() | float():
            return str(value)
        case str():
            return mask_url(value) if "://" in value else value
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class TableEntries:
    """Entries whose keys the user chose: identity of a key -> (key as written, value)."""

    entries: Mapping[str, tuple[str, object]]

    def over(self, below: TableEntries) -> TableEntries:
        """Return these entries, and those of ``below`` with other keys."""
        return TableEntries({**below.entries, **self.entries})


@dataclass(slots=True)
class TableValues:
    """The keys that one table sets, by their dotted paths."""

    values: dict[str, object] = field(default_factory=dict)
    """Values as the specs hold them; keys that could not be used are absent."""
    places: dict[str, KeyPath] = field(default_factory=dict)
    """The place of each key, also of those that could not be used."""
    unusable: set[str] = field(default_factory=set)

    def of(self, paths: Container[str]) -> TableValues:
        """Return the values of these keys alone."""
        return TableValues(
            {path: value for path, value in self.values.items() if path in paths},
            {path: place for path, place in self.places.items() if path in paths},
            {path for path in self.unusable if path in paths},
        )

    def over(self, below: TableValues) -> TableValues:
        """Return these values where they are set, those of ``below`` elsewhere; tables merge entry by entry."""
        values = {**below.values, **self.values}
        for path, value in self.values.items():
            other = below.values.get(path)
            if isinstance(value, TableEntries) and isinstance(other, TableEntries):
                values[path] = value.over(other)
        unusable = self.unusable | (below.unusable - self.places.keys())
        return TableValues(values, {**below.places, **self.places}, unusable)


def unknown_key(name: str, valid: Names) -> str:
    """Return a hint for the unknown key ``name`` of a table whose keys are ``valid``; may be empty."""
    paths: list[str] = []
    if valid is WSMON_NAMES:
        paths = [key.path for key in WSMON]
        if name in CONNECTION_NAMES:
            return "it belongs in [[connection]] or [defaults]"
    elif valid is RELAY_NAMES:
        paths = [key.path for key in RELAY]
        if name == "url":
            return "servers are set in routes"
        if name in CONNECTION_NAMES:
            return "not for a relay: it passes on what the application sends"
    elif valid is CONNECTION_NAMES:
        paths = [key.path for key in CONNECTION]
        if name in WSMON_NAMES:
            return "it belongs in [wsmon]"
    if match := nearest(name, valid) or _elsewhere(name, paths):
        return f'did you mean "{match}"?'
    return f"valid keys: {', '.join(valid)}" if len(valid) <= _FEW else ""


def unknown_table(name: str) -> str:
    """Return a hint for the unknown key ``name`` at the top of the document."""
    if name in CONNECTION_NAMES:
        return "it belongs in [[connection]] or [defaults]"
    if name in WSMON_NAMES:
        return "it belongs in [wsmon]"
    if name in RELAY_NAMES:
        return "it belongs in [[relay]]"
    if match := nearest(name, TABLES):
        return f"did you mean {_header(match)}?"
    return f"valid tables: {', '.join(map(_header, TABLES))}"


def _header(table: str) -> str:
    return f"[[{table}]]" if table in ("connection", "relay") else f"[{table}]"


def _elsewhere(name: str, paths: list[str]) -> str:
    """The only dotted key that ends with ``name``, or the one most like it (``ping_interval``)."""
    endings = [path for path in paths if path.endswith(f".{name}")]
    if len(endings) == 1:
        return endings[0]
    return nearest(name, [path for path in paths if "." in path])
