"""Checks of rows that are read: types and ranges of what each query selects, since a store may come from any source.

SQLite keeps any value in any column. A row that the recorder cannot have written raises ``msgspec.ValidationError``,
which ``ReadTransaction`` turns into a ``StoreError``.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from wsmon.store.codec import CLOSE_BY_CODES, NAMES, OPCODES, STATUS_OF

# Sums and differences of two such values fit into 64 bits
_LIMIT = 2**62 - 1
Id = Annotated[int, Meta(ge=0, le=_LIMIT)]
Count = Annotated[int, Meta(ge=0, le=_LIMIT)]
# Nanoseconds of a clock, or of a duration
Ns = Annotated[int, Meta(ge=-_LIMIT, le=_LIMIT)]
# Unix time; the year 2242
Second = Annotated[int, Meta(ge=-(2**33), le=2**33)]
Flag = Annotated[int, Meta(ge=0, le=1)]
StatusCode = Annotated[int, Meta(ge=min(filter(None, STATUS_OF)), le=max(filter(None, STATUS_OF)))]
_CloseBy = Annotated[int, Meta(ge=1, le=max(filter(None, CLOSE_BY_CODES.values())))]
_CloseCode = Annotated[int, Meta(ge=0, le=65_535)]

# A closed set that is made of a table
_literal: Any = Literal

# A row of codec.SELECT_EVENTS; its payload, which may be a text or bytes, is checked apart
_EVENT = GenericAlias(
    tuple,
    (
        *(Id, Ns, Ns, Id),
        _literal[tuple(NAMES)],
        Annotated[int, Meta(ge=0, le=255)],
        _literal[tuple(OPCODES)],
        *(Count | None, Count | None),
        *(str | None, str | None, str | None),
        Ns | None,
        int | str | None,
        *(StatusCode | None, StatusCode | None),
        _CloseCode | None,
        _CloseBy | None,
        *(str | None, str | None, str | None),
        *(str | None, str | None),
        *(str | None, str | None),
        Any,
    ),
)


def checked(rows: Iterable[Any], kind: Any) -> list[Any]:
    """Return rows as tuples of a kind, such as ``tuple[Id, str]``; raises ``msgspec.ValidationError``."""
    found: list[Any] = msgspec.convert(list(rows), GenericAlias(list, (kind,)), builtin_types=(bytes,))
    return found


def checked_events(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows of ``codec.SELECT_EVENTS``; raises ``msgspec.ValidationError``."""
    found = checked(rows, _EVENT)
    for row in found:
        if not isinstance(row[-1], str | bytes | None):
            raise msgspec.ValidationError(f"the payload of event {row[0]} is a number")
    return found
