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
            "the name server answers, and refuses: possibly it does not serve this machine, or not this name",
            "check which name servers this machine uses, and whether it may ask them from this network",
        ),
    ),
    Clue(
        ("(servfail)",),
        Advice(
            "the name server answers, and could not find out: likely a server behind it is down, or the DNS of the "
            "domain is broken",
            "ask another name server for the host; if it fails, too, report it to the operator of the domain",
        ),
    ),
    Clue(
        ("gave no answer (",),
        Advice(
            "the name server answers with an error",
            "ask another name server for the host, and check which ones this machine uses",
        ),
    ),
    Clue(
        ("no answer from dns", "no name server", "temporary failure", "timed out", "try again"),
        Advice(
            "no name server answered: likely the network here is down, or its DNS is",
            "check the network of this machine and its name servers",
        ),
    ),
    Clue(
        ("no address",),
        Advice(
            "the name exists, and has no address of the kind that is looked for",
            "check the A and AAAA records of the host, and whether IPv4 or IPv6 is missing here",
        ),
    ),
)
_DNS = Advice(
    "the name does not exist for the name servers used here",
    "check the spelling of the host; names of an internal network need its VPN or DNS",
)

PROXY_CLUES: Final = (
    Clue(
        ("407", "authenticat", "credential"),
        Advice("the proxy wants credentials", "put the credentials of the proxy into its URL"),
    ),
    Clue(
        ("403", "not allowed"),
        Advice(
            "the proxy does not allow this: possibly the host, the port, or this client",
            "ask who runs the proxy; many proxies let only port 443 through",
        ),
    ),
    Clue(
        ("503",),
        Advice(
            "the proxy could not reach the server, or is overloaded itself",
            "check host and port of the URL, whether the server is up, and with its operator how the proxy fares",
        ),
    ),
    Clue(
        ("502", "504", "host unreachable", "network unreachable", "connection refused by destination"),
        Advice(
            "the proxy could not reach the server",
            "check host and port of the URL, and whether the server is up",
        ),
    ),
    Clue(
        ("cannot reach the proxy", "no tcp connection", "no answer from the proxy"),
        Advice("the proxy is down, or not where it is looked for", "check the address of the proxy"),
    ),
    Clue(
        ("pip install", "no usable proxy"),
        Advice("the proxy cannot be used as it is configured", "do what the message says, or correct proxy"),
    ),
)
_PROXY = Advice(
    "likely what listens there hung up on us, or is no proxy of this kind",
    "check address and scheme of the proxy, and try without it",
)

_OPEN_CLUES: Final = (
    Clue(
        ("tls handshake",),
        Advice(
            "the port is open, and whoever listens there does not begin TLS: possibly overloaded, or no TLS port",
            "check the port; if it is right, the server is overloaded or something on the way holds the data back",
        ),
    ),
    Clue(
        ("no complete answer",),
        Advice(
            "the server, or something before it, began an answer and did not end it",
            "ask the operator of the server, with the beginning of the answer; compare with another network",
        ),
    ),
    Clue(
        ("answer to the upgrade",),
        Advice(
            "the server took the connection and did not answer: possibly it is overloaded, hangs, or is no HTTP server",
            "check the port, and ask the operator of the server; raise open_timeout if it is known to be slow",
        ),
    ),
)
_OPEN = Advice(
    "likely the way there, or the server, is too slow", "check the network; raise open_timeout if that is expected"
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
            "an HTTP/2 server listens on this port, and takes no upgrade of HTTP/1.1",
            "ask the operator for an endpoint that speaks HTTP/1.1, or check the port",
        ),
    ),
    Clue(
        ("the answer to the upgrade has no status line",),
        Advice(
            "a page came without the head of an HTTP response: possibly a faulty server, or a device on the way",
            "check host and port of the URL, and compare with another network",
        ),
    ),
    Clue(
        ("an upgrade needs http/1.1",),
        Advice(
            "the server, or a proxy before it, speaks HTTP/1.0, which knows no upgrade",
            "have the proxy before the server speak HTTP/1.1 (nginx: proxy_http_version 1.1)",
        ),
    ),
    Clue(
        ("longer than", "header lines", "informational responses"),
        Advice(
            "the head of the answer is larger than wsmon reads, and than most clients do",
            "report it to the operator of the server: cookies and security headers are the usual reason",
        ),
    ),
    Clue(
        ("the answer to the upgrade is no http",),
        Advice("something that is no HTTP server listens on this port", "check host and port of the URL"),
    ),
    Clue(
        ("subprotocol",),
        Advice(
            "the server chose a subprotocol that was not offered to it",
            "put the one that the service documents into subprotocols",
        ),
    ),
    Clue(
        ("extension",),
        Advice(
            "the server chose an extension that was not offered to it, or with parameters that are not allowed",
            "report it to the operator of the server; compression = false offers none",
        ),
    ),
)
_HANDSHAKE = Advice(
    "the answer breaks the rules of the upgrade: possibly a cache or a proxy on the way, or a faulty server",
    "try from another network; if it stays, report it to the operator of the server with the response headers",
)

_DIAL_ADVICE: Final = {
    "descriptors": Advice(
        "wsmon itself has no descriptor left for another connection: this says nothing about the network or the server",
        "raise the limit on open files (ulimit -n, LimitNOFILE= of a systemd unit), or record fewer connections",
    ),
    "tcp_refused": Advice(
        "likely nothing listens on that port, or a firewall rejects us",
        "check host and port of the URL, and whether the server runs",
    ),
    "tcp_unreachable": Advice(
        "there is no way to that address from here: likely the network is down, or a route or firewall is in the way",
        "check the network of this machine, its VPN and its routes",
    ),
    "tcp_timeout": Advice(
        "nobody answered: likely a firewall drops the packets, or the host is down",
        "check host and port of the URL, and firewalls here and there; compare with another network",
    ),
    "reset": Advice(
        "the other side, or a firewall on the way, cut the connection during the dial",
        "compare with another network; if it stays, the server or what stands before it rejects us",
    ),
    "eof": Advice(
        "the server took the connection and hung up without an answer: possibly overloaded, or it expects TLS on this "
        "port",
        "check the port and whether the URL should begin with wss://, and ask the operator of the server",
    ),
    "internal": Advice(
        "a fault of wsmon, not of the connection",
        "report it, with this event",
    ),
}
_BROKEN_OFF = Advice(
    "the server, or something before it, broke off in the middle of its answer",
    "report it to the operator of the server, with the time and the beginning of the answer",
)
_UNKNOWN = Advice("there is nothing known that explains it", "look at the events before it")


_HUNG_UP_AFTER_TLS: Final = Advice(
    "the server, or what stands before it, took the connection and TLS, and hung up at the upgrade: possibly it is "
    "overloaded, what is behind it is down, or the host, the path or an upgrade is not wanted there",
    "check host and path of the URL, and ask the operator of the server",
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


_LOG: Final = "look in the log of the server at this time"
_CUTS: Final = {
    "eof": Advice(
        "often the server or something on the way (a load balancer, NAT, VPN) cut the connection; a process that is "
        "killed looks like this too, and many servers and proxies end so at a deploy, an idle limit, a missed pong or "
        "an error of the application, among other occasions",
        f"{_LOG}; if it comes after a silence, set ping.interval lower",
    ),
    "reset": Advice(
        "often the server crashed or was killed, or a firewall or load balancer on the way dropped the connection; a "
        "server in good health may reset one, too: some do for a missed pong (Daphne) or a message that is too big "
        "(autobahn, Deno)",
        f"{_LOG}; if it comes after a silence, set ping.interval lower",
    ),
    "tls": Advice(
        "the encrypted stream broke: likely something on the way altered it or cut it",
        "compare with another network, and look for devices that read TLS",
    ),
    "tcp_timeout": Advice(
        "the other side stopped answering: likely the path or the host is dead",
        "check the network between here and there",
    ),
    "tcp_unreachable": Advice(
        "the way to the server is gone: likely the network here changed, sleeps or is down",
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
        "the server, or something on the way, sent what the WebSocket protocol does not allow",
        "report it to the operator of the server with this sentence, and test without the proxies on the way",
    ),
    "invalid_utf8": Advice(
        "the server sent text that is not valid UTF-8",
        "report it to the operator of the server: binary data belongs into binary messages",
    ),
    "message_too_big": Advice(
        "the server sent a message larger than is taken here",
        "raise max_message if messages of this size are expected",
    ),
    "write_overflow": Advice(
        "the server does not read what we send, and too much of it has piled up here",
        "report it to the operator of the server, or send less",
    ),
    "http_in_stream": Advice(
        "the HTTP layer of the server answered on a connection that it had upgraded: likely the application failed, or "
        "does not accept this version or these parameters",
        "read the body of that response in the event, and look in the log of the server at this time",
    ),
    "internal": Advice("a fault of wsmon, not of the connection", "report it, with this event"),
}


_FRAGMENTS: Final = Advice(
    "the server sent one message in more pieces than are taken here",
    "report it to the operator of the server: it should send fewer and larger fragments; max_message is not the limit "
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
        f"the HTTP layer of the server answered on a connection that it had upgraded; {refusal.advice.cause}",
        refusal.advice.next,
    )


# What arrives this soon after our ping may have been on its way before
_ON_ITS_WAY_NS: Final = 2 * SECOND_NS
# Data in this last share of the wait shows a peer that went on sending
_ALIVE: Final = 0.5
# Without a measured wait, a frame this soon before the end is no silence
_SILENT_NS: Final = 5 * SECOND_NS

_NETWORK_STEP: Final = "check the network between here and there, and whether the server still serves others"


def _advice_on_silence(event: Event, history: History) -> Advice:
    """Return the advice on a missing answer to our heartbeat: by what else arrived, and whether one ever came."""
    missed = history.missed
    is_protocol = "protocol's own" in event.error or (missed is not None and not missed.lasted_ns)
    has_answers = history.has_protocol_answer if is_protocol else history.has_pong
    step = (
        "check whether the heartbeat is the one that the service documents, and how often it wants it"
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
        return Advice(f"data still arrived {when}, and not what the heartbeat waited for", step)
    if silent_ns < _ALIVE * waited_ns:
        behind = "or the answer waits behind the data"
        if is_protocol:
            observed = f"data still arrived {when}, and no answer to the heartbeat came in time"
            return Advice(f"{observed}: possibly the server does not answer it, {behind}", step)
        observed = f"data still arrived {when}, and no pong came in time"
        if has_answers:
            return Advice(f"{observed}: possibly the server answers late, {behind}", "raise ping.timeout")
        return Advice(
            f"{observed}: possibly the server does not answer pings, {behind}",
            "raise ping.timeout; if the server never answers pings, set ping.interval = 0",
        )
    observed = f"nothing at all arrived for {fmt.full_duration(silent_ns)}"
    if silent_ns < waited_ns - _ON_ITS_WAY_NS:
        after = fmt.full_duration(waited_ns - silent_ns)
        observed = f"the last data arrived {after} after our ping, and nothing for {fmt.full_duration(silent_ns)} since"
    if has_answers:
        return Advice(f"{observed}: likely the network went silent, or the server hangs", _NETWORK_STEP)
    answer = "no heartbeat was answered" if is_protocol else "no pong came"
    none = "answers no such heartbeat" if is_protocol else "answers no pings"
    return Advice(
        f"{observed}, and {answer} in this session: possibly the server {none}, the network went silent, or the server "
        "hangs",
        f"{step}; {_NETWORK_STEP}",
    )
