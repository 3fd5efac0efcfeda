"""The fields of the search language: parser, predicate, SQL and help read this one table."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wsmon.model.events import Event
from wsmon.query.ast import FieldName


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a query may name."""

    name: FieldName
    aliases: tuple[str, ...]
    choices: tuple[str, ...]
    # the only values there are; empty = any text
    is_id: bool
    # its values are ids and ranges of ids
    read: Callable[[Event], str]
    meaning: str


FIELDS: Mapping[FieldName, Field] = MappingProxyType(
    {
        field.name: field
        for field in (
            Field("connection", ("conn",), (), False, lambda event: event.source.connection, "name of the connection"),
            Field("name", (), (), False, lambda event: event.name, "event name, as in name:connection.*"),
            Field("direction", ("dir",), ("in", "out"), False, lambda event: event.direction, "in or out"),
            Field("id", (), (), True, lambda event: str(event.id), "id or range of ids, as in id:10..20"),
        )
    }
)

WORD_PLACES: Mapping[str, Callable[[Event], str]] = MappingProxyType(
    {
        "connection": lambda event: event.source.connection,
        "name": lambda event: event.name,
        "type": lambda event: event.type,
        "topic": lambda event: event.topic,
        "reason": lambda event: event.reason,
        "error_type": lambda event: event.error_type,
        "error": lambda event: event.error,
    }
)
# where a bare word is looked for, beside the payload

_BY_NAME: Mapping[str, Field] = MappingProxyType(
    {name: field for field in FIELDS.values() for name in (field.name, *field.aliases)}
)


def find(name: str) -> Field | None:
    """The field of this name or short name; ``None`` where there is none."""
    return _BY_NAME.get(name.lower())


def nearest(name: str) -> str:
    """The name that was probably meant; empty where none is near."""
    return next(iter(difflib.get_close_matches(name.lower(), _BY_NAME, n=1)), "")
