"""Verdicts: who ended a connection, what the code means, the likely cause, and what to do next. Pure."""

from __future__ import annotations

from wsmon.model.verdict.close_codes import code_meaning
from wsmon.model.verdict.history import Histories, History
from wsmon.model.verdict.judge import fact, judge, why
from wsmon.model.verdict.last_words import LastMessages, PeerMessage, peer_message

__all__ = [
    "Histories",
    "History",
    "LastMessages",
    "PeerMessage",
    "code_meaning",
    "fact",
    "judge",
    "peer_message",
    "why",
]
