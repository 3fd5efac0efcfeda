"""Relays of a recording: what they listen with, and the configuration of the rows that their connections get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from wsmon.config.load import key_error
from wsmon.config.specs import Configuration, ConnectionSpec
from wsmon.errors import ConfigError
from wsmon.relay.relays import Listening, RelayError, Relays, listen_all


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


def recorded_specs(configuration: Configuration, rows: Mapping[str, Sequence[str]]) -> tuple[ConnectionSpec, ...]:
    """Return the specs of all connections in the order of the screen: further rows of a relay stand below it."""
    specs = list(configuration.connections)
    for relay in configuration.relays:
        specs.append(relay.connection)
        specs += (replace(relay.connection, name=row) for row in rows.get(relay.name, ()))
    return tuple(specs)
