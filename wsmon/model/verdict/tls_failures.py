"""Failures of TLS: certificates refused here, alerts of the other side, handshakes that broke: cause and next step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from wsmon.model.verdict.close_codes import Advice, Clue, read_clue

_CLOCK = "renew the certificate; if it is valid elsewhere, check the clock of this machine"

CERTIFICATE_CLUES: Final = (
    Clue(
        ("has expired",),
        Advice("the certificate of the server has expired, or possibly the clock here is wrong", _CLOCK),
    ),
    Clue(
        ("not yet valid",),
        Advice("the certificate of the server is not valid yet, or possibly the clock here is wrong", _CLOCK),
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
            "the certificate comes from an unknown authority: often a company's own, or a proxy that reads TLS",
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
            "the authority behind the certificate is not known here, or possibly the server leaves out one between",
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
        ("unsupported protocol", "no protocols available", "no shared cipher"),
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

# As OpenSSL quotes an alert of the other side; some of TLS 1.0 have no "alert" in their names
_ALERT: Final = re.compile(r"\b(?:(?:sslv3|tlsv1|tlsv13) (?:alert )?|alert )(.+)$")

_OUR_CERTIFICATE: Final = "set tls.cert and tls.key to a certificate that the service accepts"
_OFFER: Final = "find out which versions and ciphers of TLS the server offers: old ones are off here"
_STRICT_TLS: Final = Advice(
    "the other side could not read what this one sent in TLS: possibly altered on the way, or a fault of a TLS library",
    "compare with another network, and look for devices that read TLS; if it stays, report it to the operator of the "
    "server",
)
_ALTERED: Final = Advice(
    "data did not arrive as it was encrypted: possibly altered on the way, or a fault of a TLS library or of memory",
    "compare with another network, and look for devices that read TLS",
)
_REFUSED_CERTIFICATE: Final = Advice(
    "the other side does not accept our certificate, or wants one and got none",
    _OUR_CERTIFICATE,
)
_NO_COMMON_TLS: Final = Advice("the two sides have no version of TLS in common", _OFFER)
# The sender of an alert has not crashed: it says what it met. RFC 8446, section 6
ALERT_ADVICE: Final[Mapping[str, Advice]] = {
    "certificate required": Advice("the other side wants a certificate from us, and got none", _OUR_CERTIFICATE),
    "no certificate": Advice("the other side wants a certificate from us, and got none", _OUR_CERTIFICATE),
    "bad certificate": _REFUSED_CERTIFICATE,
    "unsupported certificate": Advice(
        "the other side does not support the kind of certificate that we have", _OUR_CERTIFICATE
    ),
    "certificate unknown": _REFUSED_CERTIFICATE,
    "certificate expired": Advice(
        "the other side says that a certificate has expired: ours, as it has no other to check",
        "renew the certificate in tls.cert; if it is valid, the clock of the other side is wrong",
    ),
    "certificate revoked": Advice(
        "the other side says that a certificate was revoked: ours, as it has no other to check",
        "ask the operator of the service for a new certificate, and set tls.cert and tls.key to it",
    ),
    "unknown ca": Advice(
        "the other side does not know the authority behind our certificate",
        "check tls.cert and tls.key: whether this service, or what stands before it, knows their authority",
    ),
    "access denied": Advice(
        "the other side accepted our certificate as valid, and does not let its owner in",
        "ask the operator of the service what the certificate in tls.cert is allowed to do",
    ),
    "unrecognized name": Advice(
        "the other side knows no host of this name", "check the host of the URL, and tls.server_name"
    ),
    "handshake failure": Advice(
        "often the two sides have no version or cipher of TLS in common; a missing certificate of ours, or a host name "
        "that the other side does not know, can look like this too",
        f"{_OFFER}; check tls.server_name, and whether the service wants a certificate (tls.cert, tls.key)",
    ),
    "protocol version": _NO_COMMON_TLS,
    "insufficient security": Advice("the other side wants stronger ciphers than those offered to it", _OFFER),
    "inappropriate fallback": _NO_COMMON_TLS,
    "no application protocol": Advice(
        "the other side speaks none of the application protocols offered in TLS (ALPN), which are those of HTTP/1.1",
        "ask the operator for an endpoint that speaks HTTP/1.1, or check the port",
    ),
    "bad record mac": _ALTERED,
    "decryption failed": _ALTERED,
    "record overflow": _ALTERED,
    "decompression failure": _ALTERED,
    "decrypt error": Advice(
        "a signature or a key of the TLS handshake did not fit: possibly tls.cert and tls.key do not belong together, "
        "or something on the way altered it",
        "check that tls.cert and tls.key belong together; compare with another network",
    ),
    "illegal parameter": _STRICT_TLS,
    "decode error": _STRICT_TLS,
    "unexpected message": _STRICT_TLS,
    "internal error": Advice(
        "the other side met an error of its own in TLS, which has nothing to do with what we sent",
        "report it to the operator of the server: the time, and the alert",
    ),
    "user cancelled": Advice(
        "the other side gave up for a reason of its own, which is no failure of TLS",
        "ask the operator of the server what ended it at this time",
    ),
}
_OTHER_ALERT: Final = Advice(
    "the other side ended TLS with that alert",
    "ask the operator of the server for its log at this time, and look the alert up (RFC 8446, section 6)",
)


def advice_on_certificate(error: str) -> Advice:
    """Return the advice on a certificate of the server that was refused here."""
    return read_clue(CERTIFICATE_CLUES, error) or _CERTIFICATE


def advice_on_handshake(error: str) -> Advice:
    """Return the advice on a handshake of TLS that failed: by the alert of the other side, else by the error."""
    if _ALERT.search(error.lower()):
        return advice_on_alert(error)
    return read_clue(TLS_CLUES, error) or _TLS


def advice_on_alert(error: str) -> Advice:
    """Return the advice on the alert with which the other side ended TLS, during the handshake or after it."""
    alert = _ALERT.search(error.lower())
    return _OTHER_ALERT if alert is None else ALERT_ADVICE.get(alert[1].strip(" ."), _OTHER_ALERT)
