"""Dials that failed before there was an HTTP answer: DNS, TCP, TLS, the proxy, the upgrade, the time."""

from __future__ import annotations

from typing import Final

from wsmon.model.verdict.advice import Advice, Clue, read_clue

_CLOCK = "renew the certificate; if it is valid elsewhere, check the clock of this machine"

CERTIFICATE_CLUES: Final = (
    Clue(("has expired",), Advice("the certificate of the server has expired, or the clock here is wrong", _CLOCK)),
    Clue(
        ("not yet valid",),
        Advice("the certificate of the server is not valid yet, or the clock here is wrong", _CLOCK),
    ),
    Clue(
        ("mismatch",),
        Advice(
            "the certificate of the server is for another name",
            "check the host of the URL; if it is right, the server needs a certificate for that name",
        ),
    ),
    Clue(
        ("self-signed certificate in certificate chain", "self signed certificate in certificate chain"),
        Advice(
            "the certificate comes from an unknown authority: a company's own, or a proxy that reads TLS",
            "put the certificate of that authority into tls.ca, if it is trusted",
        ),
    ),
    Clue(
        ("self-signed", "self signed"),
        Advice(
            "the server vouches for itself: no authority signed its certificate",
            "put its certificate into tls.ca, if it is trusted",
        ),
    ),
    Clue(
        ("unable to get local issuer", "unable to get issuer", "unable to verify the first"),
        Advice(
            "the authority behind the certificate is not known here, or the server leaves out an intermediate one",
            "have the server send its whole chain, or put the certificate of the authority into tls.ca",
        ),
    ),
    Clue(
        ("revoked",),
        Advice("the authority took the certificate back", "do not connect before the server has a new certificate"),
    ),
)
_CERTIFICATE = Advice(
    "the certificate of the server does not pass the checks",
    "look at the certificate of the server: names, dates and chain",
)

TLS_CLUES: Final = (
    Clue(
        ("cannot be used",),
        Advice("a file of the tls settings cannot be used", "correct the file that the message names"),
    ),
    Clue(
        ("wrong version number", "record layer failure", "packet length too long", "http request", "unknown protocol"),
        Advice(
            "the other side does not speak TLS on this port: often plain HTTP, or a proxy",
            "check the port, and whether the URL should begin with ws://",
        ),
    ),
    Clue(
        ("certificate required", "bad certificate", "alert certificate", "handshake failure: certificate"),
        Advice(
            "the server wants a certificate from us, and got none that it accepts",
            "set tls.cert and tls.key to a certificate that the service accepts",
        ),
    ),
    Clue(
        ("alert unknown ca",),
        Advice("the server does not know the authority behind our certificate", "check tls.cert and tls.key"),
    ),
    Clue(
        ("unrecognized name",),
        Advice("the server knows no host of this name", "check the host of the URL, and tls.server_name"),
    ),
    Clue(
        ("protocol version", "unsupported protocol", "no protocols available", "handshake failure", "no shared cipher"),
        Advice(
            "the two sides have no version or cipher of TLS in common",
            "find out which versions of TLS the server offers: old ones are off here",
        ),
    ),
    Clue(
        ("ended during the tls handshake", "eof occurred", "unexpected eof"),
        Advice(
            "often a firewall that reads host names, or a server that wants no TLS on this port",
            "try from another network, and check the port",
        ),
    ),
)
_TLS = Advice("TLS failed between here and there", "try from another network, and compare with another client")

DNS_CLUES: Final = (
    Clue(
        ("no answer from dns", "temporary failure", "timed out", "try again"),
        Advice(
            "no name server answered: the network here is down, or its DNS is",
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
    Clue(("403", "not allowed"), Advice("the proxy does not allow this host", "ask who runs the proxy")),
    Clue(
        ("502", "503", "504", "host unreachable", "network unreachable", "connection refused by destination"),
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
    "what listens there hung up on us, or is no proxy of this kind",
    "check address and scheme of the proxy, and try without it",
)

_OPEN_CLUES: Final = (
    Clue(
        ("tls handshake",),
        Advice(
            "the port is open, and whoever listens there does not begin TLS: overloaded, or no TLS port",
            "check the port; if it is right, the server is overloaded or something on the way holds the data back",
        ),
    ),
    Clue(
        ("answer to the upgrade",),
        Advice(
            "the server took the connection and did not answer: it is overloaded, hangs, or is no HTTP server",
            "check the port, and ask the operator of the server; raise open_timeout if it is known to be slow",
        ),
    ),
)
_OPEN = Advice("the way there, or the server, is too slow", "check the network; raise open_timeout if that is expected")

_HANDSHAKE_CLUES: Final = (
    Clue(("no usable url",), Advice("the URL cannot be used", "correct the URL")),
    Clue(
        ("no http",),
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
    "the answer breaks the rules of the upgrade: a cache or a proxy on the way, or a faulty server",
    "try from another network; if it stays, report it to the operator of the server with the response headers",
)

_PLAIN: Final = {
    "tcp_refused": Advice(
        "nothing listens on that port, or a firewall rejects us",
        "check host and port of the URL, and whether the server runs",
    ),
    "tcp_unreachable": Advice(
        "there is no way to that address from here: the network is down, or a route or firewall is in the way",
        "check the network of this machine, its VPN and its routes",
    ),
    "tcp_timeout": Advice(
        "nobody answered: a firewall drops the packets, or the host is down",
        "check host and port of the URL, and firewalls here and there; compare with another network",
    ),
    "reset": Advice(
        "the other side, or a firewall on the way, cut the connection during the dial",
        "compare with another network; if it stays, the server or what stands before it rejects us",
    ),
    "eof": Advice(
        "the server took the connection and hung up without an answer: overloaded, or it expects TLS on this port",
        "check the port and whether the URL should begin with wss://, and ask the operator of the server",
    ),
    "internal": Advice(
        "a fault of wsmon, not of the connection",
        "report it, with this event",
    ),
}
_UNKNOWN = Advice("there is nothing known that explains it", "look at the events before it")


def advice_on_dial(error_type: str, error: str) -> Advice:
    """What kept a dial from an HTTP answer."""
    match error_type:
        case "tls_certificate":
            return read_clue(CERTIFICATE_CLUES, error) or _CERTIFICATE
        case "tls":
            return read_clue(TLS_CLUES, error) or _TLS
        case "dns":
            return read_clue(DNS_CLUES, error) or _DNS
        case "proxy":
            return read_clue(PROXY_CLUES, error) or _PROXY
        case "open_timeout":
            return read_clue(_OPEN_CLUES, error) or _OPEN
        case "handshake":
            return read_clue(_HANDSHAKE_CLUES, error) or _HANDSHAKE
    return _PLAIN.get(error_type, _UNKNOWN)
