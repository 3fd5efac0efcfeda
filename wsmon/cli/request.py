"""What a command line asks to record: a configuration or URLs, and what goes with URLs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wsmon.errors import UsageError


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of ``wsmon`` and ``wsmon record``: what to record, and where to."""

    names: tuple[str, ...]
    """One configuration, or URLs, or nothing."""
    headers: tuple[str, ...] = ()
    """As typed: ``Name: value``."""
    subscribe: tuple[str, ...] = ()
    subprotocols: tuple[str, ...] = ()
    store: Path | None = None
    """None = the configuration's, or its default."""
    allow_send: bool = False
    """Whether texts may be sent by hand."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Values that the user typed without echo, by the name that a ``${secret:NAME}`` of the headers has for them."""

    @property
    def is_urls(self) -> bool:
        """Whether URLs are named instead of a file."""
        return any("://" in name for name in self.names)


def split_header(text: str) -> tuple[str, str]:
    """Return name and value of a header as typed, ``Name: value``; raises ``UsageError`` where it has no colon."""
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError(f"-H {name!r}: missing colon", "write it as -H 'Name: value'")
    return name.strip(), value.strip()
