"""Protocol detection for ``protocol = "auto"``: from the handshake, else from the first messages of a session.

What was detected is revised where most messages that follow cannot be decoded by it. A reason repeats nothing of a URL
or a message but the words that were looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from typing import Any, NamedTuple, TypeAlias

from wsmon.config.specs import ProtocolName
from wsmon.model.events import Direction, Opcode
from wsmon.protocols.base import Decoded, HandshakeUrl, MessageSample, Protocol
from wsmon.protocols.registry import PROTOCOLS

# Data frames without a sign of a protocol until it is ``json`` or ``raw``: greetings and acknowledgements come first
SETTLE_FRAMES = 8


# Empty while undecided
DetectedName: TypeAlias = ProtocolName


# Fewer bytes, such as a single letter, may begin any feed
_PROVING_BYTES = 5


class ProtocolGuess(NamedTuple):
    """The protocol of a message; None where it shows none."""

    protocol: Protocol[Any] | None = None
    why: str = ""
    is_json: bool = False
    is_certain: bool = False
    """Whether the handshake says so."""
    is_proven: bool = False
    """Whether no feed of another protocol would send it: JSON of one may look like that of another."""


_NO_GUESS = ProtocolGuess()


class ProtocolDetector:
    """The protocol of one session, and why wsmon thinks so. Once it has settled, it does not change its mind."""

    def __init__(
        self,
        protocols: Collection[Protocol[Any]] = tuple(PROTOCOLS.values()),
        misfits: Container[ProtocolName] = (),
    ) -> None:
        """``misfits`` are protocols that an earlier session was taken for, and that did not fit."""
        self.name: DetectedName = ""
        """Empty until settled."""
        self.why = ""
        """A sentence without its full stop; empty until settled."""
        self.is_certain = False
        """Whether what it settled on is more than a guess, which the messages that follow have to confirm."""
        self.is_proven = False
        """Whether the message that showed it is no JSON, which feeds of other protocols send as well."""
        self.held = b""
        """The first bytes that went out, while they may be the beginning of a packet whose rest is to come; once that
        protocol is found, those before the message that showed it."""
        protocols = tuple(protocol for protocol in protocols if protocol.name not in misfits)
        self._protocols = protocols
        self._fallback: ProtocolName = "raw" if "json" in misfits else "json"
        self._may_begin = tuple(protocol.may_begin for protocol in protocols if protocol.may_begin is not None)
        self._is_beginning = True
        self._frames = 0
        self._json_frames = 0

    def of_handshake(self, url: str, subprotocol: str) -> DetectedName:
        """Return the protocol that the negotiated subprotocol or the URL names; empty where they name none."""
        if not self.name:
            guess = self._of_subprotocol(subprotocol.lower())
            if guess.protocol is None:
                guess = self._of_url(url)
            self._take(guess)
        return self.name

    def of_frame(self, direction: Direction, opcode: Opcode, payload: bytes) -> DetectedName:
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
        # Nor does an empty keepalive
        if not payload.strip():
            return ""
        self._frames += 1
        self._json_frames += guess.is_json
        if self._frames >= SETTLE_FRAMES:
            self._settle()
        return self.name

    def _of_subprotocol(self, subprotocol: str) -> ProtocolGuess:
        for protocol in self._protocols:
            if subprotocol in protocol.subprotocols:
                return ProtocolGuess(protocol, f"the subprotocol is {subprotocol}", is_certain=True, is_proven=True)
        return _NO_GUESS

    def _of_url(self, url: str) -> ProtocolGuess:
        taken_apart = HandshakeUrl.parse(url)
        if taken_apart is None:
            return _NO_GUESS
        for protocol in self._protocols:
            if why := protocol.recognise_url(taken_apart):
                return ProtocolGuess(protocol, why, is_certain=True, is_proven=True)
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
                is_proven = sample.json is None and len(payload) >= _PROVING_BYTES
                return ProtocolGuess(protocol, why, is_proven=is_proven)
        return ProtocolGuess(is_json=sample.json is not None)

    def _take(self, guess: ProtocolGuess) -> bool:
        if guess.protocol is None:
            return False
        self.name, self.why = guess.protocol.name, guess.why
        self.is_certain, self.is_proven = guess.is_certain, guess.is_proven
        return True

    def _settle(self) -> None:
        self.held = b""
        # The majority of the messages said so already
        self.is_certain = self.is_proven = True
        if 2 * self._json_frames > self._frames:
            self.name = self._fallback
            self.why = f"{self._json_frames} of the first {self._frames} messages are JSON, but of no known protocol"
        elif self._json_frames:
            self.name = "raw"
            self.why = f"only {self._json_frames} of the first {self._frames} messages are valid JSON"
        else:
            self.name = "raw"
            self.why = f"none of the first {self._frames} messages belongs to a known protocol"


# Messages from the first one that cannot be decoded on; another protocol is used where most of them cannot
REVIEW_FRAMES = 16
# A guess is confirmed by as many messages that can be decoded, where fewer cannot; it is revised where more cannot
CONFIRM_FRAMES = 4


class DetectionReview:
    """Whether a detected protocol fits the messages that follow: most of them can be decoded by it."""

    def __init__(self, name: ProtocolName, *, is_certain: bool = True, is_proven: bool = True) -> None:
        """``is_certain``: it was no guess, for which the message that showed it counts as the first.

        ``is_proven``: if it was one, then no other protocol sends that message.
        """
        self.why = ""
        """Why another protocol fits better, a sentence without its full stop; empty until ``note`` has returned one."""
        self.is_confirmed = is_certain
        """Whether it is more than a guess."""
        self.is_proven = is_proven
        """Whether other protocols do not send what showed it, or messages confirmed it."""
        self.is_counting = not is_certain
        """Whether messages that are decoded have to be noted, too: those of a guess, else since the first one that
        could not be."""
        self._name: ProtocolName = name
        self._frames = 0
        self._errors = 0
        self._json_errors = 0

    @property
    def is_likely(self) -> bool:
        """Whether it fits as many messages as it does not."""
        return 2 * self._errors <= self._frames

    def note(self, decoded: Decoded, direction: Direction, opcode: Opcode, payload: bytes) -> DetectedName:
        """Take a message, decoded; return the protocol that fits better, empty while the present one does."""
        self.is_counting = True
        self._frames += 1
        if decoded.error_type and decoded.error_type != "too_large":
            self._errors += 1
            self._json_errors += MessageSample(direction, opcode, payload).json is not None
        fits = self._frames - self._errors
        is_wrong = 2 * self._errors > REVIEW_FRAMES
        if not self.is_confirmed:
            is_wrong = self._frames >= CONFIRM_FRAMES and self._errors > fits
        if is_wrong:
            self.why = f"{self._errors} of the last {self._frames} messages cannot be parsed as {self._name}"
            return "json" if self._name != "json" and 2 * self._json_errors > self._errors else "raw"
        if not self.is_confirmed:
            self.is_confirmed = fits >= CONFIRM_FRAMES and self._errors < fits
            self.is_proven |= self.is_confirmed
            self._restart(is_over=self.is_confirmed)
        else:
            self._restart(is_over=self._frames >= REVIEW_FRAMES)
        return ""

    def _restart(self, *, is_over: bool) -> None:
        if is_over:
            self.is_counting = False
            self._frames = self._errors = self._json_errors = 0
