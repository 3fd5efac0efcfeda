"""Host and port of a URL as it was recorded, secrets masked."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from wsmon.config.specs import DEFAULT_PORTS
from wsmon.model.redact.masking import MASK


class Endpoint(NamedTuple):
    """Where a URL leads."""

    host: str
    # empty where the URL has none
    port: int | None
    # the scheme's own where the URL has none


def endpoint(url: str) -> Endpoint:
    """Host and port; a mask's brackets are not those of an IPv6 address."""
    try:
        parts = urlsplit(url.replace(MASK, ""))
        return Endpoint(parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme))
    except ValueError:  # a port that is no number, a bracket that stays open
        return Endpoint("", None)


def address_and_port(peer: str) -> Endpoint:
    """The two parts of ``ip:port``."""
    address, _, port = peer.rpartition(":")
    return Endpoint(address.strip("[]"), int(port) if port.isascii() and port.isdigit() else None)
