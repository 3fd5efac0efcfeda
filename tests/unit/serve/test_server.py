"""A served recording met by real clients: sessions in turn, subprotocols, refusals, paths and origins."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.support.builders import dialled, loss, message, refused
from tests.support.clients import end_of
from tests.support.recordings import FixedClock
from tests.support.served import serving, written
from tests.support.session_events import FIRST, SECOND, THIRD, of, opening
from wsmon.model.events import Event
from wsmon.ports import StoreView
from wsmon.serve.server import RecordingReader
from wsmon.store.reader import Reader


def client(url: str, **options: object) -> connect:
    standard: dict[str, object] = {"ping_interval": None, "proxy": None, "close_timeout": 1}
    return connect(url, **(standard | options))  # type: ignore[arg-type]  # names are the library's


async def told(connection: ClientConnection) -> tuple[list[str | bytes], int | None, str]:
    """All messages, and how the session ended."""
    messages, closed = await end_of(connection)
    return messages, closed.rcvd.code if closed.rcvd else None, closed.rcvd.reason if closed.rcvd else ""


def story() -> list[Event]:
    """An incident: a session is closed, an attempt refused, and the next session ends without a close frame."""
    return [
        *of(FIRST, *opening(1), message("a", 2, "nova"), message(b"\xff\x00", 3, "nova")),
        *of(FIRST, loss(4, "nova", code=1012, reason="restart")),
        *of(SECOND, dialled(5, "nova", 2), refused(5.1, "nova", 503)),
        *of(THIRD, *opening(6), message("b", 7, "nova")),
        *of(THIRD, loss(8, "nova", code=None, by="network", reason="", error_type="eof")),
    ]


def single() -> list[Event]:
    """One session, closed by the peer."""
    return of(FIRST, *opening(1), message("a", 2, "nova"), loss(4, "nova", code=4000, reason=""))


async def test_a_client_that_reconnects_gets_what_was_recorded(tmp_path: Path) -> None:
    said: list[str] = []
    async with serving(written(tmp_path, story(), "nova"), report=said.append) as server:
        (url,) = server.urls
        async with client(url) as one:
            assert await told(one) == (["a", b"\xff\x00"], 1012, "restart")
        with pytest.raises(InvalidStatus) as refusal:
            await client(url)
        assert (refusal.value.response.status_code, refusal.value.response.body) == (503, b"no key")
        async with client(url) as one:
            assert await told(one) == (["b"], None, "")
        with pytest.raises(InvalidStatus) as refusal:
            await client(url)
        assert refusal.value.response.body == b"all recorded sessions were served\n"
    assert said == [
        "nova: session 1 of 2 begins",
        "nova: session 1 ended by the recording; 2 messages sent",
        "nova: refused a connection with HTTP 503, as recorded",
        "nova: session 2 of 2 begins",
        "nova: session 2 ended by the recording; 1 messages sent",
        "nova: refused a connection, all recorded sessions were served (--loop repeats them)",
    ]


async def test_a_survey_that_is_cancelled_ends_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, story(), "nova")
    reader = RecordingReader(lambda: Reader(path, FixedClock()))

    def endless(view: StoreView) -> tuple[int, int, str]:
        while True:
            view.events_after(0, 100)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.survey(endless)
    async with asyncio.timeout(5):
        await asyncio.to_thread(reader.close)


async def test_a_loop_begins_again(tmp_path: Path) -> None:
    async with serving(written(tmp_path, single(), "nova"), loops=True) as server:
        for _ in range(3):
            async with client(server.urls[0]) as one:
                assert await told(one) == (["a"], 4000, "")


async def test_clients_at_once_each_get_all(tmp_path: Path) -> None:
    async with serving(written(tmp_path, story(), "nova")) as server:
        url = server.urls[0]
        async with client(url) as one, client(url) as other:
            found = await asyncio.gather(told(one), told(other))
    for each in found:
        assert each == (["a", b"\xff\x00"], 1012, "restart")


async def test_the_recorded_subprotocol_and_compression_are_negotiated(tmp_path: Path) -> None:
    async with serving(written(tmp_path, single(), "nova"), loops=True) as server:
        async with client(server.urls[0], subprotocols=[Subprotocol("v0"), Subprotocol("v1.stream")]) as one:
            assert one.subprotocol == "v1.stream"
            assert [extension.name for extension in one.protocol.extensions] == ["permessage-deflate"]
        async with client(server.urls[0]) as one:
            assert one.subprotocol is None


async def test_connections_have_a_path_each(tmp_path: Path) -> None:
    events = [
        *of(FIRST, *opening(1, "a"), message("of a", 2, "a"), loss(3, "a", code=1000, reason="")),
        *of(SECOND, *opening(1, "b"), message("of b", 2, "b"), loss(3, "b", code=1000, reason="")),
    ]
    async with serving(written(tmp_path, events, "a", "b")) as server:
        a, b = server.urls
        async with client(b) as one, client(f"{a}/more?x=1") as other:
            assert [await told(one), await told(other)] == [(["of b"], 1000, ""), (["of a"], 1000, "")]
        with pytest.raises(InvalidStatus) as refusal:
            await client(b.removesuffix("b"))
        assert (refusal.value.response.status_code, refusal.value.response.body) == (404, b"connections: a b\n")


async def test_a_page_of_another_site_reads_nothing(tmp_path: Path) -> None:
    async with serving(written(tmp_path, single(), "nova"), loops=True, origins=("https://app.example",)) as server:
        url = server.urls[0]
        with pytest.raises(InvalidStatus) as refusal:
            await client(url, origin=Origin("https://evil.example"))
        assert refusal.value.response.status_code == 403
        for origin in ("https://app.example", "http://localhost:3000"):
            async with client(url, origin=Origin(origin)) as one:
                assert await one.recv() == "a"
