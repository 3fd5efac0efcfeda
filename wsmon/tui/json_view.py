"""JSON as a tree: which value a line is about, which containers are folded, and what a query says of a value. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

from wsmon.model.json_path import JsonPath, path_text
from wsmon.tui.json_lines import JsonKind, JsonLine, JsonLines

MAX_DEPTH = 100
# levels that have a path: ten thousand levels would have paths of 400 MB
CUT = "…"

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
    node: JsonNode | None
    # None of what is nested deeper than MAX_DEPTH


@dataclass(frozen=True, slots=True)
class Folding:
    """Which containers are shown on one line."""

    level: int | None = None
    # those as deep as this, or deeper; None = none
    others: frozenset[JsonPath] = frozenset()
    # of which it is the other way round

    def folds(self, path: JsonPath) -> bool:
        """Whether the container at a path is folded."""
        return (self.level is not None and len(path) >= self.level) != (path in self.others)

    def toggle(self, path: JsonPath) -> Folding:
        """Fold the container at a path, or unfold it."""
        return Folding(self.level, self.others ^ {path})


UNFOLDED = Folding()


def tree_lines(text: str, folding: Folding = UNFOLDED) -> Iterator[TreeLine]:
    """The lines of a text that is JSON, lazily; a folded container is one line with the number of its members."""
    lines = JsonLines(text)
    closed: TreeLine | None = None
    # the folded container whose end comes next
    members: int | None = 0
    for line in _with_nodes(iter(lines)):
        if closed is not None:
            yield _folded(closed, members, line.tokens[1:])
            closed = None
        elif line.node is not None and line.node.role == "open" and folding.folds(line.node.path):
            members = lines.skip()
            if members is None:  # the text ends inside, as far as one can see
                yield _folded(line, None)
                return
            closed = line
        else:
            yield line


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


def _folded(line: TreeLine, members: int | None, after: tuple[tuple[str, JsonKind], ...] = ()) -> TreeLine:
    assert line.node is not None
    number = CUT if members is None else f"{members} {CUT}"
    end: tuple[tuple[str, JsonKind], ...] = ((f" {number} ", "sign"), (_CLOSING[line.node.token], "sign"))
    return TreeLine(line.depth, (*line.tokens, *end, *after), line.node)


def _with_nodes(lines: Iterator[JsonLine]) -> Iterator[TreeLine]:
    """Every line, and what it is about: the containers around it are known from the lines before."""
    around: list[tuple[JsonPath, str]] = []
    places: list[int] = []
    for depth, tokens in lines:
        first = tokens[0][0]
        if first in _CLOSE and around:
            path, sign = around.pop()
            places.pop()
            yield TreeLine(depth, tokens, _node(path, sign, "close"))
            continue
        path, sign = around[-1] if around else ((), "")
        is_deep = len(path) > MAX_DEPTH
        if sign == "[":
            path, places[-1] = path if is_deep else (*path, places[-1]), places[-1] + 1
        elif sign == "{" and not is_deep:
            path = (*path, text_of(first))
        value = next((part for part, kind in tokens if kind != "key" and part != ": "), "")
        opens = value in _CLOSING and tokens[-1][0] == value
        if value in _CLOSING and not opens:
            value += _CLOSING[value]
        if opens:
            around.append((path, value))
            places.append(0)
        yield TreeLine(depth, tokens, _node(path, value, "open" if opens else "value"))


def _node(path: JsonPath, token: str, role: Literal["value", "open", "close"]) -> JsonNode | None:
    return JsonNode(path, token, role) if len(path) <= MAX_DEPTH else None
