"""Load a configuration, from a file or URLs of the command line: frozen specs, or all problems with their lines."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Final, get_args
from urllib.parse import urlsplit

import tomli

from wsmon import plugins
from wsmon.config.checks import MAX_NAME_CHARS
from wsmon.config.kinds import FaultError, Finding, TableOf, name_of_type, shown
from wsmon.config.lines import KeyPath, Lines
from wsmon.config.rules import RULES, address_faults, bundle_faults, path_tokens, relay_faults
from wsmon.config.schema import (
    CONNECTION,
    CONNECTION_NAMES,
    KEYS,
    RELAY,
    RELAY_ALONE,
    RELAY_NAMES,
    TABLES,
    WSMON,
    WSMON_NAMES,
    ConfigKey,
)
from wsmon.config.secrets import ReferenceSources, masked, read_regular, reason
from wsmon.config.specs import (
    DEFAULT_PORTS,
    BuiltInDecoder,
    BuiltInProtocol,
    Configuration,
    ConnectionSpec,
    RelaySpec,
    RouteSpec,
)
from wsmon.config.table_reader import SHORT_SECRET_CHARS, TableEntries, TableReader, TableValues, unknown_table
from wsmon.errors import ConfigError, Problem
from wsmon.model.redact.masking import Sensitive, mask_secrets

# A thousand connections need a tenth of this
MAX_FILE_BYTES = 4 * 1024 * 1024

_NEEDED = tuple(key.path for key in CONNECTION if key.needed)
_NEEDED_BY_RELAYS = tuple(key.path for key in RELAY if key.needed)
# Keys that a relay has for the configurations of connections: it would not be true that they do anything
_WITHOUT_EFFECT = ("answer", "allow_send")
_INHERITED_BY_RELAYS = frozenset(key.path for key in RELAY) - frozenset(_WITHOUT_EFFECT)
# The configuration on standard input, as a command line and as messages name it
STDIN = "-"
STDIN_NAME = "standard input"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Names that no plugin may have
_BUILT_IN: Final[Mapping[plugins.Group, tuple[str, ...]]] = MappingProxyType(
    {"wsmon.protocols": get_args(BuiltInProtocol), "wsmon.decoders": (*get_args(BuiltInDecoder), "auto", "none")}
)
# In problems of a configuration made of URLs, instead of the name of a file
SOURCE = "command line"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, and the warnings about it."""

    configuration: Configuration
    warnings: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    """Oddities that do no harm, for ``check``."""
    key_lines: Mapping[str, int] = field(default_factory=dict)
    """Action id -> line of the user's keymap."""


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Load the configuration file at ``path``; references are looked up in ``environ``.

    Raises ``ConfigError`` with all problems in the order of their lines; a syntax error comes alone, since nothing
    after it can be trusted. No message contains the value of a secret.
    """
    return load_content(read_content(path), path, environ)


def read_content(path: Path) -> bytes:
    """Return the bytes of a configuration file; raises ``ConfigError`` where it cannot be read."""
    try:
        return read_regular(path, MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise _whole(shown(str(path), 4_096), f"cannot be read: {reason(error)}") from error


def load_content(content: bytes, path: Path, environ: Mapping[str, str]) -> Loaded:
    """Load what the file at ``path`` holds, or would hold, as ``load`` does."""
    real = Path(os.path.realpath(path))
    return _loaded(content, shown(str(path), 4_096), real, ReferenceSources(environ, real.parent))


def load_stream(stream: BinaryIO, environ: Mapping[str, str], folder: Path) -> Loaded:
    """Load a configuration from standard input, as ``load`` does from a file; relative paths are from ``folder``."""
    content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise _whole(STDIN_NAME, f"cannot be read: it is larger than {MAX_FILE_BYTES // 1024} KiB")
    return _loaded(content, STDIN_NAME, None, ReferenceSources(environ, folder))


def _loaded(content: bytes, name: str, path: Path | None, sources: ReferenceSources) -> Loaded:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError((Problem(name, line, "", "not UTF-8 text", f"byte {error.start}"),)) from None
    text = text.removeprefix("\ufeff")
    reader = TableReader(sources)
    configuration = read_document(_parsed(text, name), reader, path, hashlib.sha256(content).hexdigest())
    return finish(configuration, reader, name, text)


def finish(configuration: Configuration, reader: TableReader, file: str, text: str | None) -> Loaded:
    """Return ``configuration`` with the reader's warnings, or raise all of the reader's faults as ``ConfigError``.

    ``text`` is the document; without one (``None``) problems have no line.
    """
    if not (reader.faults or reader.warnings or reader.notes or configuration.keys):
        return Loaded(configuration)
    lines = Lines(text) if text is not None else None
    if reader.faults:
        raise ConfigError(_problems(reader.faults, lines, file, reader.secrets))
    key_lines = {action: _line_of(action, lines) for action, _ in configuration.keys} if lines else {}
    warnings, notes = (_problems(found, lines, file, reader.secrets) for found in (reader.warnings, reader.notes))
    return Loaded(configuration, warnings, notes, key_lines)


def _line_of(action: str, lines: Lines) -> int:
    """The line of ``"log.search"``, or of ``log.search``, which TOML reads as a table in a table."""
    return max(lines.of(("keys", action)), lines.of(("keys", *action.split("."))))


def _problems(
    findings: Iterable[Finding], lines: Lines | None, file: str, secrets: Iterable[str]
) -> tuple[Problem, ...]:
    """The findings as problems with their lines, without duplicates, in the order of the lines."""
    long_secrets = [secret for secret in secrets if len(secret) >= SHORT_SECRET_CHARS]
    problems = []
    for found in dict.fromkeys(findings):
        line = lines.of(found.path) if lines else 0
        value = shown(mask_secrets(found.value, long_secrets))
        problems.append(Problem(file, line, key_name(found.path), found.problem, value, found.hint))
    return tuple(sorted(problems, key=lambda problem: problem.line))


def key_name(path: KeyPath) -> str:
    """Return the key at ``path`` as messages write it: ``connection[2].ping.interval``."""
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            written = part if _BARE_KEY.fullmatch(part) else f'"{part}"'
            name += f".{written}" if name else written
    return shown(name, 200)


def key_error(configuration: Configuration, key: KeyPath, problem: str, value: str, hint: str) -> ConfigError:
    """Return the error of a key that only using it shows, with its line in the file."""
    path = configuration.path
    if path is None:
        return ConfigError((Problem(STDIN_NAME, 0, key_name(key), problem, value, hint),))
    try:
        line = Lines(read_content(path).decode("utf-8", "replace")).of(key)
    except ConfigError:
        # Removed meanwhile
        line = 0
    return ConfigError((Problem(shown(str(path), 4_096), line, key_name(key), problem, value, hint),))


def _parsed(text: str, name: str) -> dict[str, object]:
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        what = f"{error.msg[:1].lower()}{error.msg[1:]}"
        problem = Problem(name, error.lineno, "", "invalid TOML", "", f"{shown(what, 200)}, column {error.colno}")
        raise ConfigError((problem,)) from None
    except RecursionError:
        raise _whole(name, "nested too deeply") from None
    except ValueError:
        raise _whole(name, "contains an impossible number or date") from None


def _whole(name: str, problem: str) -> ConfigError:
    return ConfigError((Problem(name, 0, "", problem),))


def read_document(tree: Mapping[str, object], reader: TableReader, path: Path | None, digest: str) -> Configuration:
    """Return the configuration that a parsed TOML document means: defaults applied, rules checked, credentials masked.

    Problems are collected in ``reader``; when it has faults, the result must not be used.
    """
    for name in tree:
        if name not in TABLES:
            reader.fault((name,), FaultError("unknown table", unknown_table(name)))
    wsmon = reader.table(tree.get("wsmon", {}), ("wsmon",), WSMON_NAMES)
    keymap = reader.keymap(tree.get("keys", {}), ("keys",), KEYS)
    defaults = reader.table(tree.get("defaults", {}), ("defaults",), CONNECTION_NAMES)
    if "name" in defaults.places:
        fault = FaultError("not allowed in [defaults]", "each [[connection]] needs its own name")
        reader.fault(defaults.places["name"], fault)
        defaults.values.pop("name", None)
    for group, built_in in _BUILT_IN.items():
        for clash in plugins.clashes(group, built_in):
            reader.fault((), FaultError(clash, "uninstall one of the two"))
    if not tree.get("connection") and not tree.get("relay") and "wsmon" not in tree:
        hint = "add a [[connection]] with a name and a url, or [wsmon] to record only what applications report"
        reader.fault(("connection",), FaultError("no connections defined", hint))
    defaults = defaults.over(_inherited(wsmon))
    names: dict[str, str] = {}
    configuration = Configuration(
        path=path,
        digest=digest,
        connections=_connections(tree.get("connection", []), reader, defaults, names),
        relays=_relays(tree.get("relay", []), reader, defaults, names),
        keys=pairs(keymap.values.get("keys")),
        secrets=tuple(reader.secrets),
        **global_fields(wsmon.values),
    )
    found = () if reader.faults else (*address_faults(configuration), *bundle_faults(configuration))
    for name, fault in found:
        reader.fault(wsmon.places[name], fault)
    for index, place, fault in () if reader.faults else relay_faults(configuration):
        reader.fault(("relay", index, *place), fault)
    if reader.faults:
        return configuration
    reader.notes += path_tokens(configuration)
    return masked(configuration)


def _inherited(wsmon: TableValues) -> TableValues:
    """The values of ``[wsmon]`` that are defaults for connections."""
    profile = wsmon.values.get("profile")
    return TableValues({"profile": profile}) if profile is not None else TableValues()


def _connections(
    tree: object, reader: TableReader, defaults: TableValues, names: dict[str, str]
) -> tuple[ConnectionSpec, ...]:
    """Return the specs of ``[[connection]]``; ``names`` are those in use, each with the table that has it."""
    specs: list[ConnectionSpec] = []
    for here, table in _tables(tree, ("connection",), reader):
        own = reader.table(table, here, CONNECTION_NAMES)
        merged = own.over(defaults)
        spec = connection_spec(merged.values)
        if isinstance(table, dict):
            _check(spec, own, merged, reader, here)
        _claim(spec.name, here, names, reader)
        specs.append(spec)
    return tuple(specs)


def _relays(tree: object, reader: TableReader, defaults: TableValues, names: dict[str, str]) -> tuple[RelaySpec, ...]:
    """Return the specs of ``[[relay]]``, which take the defaults of connections where they have the same keys."""
    specs: list[RelaySpec] = []
    for here, table in _tables(tree, ("relay",), reader):
        own = reader.table(table, here, RELAY_NAMES)
        merged = own.over(defaults.of(_INHERITED_BY_RELAYS))
        spec = relay_spec(merged.values)
        if isinstance(table, dict):
            _check(spec.connection, own, merged, reader, here, _NEEDED_BY_RELAYS)
            for key in _WITHOUT_EFFECT:
                if own.values.get(key):
                    hint = "a relay sends nothing of its own"
                    reader.warnings.append(Finding(own.places[key], "has no effect in a relay", "true", hint))
        _claim(spec.name, here, names, reader)
        specs.append(spec)
    return tuple(specs)


def _tables(tree: object, at: KeyPath, reader: TableReader) -> Iterable[tuple[KeyPath, object]]:
    """Return the tables of a list with their places; none where it is no list, which is a fault."""
    if isinstance(tree, list):
        return [((*at, index), table) for index, table in enumerate(tree)]
    hint = f"use [[{at[0]}]]" if isinstance(tree, dict) else ""
    reader.fault(at, FaultError(f"expected a list of tables, got {name_of_type(tree)}", hint))
    return ()


def _claim(name: str, here: KeyPath, names: dict[str, str], reader: TableReader) -> None:
    """Take a name for a table; it is a fault where another one has it."""
    place = key_name(here)
    first = names.setdefault(name, place)
    if name and first != place:
        reader.fault((*here, "name"), FaultError("duplicate connection name", f"already used by {first}"), name)


def _check(
    spec: ConnectionSpec,
    own: TableValues,
    merged: TableValues,
    reader: TableReader,
    here: KeyPath,
    needed: Iterable[str] = _NEEDED,
) -> None:
    """Check a connection as a whole: needed keys that are missing, and the rules between keys."""
    for name in needed:
        if name not in merged.places:
            reader.fault((*here, name), FaultError("is required"))
    for rule in RULES:
        if rule.is_broken(spec) and not merged.unusable.intersection(rule.keys):
            ours = [own.places[key] for key in rule.keys if key in own.places]
            place = ours[0] if ours else next(merged.places[key] for key in rule.keys if key in merged.places)
            if rule.is_warning:
                reader.warnings.append(Finding(place, rule.problem, rule.value(spec), rule.hint))
            else:
                reader.fault(place, FaultError(rule.problem, rule.hint, rule.value(spec)))


def connection_spec(values: Mapping[str, object]) -> ConnectionSpec:
    """Return the spec of one connection; a name or a URL that could not be read is empty."""
    return ConnectionSpec(**{"name": "", "url": Sensitive(""), **_arguments(values, _CONNECTION_KEYS)})


def relay_spec(values: Mapping[str, object]) -> RelaySpec:
    """Return the spec of one relay; what could not be read is empty."""
    alone = {path: value for path, value in values.items() if path in _RELAY_KEYS and path != "name"}
    rows: Any = alone.pop("routes", None) or ()
    routes = tuple(RouteSpec(row.get("path") or "", row.get("upstream") or Sensitive("")) for row in rows)
    url = routes[0].upstream if routes else Sensitive("")
    of_connection = {path: value for path, value in values.items() if path not in alone and path != "routes"}
    fields: dict[str, Any] = {"listen": "", **alone}
    return RelaySpec(routes=routes, connection=connection_spec({**of_connection, "url": url}), **fields)


def global_fields(values: Mapping[str, object]) -> dict[str, Any]:
    """Return the arguments of ``Configuration`` that ``[wsmon]`` sets."""
    return _arguments(values, _WSMON_KEYS)


_WSMON_KEYS: Final = {key.path: key for key in WSMON}
_RELAY_KEYS: Final = frozenset(key.path for key in RELAY_ALONE)
_CONNECTION_KEYS: Final = {key.path: key for key in CONNECTION}
# Field of a spec -> class of the spec in it, for the fields that group keys: "ping" -> PingSpec
_GROUPS: Final[Mapping[str, type[Any]]] = {
    each.name: type(each.default)
    for each in (*fields(ConnectionSpec), *fields(Configuration))
    if is_dataclass(each.default)
}


def _arguments(values: Mapping[str, object], keys: Mapping[str, ConfigKey]) -> dict[str, Any]:
    """The values by path as arguments of a spec, each under the field that its key names."""
    arguments: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        key = keys[path]
        if isinstance(key.kind, TableOf):
            value = pairs(value) if key.kind.is_ordered else MappingProxyType(dict(pairs(value)))
        group, dot, name = key.target.partition(".")
        if dot:
            groups.setdefault(group, {})[name] = value
        else:
            arguments[group] = value
    return arguments | {group: _GROUPS[group](**inner) for group, inner in groups.items()}


def pairs(table: object) -> tuple[tuple[str, Any], ...]:
    """Return the entries of a table, in their order."""
    return tuple(table.entries.values()) if isinstance(table, TableEntries) else ()


def from_urls(
    urls: Iterable[str],
    headers: Iterable[tuple[str, str]] = (),
    subscribe: Iterable[str] = (),
    subprotocols: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
    *,
    allow_send: bool = False,
) -> Configuration:
    """Return a configuration with a connection for each URL, named after its host, all else by default.

    References in URLs and headers are looked up in ``environ``. The digest is that of the content, so equal command
    lines have equal digests. Raises ``ConfigError``; its problems have no line.
    """
    reader = TableReader(ReferenceSources(environ or {}, Path.cwd()))
    asked: dict[str, object] = {"headers": _table(headers, reader), "subscribe": list(subscribe)}
    # Only where there are some: command lines without them keep their digest, and so their store
    if offered := list(subprotocols):
        asked["subprotocols"] = offered
    if allow_send:
        asked["allow_send"] = True
    taken: set[str] = set()
    connections = [{"name": _unique(_name(url), taken), "url": url, **asked} for url in urls]
    content = json.dumps(connections, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    configuration = read_document({"connection": connections}, reader, None, digest)
    return finish(configuration, reader, SOURCE, None).configuration


def from_relay(
    listen: str,
    upstream: str,
    headers: Iterable[tuple[str, str]] = (),
    environ: Mapping[str, str] | None = None,
    **keys: object,
) -> Configuration:
    """Return a configuration with one relay, to one server, named after its host where ``keys`` has no name.

    ``keys`` are further keys of ``[[relay]]``. References, digest and errors are as in ``from_urls``.
    """
    reader = TableReader(ReferenceSources(environ or {}, Path.cwd()))
    relay = {
        "name": _name(upstream),
        "listen": listen,
        "routes": [{"path": "/", "upstream": upstream}],
        "headers": _table(headers, reader),
        **keys,
    }
    digest = hashlib.sha256(json.dumps(relay, sort_keys=True).encode()).hexdigest()
    configuration = read_document({"relay": [relay]}, reader, None, digest)
    return finish(configuration, reader, SOURCE, None).configuration


def _table(headers: Iterable[tuple[str, str]], reader: TableReader) -> dict[str, str]:
    table: dict[str, str] = {}
    for name, value in headers:
        if name in table:
            reader.fault(("headers", name), FaultError("duplicate"))
        table[name] = value
    return table


def _name(url: str) -> str:
    """A valid name for a connection to ``url``: its host, and the port where it is not the scheme's default."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "connection"
    if port is not None and port != DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}-{port}"
    return _NOT_IN_A_NAME.sub("-", host).strip("-.")[:MAX_NAME_CHARS] or "connection"


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name[: MAX_NAME_CHARS - 1 - len(str(number))]}-{number}"
    taken.add(candidate)
    return candidate
