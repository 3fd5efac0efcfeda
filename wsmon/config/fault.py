"""What is wrong with one value, before anybody knows on which line it stands."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.config.lines import KeyPath
from wsmon.errors import WsmonError


class FaultError(WsmonError):
    """A value that cannot be used; ``value`` is what to show of it, masked, ``None`` for the value as it is written."""

    def __init__(self, what: str, hint: str = "", value: str | None = None) -> None:
        super().__init__(what, hint)
        self.value = value


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, or a warning, and the path of the key it is about."""

    path: KeyPath
    problem: str
    value: str = ""
    # not yet cut to the length of a message: what is secret in it may be known only at the end
    hint: str = ""


def shown(text: str, limit: int = 80) -> str:
    """``text`` for one line of a message: at most ``limit`` characters, nothing in it that a terminal would obey."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
