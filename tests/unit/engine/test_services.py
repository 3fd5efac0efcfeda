"""What connections share."""

from __future__ import annotations

from wsmon.config.specs import RedactSpec
from wsmon.engine.services import Redactors


def test_connections_that_mask_the_same_share_a_redactor() -> None:
    redactors = Redactors()
    first = redactors.get(RedactSpec(), ("a" * 10,), filters_metadata=True)
    assert redactors.get(RedactSpec(), ("a" * 10,), filters_metadata=True) is first
    assert redactors.get(RedactSpec(), ("b" * 10,), filters_metadata=True) is not first
    assert redactors.get(RedactSpec(keys=("code",)), ("a" * 10,), filters_metadata=True) is not first
    assert redactors.get(RedactSpec(), ("a" * 10,), filters_metadata=False) is not first
    redactors.forget()
    assert redactors.get(RedactSpec(), ("a" * 10,), filters_metadata=True) is not first
