"""JSON as a tree: which value a line is about, which containers are folded, and what a query says of a value. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

from wsmon.model.json_path import JsonPath, path_text

# JSON on indented lines, made from its tokens as they stand: nothing is parsed into values and written anew.
#
# So numbers keep their digits and keys their order, a text that was cut shows up to the cut, and only the lines
# that are
# asked for cost anything.

TokenKind = Literal["key", "string", "number", "literal", "sign"]
# Depth, and the tokens of the line
JsonLine = tuple[int, tuple[tuple[str, TokenKind], ...]]

# Of a text that was cut: enough to tell JSON from something that begins like it
PROBE_CHARACTERS = 4096

_TOKEN = re.compile(
    r"""[ \t\r\n]*+(?:
        (?P<string>"(?:[^"\\]++|\\.)*+"?)
      | (?P<number>-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)
      | (?P<literal>true|false|null)
      | (?P<sign>[\[\]{},:])
      | (?P<other>[^ \t\r\n])
    )""",
    re.VERBOSE | re.DOTALL,
)
_KINDS: dict[str, TokenKind] = {
    "string": "string", "number": "number", "literal": "literal", "sign": "sign", "other": "literal",
}  # fmt: skip
# Builds nothing: 8 ms at most for 2 MiB, where building values takes 200
_checked = msgspec.json.Decoder(msgspec.Raw).decode
# Keeps no value: it is asked where one ends, and how many members it has
_scanner = json.JSONDecoder(object_pairs_hook=len, parse_int=bool, parse_float=bool, strict=False)
_OPEN, _CLOSE = "[{", "]}"
_COMMA, _COLON = ",", ":"
_MAY_BE_CUT = ("true", "false", "null", "-")


def json_fault(text: str, *, is_cut: bool) -> str | None:
    """Why a text is not JSON; ``None`` where it is, as far as one can see of what was cut.

    A text that does not begin with an object or an array is not taken for JSON: the answer is ``""``.
    """
    if not text.lstrip(" \t\r\n").startswith(("{", "[")):
        return ""
    if is_cut:
        head = text[:PROBE_CHARACTERS]
        odd = next((found for found in _TOKEN.finditer(head) if found.lastgroup == "other"), None)
        if odd is None or any(word.startswith(head[odd.start("other") :]) for word in _MAY_BE_CUT):
            return None
        return f"invalid character (byte {odd.start('other')})"
    try:
        _checked(text)
    except msgspec.DecodeError as error:
        return str(error)
    except RecursionError:
        return "nested too deep"
    return None


class JsonLines:
    """The lines of a text that is JSON (see ``json_fault``), lazily; in linear time whatever the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        # where the next token is looked for
        self._opened_at = 0
        # where the last container began
        self._is_skipping = False

    def __iter__(self) -> Iterator[JsonLine]:
        depth = 0
        line: list[tuple[str, TokenKind]] = []
        while (found := self._token()) is not None:
            token, kind = found
            if token and token in _CLOSE:
                if line and line[-1][0] in _OPEN:  # an empty object or array stays on its line
                    line.append((token, kind))
                    depth -= 1
                    continue
                if line:
                    yield depth, tuple(line)
                depth = max(0, depth - 1)
                line = [(token, kind)]
                continue
            if line and line[-1][0] in _OPEN:
                yield depth - 1, tuple(line)
                line = []
                if self._is_skipping:
                    self._is_skipping = False
                    continue
            if token == _COMMA:
                line.append((token, kind))
                yield depth, tuple(line)
                line = []
                continue
            if token == _COLON and line:
                line[-1] = (line[-1][0], "key")
            line.append((f"{_COLON} " if token == _COLON else token, kind))
            if token in _OPEN:
                depth += 1
                self._opened_at = self._at - 1
        if line:
            yield depth, tuple(line)

    def skip(self) -> int | None:
        """After a line that opens a container: go on with the line that closes it; how many members that has.

        ``None`` = the text ends inside it, or it is nested too deep to look: then nothing is skipped.
        """
        try:
            members, end = _scanner.raw_decode(self._text, self._opened_at)
        except (ValueError, RecursionError):
            return None
        self._at = end - 1
        self._is_skipping = True
        return members if isinstance(members, int) else len(members)

    def _token(self) -> tuple[str, TokenKind] | None:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        kind = match.lastgroup or "other"
        return match[kind], _KINDS[kind]


def json_lines(text: str) -> Iterator[JsonLine]:
    """All lines of a text that is JSON."""
    return iter(JsonLines(text))


# Levels that have a path: ten thousand levels would have paths of 400 MB
MAX_DEPTH = 100
CUT = "…"

_CLOSING = {"{": "}", "[": "]"}
_OPENERS, _CLOSERS = "{[", "]}"


class JsonNode(NamedTuple):
    """What a line is about."""

    path: JsonPath
    token: str
    """Of a value: as it stands; of a container: the sign that opens it, of an empty one both signs."""
    role: Literal["value", "open", "close"]

    @property
    def container(self) -> JsonPath:
        """The container that folds with this line."""
        return self.path[:-1] if self.role == "value" else self.path


class TreeLine(NamedTuple):
    """A line of a tree."""

    depth: int
    tokens: tuple[tuple[str, TokenKind], ...]
    node: JsonNode | None
    """None of what is nested deeper than MAX_DEPTH."""


@dataclass(frozen=True, slots=True)
class Folding:
    """Which containers are shown on one line."""

    level: int | None = None
    """Those as deep as this, or deeper; None = none."""
    others: frozenset[JsonPath] = frozenset()
    """Of which it is the other way round."""

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
    if node.token[:1] in _OPENERS:
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


def _folded(line: TreeLine, members: int | None, after: tuple[tuple[str, TokenKind], ...] = ()) -> TreeLine:
    assert line.node is not None
    number = CUT if members is None else f"{members} {CUT}"
    end: tuple[tuple[str, TokenKind], ...] = ((f" {number} ", "sign"), (_CLOSING[line.node.token], "sign"))
    return TreeLine(line.depth, (*line.tokens, *end, *after), line.node)


def _with_nodes(lines: Iterator[JsonLine]) -> Iterator[TreeLine]:
    """Every line, and what it is about: the containers around it are known from the lines before."""
    around: list[tuple[JsonPath, str]] = []
    places: list[int] = []
    for depth, tokens in lines:
        first = tokens[0][0]
        if first in _CLOSERS and around:
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
