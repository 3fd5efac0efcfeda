"""``wsmon record``: it says where it records and what it waits for, and ends in time."""

from __future__ import annotations

from tests.support.external_programs import free_port
from tests.support.processes import Home

# Nothing listens there
NOWHERE = "ws://127.0.0.1:1"
WAITS = "no connection is configured: the recorder waits for applications (wsmon.trace, `wsmon ingest -`"


async def test_without_connections_it_says_what_it_waits_for(home: Home) -> None:
    listen = free_port()
    configuration = home.write(f'[wsmon]\notlp_listen = "127.0.0.1:{listen}"\n')
    code, out, err = await home.run("record", configuration, "--for", "500ms")
    assert (code, out) == (0, "")
    assert f"{WAITS}, OpenTelemetry at http://127.0.0.1:{listen})" in err.splitlines()
    code, _, err = await home.run("record", home.write("[wsmon]\n"), "--for", "500ms")
    assert (code, f"{WAITS})" in err.splitlines()) == (0, True), err
    # So does `check`
    assert await home.run("check", home.write("[wsmon]\n")) == (0, "", f"{WAITS})\n")
    # The beginning and the end of both runs
    code, out, err = await home.run("search", "name:self.run.*", "--count")
    assert (code, out) == (0, "4\n"), err


async def test_quietly_it_prints_nothing(home: Home) -> None:
    assert await home.run("record", home.write("[wsmon]\n"), "--for", "500ms", "--quiet") == (0, "", "")


async def test_with_connections_it_prints_what_becomes_of_them(home: Home) -> None:
    code, out, err = await home.run("record", NOWHERE, "--for", "2s")
    assert (code, out, WAITS in err) == (0, "", False)
    assert "recording to " in err
    assert "connection refused" in err
