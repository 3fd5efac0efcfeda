"""Which time the statistics are about, and which connection stands beside the chosen one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wsmon.model import units as fmt
from wsmon.model.units import SECOND_NS

LENGTHS_S = (60, 300, 900, 3_600, 21_600, 86_400, 604_800, 0)
# up to now; 0 = everything that is kept
AN_HOUR = LENGTHS_S.index(3_600)


@dataclass(frozen=True, slots=True)
class Choice:
    """Immutable; every change makes another one."""

    at: int = AN_HOUR
    # which of LENGTHS_S
    beside: str = ""
    # name of the second connection; empty: there is none

    def since_ns(self, now_ns: int, first_ns: int) -> int | None:
        """Where the period begins, not before ``first_ns``; ``None``: with everything that is kept."""
        length_ns = LENGTHS_S[self.at] * SECOND_NS
        return max(now_ns - length_ns, first_ns) if length_ns else None

    def words(self, length_ns: int) -> str:
        """The period that was asked for, and how much of it the statistics are about where that is less."""
        asked_ns, found = LENGTHS_S[self.at] * SECOND_NS, fmt.duration(length_ns)
        if not asked_ns:
            return f"all that is kept, {found}"
        asked = fmt.duration(asked_ns)
        return f"last {asked}" if found == asked else f"last {asked}, {found} of it recorded"

    def longer(self) -> Choice:
        """The next longer period."""
        return replace(self, at=min(self.at + 1, len(LENGTHS_S) - 1))

    def shorter(self) -> Choice:
        """The next shorter period."""
        return replace(self, at=max(self.at - 1, 0))

    def everything(self) -> Choice:
        """All that is kept; from there back to an hour."""
        return replace(self, at=AN_HOUR if not LENGTHS_S[self.at] else len(LENGTHS_S) - 1)

    def next_beside(self, current: str, names: Sequence[str]) -> Choice:
        """Another connection beside ``current``: the next of the list, after the last one none."""
        others = ["", *(name for name in names if name != current)]
        at = others.index(self.beside) if self.beside in others else 0
        return replace(self, beside=others[(at + 1) % len(others)])
