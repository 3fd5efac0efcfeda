"""HeldErrors: errors of a protocol that is only a guess yet; they never happened where the guess is revised."""

from __future__ import annotations

import msgspec

from wsmon.protocols.base import Decoded, Happening, with_happenings

# A guess is confirmed or revised after a few messages, each of which may hold several
LIMIT = 64
# Errors of answers to what was not asked: an ordinary message, where the protocol was guessed wrongly
_UNASKED = frozenset({"unmatched", "unmatched_reply"})


class HeldErrors:
    """The first errors of the messages of a session, until it is known whether they are any."""

    def __init__(self) -> None:
        self._held: tuple[Happening, ...] = ()

    def hold(self, decoded: Decoded) -> Decoded:
        """Keep the errors of a message that are none where the guess is wrong; return it without them."""
        if decoded.error_type:
            fault = Happening(
                "error.occurred",
                type=decoded.type,
                topic=decoded.topic,
                ref=decoded.ref,
                error_type=decoded.error_type,
                error=decoded.error,
            )
            self._keep(fault)
            decoded = msgspec.structs.replace(decoded, error_type="", error="")
        strange = tuple(each for each in decoded.happenings if each.error_type in _UNASKED)
        if strange:
            self._keep(*strange)
            others = tuple(each for each in decoded.happenings if each.error_type not in _UNASKED)
            decoded = with_happenings(decoded, others)
        return decoded

    def release(self) -> tuple[Happening, ...]:
        """Return what is held, and hold it no longer."""
        held, self._held = self._held, ()
        return held

    def _keep(self, *errors: Happening) -> None:
        self._held = (*self._held, *errors)[:LIMIT]
