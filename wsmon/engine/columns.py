"""What a protocol read out of a message, made fit for the record: it repeats no credential.

A classifier sees payloads before redaction. What the redactor masked in the message is masked in its columns too.
"""

from __future__ import annotations

from collections.abc import Mapping

from wsmon.model.events import Json, Meta
from wsmon.model.redact import Redactor
from wsmon.model.redact.masking import MASK


class Columns:
    """Cleans the texts that come out of one message after the other."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._payload = self._masked = b""
        self._is_masked = False

    def of(self, payload: bytes, masked: bytes, *, is_masked: bool) -> None:
        """The texts that follow come out of this message, which is recorded as ``masked``."""
        self._payload, self._masked, self._is_masked = payload, masked, is_masked

    def of_nothing(self) -> None:
        """The texts that follow come out of no message."""
        self.of(b"", b"", is_masked=False)

    def clean(self, text: str) -> str:
        """The text, its credentials masked; masked whole where it stands in the message only behind masks."""
        if not text:
            return text
        encoded = text.encode("utf-8", "surrogatepass")
        if encoded in self._payload:
            if not self._is_masked:
                return text  # the redactor saw it with everything around it, and left it
            if encoded not in self._masked:
                return MASK
        return self.redactor.text(text)

    def clean_meta(self, meta: Meta) -> dict[str, Json]:
        """The same for every text in ``meta``; the value of a key that says what it is, is masked whole."""
        hides = self.redactor.hides
        return {key: MASK if hides(key) else self._clean_value(value) for key, value in meta.items()}

    def _clean_value(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return self.clean_meta(value)
        if isinstance(value, list | tuple):
            return [self._clean_value(item) for item in value]
        return value
