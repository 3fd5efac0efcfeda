"""Operations of the NATS client protocol on the wire: where they end, their fields, masks of credentials.

An operation is a line of control that ends with CRLF; those with a payload name its size last, and it is followed by
another CRLF.
Source: the NATS documentation, "Client Protocol".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from wsmon.model.events import Opcode
from wsmon.model.redact.masking import ByteRange, mask_ranges
from wsmon.model.redact.names import is_credential_key
from wsmon.protocols.base import UNDECODABLE

# fmt: off
OPERATIONS = frozenset({
    "INFO", "CONNECT", "PUB", "HPUB", "SUB", "UNSUB", "MSG", "HMSG", "PING", "PONG", "+OK", "-ERR",
})
# fmt: on
WITH_PAYLOAD = frozenset({"PUB", "HPUB", "MSG", "HMSG"})
# An INFO lists the servers of a cluster, and a CONNECT has a token: longer lines are none of the protocol
MAX_LINE_BYTES = 64 * 1024

_NAMES = b"|".join(re.escape(name.encode()) for name in sorted(OPERATIONS))
_NAME = re.compile(rb"(?:" + _NAMES + rb")(?=[ \t\r])", re.IGNORECASE)
_LONGEST_NAME = max(map(len, OPERATIONS))
_NAME_BEGINNINGS = frozenset(name[:size].encode() for name in OPERATIONS for size in range(1, len(name) + 1))
_SIZE = re.compile(rb"[ \t]([0-9]{1,9})[ \t]*+\Z")


def find_end(buffer: bytes | bytearray, start: int, searched: int) -> int:  # noqa: ARG001 - as ``parts.FindEnd``
    """Return where the operation at ``start`` ends: as ``parts.FindEnd``. What is none ends with the buffer."""
    size = len(buffer)
    name = _NAME.match(buffer, start)
    if name is None:
        head = bytes(buffer[start : start + _LONGEST_NAME + 1]).upper()
        return -1 if start + len(head) == size and head in _NAME_BEGINNINGS else size
    line_end = buffer.find(b"\r\n", name.end(), start + MAX_LINE_BYTES)
    if line_end < 0:
        return -1 if size - start < MAX_LINE_BYTES else size
    end = line_end + 2
    if name[0].upper().decode() in WITH_PAYLOAD:
        length = _SIZE.search(bytes(buffer[name.end() : line_end]))
        # An operation without a size that can be read is one all the same; its payload is lost
        end += int(length[1]) + 2 if length else 0
    return end


class NatsOperation(NamedTuple):
    """One operation."""

    name: str
    """In capitals."""
    words: tuple[str, ...] = ()
    """What follows it in its line; empty where that is JSON, or a text."""
    text: str = ""
    """The same as it stands."""
    body: bytes = b""
    """Headers and payload."""

    @property
    def status(self) -> int | None:
        """The status in the headers of a server's answer; None where there is none."""
        found = _STATUS.match(self.body)
        return int(found[1]) if found else None

    def word(self, place: int) -> str:
        """Return one of the words; empty where there are fewer."""
        return self.words[place] if place < len(self.words) else ""


_STATUS = re.compile(rb"NATS/1\.\d[ \t]++([0-9]{3})(?=[ \t\r])")
# Those whose line is no list of words
_TEXTS = frozenset({"INFO", "CONNECT", "-ERR", "+OK"})


def read_operation(message: bytes) -> NatsOperation | None:
    """Return the operation of a message that is one; None where it is none."""
    name = _NAME.match(message)
    line, found, body = message[:MAX_LINE_BYTES].partition(b"\r\n")
    if name is None or not found:
        return None
    kind = name[0].upper().decode()
    text = line[name.end() :].decode("utf-8", "replace").strip()
    words = () if kind in _TEXTS else tuple(text.split())
    return NatsOperation(kind, words, text, message[len(line) + 2 :].removesuffix(b"\r\n") if body else b"")


def read_members(text: str) -> dict[str, object]:
    """Return the JSON object of an INFO or a CONNECT; empty where it is none."""
    try:
        content = msgspec.json.decode(text)
    except UNDECODABLE:
        return {}
    return content if isinstance(content, dict) else {}


# Beside those that the redactor knows: of a CONNECT, its password and the signature of the server's nonce
_SECRET_KEYS = frozenset({"pass", "sig", "nkey_seed", "seed"})
_CONNECT = re.compile(rb"(?:\A|\n)CONNECT[ \t]++", re.IGNORECASE)
# A member of JSON, also of one that is cut; a value that is no text ends where the next member begins
_MEMBER = re.compile(
    rb'"((?:[^"\\\r\n]|\\[^\r\n])*+)"[ \t]*+:[ \t]*+(?:"((?:[^"\\\r\n]|\\[^\r\n])*+)|([^"\s,}\]\[{][^,}\]\r\n]*+))'
)
# Members that are looked at; from the next one on a CONNECT is masked unread
_MAX_MEMBERS = 200
_MAX_KEY_BYTES = 100
# Seeds of nkeys: operator, account, user, server, cluster, curve
_SEED = re.compile(rb"(?<![A-Z2-7])S[OAUNCX][A-Z2-7]{56}(?![A-Z2-7])")


def mask(_opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Return the payload with credentials of a CONNECT and all seeds of nkeys masked, and whether there were any."""
    spans = [ByteRange(*found.span()) for found in _SEED.finditer(payload)]
    at = 0
    while (connect := _CONNECT.search(payload, at)) is not None:
        line_end = payload.find(b"\r\n", connect.end())
        at = len(payload) if line_end < 0 else line_end
        spans += _secrets(payload, connect.end(), at)
    return (mask_ranges(payload, spans), True) if spans else (payload, False)


def _secrets(payload: bytes, start: int, end: int) -> Iterator[ByteRange]:
    for number, member in enumerate(_MEMBER.finditer(payload, start, end)):
        if number == _MAX_MEMBERS:
            yield ByteRange(member.start(), end)
            return
        value = 2 if member[2] is not None else 3
        if member[value] and is_secret(_key(member[1])):
            yield ByteRange(*member.span(value))


def _key(text: bytes) -> str:
    """Return the key of a member, its escapes undone."""
    try:
        return msgspec.json.decode(b'"%b"' % text, type=str) if b"\\" in text else text.decode("utf-8", "replace")
    except UNDECODABLE:
        return text.decode("utf-8", "replace")


def is_secret(key: str) -> bool:
    """Whether a member of a CONNECT holds a credential."""
    name = key[:_MAX_KEY_BYTES]
    return name.lower() in _SECRET_KEYS or is_credential_key(name)
