"""Scenarios of scripted servers: load and check a scenario file (TOML).

``[[handshake]]`` and ``[[step]]`` are the structs of steps.py, ``[values]`` holds what the names in templates stand
for (template.py), and ``[connection]`` takes any key of a ``[[connection]]`` in the configuration.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import msgspec

from wsmon.config.load import finish, read_document
from wsmon.config.secrets import ReferenceSources
from wsmon.config.specs import ConnectionSpec
from wsmon.config.table_reader import TableReader
from wsmon.demo.steps import Accept, Cycle, Handshake, Repeat, Send, Sizes, Step
from wsmon.demo.template import BUILT_IN, VALUE_KINDS, Value
from wsmon.errors import WsmonError
from wsmon.model.redact.masking import Sensitive

# The order of the demonstration: what works comes first, what fails last.
DEMO_SCENARIOS = (
    "ticker",
    "chat",
    "binary",
    "slow",
    "orderbook",
    "silent",
    "dropper",
    "bouncer",
    "login",
    "forbidden",
)

# How a server treats its connection in the demonstration
Outcome: TypeAlias = Literal["refused", "misbehaves", "healthy"]
# Outcomes in the order of the introduction, as they are said of several connections and as they head a list
_WORDS: Mapping[Outcome, tuple[str, str]] = MappingProxyType({
    "refused": ("are refused", "refused"),
    "misbehaves": ("misbehave", "misbehaving"),
    "healthy": ("are healthy", "healthy"),
})  # fmt: skip
_KEYS = "e: newest problem, ?: keys"

NO_CONNECTION = ConnectionSpec(name="", url=Sensitive(""))


@dataclass(frozen=True, slots=True)
class Scenario:
    """One server: its name, its handshakes, its steps, and the connection that suits it."""

    name: str
    handshakes: tuple[Handshake, ...]
    """One for each TCP connection, in order; the last one serves all further ones."""
    steps: tuple[Step, ...] = ()
    title: str = ""
    outcome: Outcome | None = None
    """What the introduction of the demonstration says about it; None = nothing."""
    values: tuple[tuple[str, Value], ...] = ()
    """What the templates' ``$names`` stand for, beside the built-in ones."""
    connection: ConnectionSpec = NO_CONNECTION
    """How to connect to it; its URL is known when the server runs."""
    digest: str = ""
    """SHA-256 of the text it was read from, in hexadecimal."""

    def with_(self, *, rate: float | None = None, count: int | None = None, size_bytes: int | None = None) -> Scenario:
        """Return the same scenario with every ``send`` at this rate (messages a second), count and size."""
        changes: dict[str, object] = {}
        if rate is not None:
            changes["rate_per_s"] = rate
        if count is not None:
            changes |= {"count": count, "duration_s": None}
        if size_bytes is not None:
            changes["sizes_bytes"] = Sizes((size_bytes,))
        return replace(self, steps=_with_sends(self.steps, changes))


def _with_sends(steps: tuple[Step, ...], changes: Mapping[str, object]) -> tuple[Step, ...]:
    return tuple(_with_send(step, changes) for step in steps)


def _with_send(step: Step, changes: Mapping[str, object]) -> Step:
    match step:
        case Send():
            return msgspec.structs.replace(step, **{"count": step.limit, **changes})
        case Repeat() | Cycle():
            return msgspec.structs.replace(step, steps=_with_sends(step.steps, changes))
        case _:
            return step


def _tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


# The structs of a scenario file by their key ``do``.
_KINDS = {_tag(kind): kind for kind in (*get_args(Handshake), *get_args(Step))}

# How msgspec ends an error inside a document.
_PLACE = " - at `$"
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`")
_PATH_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")

_T = TypeVar("_T")


class _ScenarioFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tables of a scenario file."""

    title: str = ""
    outcome: Outcome | None = None
    handshake: tuple[Handshake, ...] = ()
    step: tuple[Step, ...] = ()
    values: dict[str, dict[str, Any]] = {}
    connection: dict[str, Any] = {}


def load_scenario(path: Path) -> Scenario:
    """Return the scenario in a file; its name is the file's. Raises WsmonError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WsmonError(f"cannot read scenario {path}: {error}") from error
    return parse_scenario(path.stem, text, str(path))


def demo_scenarios() -> tuple[Scenario, ...]:
    """Return the scenarios of the built-in demonstration, in its order."""
    folder = files("wsmon.demo") / "scenarios"
    return tuple(parse_scenario(name, (folder / f"{name}.toml").read_text(encoding="utf-8")) for name in DEMO_SCENARIOS)


def introduction(scenarios: Iterable[Scenario]) -> tuple[str, ...]:
    """Return texts about what the connections of the demonstration show, the longest first."""
    names: dict[Outcome, list[str]] = {outcome: [] for outcome in _WORDS}
    for scenario in scenarios:
        if scenario.outcome is not None:
            names[scenario.outcome].append(scenario.name)
    found = [(*_WORDS[outcome], each) for outcome, each in names.items() if each]
    named = "; ".join(f"{_listed(each)} {say}" for say, _, each in found)
    listed = "; ".join(f"{head}: {', '.join(each)}" for _, head, each in found)
    counted = "; ".join(f"{len(each)} {say}" for say, _, each in found)
    short = ", ".join(f"{len(each)} {head}" for _, head, each in found)
    return f"demo: {named}. {_KEYS}", f"demo: {listed}", f"demo: {counted}. {_KEYS}", f"demo: {short}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def parse_scenario(name: str, text: str, file: str = "") -> Scenario:
    """Return the scenario in a TOML text.

    Raises WsmonError for anything that it does not understand: the file (``name`` where it is empty), the path inside
    it, what is wrong there and what to write instead.
    """
    file = file or name
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WsmonError(f"{file}: not TOML: {error}") from error
    handshakes = document.get("handshake")
    if isinstance(handshakes, list):
        document["handshake"] = [{"do": "accept"} | each if isinstance(each, dict) else each for each in handshakes]
    tables = _convert(document, _ScenarioFile, file, "")
    values = tuple((key, _value(table, file, f"values.{key}")) for key, table in tables.values.items())
    _check_names(tables.step, {*BUILT_IN, *tables.values}, file, "step")
    return Scenario(
        name=name,
        title=tables.title,
        outcome=tables.outcome,
        handshakes=tables.handshake or (Accept(),),
        values=values,
        steps=tables.step,
        connection=_connection(name, tables.connection),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _convert(written: Any, kind: type[_T], file: str, path: str = "") -> _T:
    """Return the part of a document at ``path`` as ``kind``; raise WsmonError with the place of what does not fit."""
    try:
        return msgspec.convert(written, kind, dec_hook=_parse_field)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(_PLACE)
        place = place.removesuffix("`")
        where = f"{path}{place}".lstrip(".")
        prefix = f"{file}: {where}: " if where else f"{file}: "
        raise WsmonError(prefix + problem.removeprefix("Object "), _hint(problem, place, written, kind)) from None


def _parse_field(kind: Any, written: object) -> object:
    return kind.parse(written)


def _hint(problem: str, place: str, written: Any, kind: type) -> str:
    """Name what the key at ``place`` takes, where the problem alone does not say so."""
    if place.endswith(".as"):
        return 'use "text", "binary" or an opcode in 0 … 15'
    if place.endswith(".do") or problem.endswith("field `do`"):
        kinds = get_args(Handshake if place.startswith(".handshake") else Step)
        return f"use one of {', '.join(_tag(each) for each in kinds)}"
    if unknown := _UNKNOWN_FIELD.fullmatch(problem):
        table = written
        for index, key in _PATH_PART.findall(place):
            table = table[int(index)] if index else table[key]
        fields = _KINDS.get(table.get("do"), kind).__struct_encode_fields__
        near = difflib.get_close_matches(unknown[1], fields, n=1)
        return f"did you mean {near[0]!r}?" if near else f"use {', '.join(fields)}" if fields else "leave it out"
    return ""


def _value(table: dict[str, Any], file: str, path: str) -> Value:
    """Return a value; its key decides about its kind: ``walk``, ``between``, ``choice``, ``turn`` or ``count``."""
    for key, kind in VALUE_KINDS.items():
        if key in table:
            return _convert(table, kind, file, path)
    raise WsmonError(f"{file}: {path}: no kind of value", f"use one of {', '.join(VALUE_KINDS)}")


def _check_names(steps: Iterable[Step], names: Collection[str], file: str, path: str) -> None:
    """Raise WsmonError for a template that uses a name which is not in ``names``."""
    for number, step in enumerate(steps):
        match step:
            case Send():
                for name in (name for text in step.texts for name in text.names if name not in names):
                    hint = f"use one of {', '.join(sorted(names))}, or $$ for a dollar sign"
                    raise WsmonError(f"{file}: {path}[{number}].text: unknown value ${name}", hint)
            case Repeat() | Cycle():
                _check_names(step.steps, names, file, f"{path}[{number}].steps")
            case _:
                pass


def _connection(name: str, keys: Mapping[str, object]) -> ConnectionSpec:
    """Return the connection with these keys of a ``[[connection]]``, its URL still empty.

    Raises ConfigError with all problems.
    """
    reader = TableReader(ReferenceSources({}, Path()))
    # The URL passes the rules of the configuration; the real one is known when the server listens.
    tree = {"connection": [{**keys, "name": name, "url": "ws://localhost"}]}
    configuration = finish(read_document(tree, reader, None, ""), reader, f"scenario {name}", None).configuration
    return replace(configuration.connections[0], url=Sensitive(""))
