"""Which name somebody meant who wrote one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

from wsmon.config.schema import CONNECTION, CONNECTION_NAMES, TABLES, WSMON, WSMON_NAMES, Names

_MAX_NAME_CHARS = 64
# a longer name is no slip of the finger, and comparing it costs its square
_FEW = 10
# keys that a hint may list


def nearest(name: str, valid: Iterable[str]) -> str:
    """The valid name that is most like ``name``; empty where none is."""
    from difflib import get_close_matches  # 5 ms that only a mistake should cost

    if len(name) > _MAX_NAME_CHARS:
        return ""
    folded = {_folded(candidate): candidate for candidate in valid}
    matches = get_close_matches(_folded(name), folded, 1, 0.6)
    return folded[matches[0]] if matches else ""


def unknown_key(name: str, valid: Names) -> str:
    """What to do about the unknown key ``name`` of a table whose keys are ``valid``."""
    paths: list[str] = []
    if valid is WSMON_NAMES:
        paths = [key.path for key in WSMON]
        if name in CONNECTION_NAMES:
            return "it belongs into [[connection]] or [defaults]"
    elif valid is CONNECTION_NAMES:
        paths = [key.path for key in CONNECTION]
        if name in WSMON_NAMES:
            return "it belongs into [wsmon]"
    if match := nearest(name, valid) or _elsewhere(name, paths):
        return f"did you mean {match}?"
    return f"the keys here are {', '.join(valid)}" if len(valid) <= _FEW else ""


def unknown_table(name: str) -> str:
    """What to do about the unknown key ``name`` at the top of the document."""
    if name in CONNECTION_NAMES:
        return "it belongs into [[connection]] or [defaults]"
    if name in WSMON_NAMES:
        return "it belongs into [wsmon]"
    if match := nearest(name, TABLES):
        return f"did you mean {_header(match)}?"
    return f"the tables are {', '.join(map(_header, TABLES))}"


def _header(table: str) -> str:
    return f"[[{table}]]" if table == "connection" else f"[{table}]"


def _elsewhere(name: str, paths: list[str]) -> str:
    """The dotted key that alone ends with ``name``, or is written like it (``ping_interval``)."""
    endings = [path for path in paths if path.endswith(f".{name}")]
    if len(endings) == 1:
        return endings[0]
    return nearest(name, [path for path in paths if "." in path])


def _folded(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
