"""Cleaner of texts that were decoded from messages, and of metadata.

Decoders see payloads before redaction, so text that was masked in the message has to be masked in its columns, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wsmon.model.events import Json, Meta
from wsmon.model.redact.masking import MASK
from wsmon.model.redact.redactor import Redactor

# As OpenTelemetry names them: url.path, http.target, request_uri
_ADDRESS = re.compile(r"(?:\A|[._-])(?:url|uri|path|target|location|referer)\Z", re.IGNORECASE)
# A bound that was chosen, not measured. A message of 64 KiB may have 240 texts beside masked parts, one of
# 1 MiB 15; the texts after them are masked
_SEARCHED_BYTES = 32 * 1024 * 1024
# To look for a text in a message of this size takes a fifth of what the redactor takes for the text
_SHORT_BYTES = 4096


class TextCleaner:
    """Masks credentials in texts that were decoded from messages, one message after the other."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._payload = self._masked = b""
        self._is_masked = False
        # Bytes of messages that may still be searched for the texts of the present one
        self._left_bytes = 0

    def of(self, payload: bytes, masked: bytes, *, is_masked: bool) -> None:
        """Set the message that the next texts come from; it is recorded as ``masked``."""
        self._payload, self._masked, self._is_masked = payload, masked, is_masked
        self._left_bytes = _SEARCHED_BYTES

    def of_nothing(self) -> None:
        """Forget the message: the next texts come from none."""
        self.of(b"", b"", is_masked=False)

    def clean(self, text: str) -> str:
        """Return the text with credentials masked; masked whole where the message has it only in masked parts."""
        if not text:
            return text
        # The redactor saw the text with everything around it, and left it
        if not self._is_masked and len(self._payload) <= _SHORT_BYTES and _encoded(text) in self._payload:
            return text
        cleaned = self.redactor.text(text)
        # Most texts of most messages: nothing to look for
        if cleaned == text and not self._is_masked:
            return text
        self._left_bytes -= len(self._payload) + len(self._masked)
        if self._left_bytes < 0:
            return MASK if self._is_masked else cleaned
        encoded = _encoded(text)
        if encoded in self._payload:
            if not self._is_masked:
                return text
            if encoded not in self._masked:
                return MASK
        return cleaned

    def clean_meta(self, meta: Meta) -> dict[str, Json]:
        """Clean every text in ``meta``; the value of a key whose name means a credential is masked whole."""
        hides = self.redactor.hides
        return {
            key: MASK if hides(key) else self._clean_value(self._without_path_tokens(key, value))
            for key, value in meta.items()
        }

    def _without_path_tokens(self, key: str, value: Json) -> Json:
        """Mask the value of a key such as ``url.path`` as a URL: without a scheme, a text does not show that it is."""
        if isinstance(value, str) and value.startswith("/") and _ADDRESS.search(key):
            return self.redactor.url(value)
        return value

    def _clean_value(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return self.clean_meta(value)
        if isinstance(value, list | tuple):
            return [self._clean_value(item) for item in value]
        return value


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
