"""Verdicts: who ended a connection, what the code means, the likely cause, and what to do next. Pure."""

from __future__ import annotations

from wsmon.model.verdict.history import Histories, History
from wsmon.model.verdict.judge import judge
from wsmon.model.verdict.last_words import LastMessages, PeerMessage, peer_message

__all__ = [
    "Histories",
    "History",
    "LastMessages",
    "PeerMessage",
    "judge",
    "peer_message",
]
