"""How classifiers read what a peer wrote: errors as readings, names cut, JSON as far as it is needed."""

from __future__ import annotations

import msgspec

from wsmon.protocols.reading import MAX_NAME_CHARS, Reading

UNDECODABLE = (ValueError, RecursionError)
# all that msgspec raises over bytes: malformed JSON, another shape, bad UTF-8, nesting past the interpreter's limit


def cut(name: str) -> str:
    """A name that a peer chose, at most ``MAX_NAME_CHARS`` long."""
    return name if len(name) <= MAX_NAME_CHARS else name[: MAX_NAME_CHARS - 1] + "…"


def unreadable(error: Exception, protocol: str) -> Reading:
    """The reading of a message over which decoding raised one of ``UNDECODABLE``.

    Its ``error_type`` is ``protocol`` where the JSON is sound and its shape is not, else ``json``.
    """
    match error:
        case RecursionError():
            return Reading(error_type="json", error="nested too deep")
        case msgspec.ValidationError():
            return Reading(error_type=protocol, error=str(error))
    return Reading(error_type="json", error=str(error))
