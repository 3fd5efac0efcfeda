"""What is remembered of one MQTT session."""

from __future__ import annotations

import msgspec

from wsmon.model.events import Direction
from wsmon.protocols.base import Call, Calls
from wsmon.protocols.credentials import Credentials
from wsmon.protocols.mqtt_stream import Stream
from wsmon.protocols.reading import Note

PING_WAIT_S = 20.0
# how long a PINGRESP may take: what wsmon's own pings are given by default
MAX_ALIASES = 1_000
# topics that a number stands for, of each direction
MAX_TO_ACKNOWLEDGE = 1_000
# messages that arrived together; those past it are delivered again by the broker


class Subscribing(Call, frozen=True, gc=False):
    """A SUBSCRIBE or UNSUBSCRIBE in flight."""

    filters: tuple[str, ...] = ()
    # as they stand in the packet, of which the answer has one code each: one topic may be there twice


class State:
    """What is in flight on one session, and what is to be answered where wsmon may speak."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.version = 4
        # on the wire: 3 is MQTT 3.1, 4 is 3.1.1
        self.keep_alive_s = 0
        # as we said or, in version 5, as the server decided; 0 = no pings are needed
        self.is_accepted = False
        # whether the server took our CONNECT
        self.pinged_ns = 0
        # when the last PINGREQ was due, or the CONNACK came
        self.calls = Calls()
        self.pings = Calls(PING_WAIT_S)
        self.credentials = Credentials()
        self.to_acknowledge: list[str] = []
        # identifiers of the PUBLISH packets of quality of service 1 in the last message
        self._streams: dict[Direction, Stream] = {}
        self._aliases: dict[Direction, dict[int, str]] = {}

    def at(self, now_ns: int) -> None:
        """The messages that follow happen at this monotonic time."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Note, ...]:
        """What was due and did not come, each told once."""
        return self.calls.overdue(now_ns) + self.pings.overdue(now_ns)

    def stream(self, direction: Direction) -> Stream:
        """The packets of a direction."""
        return self._streams.setdefault(direction, Stream())

    def topic_of_alias(self, direction: Direction, alias: int, topic: str) -> str:
        """What a topic alias stands for: ``topic`` from now on, where it has one."""
        known = self._aliases.setdefault(direction, {})
        if not topic:
            return known.get(alias, "")
        known.pop(alias, None)
        if len(known) >= MAX_ALIASES:
            del known[next(iter(known))]
        known[alias] = topic
        return topic

    def acknowledge(self, identifier: str) -> None:
        """A message waits for our PUBACK."""
        if len(self.to_acknowledge) < MAX_TO_ACKNOWLEDGE:
            self.to_acknowledge.append(identifier)


def one_topic(call: Call, topic: str) -> Call:
    """The part of a call that is about one topic."""
    return msgspec.structs.replace(call, topics=(topic,))
