"""JSON on indented lines, made from its tokens as they stand: nothing is parsed into values and written anew.

So numbers keep their digits and keys their order, a text that was cut shows up to the cut, and only the lines that are
asked for cost anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Literal

import msgspec

JsonKind = Literal["key", "string", "number", "literal", "sign"]
JsonLine = tuple[int, tuple[tuple[str, JsonKind], ...]]
# depth, and the tokens of the line

PROBE_CHARACTERS = 4096
# of a text that was cut: enough to tell JSON from something that begins like it

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
_KINDS: dict[str, JsonKind] = {
    "string": "string", "number": "number", "literal": "literal", "sign": "sign", "other": "literal",
}  # fmt: skip
_checked = msgspec.json.Decoder(msgspec.Raw).decode
# builds nothing: 8 ms at most for 2 MiB, where building values takes 200
_scanner = json.JSONDecoder(object_pairs_hook=len, parse_int=bool, parse_float=bool, strict=False)
# keeps no value: it is asked where one ends, and how many members it has
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
        line: list[tuple[str, JsonKind]] = []
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

    def _token(self) -> tuple[str, JsonKind] | None:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        kind = match.lastgroup or "other"
        return match[kind], _KINDS[kind]


def json_lines(text: str) -> Iterator[JsonLine]:
    """All lines of a text that is JSON."""
    return iter(JsonLines(text))
