"""Who ended an open session, from the facts of both sides."""

from __future__ import annotations

import pytest
from websockets.exceptions import ProtocolError

from wsmon.engine.session import Ending, Facts, close_meta

PEER = (4001, "bye")
ECHO = (4001, "bye")


@pytest.mark.parametrize(
    ("facts", "ending"),
    [
        (Facts(PEER, ECHO, received_first=True), Ending(4001, "peer", "bye", "", "")),
        (Facts(received=PEER), Ending(4001, "peer", "bye", "", "")),
        (Facts((1005, ""), (1005, ""), received_first=True), Ending(1005, "peer", "", "", "")),
        (Facts(PEER, ECHO, received_first=True, loss=ConnectionResetError()), Ending(4001, "peer", "bye", "", "")),
        (Facts(PEER, ECHO, received_first=True, is_ours=True), Ending(4001, "peer", "bye", "", "")),
        (Facts((1000, ""), (1000, "stop"), received_first=False, is_ours=True), Ending(1000, "us", "", "", "")),
        (Facts(sent=(1000, "stop"), is_ours=True), Ending(1000, "us", "stop", "", "")),
        (Facts(is_ours=True), Ending(None, "us", "", "", "")),
        (
            Facts(sent=(1011, "keepalive ping timeout"), missed_pong_s=20.0),
            Ending(
                1011,
                "heartbeat",
                "keepalive ping timeout",
                "heartbeat_timeout",
                "our heartbeat gave up: no pong for 20 s",
            ),
        ),
        (
            Facts(sent=(1002, "invalid opcode"), fault=ProtocolError("invalid opcode")),
            Ending(1002, "us", "invalid opcode", "protocol", "the peer broke the protocol: invalid opcode"),
        ),
        (Facts(), Ending(None, "network", "", "eof", "the TCP connection ended without a close frame")),
        (Facts(loss=ConnectionResetError()), Ending(None, "network", "", "reset", "the TCP connection was reset")),
        (Facts(crash=ValueError("oops")), Ending(None, "us", "", "internal", "internal error: ValueError: oops")),
    ],
)
def test_ending(facts: Facts, ending: Ending) -> None:
    assert Ending.of(facts) == ending


@pytest.mark.parametrize(
    ("facts", "meta"),
    [
        (Facts(), {}),
        (Facts(sent=(1011, "x")), {"sent": {"code": 1011, "reason": "x"}, "first": "sent"}),
        (Facts(received=PEER), {"received": {"code": 4001, "reason": "bye"}, "first": "received"}),
        (
            Facts((1000, ""), (1000, "stop"), received_first=False),
            {"received": {"code": 1000, "reason": ""}, "sent": {"code": 1000, "reason": "stop"}, "first": "sent"},
        ),
    ],
)
def test_both_close_frames_are_kept_apart(facts: Facts, meta: dict[str, object]) -> None:
    assert close_meta(facts) == meta
