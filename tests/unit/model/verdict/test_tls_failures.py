"""What failures of TLS mean; certificates and handshakes that break are in test_failures.py."""

from __future__ import annotations

import pytest

from tests.support.verdicts import alone, attempt, broken


@pytest.mark.parametrize(
    ("alert", "cause", "step"),
    [
        ("sslv3 alert bad record mac", "data did not arrive as it was encrypted", "compare with another network"),
        ("tlsv1 alert internal error", "the other side met an error of its own in TLS", "report it to the operator"),
        ("sslv3 alert certificate expired", "the other side says that a certificate has expired: ours", "renew the"),
        (
            "tlsv13 alert certificate required",
            "the other side wants a certificate from us, and got none",
            "set tls.cert",
        ),
        ("tlsv1 alert user cancelled", "the other side gave up for a reason of its own", "ask the operator"),
        ("tlsv1 alert access denied", "the other side accepted our certificate as valid", "ask the operator"),
        ("tlsv1 unrecognized name", "the other side knows no host of this name", "check the host of the URL"),
        ("tlsv1 alert export restriction", "the other side ended TLS with that alert", "ask the operator"),
        ("tlsv13 alert missing extension", "the other side ended TLS with that alert", "ask the operator"),
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
