"""Relays: the listening sockets of a recorder, their connections, and the rows under which these are recorded.

In: the relays of the configuration, and commands (reload, stop), from the recorder (recorder/recorder.py). Out: a
``RelayedConnection`` (relay/path.py) for each connection of an application, with a listener that records it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from wsmon.config.checks import host_and_port
from wsmon.config.specs import ConnectionSpec, RelaySpec, RouteSpec
from wsmon.engine.connection import describe_changes
from wsmon.engine.dial import TlsContexts
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.rows import Row, Rows
from wsmon.engine.services import EngineServices
from wsmon.engine.standstill import Standstill
from wsmon.engine.tap import STOP_S
from wsmon.errors import WsmonError
from wsmon.model.events import Source
from wsmon.model.profiles import PROFILES
from wsmon.model.redact.redactor import Redactor
from wsmon.model.statuses import Status
from wsmon.ports import Clock
from wsmon.relay.listener import ListenerGuard, RelayListener, RelayPath
from wsmon.relay.path import REQUEST_S, RelayedConnection
from wsmon.relay.routes import find_route

# Connections that wait to be accepted: a thousand may come at once
BACKLOG: Final = 1_024
# How often the names of new rows are announced: a thousand may come at once
ROWS_S: Final = 0.05


class RelayError(WsmonError):
    """A relay that cannot listen; ``key`` is the one to change."""

    def __init__(self, name: str, key: str, problem: str, value: str, hint: str) -> None:
        super().__init__(f"relay {name}: {problem} ({value})", hint)
        self.name = name
        self.key = key
        self.problem = problem
        self.value = value


@dataclass(frozen=True, slots=True)
class Listening:
    """What a relay accepts connections with; made before anything is recorded, since it may not be available."""

    socket: socket.socket
    tls: ssl.SSLContext | None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self.socket.getsockname()[:2]
        return host, port


def listen(spec: RelaySpec) -> Listening:
    """Return the socket and the TLS context of a relay; raises ``RelayError``."""
    tls = server_context(spec)
    return Listening(_listening_socket(spec), tls)


def listen_all(specs: Iterable[RelaySpec]) -> dict[str, Listening]:
    """Return what relays listen with, by name; raises ``RelayError``, and leaves nothing open then."""
    listening: dict[str, Listening] = {}
    try:
        for spec in specs:
            if spec.connection.enabled:
                listening[spec.name] = listen(spec)
    except RelayError:
        close_all(listening)
        raise
    return listening


def close_all(listening: Mapping[str, Listening]) -> None:
    """Close sockets that no relay took."""
    for each in listening.values():
        each.socket.close()


def _listening_socket(spec: RelaySpec) -> socket.socket:
    host, port = host_and_port(spec.listen)
    host = "127.0.0.1" if host == "localhost" else host
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=False)
    except OSError as error:
        # ``create_server`` adds the address to what the system says
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        problem = f"cannot listen: {why}"
        hint = "stop what listens there, or use another port"
        raise RelayError(spec.name, "listen", problem, spec.listen, hint) from error
    listener.setblocking(False)
    return listener


def server_context(spec: RelaySpec) -> ssl.SSLContext | None:
    """Return the TLS context towards applications, None for none; blocks on files. Raises ``RelayError``."""
    if spec.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load_certificate(context, spec)
    return context


def load_certificate(context: ssl.SSLContext, spec: RelaySpec) -> None:
    """Read the certificate and the key of a relay into a context; blocks on files. Raises ``RelayError``."""
    assert spec.tls_cert is not None
    try:
        context.load_cert_chain(spec.tls_cert, spec.tls_key, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        problem = f"certificate or key cannot be used: {getattr(error, 'strerror', None) or error}"
        files = f"{spec.tls_cert}, {spec.tls_key}"
        hint = "use a PEM certificate and its unencrypted key"
        raise RelayError(spec.name, "tls_cert", problem, files, hint) from error


def _no_password() -> str:
    """Refuse an encrypted key, which would otherwise prompt on the terminal."""
    raise ValueError("the key is encrypted")


@dataclass(frozen=True, slots=True)
class CarriedRow:
    """What the connections of a row have in common, one after the other."""

    trace_id: str
    state: CarriedState = field(default_factory=CarriedState)
    """Of its protocol and its subscriptions."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the listener of a connection is made of."""

    relay: RelaySpec
    spec: ConnectionSpec
    """That of the relay, with the name of the row."""
    row: Row
    carried: CarriedRow
    services: EngineServices
    redactor: Redactor
    path: RelayPath


# Makes the listener that records a connection
ListenerFactory = Callable[[Recorded], RelayListener]


@dataclass(frozen=True, slots=True)
class RelayChanges:
    """What a new configuration changed, by name of the relays."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Relays whose connections were ended."""
    unchanged: tuple[str, ...] = ()


class Relays:
    """Runs relays on the event loop of the thread that made it. Call commands on that loop."""

    def __init__(
        self,
        services: EngineServices,
        secrets: tuple[str, ...],
        make_listener: ListenerFactory,
        on_rows: Callable[[], None],
        is_shedding: Callable[[], bool],
    ) -> None:
        """``on_rows`` is called when rows were added to ``rows``, at most once in ``ROWS_S``.

        ``is_shedding``: whether the sink drops messages. ``resume_reading`` is called when that changes.
        """
        self._loop = asyncio.get_running_loop()
        self._services = services
        self._secrets = secrets
        self._make_listener = make_listener
        self._on_rows = on_rows
        self._is_shedding = is_shedding
        self._relays: dict[str, Relay] = {}
        # Relays that were removed and whose connections still end
        self._leaving: set[Relay] = set()
        self._names = Rows()
        # Names that rows have had in this run, by relay
        self._rows: dict[str, dict[str, None]] = {}
        self._carried: dict[str, CarriedRow] = {}
        self._rows_timer: asyncio.TimerHandle | None = None
        self._has_new_rows = False
        # None before and after ``run``
        self._group: asyncio.TaskGroup | None = None
        self._is_stopping = False
        self._stopped = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Relay until ``stop``; when it returns, all connections have ended."""
        if self._is_stopping:
            return
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for relay in self._relays.values():
                    relay.start()
                await self._stopped.wait()
        finally:
            self._group = None
            self._ended.set()

    async def stop(self) -> None:
        """End all connections: what is buffered for them is sent first, for a second at most."""
        self._is_stopping = True
        relays = (*self._relays.values(), *self._leaving)
        for relay in relays:
            relay.stop("wsmon stopped")
        try:
            async with asyncio.timeout(STOP_S):
                await _idle(relays)
        except TimeoutError:
            for relay in relays:
                relay.abort()
            await _idle(relays)
        if self._rows_timer is not None:
            self._rows_timer.cancel()
        self._stopped.set()
        if self._group is not None:
            await self._ended.wait()

    def end_closed(self, reason: str) -> bool:
        """End the relays that pass nothing on unrecorded; return whether others are left."""
        for name in [name for name, relay in self._relays.items() if relay.spec.fail == "closed"]:
            self._leave(self._relays.pop(name), reason)
        return bool(self._relays)

    def configure(
        self, relays: Iterable[RelaySpec], names: Iterable[str], listening: Mapping[str, Listening]
    ) -> RelayChanges:
        """Continue with other relays; those that changed end their connections.

        ``names`` are those of the configured connections, which no row gets. ``listening`` has what is new or
        changed, see ``listen_anew``.
        """
        specs = {spec.name: spec for spec in relays if spec.connection.enabled}
        self._names.reserve((*names, *specs))
        removed = tuple(name for name in self._relays if name not in specs)
        for name in removed:
            self._leave(self._relays.pop(name), "removed from the configuration")
        added: list[str] = []
        changed: list[str] = []
        unchanged: list[str] = []
        for name, spec in specs.items():
            known = self._relays.get(name)
            if known is not None and known.spec == spec:
                known.reload_certificate()
                unchanged.append(name)
                continue
            if known is not None:
                self._leave(known, "configuration changed")
                self._report_change(known.spec, spec)
            (added if known is None else changed).append(name)
            relay = self._relays[name] = Relay(spec, listening[name], self)
            self._rows.setdefault(name, {})
            if self._group is not None:
                relay.start()
        return RelayChanges(tuple(added), removed, tuple(changed), tuple(unchanged))

    def listen_anew(self, relays: Iterable[RelaySpec]) -> dict[str, Listening]:
        """Return what the relays that are new or changed listen with; raises ``RelayError``, and changes nothing then.

        Where an address is one that a relay listens at now, its socket is used on.
        """
        listening: dict[str, Listening] = {}
        sockets = {relay.spec.listen: relay for relay in self._relays.values() if host_and_port(relay.spec.listen)[1]}
        try:
            for spec in relays:
                known = self._relays.get(spec.name)
                if known is not None and known.spec == spec:
                    # It is read again soon, for which nothing may be wrong with it
                    server_context(spec)
                    continue
                if not spec.connection.enabled:
                    continue
                there = known if known is not None and known.spec.listen == spec.listen else sockets.get(spec.listen)
                if there is None:
                    listening[spec.name] = listen(spec)
                else:
                    tls = server_context(spec)
                    listening[spec.name] = Listening(there.listening.socket.dup(), tls)
        except RelayError:
            close_all(listening)
            raise
        return listening

    @property
    def rows(self) -> Mapping[str, Sequence[str]]:
        """The names of the rows of each relay beside its own, in the order in which they appeared."""
        return {name: [row for row in rows if row != name] for name, rows in self._rows.items()}

    def relay_of(self, row: str) -> str:
        """Return the relay that a row belongs to; empty for other rows."""
        return next((name for name, rows in self._rows.items() if row in rows or row == name), "")

    @property
    def addresses(self) -> Mapping[str, tuple[str, int]]:
        """Host and port at which each relay listens."""
        return {name: relay.address for name, relay in self._relays.items()}

    def use_secrets(self, secrets: tuple[str, ...]) -> None:
        """Mask other values from now on."""
        self._secrets = secrets
        for relay in self._relays.values():
            relay.use_redactor(self.redactor(relay.spec))

    def resume_reading(self) -> None:
        """Tell listeners that the sink has room, or that it takes what comes and drops it."""
        for relay in (*self._relays.values(), *self._leaving):
            for guard in relay.guards():
                listener = guard.listener
                guard.tell(listener.resume_reading if self.may_pass(relay.spec) else listener.stop_reading)

    def may_pass(self, relay: RelaySpec) -> bool:
        """Whether bytes may pass: they are recorded, or need not be."""
        return relay.fail == "open" or not self._is_shedding()

    def stood_still(self, standstill: Standstill) -> None:
        """Tell listeners that the recorder stood still, which is over now."""
        for guard in self._guards():
            guard.tell(guard.listener.stood_still, standstill)

    def _guards(self) -> Iterable[ListenerGuard]:
        for relay in (*self._relays.values(), *self._leaving):
            yield from relay.guards()

    def _report_change(self, before: RelaySpec, after: RelaySpec) -> None:
        """Emit for each row where other events are kept from now on: it marks the place among them."""
        sentence, meta = describe_changes(before.connection, after.connection)
        for row in (after.name, *self.rows[after.name]) if sentence else ():
            source = Source(row, after.connection.group, after.connection.trace_id)
            reporter = Reporter(source, self.redactor(after), self._services.sink, self._services.clock)
            reporter.emit("self.config.reloaded", meta=meta, reason=sentence)

    def _leave(self, relay: Relay, reason: str) -> None:
        relay.stop(reason)
        if relay.is_busy:
            self._leaving.add(relay)

    # For the relays

    @property
    def contexts(self) -> TlsContexts:
        """TLS contexts for servers."""
        return self._services.contexts

    @property
    def clock(self) -> Clock:
        """The clock of the recorder."""
        return self._services.clock

    def redactor(self, spec: RelaySpec) -> Redactor:
        """Return the redactor of the connections of a relay."""
        connection = spec.connection
        filters_metadata = PROFILES[connection.profile].filters_metadata
        return self._services.redactors.get(connection.redact, self._secrets, filters_metadata=filters_metadata)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a dial."""
        assert self._group is not None
        return self._group.create_task(work, name=name)

    def listen(self, relay: RelaySpec, path: RelayPath, redactor: Redactor) -> tuple[Row, RelayListener]:
        """Give a connection a row, and a listener that records it."""
        row = self._names.take(relay.name)
        rows = self._rows[relay.name]
        if row.name not in rows:
            rows[row.name] = None
            if row.name != relay.name:
                self._has_new_rows = True
                if self._rows_timer is None:
                    self._announce_rows()
        spec = replace(relay.connection, name=row.name)
        carried = self._carried.get(row.name)
        if carried is None:
            carried = self._carried[row.name] = CarriedRow(self._services.random.randbytes(16).hex())
        return row, self._make_listener(Recorded(relay, spec, row, carried, self._services, redactor, path))

    def left(self, relay: Relay) -> None:
        """Forget a relay that has no connections any more, where it was removed."""
        self._leaving.discard(relay)

    def _announce_rows(self) -> None:
        self._rows_timer = None
        if self._has_new_rows:
            self._has_new_rows = False
            self._rows_timer = self._loop.call_later(ROWS_S, self._announce_rows)
            self._on_rows()


async def _idle(relays: Iterable[Relay]) -> None:
    for relay in relays:
        await relay.wait_idle()


class Relay:
    """One listening socket and its connections; the ``PathOwner`` of these."""

    def __init__(self, spec: RelaySpec, listening: Listening, relays: Relays) -> None:
        self.spec = spec
        self.listening = listening
        self._relays = relays
        self._loop = asyncio.get_running_loop()
        self._redactor = relays.redactor(spec)
        self._connections: dict[RelayedConnection, Row | None] = {}
        self._starting: asyncio.Task[None] | None = None
        self._server: asyncio.Server | None = None
        self._is_stopping = False
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port at which it listens."""
        return self.listening.address

    @property
    def is_busy(self) -> bool:
        """Whether there are connections."""
        return bool(self._connections)

    def start(self) -> None:
        """Accept connections."""
        self._starting = self._relays.spawn(self._start(), f"relay {self.spec.name}")

    async def _start(self) -> None:
        if self._must_stop():
            self.listening.socket.close()
            return
        tls = self.listening.tls
        server = await self._loop.create_server(
            self._accept,
            sock=self.listening.socket,
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else REQUEST_S,
        )
        # It may have been asked to stop meanwhile
        if self._must_stop():
            server.close()
        else:
            self._server = server

    def _must_stop(self) -> bool:
        # A call, since the type checker takes an attribute to be as it was before an ``await``
        return self._is_stopping

    def stop(self, reason: str) -> None:
        """Accept no more connections, and end those that there are."""
        self._is_stopping = True
        if self._server is not None:
            self._server.close()
        elif self._starting is None:
            self.listening.socket.close()
        for connection in tuple(self._connections):
            connection.close(reason)

    def abort(self) -> None:
        """End all connections now."""
        for connection in tuple(self._connections):
            connection.abort()

    async def wait_idle(self) -> None:
        """Wait until all connections have ended."""
        await self._is_idle.wait()

    def guards(self) -> Iterable[ListenerGuard]:
        """Iterate over those that make the calls of listeners."""
        return [guard for each in self._connections if (guard := each.listener_guard) is not None]

    def reload_certificate(self) -> None:
        """Show new connections the certificate that is in its files now."""
        if self.listening.tls is not None:
            load_certificate(self.listening.tls, self.spec)

    def use_redactor(self, redactor: Redactor) -> None:
        """Mask other values from now on."""
        self._redactor = redactor
        for guard in self.guards():
            guard.tell(guard.listener.use_redactor, redactor)

    def _accept(self) -> asyncio.Protocol:
        return RelayedConnection(self, self._loop).application

    # For the connections

    @property
    def connection_spec(self) -> ConnectionSpec:
        """How servers are dialled."""
        return self.spec.connection

    @property
    def contexts(self) -> TlsContexts:
        """TLS contexts for servers."""
        return self._relays.contexts

    @property
    def clock(self) -> Clock:
        """Times the phases of dials."""
        return self._relays.clock

    def route(self, path: str) -> RouteSpec | None:
        """Return the route of a path; None where there is none."""
        return find_route(self.spec.routes, path)

    @property
    def may_pass(self) -> bool:
        """Whether a connection may begin."""
        return self._relays.may_pass(self.spec)

    def masked(self, text: str) -> str:
        """Return a text without the secrets of the configuration."""
        return self._redactor.text(text)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a dial."""
        return self._relays.spawn(work, f"dial of relay {self.spec.name}")

    def began(self, path: RelayedConnection) -> None:
        """Take note of a connection."""
        self._connections[path] = None
        self._is_idle.clear()
        if self._is_stopping:
            path.abort()

    def listen(self, path: RelayedConnection) -> ListenerGuard:
        """Begin to record a connection; where that fails, it is relayed without."""
        row: Row | None = None
        listener: RelayListener
        try:
            row, listener = self._relays.listen(self.spec, path, self._redactor)
        except Exception as error:  # noqa: BLE001 - recording must not disturb the traffic
            message = f"a connection of relay {self.spec.name} is not recorded"
            self._loop.call_exception_handler({"message": message, "exception": error})
            listener = cast(RelayListener, _NoListener())
        self._connections[path] = row
        return ListenerGuard(listener)

    def ended(self, path: RelayedConnection, status: Status | None) -> None:
        """Forget a connection; ``status`` is that of its row, None where none was recorded."""
        row = self._connections.pop(path)
        if row is not None and status is not None:
            row.release(status)
        if not self._connections:
            self._is_idle.set()
            if self._is_stopping:
                self._relays.left(self)


class _NoListener:
    """Takes every call, and does nothing."""

    def __getattr__(self, name: str) -> Callable[..., Status]:
        return lambda *_arguments: "disconnected"
