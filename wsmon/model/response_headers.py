"""The headers of an answer to an upgrade, as the events about it carry them."""

from __future__ import annotations

from wsmon.model.events import Event


def response_header(event: Event, name: str) -> str:
    """The first value of a header, whatever its case; empty where there is none."""
    headers = (event.meta or {}).get("response_headers")
    for pair in headers if isinstance(headers, (list, tuple)) else ():
        match pair:
            case [str() as found, str() as value] if found.lower() == name.lower():
                return value.strip()
    return ""
