"""OTLP server: programs with an OpenTelemetry SDK report traces and logs over OTLP/HTTP, and they are events.

A request is answered with success once its events are committed. Whoever is refused is told why, in the words of the
protocol: 429 where the recorder cannot keep up, 503 where it ends, both with Retry-After; a page in a browser (Origin),
a foreign host and a wrong token get nothing. Specification: https://opentelemetry.io/docs/specs/otlp/.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from typing import Final

from wsmon.config.checks import host_and_port
from wsmon.config.load import key_error
from wsmon.config.specs import Configuration
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.http import reason
from wsmon.recorder.http_server import REQUEST_S, HttpRequest, HttpResponse, HttpServer
from wsmon.recorder.ingest import Ingest
from wsmon.recorder.otlp_records import OtlpRecord, records
from wsmon.recorder.otlp_wire import (
    JSON,
    PROTOBUF,
    Signal,
    TooLargeError,
    UnreadableError,
    failure,
    partial_success,
    read_request,
    unpacked,
)
from wsmon.recorder.run import ReportFault

# Size limit of a body, as it is sent and unpacked
BODY_BYTES: Final = 4 * 1024 * 1024
# Requests whose bodies are in memory at a time
BODIES: Final = 8
# How long a request may wait for a commit; where the disk is full, it waits for room
COMMIT_S: Final = 5.0
# How long requests have to be answered at the end of a recording
GRACE_S: Final = 0.5
# Delay that a refused client is asked for
_RETRY: Final = "Retry-After: 1"
_SIGNALS: Final[dict[str, Signal]] = {"/v1/traces": "traces", "/v1/logs": "logs"}


class OtlpServer(HttpServer):
    """Serves one address until it is closed."""

    name = "otlp_listen"
    places = 64
    body_bytes = BODY_BYTES

    def __init__(
        self,
        address: str,
        token: Sensitive,
        ingest: Ingest,
        report: ReportFault,
        own_instance: str = "",
        request_s: float = REQUEST_S,
        commit_s: float = COMMIT_S,
    ) -> None:
        """``report`` gets the faults of ours; clients need the ``token`` where it is not empty.

        ``own_instance``: see ``records``.
        """
        super().__init__(address, report, request_s)
        self.token = token
        self._own_instance = own_instance
        self._ingest = ingest
        self._commit_s = commit_s
        # One request at a time is unpacked and read
        self._reading = asyncio.Lock()

    def refused(self, request: HttpRequest) -> HttpResponse | None:
        """Refuse before the body is read whatever the body cannot change."""
        if "origin" in request.headers:
            return _refusal(request, "403 Forbidden", "requests from web pages are not accepted")
        if not self._is_known(request.headers.get("authorization", "")):
            problem = "send the token of otlp_listen_token as Authorization: Bearer TOKEN"
            return _refusal(request, "401 Unauthorized", problem, "WWW-Authenticate: Bearer")
        if request.path not in _SIGNALS:
            metrics = "wsmon accepts traces and logs, not metrics: set OTEL_METRICS_EXPORTER=none"
            problem = metrics if request.path == "/v1/metrics" else "use /v1/traces or /v1/logs"
            return _refusal(request, "404 Not Found", problem)
        if request.method != "POST":
            return _refusal(request, "405 Method Not Allowed", "use POST", "Allow: POST")
        if _kind(request) not in (PROTOBUF, JSON):
            return _refusal(request, "415 Unsupported Media Type", f"bodies are {PROTOBUF} or {JSON}")
        if request.headers.get("content-encoding", "identity").lower() not in ("identity", "gzip"):
            return _refusal(request, "415 Unsupported Media Type", "bodies are plain or gzip")
        if not self._ingest.has_room:
            return _refusal(request, "429 Too Many Requests", "the recorder is busy: retry later", _RETRY)
        if self.requests >= BODIES:
            return _refusal(request, "429 Too Many Requests", "too many requests at a time", _RETRY)
        return None

    async def reply(self, request: HttpRequest) -> HttpResponse:
        """Store the records of a request."""
        signal, kind = _SIGNALS[request.path], _kind(request)
        try:
            async with self._reading:
                found = await asyncio.to_thread(_read, signal, kind, request, self._own_instance)
        except UnreadableError as error:
            return _refusal(request, "400 Bad Request", str(error))
        except TooLargeError as error:
            return _refusal(request, "413 Content Too Large", str(error))
        refused = [each for each in found if isinstance(each, str)]
        taken: list[OtlpRecord] = [each for each in found if not isinstance(each, str)]
        problems = await self._ingest.take_records(taken, len(request.body), self._commit_s)
        if problems is None:
            return _refusal(request, "503 Service Unavailable", "the recorder cannot store data at present", _RETRY)
        refused += problems
        return HttpResponse(partial_success(kind, signal, len(refused), _sentence(refused)), kind)

    def _is_known(self, authorization: str) -> bool:
        if not self.token:
            return True
        scheme, _, token = authorization.partition(" ")
        expected = self.token.reveal().encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), expected)


class OtlpReceiver:
    """Serves at the address of the configuration. Use it on the event loop."""

    def __init__(self, ingest: Ingest, report: ReportFault, own_instance: str = "") -> None:
        """``report`` gets the faults of ours; ``own_instance``: see ``records``."""
        self._own_instance = own_instance
        self._ingest = ingest
        self._report = report
        self._address = ""
        self._server: OtlpServer | None = None

    async def configure(self, configuration: Configuration, listener: socket.socket | None = None) -> None:
        """Listen as this configuration says from now on, with ``listener`` where it is there already.

        Raises ``ConfigError`` where the address is not available; it goes on as before then.
        """
        spec = configuration.otlp_listen
        if spec.address == self._address:
            if self._server is not None:
                self._server.token = spec.token
            return
        listener = listener or listening_socket(configuration)
        before, self._server, self._address = self._server, None, spec.address
        if listener is not None:
            self._server = OtlpServer(spec.address, spec.token, self._ingest, self._report, self._own_instance)
            await self._server.start(listener)
        if before is not None:
            await before.close(GRACE_S)

    def stop_listening(self) -> None:
        """Let no more clients in, because the recording ends."""
        if self._server is not None:
            self._server.stop_listening()

    async def close(self) -> None:
        """Answer the requests under way, and disconnect all clients."""
        if self._server is not None:
            await self._server.close(GRACE_S)


def listening_socket(configuration: Configuration) -> socket.socket | None:
    """Return a socket that listens where a configuration says; raises ``ConfigError`` where it cannot be had."""
    address = configuration.otlp_listen.address
    if not address:
        return None
    host, port = host_and_port(address)
    try:
        family, *_ = socket.getaddrinfo("127.0.0.1" if host == "localhost" else host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(
            ("127.0.0.1" if host == "localhost" else host, port), family=family, reuse_port=False
        )
    except OSError as error:
        problem = f"cannot listen: {reason(error)}"
        raise key_error(
            configuration, ("wsmon", "otlp_listen"), problem, address, "stop what listens there, or use another port"
        ) from error


def _read(signal: Signal, kind: str, request: HttpRequest, own_instance: str) -> list[OtlpRecord | str]:
    body = request.body
    if request.headers.get("content-encoding", "").lower() == "gzip":
        body = unpacked(body, BODY_BYTES)
    return list(records(signal, read_request(signal, kind, body), own_instance))


def _kind(request: HttpRequest) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _refusal(request: HttpRequest, status: str, problem: str, *headers: str) -> HttpResponse:
    """Return an error response, in the format of the request."""
    kind = PROTOBUF if _kind(request) == PROTOBUF else JSON
    return HttpResponse(failure(kind, problem), kind, status, headers)


def _sentence(refused: list[str]) -> str:
    others = f" (and {len(refused) - 1:,} others)" if len(refused) > 1 else ""
    return f"{refused[0]}{others}" if refused else ""
