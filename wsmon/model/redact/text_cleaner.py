"""Cleaner of texts that were decoded from messages, and of metadata.

Decoders see payloads before redaction, so text that was masked in the message has to be masked in its columns, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from wsmon.model.events import Event, Json, Meta
from wsmon.model.redact.masking import MASK, MASKED_UNREAD
from wsmon.model.redact.redactor import Redactor

# As OpenTelemetry names them: url.path, http.target, request_uri
_ADDRESS = re.compile(r"(?:\A|[._-])(?:url|uri|path|target|location|referer)\Z", re.IGNORECASE)
# Texts of an event that may come from anywhere
_TEXTS = ("type", "topic", "ref", "reason", "error_type", "error")
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

    def clean_event(self, event: Event) -> Event:
        """Return an event that another program made, with its credentials masked: payload, texts and metadata."""
        payload, is_masked = event.payload, False
        meta: Meta = event.meta or {}
        self.of_nothing()
        if payload is not None:
            masked, is_masked = self.redactor.payload(payload)
            self.of(payload, masked, is_masked=is_masked)
            payload = masked
            if is_masked and self.redactor.is_over_budget:
                meta = {**meta, **MASKED_UNREAD}
        changes: dict[str, Any] = {"payload": payload, "redacted": True} if is_masked else {}
        for key in _TEXTS:
            text = getattr(event, key)
            if text and (cleaned := self.clean(text)) != text:
                changes[key] = cleaned
        if isinstance(event.status, str):
            changes["status"] = self.clean(event.status) or None
        if event.verdict is not None:
            texts = {key: self.redactor.text(getattr(event.verdict, key)) for key in ("code", "cause", "evidence_text")}
            changes["verdict"] = replace(event.verdict, **texts)
        if meta:
            changes["meta"] = self._clean_headers(meta)
        # Most messages have nothing to mask
        return replace(event, **changes) if changes else event

    def _clean_headers(self, meta: Meta) -> dict[str, Json]:
        """Mask credentials in metadata; a list of pairs is one of headers."""
        cleaned = self.clean_meta(meta)
        for key, value in meta.items():
            if isinstance(cleaned[key], list) and isinstance(value, list) and value and all(map(_is_header, value)):
                pairs: Any = value
                cleaned[key] = [list(pair) for pair in self.redactor.headers(pairs)]
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


def _is_header(item: Json) -> bool:
    return isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
