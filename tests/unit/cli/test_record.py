"""``wsmon record``: it says where it records and what it waits for, and ends in time."""

from __future__ import annotations

from tests.support.external_programs import free_port
from tests.support.processes import Home

# Nothing listens there
NOWHERE = "ws://127.0.0.1:1"
WAITS = "no connection is configured: waiting for applications (wsmon.trace, `wsmon ingest -`"


async def test_without_connections_it_says_what_it_waits_for(home: Home) -> None:
    listen = free_port()
    configuration = home.write(f'[wsmon]\notlp_listen = "127.0.0.1:{listen}"\n')
    code, out, err = await home.run("record", configuration, "--for", "500ms")
    assert (code, out) == (0, "")
    assert err.splitlines()[1:] == [f"{WAITS}, OpenTelemetry at http://127.0.0.1:{listen})"]
    code, _, err = await home.run("record", home.write("[wsmon]\n"), "--for", "500ms")
    assert (code, err.splitlines()[1:]) == (0, [f"{WAITS})"])
    # The beginning and the end of both runs
    code, out, err = await home.run("search", "--count")
    assert (code, out) == (0, "4\n"), err


async def test_quietly_it_prints_nothing(home: Home) -> None:
    assert await home.run("record", home.write("[wsmon]\n"), "--for", "500ms", "--quiet") == (0, "", "")


async def test_with_connections_it_prints_what_becomes_of_them(home: Home) -> None:
    code, out, err = await home.run("record", NOWHERE, "--for", "500ms")
    assert (code, out, WAITS in err) == (0, "", False)
    assert err.startswith("recording to ")
    assert "connection refused" in err
