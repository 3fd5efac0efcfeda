"""Dial: from a URL to an open connection (``Tap``), through proxies, redirects and TLS.

A session (engine/session.py) makes one ``Dial``; what its exceptions mean is decided in engine/retry.py.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI
from websockets.proxy import get_proxy
from websockets.typing import Origin, Subprotocol
from websockets.uri import WebSocketURI, parse_uri

import wsmon
from wsmon.config.specs import ConnectionSpec, ProtocolName, RedirectPolicy, TlsSpec
from wsmon.engine.deflate import DeflateOffer
from wsmon.engine.loop import PHASES, Phases
from wsmon.engine.retry import DialProgress, RedirectRefusedError, TlsFileError
from wsmon.engine.tap import LOGGER, Connect, ConnectionListener, FrameListener, Tap
from wsmon.engine.upgrade import UpgradeError, UpgradeRefusedError
from wsmon.model.events import Json
from wsmon.model.redact.masking import Sensitive
from wsmon.ports import Clock
from wsmon.protocols.base import Protocol
from wsmon.protocols.registry import PROTOCOLS

# The library's own limit
MAX_REDIRECTS = 10
# RFC 8305: a second address is tried when the first has not answered for this long
HAPPY_EYEBALLS_S = 0.25
USER_AGENT = f"wsmon/{wsmon.__version__}"
CREDENTIAL_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})
_WS_SCHEMES = (("https://", "wss://"), ("http://", "ws://"))


class Dial:
    """One dial; ``phases``, ``redirects``, ``has_left_origin`` and ``proxy`` show how far it got."""

    def __init__(
        self,
        spec: ConnectionSpec,
        clock: Clock,
        contexts: TlsContexts,
        life: ConnectionListener,
        frames: FrameListener,
        protocols: Mapping[ProtocolName, Protocol[Any]] = PROTOCOLS,
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._contexts = contexts
        self._life = life
        self._frames = frames
        # The last hop; None before the first one
        self._hop: Hop | None = None
        # Of the last hop; empty before its connection
        self._taps: list[Tap] = []
        # What the first hop offers, in order
        self.subprotocols = offered_subprotocols(spec, protocols)
        # URLs of the redirects that were followed, in order; they may hold secrets
        self.redirects: list[str] = []
        # Whether a redirect led to another origin, which must not learn what is meant for the first one
        self.has_left_origin = False
        self._no_phases = Phases(clock, secure=False, tunnel=False)

    async def run(self) -> Tap:
        """Return an open connection; raises the errors that ``retry.classify_dial`` explains."""
        spec = self._spec
        request = _Request(spec.url.reveal(), spec.headers, self.subprotocols)
        while True:
            try:
                return await self._connect(request)
            except UpgradeRefusedError as refusal:
                try:
                    url = next_hop(request.url, refusal, spec.redirects)
                except RedirectRefusedError as error:
                    # With status and headers of the redirect
                    raise error from refusal
                if url is None:
                    raise
                if len(self.redirects) == MAX_REDIRECTS:
                    raise RedirectRefusedError(f"more than {MAX_REDIRECTS} redirects") from refusal
            if not _is_same_origin(parse_uri(request.url), parse_uri(url)):
                request = request.without_credentials()
                self.has_left_origin = True
            request = replace(request, url=url)
            self.redirects.append(url)

    def progress(self) -> DialProgress:
        """Return how far the dial got, for the explanation of a failure."""
        answer = self._taps[-1].unfinished_answer() if self._taps else None
        if self._hop is None:
            return DialProgress("", 0, self.phases.current, self._spec.open_timeout_s, answer=answer)
        return self._hop.progress(answer)

    @property
    def phases(self) -> Phases:
        """The phases of the last hop."""
        return self._hop.phases if self._hop else self._no_phases

    @property
    def proxy(self) -> str:
        """URL of the proxy of the last hop, empty for none; may hold secrets."""
        return self._hop.proxy if self._hop else ""

    @property
    def server_name(self) -> str:
        """The name that the certificate of the peer is checked for."""
        return self._hop.server_name if self._hop else self._spec.tls.server_name

    async def _connect(self, request: _Request) -> Tap:
        """Dial with the library, without what wsmon does itself: retries, timeouts, keepalive, redirects."""
        hop = self._hop = Hop(request.url, self._spec, self._clock)
        ways = await hop.ways(self._contexts)
        spec = self._spec
        taps = self._taps = []

        def create_connection(protocol: ClientProtocol, **options: Any) -> Tap:
            taps.append(Tap(protocol, self._life, self._frames, **options))
            return taps[-1]

        await Connect(
            request.url,
            origin=Origin(spec.origin.reveal()) if spec.origin else None,
            subprotocols=[Subprotocol(subprotocol) for subprotocol in _reveal(request.subprotocols)] or None,
            extensions=[DeflateOffer()] if spec.compression else None,
            compression=None,
            additional_headers=[(name, value.reveal()) for name, value in request.headers],
            user_agent_header=USER_AGENT,
            open_timeout=None,
            ping_interval=None,
            close_timeout=spec.close_timeout_s,
            max_size=spec.max_message_bytes,
            logger=LOGGER,
            create_connection=create_connection,  # type: ignore[arg-type]  # documented as "a wrapper or a subclass"
            **ways,
        )
        return taps[-1]


class Hop:
    """The way to one server: DNS, proxy, TCP and TLS."""

    def __init__(self, url: str, spec: ConnectionSpec, clock: Clock) -> None:
        """Raises ``InvalidURI``."""
        self.uri: WebSocketURI = parse_uri(url)
        self._url = url
        self._spec = spec
        # URL of the proxy, empty for none; may hold secrets
        self.proxy = (get_proxy(self.uri) or "") if spec.proxy.reveal() == "env" else spec.proxy.reveal()
        self.phases = Phases(clock, secure=self.uri.secure, tunnel=bool(self.proxy))

    @property
    def server_name(self) -> str:
        """The name that the certificate of the server is checked for."""
        return self._spec.tls.server_name or self.uri.host

    def progress(self, answer: UpgradeError | None = None) -> DialProgress:
        """Return how far the dial got; ``answer`` is what arrived of an answer to the upgrade."""
        spec = self._spec
        return DialProgress(
            self.uri.host, self.uri.port, self.phases.current, spec.open_timeout_s, bool(self.proxy), answer
        )

    async def ways(self, contexts: TlsContexts) -> dict[str, Any]:
        """Return the arguments of the library's ``connect`` that lead there; the current task has its phases timed.

        Raises ``TlsFileError``.
        """
        PHASES.set(self.phases)
        ways: dict[str, Any] = {"proxy": self.proxy or None, "happy_eyeballs_delay": HAPPY_EYEBALLS_S}
        if self.uri.secure:
            ways |= {"ssl": await contexts.get(self._spec.tls), "server_hostname": self.server_name}
        return ways

    async def open(self, contexts: TlsContexts, protocol_factory: Callable[[], asyncio.BaseProtocol]) -> None:
        """Open TCP and TLS for a protocol of asyncio; raises what ``retry.classify_dial`` explains."""
        opening = Connect(self._url, user_agent_header=USER_AGENT, **await self.ways(contexts))
        # The library makes its own protocol of a connection by this function alone
        opening.factory = lambda _uri: protocol_factory()  # type: ignore[assignment,return-value]
        await opening.open_tcp_connection()


def offered_subprotocols(
    spec: ConnectionSpec, protocols: Mapping[ProtocolName, Protocol[Any]] = PROTOCOLS
) -> tuple[Sensitive, ...]:
    """Return the subprotocols of the configuration; where it names none, those that clients of its protocol offer."""
    if spec.subprotocols or spec.protocol == "auto":
        return spec.subprotocols
    return tuple(Sensitive(name) for name in protocols[spec.protocol].offered_subprotocols)


def next_hop(url: str, refusal: UpgradeRefusedError, policy: RedirectPolicy) -> str | None:
    """Return the URL that a refused upgrade redirects to; None where it is no redirect.

    ``http`` and ``https`` in a ``Location`` mean ``ws`` and ``wss``. Raises ``RedirectRefusedError`` where the policy
    forbids to follow, or where the redirect leaves TLS.
    """
    locations = refusal.head.values("Location")
    if refusal.head.status not in REDIRECTS or not locations:
        return None
    try:
        target = urljoin(url, locations[0]).partition("#")[0]
        for http, websocket in _WS_SCHEMES:
            if target.startswith(http):
                target = websocket + target.removeprefix(http)
        before, after = parse_uri(url), parse_uri(target)
    except (InvalidURI, ValueError) as error:
        raise RedirectRefusedError(f"redirect to no WebSocket URL: {locations[0]}") from error
    if policy == "none":
        raise RedirectRefusedError(f"redirect to {target} refused", 'redirects = "none"')
    if before.secure and not after.secure:
        raise RedirectRefusedError(f"redirect to {target} refused", "It would leave TLS")
    if policy == "same-origin" and not _is_same_origin(before, after):
        raise RedirectRefusedError(f"redirect to another origin refused: {target}", 'redirects = "any" allows it')
    return target


def _is_same_origin(one: WebSocketURI, other: WebSocketURI) -> bool:
    return (one.secure, one.host, one.port) == (other.secure, other.host, other.port)


def _reveal(texts: Iterable[Sensitive]) -> list[str]:
    return [text.reveal() for text in texts]


@dataclass(frozen=True, slots=True)
class _Request:
    """What one hop requests."""

    url: str
    headers: tuple[tuple[str, Sensitive], ...]
    subprotocols: tuple[Sensitive, ...]

    def without_credentials(self) -> _Request:
        """Return the request for another origin: without headers and subprotocols that hold a secret."""
        return replace(
            self,
            headers=tuple(
                (name, value)
                for name, value in self.headers
                if not value.is_secret and name.lower() not in CREDENTIAL_HEADERS
            ),
            subprotocols=tuple(subprotocol for subprotocol in self.subprotocols if not subprotocol.is_secret),
        )


class TlsContexts:
    """TLS contexts of one supervisor, one for each ``tls`` of the configuration.

    Reading a trust store takes 20 ms and happens in a thread.
    """

    def __init__(self) -> None:
        self._contexts: dict[TlsSpec, ssl.SSLContext] = {}
        # Many connections with one spec start at once: the first makes the context, the others wait for it
        self._making = asyncio.Lock()

    async def get(self, spec: TlsSpec) -> ssl.SSLContext:
        """Return the context for a spec; raises ``TlsFileError`` where one of its files cannot be used."""
        async with self._making:
            context = self._contexts.get(spec)
            if context is None:
                context = self._contexts[spec] = await asyncio.to_thread(make_context, spec)
            return context

    def forget(self) -> None:
        """Drop all contexts, so that the next sessions read the files again."""
        self._contexts.clear()


def make_context(spec: TlsSpec) -> ssl.SSLContext:
    """Return a context for a client; blocks on files. Raises ``TlsFileError``."""
    try:
        context = ssl.create_default_context(cafile=spec.ca)
    except (OSError, ssl.SSLError) as error:
        raise TlsFileError(f"tls.ca cannot be used ({spec.ca}): {error.strerror or error}") from error
    if not spec.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if spec.cert is not None:
        try:
            context.load_cert_chain(spec.cert, spec.key, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise TlsFileError(f"tls.cert or tls.key cannot be used ({spec.cert}): {error}") from error
    return context


def describe_tls(connection: ssl.SSLObject, server_name: str, *, is_verified: bool) -> dict[str, Json]:
    """Return version, cipher and certificate for ``meta``; OpenSSL decodes only certificates that were verified."""
    cipher = connection.cipher()
    described: dict[str, Json] = {
        "version": connection.version() or "",
        "cipher": cipher[0] if cipher else "",
        "server_name": server_name,
        "verified": is_verified,
    }
    certificate: Any = connection.getpeercert() or {}
    for key in ("subject", "issuer"):
        if key in certificate:
            described[key] = _distinguished_name(certificate[key])
    if "notAfter" in certificate:
        expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
        described["expires"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    return described


def _distinguished_name(name: Iterable[Iterable[tuple[str, str]]]) -> str:
    return ", ".join(f"{key}={value}" for part in name for key, value in part)


def _no_password() -> str:
    """Refuse an encrypted key, which would otherwise prompt on the terminal."""
    raise ValueError("the key is encrypted")
