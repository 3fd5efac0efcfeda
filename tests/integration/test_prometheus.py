"""A recorder that is scraped: by promtool's eyes, by a real Prometheus, and while its address is taken."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess

from tests.support.external_programs import free_port, program
from tests.support.peers import Peers, script
from tests.support.processes import DEADLINE_S, Home, Recorder, stored
from tests.support.prometheus import fetched, prometheus

MESSAGES = 40
TRADES = f"""
[[step]]
do = "send"
text = '{{"type":"trade","seq":$seq}}'
rate = 400
count = {MESSAGES}
[[step]]
do = 'wait'
for = '600s'
"""
SECRET = "hunter22-and-more"


def configuration(port: int, url: str) -> str:
    return (
        f'[wsmon]\nprometheus = "127.0.0.1:{port}"\n[[connection]]\nname = "feed"\nprotocol = "json"\n'
        f'url = "{url}?token={SECRET}"\nping = {{ interval = "200ms" }}\n'
    )


async def recording(home: Home, peers: Peers) -> tuple[Recorder, int]:
    """A recorder of all messages of a feed, and the port of its metrics."""
    server, port = await peers.start(script(TRADES)), free_port()
    recorder = await home.record(home.write(configuration(port, server.url)))
    await recorder.until_stored(MESSAGES)
    return recorder, port


def moved(home: Home, port: int, other: int) -> None:
    """Change the port in the configuration."""
    path = home.folder / "wsmon.toml"
    home.write(path.read_text().replace(str(port), str(other)))


async def page(port: int, accept: str = "") -> str:
    return (await asyncio.to_thread(fetched, f"http://127.0.0.1:{port}/metrics", accept)).decode()


async def until_told(port: int, line: str) -> str:
    """The page once it has a line."""
    async with asyncio.timeout(DEADLINE_S):
        while line not in (text := await page(port)).splitlines():
            await asyncio.sleep(0.05)  # what is over is told once a second
    return text


async def test_promtool_finds_nothing_wrong_and_the_numbers_are_the_stores(home: Home, peers: Peers) -> None:
    promtool = program("promtool", "prometheus")
    recorder, port = await recording(home, peers)
    text = await until_told(port, f'wsmon_message_received_total{{client_id="feed",type="trade"}} {MESSAGES}')
    checked = await asyncio.to_thread(
        subprocess.run, [promtool, "check", "metrics"], input=text.encode(), capture_output=True, timeout=20
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    received = [event for event in stored(recorder.store) if event.name == "message.received"]
    size_bytes = sum(event.size or 0 for event in received)
    assert f'wsmon_message_received_size_bytes_sum{{client_id="feed",type="trade"}} {size_bytes}' in text.splitlines()
    assert SECRET not in text
    assert 'token=[FILTERED]"' in text


async def test_a_real_prometheus_scrapes_it(home: Home, peers: Peers) -> None:
    recorder, port = await recording(home, peers)
    async with prometheus(home.folder / "prometheus", port) as scraper:
        await scraper.until("up", 1)
        await scraper.until("sum(wsmon_message_received_total)", MESSAGES)
        await scraper.until('wsmon_connection_up{client_id="feed"}', 1)
        assert await scraper.value('wsmon_connection_completed_duration_seconds_bucket{le="+Inf"}') == 1
        assert (await scraper.value("wsmon_store_size_bytes") or 0) > 4096
        recorder.signal(signal.SIGTERM)
        assert await recorder.ended() == 0
        await scraper.until("up", 0)


async def test_an_address_that_is_taken_is_said_and_had_once_it_is_free(home: Home, peers: Peers) -> None:
    server = await peers.start(script(TRADES))
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    recorder = await home.record(home.write(configuration(port, server.url)))
    await recorder.until_stored(MESSAGES)  # and it records all the same
    _, listed, _ = await home.run("ps")
    taken.close()
    await taken.wait_closed()
    assert "wsmon_store_events_total" in await _once_there(port)
    assert re.search(rf"\b{recorder.pid}\b", listed)


async def test_a_reload_moves_it(home: Home, peers: Peers) -> None:
    recorder, port = await recording(home, peers)
    other = free_port()
    moved(home, port, other)
    recorder.signal(signal.SIGHUP)
    assert "wsmon_build_info" in await _once_there(other)
    reloaded = await recorder.until_stored(1, "self.config.reloaded")
    assert reloaded[0].reason == "monitoring changed; 1 went on"


async def _once_there(port: int) -> str:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await page(port)
            except OSError:
                await asyncio.sleep(0.05)  # nobody says when it listens
