"""What ``wsmon relay`` adds, beside a relay of 40 lines that copies bytes (``peers/byte_relay.py``), and mitmproxy.

Both ends of the relayed connections are threads of this process: one sends, the other one measures. The relays run at
the same time and take turns within a round, with connections that go to the server directly: latency is what a relay
adds to those. CPU is that of the whole process of a relay, recording included, until it is at rest.
"""

from __future__ import annotations

import os
import select
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.cpu import at_rest, cpu_s, idle_share, resident_mib
from tests.benchmarks.sides import PEERS, WSMON, NotRunError, free_port, listening
from tests.benchmarks.table import Options, Row
from tests.support.relayed_sockets import SocketPair, Upstream, received, text_frame

RATE = 1_000
PAYLOAD_BYTES = 200
MESSAGES, QUICK_MESSAGES = 5_000, 200
FLOOD, QUICK_FLOOD = 20_000, 500
CONNECTIONS, QUICK_CONNECTIONS = 1_000, 5
ROUNDS = 5
# In which the sides take turns within a round
SLICES = 20
LATENCY_GOAL, CPU_GOAL = 2.0, 3.0
# Where the time of sending stands in a frame: behind its head and {"t":
STAMP = slice(9, 28)
START_S = 30.0
KIB = 1_024
BYTES, OURS, MITMPROXY, DIRECT = "byte relay", "wsmon relay", "mitmdump", "direct"


@dataclass(slots=True)
class RelaySide:
    """A relay that runs: where it listens, and its process; the direct way has none."""

    port: int
    pid: int | None = None
    idle: float = 0.0
    """What it uses without messages, as a share of a core."""


@dataclass(slots=True)
class Measured:
    """What the rounds of one side were."""

    median_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    flood_us: list[float] = field(default_factory=list)


def rows(options: Options) -> Iterator[Row]:
    """Measure every wanted row."""
    rounds = options.rounds_or(ROUNDS)
    with Upstream() as upstream, tempfile.TemporaryDirectory(dir=options.folder) as folder, ExitStack() as stack:
        running, missing = _running(upstream.port, Path(folder), options, stack)
        for connections in (1, 10):
            plural = "s" if connections > 1 else ""
            where = f"{RATE:,}/s, {connections} connection{plural}"
            names = {
                side: (f"added median, {where}, {side}", f"added p99, {where}, {side}", f"CPU, {where}, {side}")
                for side in (OURS, MITMPROXY)
            }
            if not any(options.wants(name) for of_side in names.values() for name in of_side):
                continue
            found = _paced(upstream, running, connections, rounds, options.amount(MESSAGES, QUICK_MESSAGES))
            for side, (median, latency, cpu) in names.items():
                goals = (LATENCY_GOAL, CPU_GOAL) if side == OURS else (None, None)
                yield from _wanted(options, median, "ms", found, side, _added_median, None, missing)
                yield from _wanted(options, latency, "ms", found, side, _added, goals[0], missing)
                yield from _wanted(options, cpu, "µs a message", found, side, _cpu, goals[1], missing)
        full_speed = {side: f"full speed, {side}" for side in (OURS, MITMPROXY)}
        if any(map(options.wants, full_speed.values())):
            found = _flooded(upstream, running, options.amount(FLOOD, QUICK_FLOOD), rounds)
            for side, name in full_speed.items():
                yield from _wanted(options, name, "µs a message", found, side, _flood, None, missing)
    if options.wants(memory := f"memory, {OURS}"):
        yield _memory(memory, options)


def _wanted(
    options: Options,
    name: str,
    unit: str,
    found: dict[str, Measured],
    side: str,
    cost: Callable[[dict[str, Measured], str], list[float]],
    goal: float | None,
    missing: dict[str, str],
) -> Iterator[Row]:
    if not options.wants(name):
        return
    if side in missing:
        yield Row(name, unit, note=missing[side])
        return
    yield Row(name, unit, tuple(cost(found, side)), BYTES, tuple(cost(found, BYTES)), goal)


def _added(found: dict[str, Measured], side: str) -> list[float]:
    """What a side adds to the direct way, at least a microsecond: two figures of one round may be alike."""
    return [max(own - direct, 1e-3) for own, direct in zip(found[side].p99_ms, found[DIRECT].p99_ms, strict=True)]


def _added_median(found: dict[str, Measured], side: str) -> list[float]:
    """The same of the median, which depends less on what else the machine does."""
    return [max(own - direct, 1e-3) for own, direct in zip(found[side].median_ms, found[DIRECT].median_ms, strict=True)]


def _cpu(found: dict[str, Measured], side: str) -> list[float]:
    return found[side].cpu_us


def _flood(found: dict[str, Measured], side: str) -> list[float]:
    return found[side].flood_us


def _paced(
    upstream: Upstream, running: dict[str, RelaySide], connections: int, rounds: int, count: int
) -> dict[str, Measured]:
    """Messages at an even rate, from server to application."""
    found = {side: Measured() for side in running}
    for _ in range(rounds):
        pairs = {side: [upstream.opened(each.port) for _ in range(connections)] for side, each in running.items()}
        latencies: dict[str, list[float]] = {side: [] for side in running}
        before_s = {side: cpu_s([each.pid]) for side, each in running.items() if each.pid is not None}
        began_s = time.monotonic()
        # What else the machine does hits all of them alike
        for number in range(SLICES):
            for side in list(running)[:: -1 if number % 2 else 1]:
                latencies[side] += _latencies_ms(pairs[side], count // SLICES)
        # What it would have used without messages while the others were measured
        others_s = (time.monotonic() - began_s) * (1 - 1 / len(running))
        for side, each in running.items():
            found[side].median_ms.append(statistics.median(latencies[side]))
            found[side].p99_ms.append(statistics.quantiles(latencies[side], n=100, method="inclusive")[98])
            if each.pid is not None:
                used_s = at_rest([each.pid], each.idle) - before_s[side] - others_s * each.idle
                found[side].cpu_us.append(used_s / len(latencies[side]) * 1e6)
            for pair in pairs[side]:
                pair.close()
    return found


def _latencies_ms(pairs: Sequence[SocketPair], count: int) -> list[float]:
    """Send at an even rate over all connections in turn; how long each message was under way."""
    found: list[float] = []

    def receive() -> None:
        waiting = select.poll()
        by_descriptor = {pair.application.fileno(): (pair.application, bytearray()) for pair in pairs}
        for descriptor in by_descriptor:
            waiting.register(descriptor, select.POLLIN)
        size = len(_stamped(0))
        while len(found) < count:
            for descriptor, _ in waiting.poll():
                application, buffer = by_descriptor[descriptor]
                data = application.recv(64 * KIB)
                if not data:
                    # A relay has ended: it ends first where the benchmark is ended
                    return
                buffer += data
                now_ns = time.perf_counter_ns()
                while len(buffer) >= size:
                    found.append((now_ns - int(buffer[STAMP])) / 1e6)
                    del buffer[:size]

    # It waits for messages that do not come where the benchmark is ended
    receiving = threading.Thread(target=receive, daemon=True)
    receiving.start()
    began_s = time.perf_counter()
    for number in range(count):
        wait_s = began_s + number / RATE - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        pairs[number % len(pairs)].server.sendall(_stamped(time.perf_counter_ns()))
    receiving.join()
    return found


def _stamped(at_ns: int) -> bytes:
    """A message as a feed sends it, of 200 bytes, with its time in nanoseconds."""
    text = b'{"t":%019d,"type":"trade","symbol":"BTC-USD","price":"64123.50","qty":"0.0123","side":"buy","id":"' % at_ns
    return text_frame(text.ljust(PAYLOAD_BYTES - 2, b"7") + b'"}', is_masked=False)


def _flooded(upstream: Upstream, running: dict[str, RelaySide], count: int, rounds: int) -> dict[str, Measured]:
    """As fast as the relay takes them, from server to application."""
    found = {side: Measured() for side in running}
    message = _stamped(1)
    for number in range(rounds):
        for side, relay in list(running.items())[:: -1 if number % 2 else 1]:
            pair = upstream.opened(relay.port)
            sending = threading.Thread(target=pair.server.sendall, args=(message * count,), daemon=True)
            began_s = time.perf_counter()
            sending.start()
            received(pair.application, len(message) * count)
            found[side].flood_us.append((time.perf_counter() - began_s) / count * 1e6)
            sending.join()
            if relay.pid is not None:
                at_rest([relay.pid], relay.idle)
            pair.close()
    return found


def _memory(name: str, options: Options) -> Row:
    """Resident memory for each of many connections, none of which has a message."""
    connections = options.amount(CONNECTIONS, QUICK_CONNECTIONS)
    costs: dict[str, float] = {}
    with Upstream() as upstream, tempfile.TemporaryDirectory(dir=options.folder) as folder, ExitStack() as stack:
        running, _ = _running(upstream.port, Path(folder), options, stack)
        for side in (OURS, BYTES):
            pid = running[side].pid
            assert pid is not None
            before = resident_mib(pid)
            pairs = [upstream.opened(running[side].port) for _ in range(connections)]
            at_rest([pid], running[side].idle)
            costs[side] = (resident_mib(pid) - before) * KIB / connections
            for pair in pairs:
                pair.close()
    return Row(name, "KiB a connection", (costs[OURS],), BYTES, (costs[BYTES],))


def _running(
    port: int, folder: Path, options: Options, stack: ExitStack
) -> tuple[dict[str, RelaySide], dict[str, str]]:
    """Start all relays; what cannot run, and why."""
    running, missing = {DIRECT: RelaySide(port)}, dict[str, str]()
    upstream = f"ws://127.0.0.1:{port}"
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "XDG_STATE_HOME": str(folder), "TMPDIR": str(folder)}
    ours = (WSMON, "relay", "--listen", "127.0.0.1:0", upstream, "--store", folder / "store.db", "--quiet")
    commands = {BYTES: (sys.executable, PEERS / "byte_relay.py", port), OURS: ours}
    for side, command in commands.items():
        process = stack.enter_context(_started(command, environ))
        running[side] = RelaySide(_printed_port(process), process.pid)
    try:
        running[MITMPROXY] = _mitmdump(upstream, folder, options, stack)
    except NotRunError as error:
        missing[MITMPROXY] = str(error)
    for each in running.values():
        if each.pid is not None:
            each.idle = idle_share([each.pid])
    return running, missing


def _mitmdump(upstream: str, folder: Path, options: Options, stack: ExitStack) -> RelaySide:
    """mitmproxy without its screen, which writes what it sees to a file."""
    if options.peers is None or not (program := options.peers.with_name("mitmdump")).exists():
        raise NotRunError("there is no environment of peers with mitmdump (CONTRIBUTING.md)")
    port = free_port()
    process = stack.enter_context(
        _started(
            (program, "-q", "--mode", f"reverse:{upstream.replace('ws', 'http', 1)}", "--listen-host", "127.0.0.1",
             "--listen-port", port, "-w", folder / "flows", "--set", f"confdir={folder}"),
            dict(os.environ),
        )
    )  # fmt: skip
    listening(port)
    return RelaySide(port, process.pid)


@contextmanager
def _started(command: Sequence[object], environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    arguments = [str(each) for each in command]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            yield process
        finally:
            process.kill()


def _printed_port(process: subprocess.Popen[str]) -> int:
    """The port in the URL that a relay prints first."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], START_S)[0]:
        raise TimeoutError(f"the relay says nothing for {START_S:.0f} s")
    return int(process.stdout.readline().split("/")[2].rpartition(":")[2])
