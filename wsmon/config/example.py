"""The example configuration (``wsmon check --example``), generated from the schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from textwrap import wrap

from wsmon.config.kinds import ChainOf, OneOf
from wsmon.config.schema import CONNECTION, KEYS, RELAY_ALONE, WSMON, ConfigKey, Default

_HEAD = """\
# wsmon configuration: all keys with their defaults. Uncomment and edit what you need. `wsmon check` reports every
# error with its line.
#
# Durations: "500ms", "20s", "1h30m", "14d", or a number of seconds. Sizes: "64KiB", "2GB", or a number of bytes.
# In any string: ${env:NAME} inserts an environment variable; ${secret:NAME} (environment variable) and ${file:PATH}
# insert a secret, which is redacted everywhere; $${ is a literal ${.
# Relative paths are relative to this file. Dotted keys can be written as tables: ping = { interval = "20s" }.
"""
_DEFAULTS_HEAD = """\
# Defaults for all connections: any connection key except name. Tables are merged key by key.
[defaults]
# open_timeout = "5s"
"""
_RELAY_HEAD = """\
# A relay: applications connect to it instead of a server, and their connections are recorded; see docs/relay.md.
# Beside these keys: those of a connection that do not send anything (group, headers, protocol, capture, redact, ...).
# [[relay]]"""
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
            _RELAY_HEAD,
            *(line if line.startswith("# ") else f"# {line}" for line in _lines(RELAY_ALONE)),
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
    match key.kind:
        case OneOf(words=words):
            comment += f": {' | '.join(words)}"
        case ChainOf(item=OneOf(words=names), words=words):
            comment += f": {' | '.join((*words, *names))}"
    return comment


def to_toml(value: Default) -> str:
    """Return a default as TOML: an empty list or table, a text, a number or a truth value."""
    return json.dumps(value, ensure_ascii=False)
