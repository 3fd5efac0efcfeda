"""Masks credentials in subprotocols, the only header that a browser lets an application choose."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wsmon.model.redact.masking import MASK
from wsmon.model.redact.names import is_credential_key

_BEARER = re.compile(r"(base64url\.bearer\.(?:phx\.|authorization\.k8s\.io\.)?+).+", re.IGNORECASE | re.DOTALL)
_HEADER = re.compile(r"(header-)ey.+", re.IGNORECASE | re.DOTALL)
# base64 of a JSON object with the headers in it
_NAMED = re.compile(r"([A-Za-z0-9_-]+)([.:=|~]).+", re.DOTALL)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){2,4}")
_NAMES = frozenset({"bearer", "auth", "ticket", "jwt", "basic"})


def mask_subprotocol(subprotocol: str) -> str:
    """A subprotocol without its credential; one that has none as it was."""
    if shaped := _BEARER.fullmatch(subprotocol) or _HEADER.fullmatch(subprotocol):
        return shaped[1] + MASK
    named = _NAMED.fullmatch(subprotocol)
    if named and _names_credential(named[1]):
        return named[1] + named[2] + MASK
    return _JWT.sub(MASK, subprotocol)


def mask_subprotocols(subprotocols: Sequence[str]) -> tuple[str, ...]:
    """An offer of subprotocols without credentials: ``("access_token", "x")`` names the second by the first."""
    before = ("", *subprotocols)
    return tuple(
        MASK if _names_credential(previous) else mask_subprotocol(subprotocol)
        for previous, subprotocol in zip(before, subprotocols, strict=False)
    )


def _names_credential(name: str) -> bool:
    return name.lower() in _NAMES or is_credential_key(name)
