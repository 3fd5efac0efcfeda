"""Edits of a configuration's text: add an alert rule, silence a kind; comments and layout stay as they are. Pure.

The text is changed at one place, found with lines.py, and parsed again: an edit whose result is not the old document
with that one change is refused. A library that writes TOML was not needed for that; it would have to be trusted with
the rest of the file.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import tomli

from wsmon.config.lines import Assignment, Bracket, KeyPath, Lines, Places
from wsmon.errors import WsmonError

BY_HAND = "add it by hand: ^e opens the file"
RULES: KeyPath = ("wsmon", "alerts", "rules")
_FURTHER_ROW = re.compile(r"(.+)-[1-9][0-9]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a configuration's text."""

    before: str
    after: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that are new or changed, as they will be written."""
        first, last = self._changed
        return tuple(self.after.splitlines()[first:last])

    @property
    def line(self) -> int:
        """Number of the first of these lines, from 1; blank ones before the first key do not count."""
        first, _ = self._changed
        return first + 1 + next((at for at, line in enumerate(self.lines) if line.strip()), 0)

    @property
    def _changed(self) -> tuple[int, int]:
        before, after = self.before.splitlines(), self.after.splitlines()
        first = 0
        while first < len(before) and first < len(after) and before[first] == after[first]:
            first += 1
        kept = 0
        while kept < min(len(before), len(after)) - first and before[-1 - kept] == after[-1 - kept]:
            kept += 1
        return first, len(after) - kept


def toml_key(name: str) -> str:
    """Return a name as TOML has it as a key."""
    return name if _BARE_KEY.fullmatch(name) else toml_text(name)


def toml_text(text: str) -> str:
    """Return a text as TOML writes it, on one line: literal where quotes or backslashes would be escaped otherwise."""
    if ('"' in text or "\\" in text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    # Escapes of JSON are escapes of TOML, but for DEL, which TOML wants escaped, too
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def rule_names(text: str) -> frozenset[str]:
    """Return the names of the alert rules of a configuration."""
    rules = _value(_parsed(text), RULES)
    return frozenset(rules) if isinstance(rules, dict) else frozenset()


def with_rule(text: str, name: str, query: str) -> Edit:
    """Return the edit that adds an alert rule to ``[wsmon]``.

    Raises ``WsmonError`` where a rule has the name, or where the place cannot be found.
    """
    if name in rule_names(text):
        raise WsmonError(f"there is a rule {name} already", "take another name")
    path = (*RULES, name)
    return _checked(text, _with_value(text, path, toml_text(query)), path, query)


def with_silence(text: str, connection: str, kind: str) -> Edit:
    """Return the edit that adds a kind of incidents to ``silence`` of a connection.

    A connection without the key gets one that begins with what ``[defaults]`` silences, which it would replace. Raises
    ``WsmonError`` where the kind is silenced already, or where the place cannot be found.
    """
    path = (*_connection(text, connection), "silence")
    tree = _parsed(text)
    own, defaults = _value(tree, path), _value(tree, ("defaults", "silence"))
    silenced = own if own is not None else defaults or []
    if not isinstance(silenced, list):
        raise WsmonError(f"silence of {connection} is no list", BY_HAND)
    if kind in silenced:
        raise WsmonError(f"{kind} is silenced for {connection} already", "L reloads the configuration")
    wanted = [*silenced, kind]
    if own is not None:
        return _checked(text, _with_item(text, path, toml_text(kind)), path, wanted)
    value = f"[{', '.join(toml_text(str(each)) for each in wanted)}]"
    return _checked(text, _with_value(text, path, value), path, wanted)


def line_of_connection(text: str, connection: str) -> int:
    """Return the line at which a connection is configured; 1 where it is not, or where the text is no TOML."""
    try:
        return Lines(text.removeprefix(_BOM)).of(_connection(text, connection)) if connection else 1
    except WsmonError:
        return 1


def _connection(text: str, name: str) -> KeyPath:
    """Return the table of a connection; that of the relay for ``NAME-2`` and so on, the further ones of a relay."""
    tree = _parsed(text)
    relay = further[1] if (further := _FURTHER_ROW.fullmatch(name)) else ""
    for kind, wanted in (("connection", name), ("relay", name), ("relay", relay)):
        tables = tree.get(kind)
        for index, table in enumerate(tables if isinstance(tables, list) else []):
            if isinstance(table, dict) and wanted and table.get("name") == wanted:
                return (kind, index)
    raise WsmonError(f"no connection of the file is named {name}", "it may have changed since the recorder read it")


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomli.loads(text.removeprefix(_BOM))
    except tomli.TOMLDecodeError as error:
        raise WsmonError(
            f"the file is not valid TOML: line {error.lineno}, column {error.colno}", "^e edits it"
        ) from None
    except (ValueError, RecursionError):
        raise WsmonError("the file is not valid TOML", "^e edits it") from None


def _value(tree: object, path: KeyPath) -> Any:
    """Return the value at a path; None where there is none."""
    for part in path:
        if isinstance(part, str) and isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(part, int) and isinstance(tree, list) and part < len(tree):
            tree = tree[part]
        else:
            return None
    return tree


def _checked(before: str, after: str, path: KeyPath, value: object) -> Edit:
    """Return the edit, if its result is the old document with one value changed; raises ``WsmonError`` otherwise."""
    expected = copy.deepcopy(_parsed(before))
    try:
        table: Any = expected
        for part in path[:-1]:
            table = table.setdefault(part, {}) if isinstance(part, str) else table[part]
        table[path[-1]] = value
        is_as_expected = _parsed(after) == expected
    # The document has something else where a table should be, or its text cannot be understood any more
    except (AttributeError, TypeError, WsmonError):
        is_as_expected = False
    if not is_as_expected:
        raise WsmonError("the place for it cannot be found in this file", BY_HAND)
    return Edit(before, after)


def _with_value(text: str, path: KeyPath, value: str) -> str:
    """Return a document with a key that it does not have yet."""
    bom, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    places = Places(body)
    for length in range(len(path) - 1, 0, -1):
        table = path[:length]
        if (bracket := places.brackets.get(table)) is not None and bracket.kind == "table":
            return bom + _in_brackets(body, bracket, f"{_dotted(path[length:])} = {value}")
        holder = table if table in places.headers else _dotted_in(places.assignments, table)
        if holder is not None:
            setting = f"{_dotted(path[len(holder) :])} = {value}"
            return bom + _on_new_line(body, places, holder, path, setting)
    newline = "\r\n" if "\r\n" in body else "\n"
    gap = "" if not body else newline if body.endswith("\n") else newline * 2
    return f"{bom}{body}{gap}[{path[0]}]{newline}{_dotted(path[1:])} = {value}{newline}"


def _dotted_in(assignments: Iterable[Assignment], table: KeyPath) -> KeyPath | None:
    """Return the table below whose header dotted keys make this one; None where none do."""
    found = (
        each.table
        for each in assignments
        if len(each.table) < len(table) < len(each.path) and each.path[: len(table)] == table
    )
    return next(found, None)


def _in_brackets(text: str, bracket: Bracket, item: str) -> str:
    """Return a document with one more item in an inline table or in an array of one line."""
    if bracket.item_end:
        return f"{text[: bracket.item_end]}, {item}{text[bracket.item_end :]}"
    if bracket.kind == "table":
        return f"{text[: bracket.start]} {item} {text[bracket.end :]}"
    return f"{text[: bracket.start]}{item}{text[bracket.start :]}"


def _on_new_line(text: str, places: Places, table: KeyPath, path: KeyPath, setting: str) -> str:
    """Return a document with a setting behind the key of the table that has most of its path, or behind the header."""
    near = [each for each in places.assignments if each.table == table]
    if near:
        anchor = max(reversed(near), key=lambda each: _shared(each.path, path))
        start, end = anchor.start, anchor.end
        line_start = text.rfind("\n", 0, start) + 1
        indent = text[line_start:start] if not text[line_start:start].strip() else ""
    else:
        indent, end = "", places.headers[table]
    at = _line_end(text, end)
    at -= text[at - 1 : at + 1] == "\r\n"
    newline = "\r\n" if "\r\n" in text[at:] or (at == len(text) and "\r\n" in text) else "\n"
    return f"{text[:at]}{newline}{indent}{setting}{text[at:]}"


def _shared(one: KeyPath, other: KeyPath) -> int:
    """How many parts two paths have in common at their beginning."""
    return next((at for at, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its), len(one))


def _with_item(text: str, path: KeyPath, item: str) -> str:
    """Return a document with one more item at the end of an array."""
    bom, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    bracket = Places(body).brackets.get(path)
    if bracket is None or bracket.kind != "array":
        raise WsmonError("the place for it cannot be found in this file", BY_HAND)
    line_start = body.rfind("\n", 0, bracket.item_start) + 1
    indent = body[line_start : bracket.item_start]
    if not bracket.item_end or indent.strip() or line_start <= bracket.start:
        return bom + _in_brackets(body, bracket, item)
    return bom + "".join(_below(body, bracket, indent, item))


def _below(text: str, bracket: Bracket, indent: str, item: str) -> Iterator[str]:
    """Yield a document in pieces, with an item on a line of its own below the last one and its comment."""
    behind = bracket.comma + 1 if bracket.comma else bracket.item_end
    at = _line_end(text, behind)
    at = behind if bracket.end < at else at - (text[at - 1 : at + 1] == "\r\n")
    newline = "\r\n" if "\r\n" in text else "\n"
    yield text[: bracket.item_end]
    yield text[bracket.item_end : at] if bracket.comma else f",{text[bracket.item_end : at]}"
    yield f"{newline}{indent}{item}{',' if bracket.comma else ''}{text[at:]}"


def _line_end(text: str, at: int) -> int:
    """Return the offset of the end of the line that an offset is on."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _dotted(path: KeyPath) -> str:
    return ".".join(toml_key(str(part)) for part in path)
