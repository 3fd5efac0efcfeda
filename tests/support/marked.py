"""Texts in which ⟦ and ⟧ enclose what redaction masks."""

from __future__ import annotations

from wsmon.model.redact.redactor import Redactor

REDACTOR = Redactor()


def split_marked(marked: str) -> tuple[str, str]:
    """The text without its marks, and the text as it is masked."""
    message = marked.replace("⟦", "").replace("⟧", "")
    return message, "[FILTERED]".join(marked.replace("⟦", "⟧").split("⟧")[::2])


def assert_masks(marked: str) -> None:
    """Exactly what is marked is masked, and masking it again changes nothing."""
    message, expected = (text.encode() for text in split_marked(marked))
    assert REDACTOR.payload(message) == (expected, expected != message)
    assert REDACTOR.payload(expected) == (expected, False)
