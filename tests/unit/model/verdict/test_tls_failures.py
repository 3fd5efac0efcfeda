"""What failures of TLS mean; certificates and handshakes that break are in test_failures.py."""

from __future__ import annotations

import pytest

from tests.support.verdicts import alone, attempt, broken


@pytest.mark.parametrize(
    ("alert", "cause", "step"),
    [
        (
            "sslv3 alert bad record mac",
            "data was corrupted: possibly altered on the network path, or a TLS library or memory fault",
            "compare with another network",
        ),
        (
            "tlsv1 alert internal error",
            "the other side had an internal TLS error, unrelated to what the client sent",
            "report it to the server operator",
        ),
        (
            "sslv3 alert certificate expired",
            "the other side reports an expired certificate: that of the client, since it has no other to check",
            "renew the",
        ),
        (
            "tlsv13 alert certificate required",
            "the other side requires a client certificate and received none",
            "set tls.cert",
        ),
        (
            "tlsv1 alert user cancelled",
            "the other side cancelled for its own reasons, not because of a TLS failure",
            "ask the se",
        ),
        (
            "tlsv1 alert access denied",
            "the other side accepted the client certificate, but denies access to its owner",
            "ask the se",
        ),
        ("tlsv1 unrecognized name", "the other side does not know this host name", "check the host of the URL"),
        ("tlsv1 alert export restriction", "the other side closed TLS with that alert", "ask the se"),
        ("tlsv13 alert missing extension", "the other side closed TLS with that alert", "ask the se"),
    ],
)
def test_an_alert_of_tls_is_advised_on_by_its_name_during_the_dial_and_after(alert: str, cause: str, step: str) -> None:
    error = f"TLS failed: {alert}"
    for verdict in (alone(attempt("tls", error, "peer")), alone(broken("tls", error, by="peer"))):
        assert verdict.cause.startswith(f"{error}; {cause}")
        assert verdict.next.startswith(step)
        assert "crashed" not in verdict.cause
        # A certificate of ours is asked for only where the alert is about one
        assert ("tls.cert" in verdict.next) is ("certificate" in alert or "access" in alert)
