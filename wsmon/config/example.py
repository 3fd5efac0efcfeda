"""The example configuration (``wsmon check --example``), generated from the schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from textwrap import wrap

from wsmon.config.kinds import OneOf
from wsmon.config.schema import CONNECTION, KEYS, WSMON, ConfigKey, Default

_HEAD = """\
# Configuration of wsmon, with every key there is. Keys stand at their defaults; what is commented out needs a value of
# yours. `wsmon check` names every mistake with its line.
#
# Durations: "500ms", "20s", "1h30m", "14d", or a number of seconds. Sizes: "64KiB", "2GB", or a number of bytes.
# Inside any text: ${env:NAME} is the plain text of an environment variable; ${secret:NAME}, also from the environment,
# and ${file:PATH} are secret, and masked wherever they would appear; $${ stands for ${ itself.
# Relative paths are relative to this file. Dotted keys may be written as tables: ping = { interval = "20s" }.
"""
_DEFAULTS_HEAD = """\
# Any key of a connection but its name: it holds for every connection that does not set it itself.
# Tables are merged key by key.
[defaults]
# open_timeout = "5s"
"""
# Column of the comments, unless the setting before one is longer
_COMMENT_COLUMN = 36
_WIDTH = 120


def example() -> str:
    """Return a configuration that loads as it is: every key with its default and its meaning."""
    return "\n".join(
        (
            _HEAD,
            "[wsmon]",
            *_lines(WSMON),
            "",
            "[keys]",
            *_commented('# "log.search" = "slash"', KEYS.doc),
            "",
            _DEFAULTS_HEAD,
            "[[connection]]",
            *_lines(CONNECTION),
            "",
        )
    )


def _lines(keys: Iterable[ConfigKey]) -> Iterator[str]:
    for key in keys:
        stands_open = key.needed or not key.example
        setting = f"{key.path} = {key.example or to_toml(key.default)}"
        yield from _commented(setting if stands_open else f"# {setting}", _comment(key))


def _commented(setting: str, comment: str) -> Iterator[str]:
    """The line of a setting with its comment; a long comment continues on lines below."""
    column = max(_COMMENT_COLUMN, len(setting) + 1)
    before = setting
    for line in wrap(comment, max(_WIDTH - column - 2, 40)):
        yield f"{before:<{column}}# {line}"
        before = ""


def _comment(key: ConfigKey) -> str:
    comment = key.doc
    if isinstance(key.kind, OneOf):
        comment += f": {' | '.join(key.kind.words)}"
    return comment


def to_toml(value: Default) -> str:
    """Return a default as TOML: an empty list or table, a text, a number or a truth value."""
    return json.dumps(value, ensure_ascii=False)
