"""Protocol detection for ``protocol = "auto"``: from the handshake, else from the first messages of a session.

The reason is a phrase that repeats nothing of a URL or a message but the words that were looked for.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

from wsmon.config.specs import ProtocolName
from wsmon.model.events import Direction, Opcode
from wsmon.protocols.base import HandshakeUrl, MessageSample, Protocol
from wsmon.protocols.registry import PROTOCOLS

# Data frames without a sign of a protocol until it is ``json`` or ``raw``: greetings and acknowledgements come first
SETTLE_FRAMES = 8


class ProtocolGuess(NamedTuple):
    """The protocol of a message; None where it shows none."""

    protocol: Protocol[Any] | None = None
    why: str = ""
    is_json: bool = False


_NO_GUESS = ProtocolGuess()


class ProtocolDetector:
    """The protocol of one session, and why wsmon thinks so. Once it has settled, it does not change its mind."""

    def __init__(self, protocols: Collection[Protocol[Any]] = tuple(PROTOCOLS.values())) -> None:
        self.name: ProtocolName | Literal[""] = ""
        """Empty until settled."""
        self.why = ""
        """A sentence without its full stop; empty until settled."""
        self.held = b""
        """The first bytes that went out, while they may be the beginning of a packet whose rest is to come; once that
        protocol is found, those before the message that showed it."""
        self._protocols = protocols
        self._may_begin = tuple(protocol.may_begin for protocol in protocols if protocol.may_begin is not None)
        self._is_beginning = True
        self._frames = 0
        self._json_frames = 0

    def of_handshake(self, url: str, subprotocol: str) -> ProtocolName | Literal[""]:
        """Return the protocol that the negotiated subprotocol or the URL names; empty where they name none."""
        if not self.name:
            guess = self._of_subprotocol(subprotocol.lower())
            if guess.protocol is None:
                guess = self._of_url(url)
            self._take(guess)
        return self.name

    def of_frame(self, direction: Direction, opcode: Opcode, payload: bytes) -> ProtocolName | Literal[""]:
        """Return the protocol after one more whole message; empty while undecided."""
        if self.name or opcode not in ("text", "binary"):
            return self.name
        before = self.held
        sent = direction == "out"
        guess = self._of_first(opcode, payload) if sent else self._of_message(direction, opcode, payload)
        if self._take(guess):
            self.held = before if guess.protocol is not None and guess.protocol.may_begin is not None else b""
            return self.name
        # A piece of a packet says nothing yet
        if len(self.held) > len(before):
            return ""
        self._frames += 1
        self._json_frames += guess.is_json
        if self._frames >= SETTLE_FRAMES:
            self._settle()
        return self.name

    def _of_subprotocol(self, subprotocol: str) -> ProtocolGuess:
        for protocol in self._protocols:
            if subprotocol in protocol.subprotocols:
                return ProtocolGuess(protocol, f"the subprotocol is {subprotocol}")
        return _NO_GUESS

    def _of_url(self, url: str) -> ProtocolGuess:
        try:
            parts = urlsplit(url)
            taken_apart = HandshakeUrl((parts.hostname or "").lower(), parts.path.rstrip("/"), parse_qs(parts.query))
        except ValueError:  # an IPv6 address without its bracket, or too many parameters
            return _NO_GUESS
        for protocol in self._protocols:
            if why := protocol.recognise_url(taken_apart):
                return ProtocolGuess(protocol, why)
        return _NO_GUESS

    def _of_first(self, opcode: Opcode, payload: bytes) -> ProtocolGuess:
        """Guess from an outgoing message, with the pieces before it where those may belong to one packet."""
        joined = self.held + payload
        if self._is_beginning and opcode == "binary" and any(may_begin(joined) for may_begin in self._may_begin):
            self.held = joined
            return _NO_GUESS
        is_continued, self._is_beginning = bool(self.held), False
        self.held = b""
        if is_continued:
            guess = self._of_message("out", opcode, joined)
            if guess.protocol is not None and guess.protocol.may_begin is not None:
                return guess
        return self._of_message("out", opcode, payload)

    def _of_message(self, direction: Direction, opcode: Opcode, payload: bytes) -> ProtocolGuess:
        sample = MessageSample(direction, opcode, payload)
        for protocol in self._protocols:
            if why := protocol.recognise(sample):
                return ProtocolGuess(protocol, why)
        return ProtocolGuess(is_json=sample.json is not None)

    def _take(self, guess: ProtocolGuess) -> bool:
        if guess.protocol is None:
            return False
        self.name, self.why = guess.protocol.name, guess.why
        return True

    def _settle(self) -> None:
        self.held = b""
        if self._json_frames:
            self.name = "json"
            self.why = f"{self._json_frames} of the first {self._frames} messages are JSON of no protocol known"
        else:
            self.name = "raw"
            self.why = f"none of the first {self._frames} messages is of a protocol known"
