"""Listener: what the byte path of a relay tells the recording of one connection, and what the recording may ask of it.

The byte path (relay/path.py) writes first and tells then; a mistake of the recording never reaches the traffic.
``RelayedSession`` (relay/relayed_session.py) is the listener of a recorder; relay/relays.py makes one a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, ParamSpec, Protocol, TypeAlias

from wsmon.engine.http_head import ResponseHead
from wsmon.engine.loop import Phases
from wsmon.engine.retry import DialProgress
from wsmon.engine.standstill import Standstill
from wsmon.model.redact.redactor import Redactor
from wsmon.model.statuses import Status
from wsmon.relay.request_head import RequestHead

_Arguments = ParamSpec("_Arguments")
# The end that bytes come from
Leg: TypeAlias = Literal["application", "server"]


@dataclass(frozen=True, slots=True)
class ServerConnection:
    """TCP and TLS towards the server, which are up."""

    transport: asyncio.Transport
    phases: Phases
    """DNS, TCP, proxy and TLS have ended; the upgrade is under way. ``on_response`` comes when that has ended."""
    server_name: str
    """The name that the certificate is checked for."""
    is_verified: bool
    """Whether the certificate was verified; False without TLS, too."""
    proxy: str
    """URL of the proxy, empty for none; may hold secrets."""


class RelayPath(Protocol):
    """What the recording may ask of the byte path. Both calls are idempotent, and mean both legs."""

    def pause(self) -> None:
        """Read no more from either leg: ``fail = "closed"``, and the sink is full. Bytes that were read pass on."""
        ...

    def resume(self) -> None:
        """Read again."""
        ...


class RelayListener(Protocol):
    """Records one relayed connection. All calls are synchronous, on the event loop.

    A call may raise: the byte path then calls ``on_mistake`` once, nothing but ``end`` after that, and relays on.
    The order is ``begin``, ``on_connected``, ``on_response``, ``on_bytes`` …, ``end``; or ``begin``, ``on_connected``
    or not, ``on_failed``, ``end``. ``on_eof``, ``on_lost`` and ``on_closing`` may come at any place between ``begin``
    and ``end``. Bytes that the application sent before the answer of the server are reported after ``on_response``.
    """

    def begin(self, request: RequestHead, application: str, upstream: str) -> None:
        """An application asks for an upgrade, by the request as it came.

        ``application`` is its address, "ip:port"; ``upstream`` the URL of the server with path and query, which may
        hold secrets.
        """
        ...

    def on_connected(self, server: ServerConnection) -> None:
        """TCP and TLS towards the server are up; the request follows."""
        ...

    def on_failed(self, error: BaseException, progress: DialProgress) -> None:
        """The connection never becomes a WebSocket connection: ``retry.classify_dial`` explains why.

        The server was not reached in time or at all, or it answered with something else than 101
        (``UpgradeRefusedError`` and the other errors of engine/upgrade.py). No bytes are reported; those of a refusal
        pass on to the application.
        """
        ...

    def on_response(self, head: ResponseHead) -> None:
        """The server switched protocols: status 101."""
        ...

    def on_bytes(self, leg: Leg, data: bytes) -> None:
        """Bytes behind the heads, in their order, were passed on to the other leg."""
        ...

    def on_eof(self, leg: Leg) -> None:
        """The stream of a leg ended (FIN, or close_notify); it may still read. At most once a leg."""
        ...

    def on_lost(self, leg: Leg, error: BaseException | None) -> None:
        """The TCP connection of a leg is gone: with the error of the operating system or of TLS, None without one.

        Once for each leg that was there. The first call says which end was it; the other one usually follows from it.
        """
        ...

    def on_closing(self, reason: str) -> None:
        """wsmon ends both legs now, because it stops or its configuration changed; they are lost next."""
        ...

    def stop_reading(self) -> None:
        """The sink drops what it is given, and ``fail = "closed"`` lets nothing pass then: until ``resume_reading``."""
        ...

    def resume_reading(self) -> None:
        """The sink has room again."""
        ...

    def stood_still(self, standstill: Standstill) -> None:
        """The recorder stood still until now: judge no peer by that time."""
        ...

    def use_redactor(self, redactor: Redactor) -> None:
        """Mask other values from now on."""
        ...

    def on_mistake(self, error: Exception) -> None:
        """One of the calls raised: report that the connection is recorded no further. ``end`` follows some time."""
        ...

    def end(self) -> Status:
        """Both legs are gone: report the end, and return the status in which the row of the connection stays.

        Always the last call.
        """
        ...


class ListenerGuard:
    """Makes the calls of one listener: a mistake in one is reported to it once, and never reaches the traffic."""

    def __init__(self, listener: RelayListener) -> None:
        self.listener = listener
        self._has_failed = False

    def tell(self, call: Callable[_Arguments, None], *arguments: _Arguments.args, **options: _Arguments.kwargs) -> None:
        """Make a call of the listener, unless an earlier one raised."""
        if self._has_failed:
            return
        try:
            call(*arguments, **options)
        except Exception as error:  # noqa: BLE001 - recording must not disturb the traffic
            self._has_failed = True
            with suppress(Exception):
                self.listener.on_mistake(error)

    def end(self) -> Status:
        """Make the last call; return the status of the row."""
        try:
            return self.listener.end()
        except Exception as error:  # noqa: BLE001 - as above
            if not self._has_failed:
                with suppress(Exception):
                    self.listener.on_mistake(error)
            return "disconnected"
