"""``wsmon probe``: it connects to real servers, checks, disconnects and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from junitparser import JUnitXml

from tests.support.peers import Peers, script
from tests.support.processes import Home

FEED = """
[[step]]
do = "send"
text = '{"type":"trade","symbol":"BTC"}'
[[step]]
do = "echo"
"""
# Nothing listens there
NOWHERE = "ws://127.0.0.1:1"


async def test_a_connection_that_opens_is_enough(home: Home, peers: Peers) -> None:
    server = await peers.start(script(FEED))
    code, out, err = await home.run("probe", server.url, "--for", "1s")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "1 holds"
    # Neither a recording nor a socket of it is left
    assert list(home.runtime.rglob("*.db*")) == []
    assert list((home.folder / "state").rglob("*.db*")) == []


async def test_assertions_are_checked_of_what_was_received(home: Home, peers: Peers) -> None:
    server = await peers.start(script(FEED))
    trade, order = "count(type:trade) = 1 by $.symbol", "count(type:order) > 0"
    junit = home.folder / "probe.xml"
    code, out, _ = await home.run(
        "probe", server.url, "--for", "1s", "--assert", trade, "--assert", order, "--json", "--junit", junit
    )
    found = {each["assertion"]: each["ok"] for each in json.loads(out)["assertions"]}
    assert (code, found) == (3, {"count(state:open) > 0 by connection": True, trade: True, order: False})
    assert (JUnitXml.fromfile(str(junit)).tests, JUnitXml.fromfile(str(junit)).failures) == (3, 1)


async def test_a_server_that_refuses_fails_with_its_reason(home: Home, peers: Peers) -> None:
    server = await peers.start("http_401")
    code, out, err = await home.run("probe", server.url, NOWHERE, "--for", "1s")
    assert (code, out.splitlines()[0]) == (3, "fails          count(state:open) > 0 by connection: 0 of 2 hold")
    assert ("401" in err, "connection refused" in err) == (True, True), err


async def test_what_is_judged_from_a_longer_time_is_no_pass(home: Home, peers: Peers) -> None:
    server = await peers.start(script(FEED))
    code, out, _ = await home.run("probe", server.url, "--for", "1s", "--assert", "availability > 1%")
    assert (code, "too few samples" in out) == (2, True), out


async def test_a_named_store_is_kept_and_only_this_probe_is_judged(home: Home, peers: Peers) -> None:
    server = await peers.start(script(FEED))
    store: Path = home.folder / "kept.db"
    for _ in range(2):
        code, out, _ = await home.run(
            "probe", server.url, "--for", "1s", "--store", store, "--assert", "count(type:trade) = 1"
        )
        assert (code, out.splitlines()[-1]) == (0, "2 hold")
    assert (await home.run("search", "type:trade", "--count", "--store", store))[:2] == (0, "2\n")


async def test_connections_that_the_named_store_has_from_before_are_not_judged(home: Home, peers: Peers) -> None:
    first, second = await peers.start(script(FEED)), await peers.start(script(FEED))
    store: Path = home.folder / "kept.db"
    for server in (first, second):
        code, out, _ = await home.run(
            "probe", server.url, "--for", "1s", "--store", store, "--assert", "p50(message_size) > 0", "--json"
        )
        groups = [[group["group"] for group in each["results"]] for each in json.loads(out)["assertions"]]
        assert groups == [[f"127.0.0.1-{urlsplit(server.url).port}"]] * 2, out
        # Of one message, p50 cannot be judged
        assert code == 2


async def test_a_signal_ends_it_early_and_leaves_nothing_behind(home: Home, peers: Peers) -> None:
    server = await peers.start(script(FEED))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsmon", "probe", server.url, "--for", "1h", "--subscribe", "trades"),
        env=home.environ,
        cwd=home.folder,
        stdout=asyncio.subprocess.PIPE,
    )
    home.own(process)
    await server.until(lambda: server.sessions == 1)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        out, _ = await process.communicate()
    assert process.returncode in (0, 3), out
    assert b"count(state:open) > 0 by connection" in out
    assert list(home.runtime.rglob("*.db*")) == []


async def test_what_cannot_be_carried_out_is_refused_before_it_connects(home: Home) -> None:
    for arguments, said in (
        (("wsmon.toml",), "'wsmon.toml' is not a URL. probe takes URLs"),
        ((NOWHERE, "--for", "0"), "--for 0 leaves no time to connect"),
        ((NOWHERE, "--assert", "availabilty > 1%"), "expression 1: unknown figure 'availabilty'"),
    ):
        code, out, err = await home.run("probe", *arguments)
        assert (code, out, said in err) == (2, "", True), err
