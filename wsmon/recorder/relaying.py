"""Relays of a recording: what they listen with, and the configuration of the rows that their connections get."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wsmon.config.load import key_error
from wsmon.config.specs import Configuration, ConnectionSpec
from wsmon.errors import ConfigError
from wsmon.model.snapshot import RelayedRoute, Routes
from wsmon.relay.relays import Listening, RelayError, Relays, listen_all

# How long one thread may keep the GIL while another one waits for it. The writer's thread waits many times a commit: at
# Python's default of 5 ms a commit beside a busy loop waits for 100 ms in all
_SWITCH_INTERVAL_S = 0.0005
# The bytes of a relay wait for the writer, too: at 0.5 ms a relay adds 0.54 ms to the 99th percentile of the latency of
# 1,000 messages a second, at 0.1 ms 0.22
_RELAY_SWITCH_INTERVAL_S = 0.0001


def share_interpreter(configuration: Configuration) -> None:
    """Set how long the threads of this process keep the interpreter from each other."""
    sys.setswitchinterval(_RELAY_SWITCH_INTERVAL_S if configuration.relays else _SWITCH_INTERVAL_S)


def listening_relays(configuration: Configuration, relays: Relays | None = None) -> dict[str, Listening]:
    """Return what the relays of a configuration listen with, by name; of those that run already, the changed ones.

    Raises ``ConfigError`` where an address or a certificate cannot be used, ``RelayError`` where it is of a command
    line; nothing has changed then.
    """
    try:
        return listen_all(configuration.relays) if relays is None else relays.listen_anew(configuration.relays)
    except RelayError as error:
        if configuration.path is None:
            raise
        raise _with_line(configuration, error) from error


def _with_line(configuration: Configuration, error: RelayError) -> ConfigError:
    number = next(n for n, relay in enumerate(configuration.relays) if relay.name == error.name)
    return key_error(configuration, ("relay", number, error.key), error.problem, error.value, error.hint)


def addresses_of(listening: Mapping[str, Listening]) -> dict[str, tuple[str, int]]:
    """Return host and port of sockets that no relay took yet, by its name."""
    return {name: each.address for name, each in listening.items()}


def recorded_specs(configuration: Configuration, rows: Mapping[str, Sequence[str]]) -> tuple[ConnectionSpec, ...]:
    """Return the specs of all connections in the order of the screen: further rows of a relay stand below it."""
    specs = list(configuration.connections)
    for relay in configuration.relays:
        specs.append(relay.connection)
        specs += (replace(relay.connection, name=row) for row in rows.get(relay.name, ()))
    return tuple(specs)


def routes_of_rows(
    configuration: Configuration, rows: Mapping[str, Sequence[str]], addresses: Mapping[str, tuple[str, int]]
) -> Routes:
    """Return the routes of each row of the relays that listen, at ``addresses``."""
    found: dict[str, tuple[RelayedRoute, ...]] = {}
    for relay in configuration.relays:
        if (address := addresses.get(relay.name)) is not None:
            found |= dict.fromkeys((relay.name, *rows.get(relay.name, ())), relay.listening(*address))
    return found
