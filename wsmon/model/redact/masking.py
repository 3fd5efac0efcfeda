"""Text of the configuration that may hold secrets, and cannot be printed by accident."""

from __future__ import annotations

from collections.abc import Iterable

MASK = "[FILTERED]"


class Sensitive:
    """A text some parts of which are secret.

    ``reveal()`` is for the socket alone; ``masked``, ``str()`` and ``repr()`` are for everybody else.
    """

    __slots__ = ("_text", "masked")

    def __init__(self, text: str, masked: str | None = None) -> None:
        self._text = text
        self.masked = text if masked is None else masked
        # the same text with every secret part replaced by MASK

    def reveal(self) -> str:
        """The text as it goes to the peer."""
        return self._text

    @property
    def is_secret(self) -> bool:
        """Whether any part of it is secret."""
        return self._text != self.masked

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"Sensitive({self.masked!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and (self._text, self.masked) == (other._text, other.masked)

    def __hash__(self) -> int:
        return hash((self._text, self.masked))

    def __bool__(self) -> bool:
        return bool(self._text)


EMPTY = Sensitive("")


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every occurrence of a secret replaced by MASK, longest secret first."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
