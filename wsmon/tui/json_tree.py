"""JSON as a tree: which value a line is about, which containers are folded, and what a query says of a value. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from wsmon.model.json_path import JsonPath, path_text
from wsmon.tui.json_lines import JsonKind, json_lines

_CLOSING = {"{": "}", "[": "]"}
_OPEN, _CLOSE = "{[", "]}"


class JsonNode(NamedTuple):
    """What a line is about."""

    path: JsonPath
    token: str
    # of a value: as it stands; of a container: the sign that opens it, of an empty one both signs
    role: Literal["value", "open", "close"]

    @property
    def container(self) -> JsonPath:
        """The container that folds with this line."""
        return self.path[:-1] if self.role == "value" else self.path


class TreeLine(NamedTuple):
    """A line of a tree."""

    depth: int
    tokens: tuple[tuple[str, JsonKind], ...]
    node: JsonNode


def tree_lines(text: str, folded: frozenset[JsonPath] = frozenset()) -> Iterator[TreeLine]:
    """The lines of a text that is JSON, lazily; a folded container is one line with the number of its members."""
    closed: TreeLine | None = None
    # the folded container that is passed over
    members = 0
    for line in _with_nodes(text):
        if closed is not None:
            if line.node.path == closed.node.path:
                yield _folded(closed, members)
                closed = None
            elif line.node.role != "close" and len(line.node.path) == len(closed.node.path) + 1:
                members += 1
        elif line.node.role == "open" and line.node.path in folded:
            closed, members = line, 0
        else:
            yield line
    if closed is not None:  # cut before its end
        yield _folded(closed, members)


def term_of(node: JsonNode) -> str:
    """What asks for this value in a query; a container only has to be there."""
    path = path_text(node.path)
    if node.token[:1] in _OPEN:
        return f"{path}:*"
    if node.token.startswith('"'):
        escaped = text_of(node.token).replace("\\", "\\\\").replace('"', '\\"')
        return f'{path}="{escaped}"'
    return f"{path}={node.token}"


def text_of(token: str) -> str:
    """A value as text: that of a string without its quotes, others as they stand."""
    if not token.startswith('"'):
        return token
    try:
        return msgspec.json.decode(token, type=str)
    except msgspec.DecodeError:  # it was cut
        return token[1:]


def _folded(line: TreeLine, members: int) -> TreeLine:
    number: tuple[str, JsonKind] = (f" {members} … ", "sign")
    end: tuple[str, JsonKind] = (_CLOSING[line.node.token], "sign")
    return TreeLine(line.depth, (*line.tokens, number, end), line.node)


def _with_nodes(text: str) -> Iterator[TreeLine]:
    """Every line, and what it is about: the containers around it are known from the lines before."""
    around: list[tuple[JsonPath, str]] = []
    places: list[int] = []
    for depth, tokens in json_lines(text):
        first = tokens[0][0]
        if first in _CLOSE and around:
            path, sign = around.pop()
            places.pop()
            yield TreeLine(depth, tokens, JsonNode(path, sign, "close"))
            continue
        path, sign = around[-1] if around else ((), "")
        if sign == "[":
            path, places[-1] = (*path, places[-1]), places[-1] + 1
        elif sign == "{":
            path = (*path, text_of(first))
        value = next((part for part, kind in tokens if kind != "key" and part != ": "), "")
        opens = value in _CLOSING and tokens[-1][0] == value
        if value in _CLOSING and not opens:
            value += _CLOSING[value]
        if opens:
            around.append((path, value))
            places.append(0)
        yield TreeLine(depth, tokens, JsonNode(path, value, "open" if opens else "value"))
