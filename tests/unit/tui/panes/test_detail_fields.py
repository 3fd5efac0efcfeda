"""Fields of an event ask for events like it."""

from __future__ import annotations

from datetime import UTC
from itertools import chain

import msgspec
import pytest

from tests.support.builders import event, loss, message, pong, refused, retry, usable
from tests.support.queries import query
from wsmon.model.events import Event, Json
from wsmon.query.predicate import matches
from wsmon.tui.panes.detail_fields import identity_fields, message_fields, outcome_fields

ODD = 'a "quoted" \\ text, (with) *signs* -> $.x:1'
EVENTS = (
    loss(0),
    loss(0, code=None, by="network", reason=""),
    refused(0),
    retry(0),
    usable(0),
    pong(0),
    message("x", type=ODD, topic=ODD, ref=ODD, truncated=True, redacted=True),
    event("error.occurred", error_type="http_status", error=ODD, status="error"),
    msgspec.structs.replace(loss(0), reason=ODD, error=ODD),
)


@pytest.mark.parametrize("each", EVENTS, ids=lambda each: each.name)
def test_the_term_of_a_field_finds_the_event_and_its_opposite_does_not(each: Event) -> None:
    fields = list(chain(outcome_fields(each), message_fields(each), identity_fields(each, UTC)))
    terms = [field.term for field in fields if field.term]

    assert len(terms) >= 4
    for term in terms:
        assert matches(query(term), each), term
        assert not matches(query(f"-{term}"), each), term


def test_a_message_whose_rest_was_masked_says_so() -> None:
    masked = msgspec.structs.replace(message("x", redacted=True), meta={"masked": "budget"})
    labels = {field.label: field.value for field in message_fields(masked)}
    assert labels["Redacted"] == "rest of the message, or all of it: scanning it for credentials took too long"
    assert "Masked" not in {field.label for field in message_fields(message("x", redacted=True))}


def test_a_message_that_shares_its_frame_says_so() -> None:
    second = msgspec.structs.replace(message("abc"), wire_size=0, meta={"part": 2, "parts": 3})
    joined = msgspec.structs.replace(message("abc"), meta={"joined_size": 2048})
    piece = msgspec.structs.replace(message("abc"), meta={"partial": True})
    assert [[(field.label, field.value) for field in message_fields(one)][1:] for one in (second, joined, piece)] == [
        [("Size", "3 B"), ("Part", "2 of 3 in one frame")],
        [("Size", "3 B, 7 B on the wire"), ("Joined", "2.0 KiB, begun in an earlier frame")],
        [("Size", "3 B, 7 B on the wire"), ("Partial", "a piece of a message that spans frames")],
    ]


def test_a_message_that_was_decoded_says_from_what() -> None:
    metas = [{"encoding": "base64+zlib", "raw_base64": "eJw="}, {"encoding": "zlib-stream", "continues": True}]
    decoded = [msgspec.structs.replace(message("abc", opcode="binary"), meta=meta) for meta in metas]
    assert [[field.value for field in message_fields(one) if field.label == "Decoded"] for one in decoded] == [
        ["from base64+zlib, bytes received in meta.raw_base64"],
        ["from zlib-stream, continues in a later message"],
    ]


def test_the_end_of_a_relayed_connection_names_both_ends_by_their_close_frames() -> None:
    frames: dict[str, Json] = {"received": {"code": 1000, "reason": ""}, "sent": {"code": 1001, "reason": ""}}
    meta: dict[str, Json] = {"leg": "application", **frames, "first": "sent"}
    ended = loss(code=1001, by="application", reason="", to_status="closed", meta=meta)
    fields = {field.label: field.value for field in outcome_fields(ended)}
    assert {label: fields[label] for label in ("Closed by", "Server", "Application")} == {
        "Closed by": "the application",
        "Server": "close 1000",
        "Application": "close 1001, first",
    }
