"""TLS contexts, made once for each ``tls`` of the configuration, and what a certificate says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from wsmon.config.specs import TlsSpec
from wsmon.engine.retry import TlsFileError
from wsmon.model.events import Json


class TlsContexts:
    """The contexts of one supervisor; reading a trust store takes 20 ms and happens in a thread."""

    def __init__(self) -> None:
        self._contexts: dict[TlsSpec, ssl.SSLContext] = {}
        self._making = asyncio.Lock()
        # many connections with one spec start at once: the first makes the context, the others wait for it

    async def get(self, spec: TlsSpec) -> ssl.SSLContext:
        """The context for a spec; raises ``TlsFileError`` where one of its files cannot be used."""
        async with self._making:
            context = self._contexts.get(spec)
            if context is None:
                context = self._contexts[spec] = await asyncio.to_thread(make_context, spec)
            return context

    def forget(self) -> None:
        """Read the files again for the next sessions."""
        self._contexts.clear()


def make_context(spec: TlsSpec) -> ssl.SSLContext:
    """A client's context; blocks on files. Raises ``TlsFileError``."""
    try:
        context = ssl.create_default_context(cafile=spec.ca)
    except (OSError, ssl.SSLError) as error:
        raise TlsFileError(f"tls.ca cannot be used ({spec.ca}): {error.strerror or error}") from error
    if not spec.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if spec.cert is not None:
        try:
            context.load_cert_chain(spec.cert, spec.key, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise TlsFileError(f"tls.cert or tls.key cannot be used ({spec.cert}): {error}") from error
    return context


def describe_tls(connection: ssl.SSLObject, server_name: str, *, is_verified: bool) -> dict[str, Json]:
    """What was agreed, and the peer's certificate; OpenSSL decodes only those that were verified."""
    cipher = connection.cipher()
    described: dict[str, Json] = {
        "version": connection.version() or "",
        "cipher": cipher[0] if cipher else "",
        "server_name": server_name,
        "verified": is_verified,
    }
    certificate: Any = connection.getpeercert() or {}
    for key in ("subject", "issuer"):
        if key in certificate:
            described[key] = _distinguished_name(certificate[key])
    if "notAfter" in certificate:
        expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
        described["expires"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    return described


def _distinguished_name(name: Iterable[Iterable[tuple[str, str]]]) -> str:
    return ", ".join(f"{key}={value}" for part in name for key, value in part)


def _no_password() -> str:
    """An encrypted key would otherwise ask on the terminal."""
    raise ValueError("the key is encrypted")
