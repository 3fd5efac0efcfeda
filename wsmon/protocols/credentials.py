"""Credentials of a session: kept to mask them in errors that the peer sends; the life of a grant and its renewal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import TypeAlias

from wsmon.model.redact.masking import Sensitive, mask_secrets
from wsmon.model.redact.names import PLAIN_KEYS, is_credential_key
from wsmon.model.redact.redactor import Redactor
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import Happening

# What msgspec decodes JSON to
JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"

# A peer's error text is cut to this length; all of it is in the payload
MAX_ERROR_CHARS = 500
# A message without any of these, in any case, holds no credential worth a closer look
_SUSPICIOUS = (b"token", b"secret", b"pass", b"sign", b"key", b"auth", b"jwt", b"otp", b"cookie")

_MAX_KEPT = 64
_MAX_SECRET_CHARS = 8192
# Values of a message that are looked at; an authentication has a few. A hundred thousand took 376 ms on a
# loaded machine
_MAX_VALUES = 2_000
# Masking shorter ones would mask ordinary text
_MIN_SECRET_CHARS = 4
# Beginning of a peer's error text that is masked before it is cut
_MAX_READ_CHARS = 4096
# Keys of credentials in authentications, beside those that the redactor knows
_BESIDE = frozenset({"signature", "sign", "sig", "nonce", "hmac"})
_BUILT_IN = Redactor()
# A warning comes in the last minute of a token that was not renewed; of one that lives for less than ten minutes in its
# last tenth, after the time of its renewal
_WARN_BEFORE_NS = 60 * SECOND_NS
_WARN_SHARE = 0.1
# Share of a token's life after which it is renewed, as NautilusTrader does
_REFRESH_AT = 0.8
_LONGEST_S = 10 * 366 * 86_400


def is_suspicious(payload: bytes) -> bool:
    """Whether a message may hold a credential. A message of 200 bytes takes 0.5 µs, with a regular expression 8."""
    lower = payload.lower()
    for word in _SUSPICIOUS:  # noqa: SIM110 - a generator expression takes twice as long
        if word in lower:
            return True
    return False


class Credentials:
    """The latest credentials of one session; its repr shows none."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, None] = {}

    def remember(self, message: JsonValue, *, is_auth: bool = False) -> None:
        """Keep the texts under credential keys; of an authentication, every text that may be a credential."""
        for text in _credentials(message, is_auth=is_auth):
            if _MIN_SECRET_CHARS <= len(text) <= _MAX_SECRET_CHARS:
                self._kept.pop(text, None)
                self._kept[text] = None
        while len(self._kept) > _MAX_KEPT:
            del self._kept[next(iter(self._kept))]

    def mask(self, text: str) -> str:
        """Return a text of the peer without the credentials it may repeat, at most ``MAX_ERROR_CHARS`` long."""
        masked = mask_secrets(_BUILT_IN.text(mask_secrets(text[:_MAX_READ_CHARS], self._kept)), self._kept)
        return masked if len(masked) <= MAX_ERROR_CHARS else masked[: MAX_ERROR_CHARS - 1] + "…"


def _credentials(message: JsonValue, *, is_auth: bool) -> Iterator[str]:
    todo: deque[tuple[JsonValue, bool]] = deque([(message, is_auth)])
    for _ in range(_MAX_VALUES):
        if not todo:
            return
        value, secret = todo.popleft()
        match value:
            case str() if secret:
                yield value
            case list():
                todo.extend((item, secret) for item in value[:_MAX_VALUES])
            case dict():
                todo.extend(
                    (item, (secret and key not in PLAIN_KEYS) or _names_credential(key))
                    for key, item in islice(value.items(), _MAX_VALUES)
                )


def _names_credential(key: object) -> bool:
    # In MessagePack a key may be a number
    return isinstance(key, str) and (key in _BESIDE or is_credential_key(key))


def lifetime_s(value: object) -> int | float | None:
    """Return how long a grant lasts, as a peer gives it, at most ten years; None where that is no number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return min(max(value, 0), _LONGEST_S)


class Grant:
    """How long the session is authenticated, and what renews it."""

    __slots__ = ("_expires_ns", "_lasts_ns", "_warned", "refresh_token")

    def __init__(self) -> None:
        # None while not authenticated
        self._expires_ns: int | None = None
        self._lasts_ns = 0
        self._warned = True
        self.refresh_token = Sensitive("")

    def begin(self, now_ns: int, lasts_s: float, refresh_token: str = "") -> None:
        """Begin a grant at ``now_ns``."""
        self._lasts_ns = round(lasts_s * SECOND_NS)
        self._expires_ns = now_ns + self._lasts_ns
        self._warned = False
        self.refresh_token = Sensitive(refresh_token, "")

    def end(self) -> None:
        """End the grant."""
        self._expires_ns = None

    def is_valid(self, now_ns: int) -> bool:
        """Whether the session is authenticated."""
        return self._expires_ns is not None and now_ns < self._expires_ns

    def refresh_is_due(self, now_ns: int) -> bool:
        """Whether 80 % of the token's life is over."""
        return self._expires_ns is not None and now_ns >= self._expires_ns - round(self._lasts_ns * (1 - _REFRESH_AT))

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return a warning, once, in the last minute of a token that was not renewed, or last tenth of a short life."""
        if self._warned or self._expires_ns is None:
            return ()
        before_ns = min(_WARN_BEFORE_NS, round(self._lasts_ns * _WARN_SHARE))
        if now_ns < self._expires_ns - before_ns:
            return ()
        self._warned = True
        left_s = max(0, self._expires_ns - now_ns) / SECOND_NS
        error = f"the token expires in {left_s:.0f} s and was not renewed"
        return (Happening("error.occurred", "auth", error_type="token_expires", error=error),)
