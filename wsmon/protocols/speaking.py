"""When wsmon speaks a protocol whose messages answer a grant: authentication first, then the wanted topics."""

from __future__ import annotations

from wsmon.protocols import deribit, json
from wsmon.protocols.reading import Reading
from wsmon.protocols.wanted import Wanted

Messages = tuple[str | bytes, ...]


def open_deribit(wanted: Wanted, state: deribit.State) -> Messages:
    """The authentication; without one, the subscriptions at once."""
    return deribit.auth_messages(wanted.reveal_auth(), state) or _subscribe(wanted, state)


def answer_deribit(reading: Reading, wanted: Wanted, state: deribit.State) -> Messages:
    """Answers to test requests; the subscriptions once the authentication is over, public ones also if it failed."""
    is_over = any(note.operation == "auth" and note.phase == "end" for note in reading.notes)
    return deribit.answer(reading, state) + (_subscribe(wanted, state) if is_over else ())


def open_json(wanted: Wanted, state: json.State) -> Messages:
    """The authentication that the configuration spells out."""
    return json.auth_messages(wanted.reveal_auth(), state)


def answer_json(reading: Reading, wanted: Wanted, state: json.State) -> Messages:  # noqa: ARG001 - as the others
    """Pongs."""
    return json.answer(reading, state)


def _subscribe(wanted: Wanted, state: deribit.State) -> Messages:
    return deribit.subscribe_messages(wanted.reveal_topics(), state)
