"""Who ended an open session, from the facts of both sides."""

from __future__ import annotations

import pytest
from websockets.exceptions import ProtocolError

from wsmon.engine.session import CloseFacts, CloseSummary, close_meta

PEER = (4001, "bye")
ECHO = (4001, "bye")


@pytest.mark.parametrize(
    ("facts", "ending"),
    [
        (CloseFacts(PEER, ECHO, received_first=True), CloseSummary(4001, "peer", "bye", "", "")),
        (CloseFacts(received=PEER), CloseSummary(4001, "peer", "bye", "", "")),
        (CloseFacts((1005, ""), (1005, ""), received_first=True), CloseSummary(1005, "peer", "", "", "")),
        (
            CloseFacts(PEER, ECHO, received_first=True, loss=ConnectionResetError()),
            CloseSummary(4001, "peer", "bye", "", ""),
        ),
        (CloseFacts(PEER, ECHO, received_first=True, is_ours=True), CloseSummary(4001, "peer", "bye", "", "")),
        (
            CloseFacts((1000, ""), (1000, "stop"), received_first=False, is_ours=True),
            CloseSummary(1000, "us", "", "", ""),
        ),
        (CloseFacts(sent=(1000, "stop"), is_ours=True), CloseSummary(1000, "us", "stop", "", "")),
        (CloseFacts(is_ours=True), CloseSummary(None, "us", "", "", "")),
        (
            CloseFacts(sent=(1011, "keepalive ping timeout"), missed_pong_s=20.0),
            CloseSummary(
                1011,
                "heartbeat",
                "keepalive ping timeout",
                "heartbeat_timeout",
                "our heartbeat gave up: no pong for 20 s",
            ),
        ),
        (
            CloseFacts(sent=(1002, "invalid opcode"), fault=ProtocolError("invalid opcode")),
            CloseSummary(1002, "us", "invalid opcode", "protocol", "the peer broke the protocol: invalid opcode"),
        ),
        (CloseFacts(), CloseSummary(None, "network", "", "eof", "the TCP connection ended without a close frame")),
        (
            CloseFacts(loss=ConnectionResetError()),
            CloseSummary(None, "network", "", "reset", "the TCP connection was reset"),
        ),
        (
            CloseFacts(crash=ValueError("oops")),
            CloseSummary(None, "us", "", "internal", "internal error: ValueError: oops"),
        ),
    ],
)
def test_ending(facts: CloseFacts, ending: CloseSummary) -> None:
    assert CloseSummary.of(facts) == ending


@pytest.mark.parametrize(
    ("facts", "meta"),
    [
        (CloseFacts(), {}),
        (CloseFacts(sent=(1011, "x")), {"sent": {"code": 1011, "reason": "x"}, "first": "sent"}),
        (CloseFacts(received=PEER), {"received": {"code": 4001, "reason": "bye"}, "first": "received"}),
        (
            CloseFacts((1000, ""), (1000, "stop"), received_first=False),
            {"received": {"code": 1000, "reason": ""}, "sent": {"code": 1000, "reason": "stop"}, "first": "sent"},
        ),
    ],
)
def test_both_close_frames_are_kept_apart(facts: CloseFacts, meta: dict[str, object]) -> None:
    assert close_meta(facts) == meta
