"""Reads scenario files: TOML text in, a ``Scenario`` out, every mistake named with its place."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

from wsmon.demo.parse_connection import read_connection
from wsmon.demo.parse_steps import MOST, read_steps
from wsmon.demo.steps import Accept, Between, Garble, Handshake, Hang, Refuse, Scenario
from wsmon.demo.table import Table
from wsmon.demo.template import BUILT_IN, Choice, Count, Turn, Uniform, Value, Walk
from wsmon.errors import WsmonError

AT_ONCE = Between(0.0, 0.0)

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
# the order of the demonstration: what works first, what fails last


def load_scenario(path: Path) -> Scenario:
    """The scenario in a file; its name is the file's. Raises WsmonError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WsmonError(f"cannot read scenario {path}: {error}") from error
    return parse_scenario(path.stem, text)


def demo_scenarios() -> tuple[Scenario, ...]:
    """The scenarios that are shipped, in the order of the demonstration."""
    folder = files("wsmon.demo") / "scenarios"
    return tuple(parse_scenario(name, (folder / f"{name}.toml").read_text(encoding="utf-8")) for name in DEMO_SCENARIOS)


def parse_scenario(name: str, text: str) -> Scenario:
    """The scenario in a TOML text. Raises WsmonError for anything it does not understand."""
    try:
        table = Table(name, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise WsmonError(f"{name}: not TOML: {error}") from error
    values = _read_values(table.table("values"))
    handshakes = tuple(
        _read_handshake(Table(f"{name}: handshake {number}", entries))
        for number, entries in enumerate(table.tables("handshake"), 1)
    )
    scenario = Scenario(
        name=name,
        title=table.text("title"),
        handshakes=handshakes or (Accept(),),
        values=values,
        steps=read_steps(name, table.tables("step"), frozenset((*BUILT_IN, *dict(values)))),
        connection=read_connection(name, table.table("connection")),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
    table.end()
    return scenario


def _read_handshake(table: Table) -> Handshake:
    do = table.text("do", "accept")
    if do not in _HANDSHAKES:
        raise table.error(f"do is {do!r}", f"use one of {', '.join(_HANDSHAKES)}")
    handshake = _HANDSHAKES[do](table)
    table.end()
    return handshake


def _read_accept(table: Table) -> Accept:
    return Accept(
        delay_s=table.duration("delay") or AT_ONCE,
        headers=table.pairs("headers"),
        subprotocols=table.texts("subprotocols"),
        compression=table.flag("compression"),
    )


def _read_refuse(table: Table) -> Refuse:
    return Refuse(
        status=table.integer("status", 403, 200, 599),
        phrase=table.text("phrase"),
        headers=table.pairs("headers"),
        body=table.octets("body_hex") if table.has("body_hex") else table.text("body").encode(),
        delay_s=table.duration("delay") or AT_ONCE,
    )


def _read_redirect(table: Table) -> Refuse:
    location = table.text("location")
    if not location:
        raise table.error("a redirect has no location", "add location = …")
    return Refuse(
        status=table.integer("status", 302, 300, 399),
        headers=(("Location", location), *table.pairs("headers")),
        delay_s=table.duration("delay") or AT_ONCE,
    )


def _read_garble(table: Table) -> Garble:
    response = table.octets("hex") if table.has("hex") else table.text("text").encode()
    return Garble(response, table.duration("delay") or AT_ONCE)


_HANDSHAKES: Mapping[str, Callable[[Table], Handshake]] = {
    "accept": _read_accept,
    "refuse": _read_refuse,
    "redirect": _read_redirect,
    "garble": _read_garble,
    "hang": lambda _table: Hang(),
}


def _read_values(table: Table) -> tuple[tuple[str, Value], ...]:
    return tuple((name, _read_value(table.table(name))) for name in table.names())


def _read_value(table: Table) -> Value:
    value = _value(table)
    table.end()
    return value


def _value(table: Table) -> Value:
    if table.has("walk"):
        return Walk(table.number("walk", 0.0), table.number("step", 1.0), table.integer("digits", 2, 0, 12))
    if table.has("between"):
        return Uniform(*table.numbers("between"), table.integer("digits", 2, 0, 12))
    if table.has("count"):
        return Count(*(table.integer(key, 0, 0, MOST) for key in ("count", "skip_every", "repeat_every", "swap_every")))
    for key, kind in (("choice", Choice), ("turn", Turn)):
        if table.has(key):
            options = table.texts(key)
            if not options:
                raise table.error(f"{key} is empty", "list at least one text")
            return kind(options)
    raise table.error("no kind of value", "use walk, between, choice, turn or count")
