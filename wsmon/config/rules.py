"""Rules between the keys of a connection, and of ``[wsmon]``, checked when each key is valid by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from wsmon.config.checks import host_and_port, is_loopback
from wsmon.config.kinds import FaultError, Finding
from wsmon.config.lines import KeyPath
from wsmon.config.specs import (
    DECLARABLE,
    DEFAULT_PORTS,
    LISTEN_ONLY,
    Configuration,
    ConnectionSpec,
    MessageCondition,
    MessagesSpec,
    RedactSpec,
)
from wsmon.errors import UsageError
from wsmon.model.incident_kinds import is_rule
from wsmon.model.redact.masking import Sensitive
from wsmon.model.redact.names import KeyRules, is_credential_header, is_credential_query
from wsmon.model.redact.urls import has_path_token, mask_url
from wsmon.model.statistics import KPI_UNITS
from wsmon.model.units import DURATION_HINT, format_duration, parse_duration


@dataclass(frozen=True, slots=True)
class Rule:
    """A combination of keys that is an error, or has no effect; the first of ``keys`` is the one to change."""

    keys: tuple[str, ...]
    is_broken: Callable[[ConnectionSpec], bool]
    problem: str
    hint: str
    value: Callable[[ConnectionSpec], str] = lambda _spec: ""
    is_warning: bool = False
    """Whether the configuration can be used nevertheless."""


def _unkept(spec: ConnectionSpec) -> str:
    """The thresholds that no connection can meet, or that every connection meets."""
    found = (
        f"{name} = {value:g}"
        for name, value in spec.kpi.items()
        if value <= 0 or (KPI_UNITS[name] == "share" and value >= 1)
    )
    return ", ".join(found)


def _empty_credentials(spec: ConnectionSpec) -> str:
    """The credentials of a connection that are empty: headers, parameters of the URL, and entries of ``auth``."""
    found = [f"header {name}" for name, value in spec.headers if not value and is_credential_header(name)]
    query = parse_qsl(urlsplit(spec.url.reveal()).query, keep_blank_values=True) if spec.url else []
    found += [f"{name}= in the URL" for name, value in query if not value and is_credential_query(name)]
    found += [f"auth.{name}" for name, value in spec.auth.items() if isinstance(value, Sensitive) and not value]
    return ", ".join(found)


def _broken_life(spec: ConnectionSpec) -> str:
    """The life of a grant as configured, where it is neither a duration nor a number of seconds above 0."""
    life = spec.auth.get("expires_in", 1.0)
    if isinstance(life, MessageCondition):
        return ""
    if isinstance(life, float | int):
        return "" if life > 0 else f"{life:g}"
    try:
        return "" if parse_duration(life.reveal()) > 0 else life.reveal()
    except UsageError:
        return life.reveal() or '""'


# What a message of the peer may be recognised by, instead of what is sent to it
_SIGNS = ("success", "failure")


def _misplaced(spec: ConnectionSpec) -> str:
    """The entries of ``auth`` that are conditions, but not on messages of the peer."""
    return ", ".join(
        name for name, value in spec.auth.items() if isinstance(value, MessageCondition) and name not in _SIGNS
    )


def _lacks_zstd() -> bool:
    """Whether neither Python (from 3.14 on) nor an installed package decodes zstd; nothing is imported."""
    # Imported here for start-up time: few configurations name it
    from importlib.util import find_spec

    # The package of the module may not be there
    with suppress(ModuleNotFoundError):
        if find_spec("compression.zstd") is not None:
            return False
    with suppress(ModuleNotFoundError):
        return find_spec("backports.zstd") is None
    return True


RULES = (
    Rule(
        ("reconnect.max", "reconnect.initial"),
        lambda spec: spec.reconnect.max_s < spec.reconnect.initial_s,
        "reconnect.max is less than reconnect.initial",
        "raise reconnect.max, or lower reconnect.initial",
        lambda spec: f"{format_duration(spec.reconnect.max_s)} < {format_duration(spec.reconnect.initial_s)}",
    ),
    Rule(
        ("tls.cert", "tls.key"),
        lambda spec: spec.tls.cert is not None and spec.tls.key is None,
        "certificate without a key",
        "also set tls.key (to the same file if it contains both)",
    ),
    Rule(
        ("tls.key", "tls.cert"),
        lambda spec: spec.tls.key is not None and spec.tls.cert is None,
        "key without a certificate",
        "also set tls.cert",
    ),
    Rule(
        ("origin", "headers"),
        lambda spec: bool(spec.origin) and any(name.lower() == "origin" for name, _ in spec.headers),
        "conflicts with the Origin header",
        "keep only one of them",
    ),
    Rule(
        ("subscribe", "protocol"),
        lambda spec: bool(spec.subscribe) and spec.protocol in LISTEN_ONLY,
        "has no effect with this protocol",
        "use `send` to send texts as they are",
        lambda spec: spec.protocol,
        is_warning=True,
    ),
    Rule(
        ("answer", "protocol"),
        lambda spec: spec.answer and spec.protocol in LISTEN_ONLY,
        "has no effect with this protocol",
        "",
        lambda spec: spec.protocol,
        is_warning=True,
    ),
    Rule(
        ("auth",),
        lambda spec: bool(spec.auth) and not spec.answer,
        "has no effect without answer = true",
        "authentication changes what the peer does, so it must be enabled explicitly",
        is_warning=True,
    ),
    Rule(
        ("auth",),
        lambda spec: bool(_broken_life(spec)),
        "expires_in must be a duration above 0",
        DURATION_HINT,
        _broken_life,
    ),
    Rule(
        ("auth",),
        lambda spec: bool(_misplaced(spec)),
        "expected a string or a number, got a table",
        "only success and failure may be conditions",
        _misplaced,
    ),
    Rule(
        (
            "messages.type",
            "messages.topic",
            "messages.topic_id",
            "messages.ref",
            "messages.replies",
            "messages.error",
            "messages.error_text",
            "messages.items",
            "protocol",
        ),
        lambda spec: spec.messages != MessagesSpec() and spec.protocol not in DECLARABLE,
        "has no effect with this protocol",
        'set protocol = "json", or "raw" for messages that are not JSON',
        lambda spec: spec.protocol,
        is_warning=True,
    ),
    Rule(
        ("messages.error_text",),
        lambda spec: bool(spec.messages.error_text) and not isinstance(spec.messages.error, MessageCondition),
        "has no effect without a condition in messages.error",
        'e.g. error = { "$.event" = "error" }',
        is_warning=True,
    ),
    Rule(
        ("messages.topic_id",),
        lambda spec: bool(spec.messages.topic_id) and not spec.messages.topic,
        "has no effect without messages.topic",
        "set it to the path of the topic, and of its id",
        is_warning=True,
    ),
    Rule(
        ("messages.replies",),
        lambda spec: bool(spec.messages.replies) and not spec.messages.ref,
        "has no effect without messages.ref",
        "set it to the path of the id of a request",
        is_warning=True,
    ),
    Rule(
        ("decode",),
        lambda spec: "zstd" in spec.decode and _lacks_zstd(),
        "zstd is not installed",
        "run pip install 'wsmon[zstd]'",
        is_warning=True,
    ),
    Rule(
        ("capture.raw",),
        lambda spec: spec.capture.raw and (not spec.decode or (spec.protocol == "raw" and spec.decode == ("auto",))),
        "has no effect where nothing is decoded",
        "with protocol raw, name the decoders in decode",
        is_warning=True,
    ),
    Rule(
        ("kpi",),
        lambda spec: bool(_unkept(spec)),
        "invalid KPI target",
        "use shares between 0 and 1 (0.999 is 99.9 %); times in milliseconds and rates per second above 0",
        _unkept,
    ),
    Rule(
        ("heartbeat.expect",),
        lambda spec: bool(spec.heartbeat.expect) and not spec.heartbeat.send,
        "has no effect without heartbeat.send",
        "",
        is_warning=True,
    ),
    Rule(
        ("heartbeat.answer",),
        lambda spec: bool(spec.heartbeat.answer) and not spec.heartbeat.reply_to,
        "has no effect without heartbeat.reply_to",
        "set it to text contained in the peer's heartbeat",
        is_warning=True,
    ),
    Rule(
        ("url", "headers", "auth"),
        lambda spec: bool(_empty_credentials(spec)),
        "empty credential",
        "the referenced variable may be empty",
        _empty_credentials,
        is_warning=True,
    ),
)


_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened at


def address_faults(configuration: Configuration) -> Iterator[tuple[str, FaultError]]:
    """Iterate over the faults of ``otlp_listen`` and the addresses beside it, each with the key to change."""
    address = configuration.otlp_listen.address
    if not address:
        return
    host, port = host_and_port(address)
    if not is_loopback(host) and not configuration.otlp_listen.token:
        hint = "set otlp_listen_token, or listen on 127.0.0.1"
        yield "otlp_listen", FaultError("without a token, it can only listen on this machine", hint)
    if configuration.prometheus and _meets(*host_and_port(configuration.prometheus), host, port):
        yield "otlp_listen", FaultError("is the address of prometheus, too", "use another port")
    parts = urlsplit(configuration.otlp.url.reveal())
    to_port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.hostname and _meets(parts.hostname, to_port, host, port):
        hint = "remove one of the two: wsmon would send to itself what it received"
        yield "otlp", FaultError("points at otlp_listen", hint)


def bundle_faults(configuration: Configuration) -> Iterator[tuple[str, FaultError]]:
    """Iterate over the faults of ``bundle``: rules that are not there, whose incidents never come."""
    for kind in configuration.bundle.kinds:
        name = kind.partition(":")[2]
        if is_rule(kind) and name not in configuration.alerts.rules:
            yield (
                "bundle.kinds",
                FaultError(f"alerts.rules has no rule {name!r}", "add the rule, or remove the kind", kind),
            )


def relay_faults(configuration: Configuration) -> Iterator[tuple[int, tuple[str | int, ...], FaultError]]:
    """Iterate over the faults of relays: number of the relay, the key to change, what is wrong."""
    taken = {"prometheus": configuration.prometheus, "otlp_listen": configuration.otlp_listen.address}
    others = [(name, *host_and_port(address)) for name, address in taken.items() if address]
    for index, relay in enumerate(configuration.relays):
        host, port = host_and_port(relay.listen)
        if not port and configuration.path is not None:
            hint = "set a port, so that applications know it"
            yield index, ("listen",), FaultError("port 0 is for `wsmon relay` only", hint, relay.listen)
        if not is_loopback(host) and not relay.listen_any:
            hint = "set listen_any = true (--listen-any) to allow that, or listen on 127.0.0.1"
            yield index, ("listen",), FaultError("other machines could connect", hint, relay.listen)
        for name, other_host, other_port in others:
            if _meets(other_host, other_port, host, port):
                fault = FaultError(f"is the address of {name}, too", "use another port", relay.listen)
                yield index, ("listen",), fault
        others.append((f"relay {relay.name}", host, port))
        if relay.tls_cert is None and relay.tls_key is not None:
            yield index, ("tls_key",), FaultError("key without a certificate", "also set tls_cert")
        if relay.tls_cert is not None and relay.tls_key is None:
            hint = "also set tls_key (to the same file if it contains both)"
            yield index, ("tls_cert",), FaultError("certificate without a key", hint)
        if not relay.routes:
            yield index, ("routes",), FaultError("no route", 'e.g. [{ path = "/", upstream = "wss://host/path" }]')
        paths: set[str] = set()
        for number, route in enumerate(relay.routes):
            if route.path in paths:
                yield index, ("routes", number, "path"), FaultError("duplicate", value=route.path)
            paths.add(route.path)
            parts = urlsplit(route.upstream.reveal())
            if _meets(parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme], host, port):
                yield index, ("routes", number, "upstream"), FaultError("points at this relay", "name the server")


def path_tokens(configuration: Configuration) -> Iterator[Finding]:
    """Iterate over notes on URLs whose path holds what looks like a credential, and comes from no secret."""
    urls: list[tuple[KeyPath, Sensitive, RedactSpec | None]] = [
        *((("connection", at, "url"), spec.url, spec.redact) for at, spec in enumerate(configuration.connections)),
        *(
            (("relay", at, "routes", number, "upstream"), route.upstream, relay.connection.redact)
            for at, relay in enumerate(configuration.relays)
            for number, route in enumerate(relay.routes)
        ),
        (("wsmon", "alerts", "webhook"), configuration.alerts.webhook, None),
        (("wsmon", "otlp"), configuration.otlp.url, None),
    ]
    for place, url, redact in urls:
        rules = KeyRules() if redact is None else KeyRules(redact.keys, redact.headers, redact.query, redact.allow)
        if url and has_path_token(url.masked, rules):
            hint = "move it to an environment variable and write ${secret:NAME} in its place"
            if redact is not None:
                hint += "; if it is an ID, add it to redact.allow"
            problem = "part of the path looks like a credential; it is masked"
            yield Finding(place, problem, mask_url(url.masked), hint)


def _meets(host: str, port: int, listening_host: str, listening_port: int) -> bool:
    """Whether two addresses are one: all of loopback is, and all of this machine's where it listens everywhere."""
    if port != listening_port or not port:
        return False
    if host.lower() == listening_host.lower() or (is_loopback(host) and is_loopback(listening_host)):
        return True
    hosts = (host, listening_host)
    return any(one in _ANYWHERE for one in hosts) and any(is_loopback(one) or one in _ANYWHERE for one in hosts)
