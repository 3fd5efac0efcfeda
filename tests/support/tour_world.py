"""The world of the tour: four servers whose content is known, and a configuration that watches them.

``prices``, ``chat`` and ``sensors`` are well. ``orders`` is restarted once; in its second session it says that the
token ends, closes with 4401, and refuses every further upgrade with 401: the one connection that is broken.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from tests.support.peers import SCENARIOS
from tests.support.processes import WSMON, stored
from wsmon.clock import SystemClock
from wsmon.demo.demo import Demo
from wsmon.demo.scenario import Scenario, load_scenario

SERVERS = ("orders", "prices", "chat", "sensors")
CONFIGURATION = """\
[defaults]
ping = {{ interval = "2s", timeout = "5s" }}
reconnect = {{ initial = "1.2s", factor = 1.0, jitter = 0.0 }}

[[connection]]
name = "prices"
url = "{prices}"
group = "market"
expect_every = "5s"

[[connection]]
name = "orders"
url = "{orders}"
group = "shop"
protocol = "json"

[[connection]]
name = "chat"
url = "{chat}"
group = "shop"
send = ['{{"type":"join","room":"lobby","user":"wsmon"}}']

[[connection]]
name = "sensors"
url = "{sensors}"
group = "plant"
allow_send = true
"""
LIMIT_S = 10.0


@contextmanager
def servers(scenarios: Sequence[Scenario] = ()) -> Iterator[Mapping[str, str]]:
    """The URLs of the running servers by name, those of the tour by default; they run in a thread of their own."""
    chosen = scenarios or [load_scenario(SCENARIOS / "tour" / f"{name}.toml") for name in SERVERS]
    urls: dict[str, str] = {}
    is_ready, is_over = Event(), Event()

    async def serve() -> None:
        async with Demo(SystemClock(), chosen) as demo:
            urls.update({server.scenario.name: server.url for server in demo.servers})
            is_ready.set()
            await asyncio.to_thread(is_over.wait)

    thread = Thread(target=asyncio.run, args=(serve(),), name="tour servers")
    thread.start()
    try:
        assert is_ready.wait(LIMIT_S)
        yield urls
    finally:
        is_over.set()
        thread.join(LIMIT_S)


@contextmanager
def user_of(home: Path) -> Iterator[dict[str, str]]:
    """The environment of a user who has never run wsmon; whatever happens inside, no recorder of it survives.

    The folder of the sockets is elsewhere: with the long name of a test in its path, it would be left for the one in
    /tmp, which all have in common.
    """
    with tempfile.TemporaryDirectory(prefix="wsmon-") as runtime:
        environ = {
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_RUNTIME_DIR": runtime,
            "TMPDIR": runtime,
            "XDG_CONFIG_HOME": str(home / "config"),
            "LANG": "C.UTF-8",
        }
        try:
            yield environ
        finally:
            subprocess.run([WSMON, "stop", "--all"], env=environ, check=True, stderr=subprocess.DEVNULL)


@dataclass(frozen=True, slots=True)
class World:
    """A home with the configuration in it, and the environment of its user."""

    home: Path
    environ: dict[str, str]

    def check_store(self) -> str:
        """Every event is there, none twice; in a sentence."""
        (store,) = self.home.glob("state/wsmon/*/store.db")
        events = stored(store)
        assert [event.id for event in events] == list(range(1, len(events) + 1))
        assert {event.source.run for event in events} == {1}
        return f"the store holds {len(events):,} events, ids 1 to {events[-1].id:,} without a hole"

    def check_exports(self) -> str:
        """What was exported is one event a line, none twice; in a sentence."""
        counts = []
        for target in sorted(self.home.glob("*.jsonl")):
            ids = [json.loads(line)["id"] for line in target.read_text().splitlines()]
            assert len(set(ids)) == len(ids) > 0
            counts.append(f"{len(ids):,}")
        return f"the exports hold {' and '.join(counts)} events, none twice"


@contextmanager
def world() -> Iterator[World]:
    """While the servers run; no recorder is left behind."""
    with tempfile.TemporaryDirectory(prefix="wsmon-tour-") as folder, servers() as urls:
        home = Path(folder)
        (home / "wsmon.toml").write_text(CONFIGURATION.format(**urls))
        with user_of(home) as environ:
            # It leaves the file as it is
            environ["EDITOR"] = "true"
            yield World(home, environ)
