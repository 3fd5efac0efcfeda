"""What two ends see of each other is the same through a relay as without one: bytes, half-closed streams, resets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from typing import Literal, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engines import SOON_S
from tests.support.relays import ANSWER, REQUEST, relay_spec, running_relays

Side: TypeAlias = Literal[0, 1]
# Of one side: bytes to send, the end of its stream, or a reset
Act: TypeAlias = tuple[Side, bytes | Literal["eof", "reset"]]

_RESET = struct.pack("ii", 1, 0)
sides = st.sampled_from((0, 1))
payloads = st.one_of(st.binary(min_size=1, max_size=20), st.integers(1, 200_000).map(lambda size: b"\x82" * size))
acts = st.lists(
    st.tuples(sides, st.one_of(payloads, payloads, payloads, st.sampled_from(("eof", "reset")))), max_size=8
)


class End:
    """One end of a connection, and what it sees."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.received = b""
        self.end = ""
        self.has_sent_eof = False

    async def receive(self, size: int) -> None:
        """Read until so many bytes are there in all, or the end."""
        loop = asyncio.get_running_loop()
        while not self.end and (size < 0 or len(self.received) < size):
            try:
                data = await loop.sock_recv(self.connection, 65_536)
            except ConnectionResetError:
                self.end = "reset"
            else:
                self.received += data
                self.end = "" if data else "eof"


async def play(script: Sequence[Act], ends: tuple[End, End]) -> list[tuple[bytes, str]]:
    """Do what a script says, each act when the one before has arrived; return what both ends saw."""
    loop = asyncio.get_running_loop()
    sent = [0, 0]
    for side, act in script:
        here, there = ends[side], ends[1 - side]
        if here.end == "reset" or here.connection.fileno() < 0 or (here.has_sent_eof and act != "reset"):
            continue
        if act == "reset":
            here.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            here.connection.close()
            await there.receive(-1)
            break
        if act == "eof":
            here.connection.shutdown(socket.SHUT_WR)
            here.has_sent_eof = True
            await there.receive(-1)
            continue
        assert isinstance(act, bytes)
        async with asyncio.TaskGroup() as group:
            group.create_task(loop.sock_sendall(here.connection, act), name="send")
            sent[side] += len(act)
            group.create_task(there.receive(sent[side]), name="receive")
    for here, there in (ends, ends[::-1]):
        are_open = here.connection.fileno() >= 0 and there.connection.fileno() >= 0
        if are_open and not here.has_sent_eof and "reset" not in (here.end, there.end):
            here.connection.shutdown(socket.SHUT_WR)
            await there.receive(-1)
    seen = [(end.received, end.end) for end in ends]
    for end in ends:
        end.connection.close()
    return seen


async def direct(script: Sequence[Act]) -> list[tuple[bytes, str]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        application = socket.create_connection(listening.getsockname())
        return await play(script, (End(application), End(listening.accept()[0])))


async def relayed(script: Sequence[Act]) -> list[tuple[bytes, str]]:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with running_relays(relay_spec(f"ws://127.0.0.1:{listening.getsockname()[1]}")) as relay:
            application = socket.create_connection(("127.0.0.1", relay.port))
            application.setblocking(False)
            await loop.sock_sendall(application, REQUEST)
            server, _ = await loop.sock_accept(listening)
            while b"\r\n\r\n" not in await loop.sock_recv(server, 65_536):
                pass
            await loop.sock_sendall(server, ANSWER)
            left = len(ANSWER)
            while left:
                left -= len(await loop.sock_recv(application, left))
            seen = await play(script, (End(application), End(server)))
            (listener,) = relay.listeners
            await listener.ended()
            # What was told is what arrived
            assert (listener.received["application"], listener.received["server"]) == (seen[1][0], seen[0][0])
            return seen


@settings(max_examples=40, deadline=None)
@given(acts)
def test_both_ends_see_the_same_with_a_relay_and_without(script: list[Act]) -> None:
    async def compare() -> None:
        async with asyncio.timeout(SOON_S):
            assert await relayed(script) == await direct(script)

    asyncio.run(compare())
