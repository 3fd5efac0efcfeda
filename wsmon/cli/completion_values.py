"""Values that a shell completes: names of recordings and connections, types of messages, values of query fields.

Loaded when such a value is completed, and nothing is loaded before it is needed. A shell shows no error: what cannot be
read completes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from wsmon.errors import WsmonError

if TYPE_CHECKING:
    from wsmon.model.statistics import ConnectionStatistics, Statistics

# A value that is one word to a shell, and a word without quotes to the query language
_WORD = re.compile(r"[\w.:/*@+-]+")
# What stands before a field: signs of negation and opening parentheses
_TERM = re.compile(r"(?P<before>[-!(]*)(?P<name>[A-Za-z_]+)(?P<operator>:|!=|=)(?P<values>.*)")
MOST_ITEMS = 200


def recording_items(incomplete: str, *, is_running: bool) -> list[CompletionItem]:
    """Return the names of recordings that ``ps`` shows, after the item with which the shell completes files."""
    from wsmon.cli.known_recordings import known_recordings, shown_names

    # The shell takes file names where no other item fits; its script forgets what stands before this item
    items = [CompletionItem(incomplete, type="file")]
    try:
        known = known_recordings(os.environ)
    except (WsmonError, OSError):
        return items
    names = [
        name
        for name, each in zip(shown_names(known), known, strict=True)
        if "/" not in name and (each.held is not None or not is_running)
    ]
    return [*items, *_items(names, incomplete)]


def connection_items(stores: tuple[str, ...], incomplete: str) -> list[CompletionItem]:
    """Return the names of the connections of the recording that a command would read."""
    return _items((each.name for each in _statistics(stores, has_types=False).connections), incomplete)


def query_items(stores: tuple[str, ...], incomplete: str) -> list[CompletionItem]:
    """Return what completes a term such as ``conn:or``, ``-type:tr`` or ``state:cl``, each as the whole word."""
    from wsmon.query.fields import OPEN_ALIAS, find

    term = _TERM.fullmatch(incomplete)
    field = find(term["name"]) if term else None
    if term is None or field is None:
        return []
    if field.name == "connection":
        values = list(dict.fromkeys(each.name for each in _statistics(stores, has_types=False).connections))
    elif field.name == "group":
        values = sorted({each.group for each in _statistics(stores, has_types=False).connections if each.group})
    elif field.name == "recording":
        values = list(_recording_names(stores))
    elif field.name == "type":
        found = _statistics(stores, has_types=True).connections
        values = list(dict.fromkeys(kind for each in found for kind in each.message_types or ()))
    else:
        values = [*(OPEN_ALIAS if field.name in ("from", "to") else ()), *field.choices]
    earlier, comma, last = term["values"].rpartition(",")
    # A transition: the status after the arrow
    first, arrow, second = last.rpartition("->")
    start = incomplete[: len(incomplete) - len(second)]
    assert start.endswith((earlier + comma + first + arrow, term["operator"]))
    return [CompletionItem(start + item.value) for item in _items(values, second)]


def _items(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    fitting = (value for value in values if value.startswith(incomplete) and _WORD.fullmatch(value))
    return [CompletionItem(value) for value, _ in zip(fitting, range(MOST_ITEMS), strict=False)]


def _recording_names(stores: tuple[str, ...]) -> tuple[str, ...]:
    """The names of several recordings; none for one."""
    from wsmon.cli.recordings import choose_recordings

    try:
        return tuple(each.name for each in choose_recordings(stores, os.environ).chosen) if len(stores) > 1 else ()
    except (WsmonError, OSError):
        return ()


def _statistics(stores: tuple[str, ...], *, has_types: bool) -> Statistics:
    """The statistics of everything in the recordings; empty where they cannot be read."""
    from wsmon.cli.known_recordings import choose_store, split_argument
    from wsmon.clock import SystemClock
    from wsmon.config.locate import cache_dir
    from wsmon.model.statistics import Statistics
    from wsmon.store.reader import Reader

    connections: list[ConnectionStatistics] = []
    for store in stores or (None,):
        try:
            # Not brought up to date: a TAB changes nothing
            argument = None if store is None else split_argument(store)[1]
            view = Reader(choose_store(argument, os.environ).recording.store, SystemClock(), cache_dir(os.environ))
            try:
                connections += view.statistics(None, None, has_types=has_types).connections
            finally:
                view.close()
        except (WsmonError, OSError):
            continue
    return Statistics(0, 0, tuple(connections))
