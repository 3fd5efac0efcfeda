"""Redaction of credentials, at the source: a message is masked before any other part of the recorder reads it."""

from wsmon.model.redact.masking import MASKED_UNREAD
from wsmon.model.redact.names import PLAIN_KEYS, is_credential_header, is_credential_key, is_credential_query
from wsmon.model.redact.redactor import Redactor, compile_pattern
from wsmon.model.redact.values import mask_url

__all__ = [
    "MASKED_UNREAD",
    "PLAIN_KEYS",
    "Redactor",
    "compile_pattern",
    "is_credential_header",
    "is_credential_key",
    "is_credential_query",
    "mask_url",
]
