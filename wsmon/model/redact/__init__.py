"""Redaction of credentials, at the source: a message is masked before any other part of the recorder reads it."""
