"""The messages of GraphQL over WebSocket: those that come, decoded as far as needed, and those that wsmon sends.

The words of the older protocol (``start``, ``data``, ``stop``) read as those of the newer one.
"""

from __future__ import annotations

import re

import msgspec

from wsmon.protocols.credentials import Decoded
from wsmon.protocols.decoding import UNDECODABLE, cut
from wsmon.protocols.reading import Reading
from wsmon.protocols.wanted import Wanted

OLDER_SUBPROTOCOL = "graphql-ws"
# the name on the wire of subscriptions-transport-ws; the newer one is called graphql-transport-ws

_WORDS = {"start": "subscribe", "data": "next", "stop": "complete"}
_NO_ERROR_TEXT = "error without a message"

_HEAD_CHARS = 2_000
# of a document, in which its name is looked for
_DECLARATION = re.compile(r"(?m)^[ \t]*(query|mutation|subscription)\b\s*([_A-Za-z]\w*)?")
_FIELD = re.compile(r"\{\s*([_A-Za-z]\w*)")


class _Request(msgspec.Struct, gc=False, rename="camel"):
    operation_name: str | None = None
    query: str = ""


class _Result(msgspec.Struct, gc=False):
    errors: msgspec.Raw = msgspec.Raw()


class _Error(msgspec.Struct, gc=False):
    message: str = ""


_REQUEST = msgspec.json.Decoder(_Request)
_RESULT = msgspec.json.Decoder(_Result)
_ERRORS = msgspec.json.Decoder(list[_Error] | _Error | None)


class Message(msgspec.Struct, gc=False):
    """One message; what is in its payload is decoded when asked for, and may raise ``UNDECODABLE`` then."""

    type: str
    id: str | int | None = None
    payload: msgspec.Raw = msgspec.Raw()

    @property
    def word(self) -> str:
        """Its type, in the words of graphql-transport-ws."""
        return _WORDS.get(self.type, self.type)

    @property
    def ref(self) -> str:
        """The id of its operation; empty where it belongs to none."""
        return "" if self.id is None else cut(str(self.id))

    @property
    def has_content(self) -> bool:
        """Whether there is anything in its payload."""
        return bytes(self.payload).strip() not in (b"", b"null", b"{}")

    @property
    def content(self) -> Decoded:
        """Its payload as it is."""
        content: Decoded = msgspec.json.decode(bytes(self.payload) or b"null")
        return content

    @property
    def operation(self) -> tuple[str, str]:
        """Kind and name of what it asks for; without a name, its first field."""
        request = _REQUEST.decode(bytes(self.payload) or b"null")
        head = request.query[:_HEAD_CHARS]
        declared = _DECLARATION.search(head)
        kind = declared[1] if declared else "query"
        name = request.operation_name or (declared[2] if declared else "")
        if not name:
            first = _FIELD.search(head, declared.end() if declared else 0)
            name = first[1] if first else ""
        return kind, cut(name)

    @property
    def error(self) -> str:
        """The first message in its payload, which is a list of errors, or one error in the older protocol."""
        return _first_message(bytes(self.payload))

    @property
    def result_error(self) -> str:
        """The first error beside the data of a result; empty where all went well."""
        payload = bytes(self.payload)
        if b'"errors"' not in payload:
            return ""
        errors = bytes(_RESULT.decode(payload).errors)
        return "" if errors in (b"", b"null", b"[]") else _first_message(errors)


_MESSAGE = msgspec.json.Decoder(Message)


def decode_message(payload: bytes) -> Message:
    """One message; raises one of ``UNDECODABLE`` where it is none."""
    return _MESSAGE.decode(payload)


def opening(wanted: Wanted) -> tuple[str | bytes, ...]:
    """What wsmon sends first: nothing is served before it."""
    auth = wanted.reveal_auth()
    return (_encode({"type": "connection_init", "payload": auth} if auth else {"type": "connection_init"}),)


def answer(reading: Reading, wanted: Wanted) -> tuple[str | bytes, ...]:
    """What wsmon sends after a message: pongs, and the wanted subscriptions once the server is ready."""
    if wanted.answers and reading.type == "ping" and any(note.name == "heartbeat.received" for note in reading.notes):
        return (_encode({"type": "pong"}),)
    if reading.type != "connection_ack":
        return ()
    word = "start" if wanted.subprotocol == OLDER_SUBPROTOCOL else "subscribe"
    return tuple(
        _encode({"id": f"wsmon-{number}", "type": word, "payload": _request(topic)})
        for number, topic in enumerate(wanted.reveal_topics(), 1)
    )


def _request(topic: str) -> msgspec.Raw | dict[str, str]:
    """A topic is a GraphQL document, or the JSON of a whole request (``query``, ``variables``, ``operationName``)."""
    try:
        _REQUEST.decode(topic)
    except UNDECODABLE:
        return {"query": topic}
    return msgspec.Raw(topic.encode())


def _first_message(errors: bytes) -> str:
    decoded = _ERRORS.decode(errors) if errors else None
    first = next(iter(decoded), None) if isinstance(decoded, list) else decoded
    return first.message if first and first.message else _NO_ERROR_TEXT


def _encode(message: dict[str, object]) -> str:
    return msgspec.json.encode(message).decode()
