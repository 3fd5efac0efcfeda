"""The settings of a configuration as plain values without its secrets, as a bundle holds them.

Credentials show as they do on the screen: masked. What is at its default is left out, and so are the keys that only the
screen reads, and paths of the configuration and its store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from wsmon.config.specs import Configuration
from wsmon.model.events import Json
from wsmon.model.redact.masking import Sensitive, mask_secrets

_LEFT_OUT: Final = frozenset({"path", "digest", "store", "secrets", "keys", "theme", "characters", "mouse"})


def redacted_settings(configuration: Configuration) -> dict[str, Json]:
    """Return the settings that are not at their defaults, by the names of the specs."""
    secrets = configuration.secrets
    return {
        each.name: _plain(getattr(configuration, each.name), secrets)
        for each in fields(configuration)
        if each.name not in _LEFT_OUT and getattr(configuration, each.name) != _default(each)
    }


def _plain(value: object, secrets: tuple[str, ...]) -> Json:
    """A value of JSON; every text in it without secrets."""
    match value:
        case Sensitive():
            return mask_secrets(value.masked, secrets)
        case str() | Path():
            return mask_secrets(str(value), secrets)
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return {str(key): _plain(each, secrets) for key, each in value.items()}
        case tuple() | list():
            return [_plain(each, secrets) for each in value]
        case _ if is_dataclass(value):
            return {
                each.name: _plain(getattr(value, each.name), secrets)
                for each in fields(value)
                if getattr(value, each.name) != _default(each)
            }
        case _:
            raise TypeError(f"a configuration holds no {type(value).__name__}")


def _default(field: Field[Any]) -> object:
    """The default of a field; a value that nothing equals where it has none."""
    return field.default_factory() if field.default_factory is not MISSING else field.default
