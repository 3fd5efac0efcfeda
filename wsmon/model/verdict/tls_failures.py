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
        Advice("the server certificate has expired, or possibly the local clock is wrong", _CLOCK),
    ),
    Clue(
        ("not yet valid",),
        Advice("the server certificate is not valid yet, or possibly the local clock is wrong", _CLOCK),
    ),
    Clue(
        ("mismatch",),
        Advice(
            "the server certificate is for another name",
            "check the host of the URL; if it is right, the server needs a certificate for that name",
        ),
    ),
    Clue(
        ("self-signed certificate in certificate chain", "self signed certificate in certificate chain"),
        Advice(
            "the certificate is signed by an unknown authority: often a corporate CA, or a proxy that intercepts TLS",
            "set tls.ca to the certificate of that authority, if you trust it",
        ),
    ),
    Clue(
        ("self-signed", "self signed"),
        Advice(
            "the server's certificate is self-signed",
            "set tls.ca to its certificate, if you trust it",
        ),
    ),
    Clue(
        ("unable to get local issuer", "unable to get issuer", "unable to verify the first"),
        Advice(
            "the certificate authority is unknown here, or possibly the server does not send an intermediate "
            "certificate",
            "configure the server to send the full chain, or set tls.ca to the certificate of the authority",
        ),
    ),
    Clue(
        ("revoked",),
        Advice("the certificate has been revoked", "do not connect before the server has a new certificate"),
    ),
)
_CERTIFICATE = Advice(
    "the server certificate failed verification",
    "check the server certificate: names, dates and chain",
)

TLS_CLUES: Final = (
    Clue(
        ("cannot be used",),
        Advice("a file in the tls settings is not usable", "fix the file named in the message"),
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
            "no common TLS version or cipher",
            "find out which TLS versions the server supports; old versions are disabled here",
        ),
    ),
    Clue(
        ("ended during the tls handshake", "eof occurred", "unexpected eof"),
        Advice(
            "often a firewall that filters host names, or a server without TLS on this port",
            "try from another network, and check the port",
        ),
    ),
)
_TLS = Advice("TLS failed on the network path", "try from another network, and compare with another client")

# As OpenSSL quotes an alert of the other side; some of TLS 1.0 have no "alert" in their names
_ALERT: Final = re.compile(r"\b(?:(?:sslv3|tlsv1|tlsv13) (?:alert )?|alert )(.+)$")

_OUR_CERTIFICATE: Final = "set tls.cert and tls.key to a certificate that the service accepts"
_OFFER: Final = "find out which TLS versions and ciphers the server supports; old ones are disabled here"
_STRICT_TLS: Final = Advice(
    "the other side could not read the client's TLS data: possibly altered on the network path, or a TLS library bug",
    "compare with another network, and look for devices that intercept TLS; if it persists, report it to the server "
    "operator",
)
_ALTERED: Final = Advice(
    "data was corrupted: possibly altered on the network path, or a TLS library or memory fault",
    "compare with another network, and look for devices that intercept TLS",
)
_REFUSED_CERTIFICATE: Final = Advice(
    "the other side does not accept the client certificate, or requires one and received none",
    _OUR_CERTIFICATE,
)
_NO_COMMON_TLS: Final = Advice("no common TLS version", _OFFER)
# The sender of an alert has not crashed: it says what it met. RFC 8446, section 6
ALERT_ADVICE: Final[Mapping[str, Advice]] = {
    "certificate required": Advice("the other side requires a client certificate and received none", _OUR_CERTIFICATE),
    "no certificate": Advice("the other side requires a client certificate and received none", _OUR_CERTIFICATE),
    "bad certificate": _REFUSED_CERTIFICATE,
    "unsupported certificate": Advice(
        "the other side does not support the client certificate's type", _OUR_CERTIFICATE
    ),
    "certificate unknown": _REFUSED_CERTIFICATE,
    "certificate expired": Advice(
        "the other side reports an expired certificate: that of the client, since it has no other to check",
        "renew the certificate in tls.cert; if it is valid, the clock of the other side is wrong",
    ),
    "certificate revoked": Advice(
        "the other side reports a revoked certificate: that of the client, since it has no other to check",
        "ask the service operator for a new certificate, and set tls.cert and tls.key to it",
    ),
    "unknown ca": Advice(
        "the other side does not know the authority that signed the client certificate",
        "check tls.cert and tls.key: whether this service, or something in front of it, knows their authority",
    ),
    "access denied": Advice(
        "the other side accepted the client certificate, but denies access to its owner",
        "ask the service operator what the certificate in tls.cert is allowed to do",
    ),
    "unrecognized name": Advice(
        "the other side does not know this host name", "check the host of the URL, and tls.server_name"
    ),
    "handshake failure": Advice(
        "often no common TLS version or cipher; a missing client certificate, or a host name "
        "that the other side does not know, can look like this too",
        f"{_OFFER}; check tls.server_name, and whether the service requires a certificate (tls.cert, tls.key)",
    ),
    "protocol version": _NO_COMMON_TLS,
    "insufficient security": Advice("the other side requires stronger ciphers than those offered", _OFFER),
    "inappropriate fallback": _NO_COMMON_TLS,
    "no application protocol": Advice(
        "the other side does not support the application protocols offered in TLS (ALPN: HTTP/1.1)",
        "ask the operator for an endpoint that speaks HTTP/1.1, or check the port",
    ),
    "bad record mac": _ALTERED,
    "decryption failed": _ALTERED,
    "record overflow": _ALTERED,
    "decompression failure": _ALTERED,
    "decrypt error": Advice(
        "a signature or key in the TLS handshake did not match: possibly tls.cert and tls.key do not belong "
        "together, or something on the network path altered it",
        "check that tls.cert and tls.key belong together; compare with another network",
    ),
    "illegal parameter": _STRICT_TLS,
    "decode error": _STRICT_TLS,
    "unexpected message": _STRICT_TLS,
    "internal error": Advice(
        "the other side had an internal TLS error, unrelated to what the client sent",
        "report it to the server operator: the time, and the alert",
    ),
    "user cancelled": Advice(
        "the other side cancelled for its own reasons, not because of a TLS failure",
        "ask the server operator what ended it at this time",
    ),
}
_OTHER_ALERT: Final = Advice(
    "the other side closed TLS with that alert",
    "ask the server operator for the log of this time, and look the alert up (RFC 8446, section 6)",
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
