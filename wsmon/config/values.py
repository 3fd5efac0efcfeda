"""What one table of the configuration set, and how tables lie over each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wsmon.config.lines import KeyPath


@dataclass(frozen=True, slots=True)
class Table:
    """Entries whose keys the user chose: identity of a key → (key as written, value)."""

    entries: Mapping[str, tuple[str, object]]

    def over(self, below: Table) -> Table:
        """These entries, and those of ``below`` that are not among them."""
        return Table({**below.entries, **self.entries})


@dataclass(slots=True)
class Values:
    """The keys of one table, by their dotted paths."""

    values: dict[str, object] = field(default_factory=dict)
    # as the specs hold them
    places: dict[str, KeyPath] = field(default_factory=dict)
    # where each was set, also what could not be used
    unusable: set[str] = field(default_factory=set)

    def over(self, below: Values) -> Values:
        """These values where they are set, those of ``below`` elsewhere; tables merge entry by entry."""
        values = {**below.values, **self.values}
        for path, value in self.values.items():
            other = below.values.get(path)
            if isinstance(value, Table) and isinstance(other, Table):
                values[path] = value.over(other)
        unusable = self.unusable | (below.unusable - self.places.keys())
        return Values(values, {**below.places, **self.places}, unusable)
