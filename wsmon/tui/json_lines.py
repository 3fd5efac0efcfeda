"""JSON on indented lines, made from its tokens as they stand: nothing is parsed into values and written anew.

So numbers keep their digits and keys their order, a text that was cut shows up to the cut, and only the lines that are
asked for cost anything.
"""

from __future__ import annotations

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
        (?P<string>"(?:[^"\\]|\\.)*+"?)
      | (?P<number>-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)
      | (?P<literal>true|false|null)
      | (?P<sign>[\[\]{},:])
      | (?P<other>[^ \t\r\n])
    )""",
    re.VERBOSE | re.DOTALL,
)
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
        msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        return str(error)
    except RecursionError:
        return "nested too deep"
    return None


def json_lines(text: str) -> Iterator[JsonLine]:
    """The lines of a text that is JSON (see ``json_fault``), lazily; in linear time whatever the text."""
    depth = 0
    line: list[tuple[str, JsonKind]] = []
    for token, kind in _tokens(text):
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
    if line:
        yield depth, tuple(line)


def _tokens(text: str) -> Iterator[tuple[str, JsonKind]]:
    for match in _TOKEN.finditer(text):
        token = match[match.lastgroup or 0]
        match match.lastgroup:
            case "string":
                yield token, "string"
            case "number":
                yield token, "number"
            case "sign":
                yield token, "sign"
            case _:
                yield token, "literal"
