"""When a session speaks."""

from __future__ import annotations

from tests.support.schedulers import Scheduler
from wsmon.config.specs import HeartbeatSpec
from wsmon.engine.protocol_sender import ProtocolSender
from wsmon.model.redact.masking import Sensitive
from wsmon.protocols.base import Decoded, Outbox


class Protocol:
    """Says its name for everything."""

    is_silent = False

    def opening(self) -> Outbox:
        return ("open",)

    def replies(self, decoded: Decoded, payload: bytes, *, is_part: bool = False) -> Outbox:
        return (f"reply to {'part ' if is_part else ''}{decoded.type}", payload)

    def wrap(self, message: str | bytes) -> str | bytes:
        return f"{message!s}." if message == "beat" else message

    def due(self, now_ns: int) -> Outbox:
        return (f"due at {now_ns}",)


class Rig:
    """A sender over fakes."""

    def __init__(self, heartbeat: HeartbeatSpec | None = None) -> None:
        self.said: list[str | bytes] = []
        self.given_up = 0
        self.protocol = Protocol()
        self.scheduler = Scheduler()
        self.sender = ProtocolSender(heartbeat or HeartbeatSpec(), self.protocol, self.scheduler)

    def start(self) -> None:
        self.sender.start(self.said.append, self._give_up)

    def _give_up(self) -> None:
        self.given_up += 1


BEATING = HeartbeatSpec(send=Sensitive("beat"), every_s=0.5)


def test_it_opens_replies_and_says_what_is_due() -> None:
    rig = Rig()
    rig.start()
    rig.sender.react(Decoded("ping"), b"x")
    rig.sender.tick(7)
    assert rig.said == ["open", "reply to ping", b"x", "due at 7"]
    assert rig.scheduler.calls == []


def test_it_is_silent_before_the_start_and_after_the_end() -> None:
    rig = Rig(BEATING)
    rig.sender.react(Decoded("ping"), b"x")
    rig.sender.tick(7)
    assert rig.said == []
    rig.start()
    rig.sender.stop()
    rig.sender.react(Decoded("ping"), b"x")
    rig.sender.tick(7)
    assert rig.said == ["open"]
    assert rig.scheduler.calls[-1][1].is_cancelled


def test_a_heartbeat_follows_every_interval() -> None:
    rig = Rig(BEATING)
    rig.start()
    for _ in range(2):
        rig.scheduler.calls[-1][1].callback()
    assert rig.said == ["open", "beat.", "beat."]
    assert [delay for delay, _ in rig.scheduler.calls] == [0.5] * 3


def test_p1_a_heartbeat_may_contain_a_counter_of_its_session() -> None:
    rig = Rig(HeartbeatSpec(send=Sensitive('{"id":{n},"op":"ping"}'), every_s=0.5))
    rig.start()
    for _ in range(2):
        rig.scheduler.calls[-1][1].callback()
    assert rig.said == ["open", '{"id":1,"op":"ping"}', '{"id":2,"op":"ping"}']


def test_nothing_is_said_while_reading_stands_still() -> None:
    rig = Rig(BEATING)
    rig.start()
    rig.sender.pause()
    rig.scheduler.calls[-1][1].callback()
    rig.sender.tick(7)
    rig.sender.resume()
    rig.scheduler.calls[-1][1].callback()
    assert rig.said == ["open", "beat."]


def test_a_peer_that_leaves_heartbeats_unanswered_is_given_up() -> None:
    rig = Rig()
    rig.start()
    rig.protocol.is_silent = True
    rig.sender.tick(7)
    assert (rig.said, rig.given_up) == (["open"], 1)
