"""Failed dials and unannounced losses: the likely cause of each, and the next step."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.model.verdict.close_codes import Advice, Clue, advice_on_reason, read_clue
from wsmon.model.verdict.history import History
from wsmon.model.verdict.refusals import explain_refusal, with_subprotocol
from wsmon.model.verdict.response_text import response_text
from wsmon.model.verdict.silences import find_silence, is_busy
from wsmon.model.verdict.tls_failures import advice_on_alert, advice_on_certificate, advice_on_handshake

DNS_CLUES: Final = (
    Clue(
        ("(refused)",),
        Advice(
            "the name server refused the query: possibly it does not serve this machine or this name",
            "check which name servers this machine uses, and whether they allow queries from this network",
        ),
    ),
    Clue(
        ("(servfail)",),
        Advice(
            "the name server could not resolve the name: likely an upstream server is down, or the domain's DNS is "
            "broken",
            "query another name server for the host; if that fails too, report it to the domain operator",
        ),
    ),
    Clue(
        ("gave no answer (",),
        Advice(
            "the name server returned an error",
            "query another name server for the host, and check which ones this machine uses",
        ),
    ),
    Clue(
        ("no answer from dns", "no name server", "temporary failure", "timed out", "try again"),
        Advice(
            "no name server responded: likely the local network or its DNS is down",
            "check the network of this machine and its name servers",
        ),
    ),
    Clue(
        ("no address",),
        Advice(
            "the name exists but has no address of the requested type",
            "check the A and AAAA records of the host, and whether IPv4 or IPv6 is unavailable here",
        ),
    ),
)
_DNS = Advice(
    "host name not found (NXDOMAIN)",
    "check the spelling of the host; internal names need the right VPN or DNS",
)

PROXY_CLUES: Final = (
    Clue(
        ("407", "authenticat", "credential"),
        Advice("the proxy requires credentials", "put the proxy credentials in its URL"),
    ),
    Clue(
        ("403", "not allowed"),
        Advice(
            "the proxy does not allow this: possibly the host, the port, or this client",
            "ask the proxy operator; many proxies only allow port 443",
        ),
    ),
    Clue(
        ("503",),
        Advice(
            "the proxy could not reach the server, or is overloaded itself",
            "check the host and port of the URL, whether the server is up, and ask the proxy operator about its state",
        ),
    ),
    Clue(
        ("502", "504", "host unreachable", "network unreachable", "connection refused by destination"),
        Advice(
            "the proxy could not reach the server",
            "check the host and port of the URL, and whether the server is up",
        ),
    ),
    Clue(
        ("cannot reach the proxy", "no tcp connection", "no answer from the proxy"),
        Advice("the proxy is down, or its address is wrong", "check the address of the proxy"),
    ),
    Clue(
        ("pip install", "no usable proxy"),
        Advice("the proxy cannot be used as it is configured", "follow the message, or correct proxy"),
    ),
)
_PROXY = Advice(
    "likely the peer closed the connection, or is not a proxy of this kind",
    "check the address and scheme of the proxy, and try without it",
)

_OPEN_CLUES: Final = (
    Clue(
        ("tls handshake",),
        Advice(
            "no TLS response on this port: possibly overloaded, or not a TLS port",
            "check the port; if it is correct, the server is overloaded or something on the network path holds back "
            "the data",
        ),
    ),
    Clue(
        ("no complete answer",),
        Advice(
            "the server, or something in front of it, sent an incomplete response",
            "ask the server operator, with the beginning of the response; compare with another network",
        ),
    ),
    Clue(
        ("answer to the upgrade",),
        Advice(
            "the server accepted the connection but did not respond: possibly it is overloaded, hanging, or not an "
            "HTTP server",
            "check the port, and ask the server operator; raise open_timeout if it is known to be slow",
        ),
    ),
)
_OPEN = Advice(
    "likely the network path or the server is too slow", "check the network; raise open_timeout if that is expected"
)

_HANDSHAKE_CLUES: Final = (
    Clue(("no usable url",), Advice("the URL cannot be used", "correct the URL")),
    Clue(
        ("the answer to the upgrade is a tls record",),
        Advice(
            "the port speaks TLS, and the URL asks for a plain connection",
            "check whether the URL should begin with wss://",
        ),
    ),
    Clue(
        ("the answer to the upgrade is an http/2 frame",),
        Advice(
            "an HTTP/2 server listens on this port and does not accept HTTP/1.1 upgrades",
            "ask the operator for an endpoint that speaks HTTP/1.1, or check the port",
        ),
    ),
    Clue(
        ("the answer to the upgrade has no status line",),
        Advice(
            "a page arrived without HTTP response headers: possibly a faulty server, or a device on the network path",
            "check the host and port of the URL, and compare with another network",
        ),
    ),
    Clue(
        ("an upgrade needs http/1.1",),
        Advice(
            "the server, or a proxy in front of it, speaks HTTP/1.0, which does not support upgrades",
            "configure the proxy in front of the server to use HTTP/1.1 (nginx: proxy_http_version 1.1)",
        ),
    ),
    Clue(
        ("longer than", "header lines", "informational responses"),
        Advice(
            "the response headers are larger than wsmon, and most clients, accept",
            "report it to the server operator: cookies and security headers are the usual reason",
        ),
    ),
    Clue(
        ("the answer to the upgrade is no http",),
        Advice("a non-HTTP server listens on this port", "check the host and port of the URL"),
    ),
    Clue(
        ("subprotocol",),
        Advice(
            "the server chose a subprotocol that was not offered to it",
            "set subprotocols to the one that the service documents",
        ),
    ),
    Clue(
        ("extension",),
        Advice(
            "the server chose an extension that was not offered to it, or with parameters that are not allowed",
            "report it to the server operator; compression = false disables extensions",
        ),
    ),
)
_HANDSHAKE = Advice(
    "the response violates the upgrade rules: possibly a cache or proxy on the network path, or a faulty server",
    "try from another network; if it persists, report it to the server operator with the response headers",
)

# Reported by an application, of itself (recorder/ingest.py)
_APPLICATION_ENDED: Final = Advice(
    "the application that reported this connection ended without closing it",
    "check how it ended: its log, its exit code, and the system log for a process that was killed",
)
_DIAL_ADVICE: Final = {
    "descriptors": Advice(
        "wsmon is out of file descriptors: this is not a network or server problem",
        "raise the limit on open files (ulimit -n, LimitNOFILE= of a systemd unit), or record fewer connections",
    ),
    "tcp_refused": Advice(
        "likely nothing listens on that port, or a firewall rejects the connection",
        "check the host and port of the URL, and whether the server runs",
    ),
    "tcp_unreachable": Advice(
        "no route to that address: likely the network is down, or a route or firewall blocks it",
        "check the network of this machine, its VPN and its routes",
    ),
    "tcp_timeout": Advice(
        "no response: likely a firewall drops the packets, or the host is down",
        "check the host and port of the URL, and firewalls on both sides; compare with another network",
    ),
    "reset": Advice(
        "the other side, or a firewall on the network path, cut the connection during connect",
        "compare with another network; if it persists, the server or something in front of it rejects this client",
    ),
    "eof": Advice(
        "the server accepted the connection and closed it without responding: possibly overloaded, or it expects TLS "
        "on this port",
        "check the port and whether the URL should begin with wss://, and ask the server operator",
    ),
    "internal": Advice(
        "a wsmon bug, not a connection problem",
        "report it, with this event",
    ),
    "application_ended": _APPLICATION_ENDED,
}
_BROKEN_OFF = Advice(
    "the server, or something in front of it, stopped in the middle of its response",
    "report it to the server operator, with the time and the beginning of the response",
)
_UNKNOWN = Advice("no known cause", "check the preceding events")


_HUNG_UP_AFTER_TLS: Final = Advice(
    "the server, or something in front of it, accepted the connection and TLS, then closed it during the upgrade: "
    "possibly it is overloaded, its backend is down, or it does not accept this host, path or upgrades",
    "check the host and path of the URL, and ask the server operator",
)


def advice_on_attempt(event: Event) -> Advice:
    """Return the advice on an attempt that failed before an HTTP response: by how far it came."""
    advice = advice_on_dial(event.error_type, event.error)
    has_tls = isinstance((event.meta or {}).get("tls_ms"), (int, float))
    if has_tls and event.error_type == "eof" and advice is not _BROKEN_OFF:
        advice = _HUNG_UP_AFTER_TLS
    return with_subprotocol(advice, event, event.error_type in ("eof", "reset"))


def advice_on_dial(error_type: str, error: str) -> Advice:
    """Return the advice on a dial that failed before an HTTP response: DNS, TCP, TLS, proxy, upgrade, timeout."""
    match error_type:
        case "eof" if "within the answer" in error:
            return _BROKEN_OFF
        case "tls_certificate":
            return advice_on_certificate(error)
        case "tls":
            return advice_on_handshake(error)
        case "dns":
            return read_clue(DNS_CLUES, error) or _DNS
        case "proxy":
            return read_clue(PROXY_CLUES, error) or _PROXY
        case "open_timeout":
            return read_clue(_OPEN_CLUES, error) or _OPEN
        case "handshake":
            return read_clue(_HANDSHAKE_CLUES, error) or _HANDSHAKE
    return _DIAL_ADVICE.get(error_type, _UNKNOWN)


_LOG: Final = "check the server log at this time"
_CUTS: Final = {
    "eof": Advice(
        "often the server or something on the network path (a load balancer, NAT, VPN) cut the connection; a killed "
        "process looks the same, and many servers and proxies close this way at a deploy, an idle limit, a missed "
        "pong or an application error, among others",
        f"{_LOG}; if it follows a period of silence, lower ping.interval",
    ),
    "reset": Advice(
        "often the server crashed or was killed, or a firewall or load balancer on the network path dropped the "
        "connection; a healthy server may also reset one: some do for a missed pong (Daphne) or a message that is "
        "too big (autobahn, Deno)",
        f"{_LOG}; if it follows a period of silence, lower ping.interval",
    ),
    "tls": Advice(
        "the encrypted stream broke: likely something on the network path altered or cut it",
        "compare with another network, and look for devices that intercept TLS",
    ),
    "tcp_timeout": Advice(
        "the other side stopped answering: likely the path or the host is dead",
        "check the network path",
    ),
    "tcp_unreachable": Advice(
        "no route to the server: likely the local network changed, is asleep or down",
        "check the network of this machine: Wi-Fi, VPN, routes",
    ),
}

# The same where frames went just before
_BUSY_CUTS: Final = {
    "eof": Advice(_CUTS["eof"].cause.replace(" an idle limit,", ""), _LOG),
    "reset": Advice(_CUTS["reset"].cause, _LOG),
}

_FAULTS: Final = {
    "protocol": Advice(
        "the server, or something on the network path, sent data that violates the WebSocket protocol",
        "report it to the server operator with this message, and test without intermediate proxies",
    ),
    "invalid_utf8": Advice(
        "the server sent text that is not valid UTF-8",
        "report it to the server operator: binary data belongs in binary messages",
    ),
    "message_too_big": Advice(
        "the server sent a message larger than max_message",
        "raise max_message if messages of this size are expected",
    ),
    "write_overflow": Advice(
        "the server is not reading what the client sends, and too much is queued",
        "report it to the server operator, or send less",
    ),
    "http_in_stream": Advice(
        "the server's HTTP layer responded on an upgraded connection: likely the application failed, or "
        "does not accept this version or these parameters",
        "read the body of that response in the event, and check the server log at this time",
    ),
    "internal": Advice("a wsmon bug, not a connection problem", "report it, with this event"),
    "application_ended": _APPLICATION_ENDED,
}


_FRAGMENTS: Final = Advice(
    "the server sent one message in more fragments than wsmon accepts",
    "report it to the server operator: it should send fewer and larger fragments; max_message is not the limit "
    "that was reached",
)


def advice_on_loss(event: Event, history: History) -> Advice:
    """Return the advice on an open connection that ended without a close frame of the server."""
    if event.close_by == "peer" and event.error_type == "tls":
        return advice_on_alert(event.error)
    if event.close_by == "heartbeat":
        return _advice_on_silence(event, history)
    if event.error_type == "message_too_big" and "fragments" in event.error:
        return _FRAGMENTS
    if event.error_type == "http_in_stream":
        return _advice_on_stray_response(event)
    if event.error_type == "protocol" and (told := advice_on_reason(_received_reason(event))):
        return told
    if event.close_by != "us" and event.error_type in _BUSY_CUTS:
        return _advice_on_cut(event, history)
    tables = (_FAULTS, _CUTS) if event.close_by == "us" else (_CUTS, _FAULTS)
    for table in tables:
        if event.error_type in table:
            return table[event.error_type]
    return advice_on_dial(event.error_type, event.error)


def _advice_on_cut(event: Event, history: History) -> Advice:
    """Return the advice on an end of TCP without a close frame: with an idle limit only where nothing went before."""
    if is_busy(event, history):
        return _BUSY_CUTS[event.error_type]
    advice = _CUTS[event.error_type]
    # A long silence has a clause and a step of its own
    return advice if find_silence(event, history) is None else Advice(advice.cause, _LOG)


def _received_reason(event: Event) -> str:
    """Return the reason of a close frame that broke the protocol; empty where none came."""
    received = (event.meta or {}).get("received")
    reason = received.get("reason") if isinstance(received, dict) else None
    return reason if isinstance(reason, str) else ""


_STRAY_STATUS: Final = re.compile(r"HTTP/\d\.\d (\d{3})\b")


def _advice_on_stray_response(event: Event) -> Advice:
    """Return the advice on an HTTP response inside the upgraded stream: as a refusal, and else as a fault."""
    found = _STRAY_STATUS.search(event.error)
    status = int(found[1]) if found else 0
    fault = _FAULTS["http_in_stream"]
    # A success refuses nothing, 400 and 500 are given for any fault
    if status in (400, 500) or status < 400:
        text = response_text(event, status)
        return Advice("; ".join(filter(None, (text.quoted(text.words), fault.cause))), fault.next)
    refusal = explain_refusal(msgspec.structs.replace(event, status=status))
    return Advice(
        f"the server's HTTP layer responded on an upgraded connection; {refusal.advice.cause}",
        refusal.advice.next,
    )


# What arrives this soon after our ping may have been on its way before
_ON_ITS_WAY_NS: Final = 2 * SECOND_NS
# Data in this last share of the wait shows a peer that went on sending
_ALIVE: Final = 0.5
# Without a measured wait, a frame this soon before the end is no silence
_SILENT_NS: Final = 5 * SECOND_NS

_NETWORK_STEP: Final = "check the network path, and whether the server still serves others"


def _advice_on_silence(event: Event, history: History) -> Advice:
    """Return the advice on a missing answer to our heartbeat: by what else arrived, and whether one ever came."""
    missed = history.missed
    is_protocol = "protocol's own" in event.error or (missed is not None and not missed.lasted_ns)
    has_answers = history.has_protocol_answer if is_protocol else history.has_pong
    step = (
        "check that the heartbeat and its interval match the service documentation"
        if is_protocol
        else "check whether the server answers pings at all; ping.interval = 0 turns ours off"
    )
    last_in_ms = (event.meta or {}).get("last_in_ms")
    if not isinstance(last_in_ms, (int, float)):
        return Advice("nothing ever arrived after the handshake", step)
    silent_ns = round(last_in_ms * MS_NS)
    waited_ns = missed.lasted_ns if missed is not None else 0
    when = f"{fmt.full_duration(silent_ns)} before the end" if silent_ns >= SECOND_NS // 10 else "until the end"
    if not waited_ns and silent_ns < _SILENT_NS:
        return Advice(f"data still arrived {when}, but not the expected heartbeat reply", step)
    if silent_ns < _ALIVE * waited_ns:
        behind = "or the reply is queued behind the data"
        if is_protocol:
            observed = f"data still arrived {when}, but no heartbeat reply came in time"
            return Advice(f"{observed}: possibly the server does not answer it, {behind}", step)
        observed = f"data still arrived {when}, but no pong came in time"
        if has_answers:
            return Advice(f"{observed}: possibly the server responds late, {behind}", "raise ping.timeout")
        return Advice(
            f"{observed}: possibly the server does not answer pings, {behind}",
            "raise ping.timeout; if the server never answers pings, set ping.interval = 0",
        )
    observed = f"nothing at all arrived for {fmt.full_duration(silent_ns)}"
    if silent_ns < waited_ns - _ON_ITS_WAY_NS:
        after = fmt.full_duration(waited_ns - silent_ns)
        observed = f"the last data arrived {after} after our ping, and nothing for {fmt.full_duration(silent_ns)} since"
    if has_answers:
        return Advice(f"{observed}: likely the network path is dead, or the server hangs", _NETWORK_STEP)
    answer = "no heartbeat was answered" if is_protocol else "no pong came"
    none = "does not answer this heartbeat" if is_protocol else "does not answer pings"
    return Advice(
        f"{observed}, and {answer} in this session: possibly the server {none}, the network path is dead, or the "
        "server hangs",
        f"{step}; {_NETWORK_STEP}",
    )
