"""Names of credentials and of personal data: keys of messages, headers, query parameters.

A name is split into words at camelCase and at all characters but letters and digits, and matched by word: ``apiKey``
and ``x-api-key`` are credentials, ``sort_key``, ``tokenId`` and ``cryptocurrency`` are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final, Literal

# Words of personal metadata, from the filter list of Tasker, without credentials, which are masked everywhere, and
# without words that match too much: ``_key`` would match ``sort_key``, ``certificate`` the facts about the peer's
# certificate
_PERSONAL_WORDS: Final = frozenset(
    {"email", "emails", "phone", "phones", "telephone", "username", "usernames", "salt", "crypt", "bcrypt", "scrypt"}
)
# The same as two words: userName, e-mail
_PERSONAL_PAIRS: Final = frozenset({("e", "mail"), ("user", "name")})


def are_personal(words: tuple[str, ...]) -> bool:
    """Return whether a name of these words (lower case) names personal data."""
    return not _PERSONAL_WORDS.isdisjoint(words) or any(pair in _PERSONAL_PAIRS for pair in pairwise(words))


Words = tuple[str, ...]
# Of a key in a message; a signature is a credential beside other credentials only
KeyMeaning = Literal["", "credential", "signature"]

_SEGMENT = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W_A-Za-z0-9]+")

# fmt: off
# A name with one of these words is a credential; passcode is STOMP's password
ANYWHERE = frozenset({
    "password", "passwords", "passwd", "pwd", "passphrase", "passcode", "secret", "secrets", "authorization",
    "cookie", "cookies", "credential", "credentials", "otp", "totp", "ssn", "cvv", "jwt", "csrf", "xsrf",
    "phpsessid", "jsessionid",
})
# Words that are written together with the one before: apisecret, dbpassword
_ENDINGS = ("secret", "password", "passwd", "passphrase", "passcode")

TOKEN_AFTER = frozenset({
    "access", "refresh", "id", "auth", "session", "bearer", "csrf", "xsrf", "api", "oauth", "sso", "security",
    "private", "personal", "bot", "x",
})
# What a pass or a PIN belongs to; a boarding pass and a pin of a board are none
_ACCOUNT_WORDS = frozenset({
    "user", "db", "database", "auth", "login", "account", "admin", "root", "smtp", "imap", "ftp", "ssh", "redis",
    "mysql", "postgres", "sql", "mqtt", "mail", "email", "proxy", "client", "server", "old", "new", "current", "my",
    "nickserv", "sasl", "wifi", "api", "card", "security", "sim",
})
# A code after one of these logs somebody in; ``code`` alone does beside parameters of OAuth
CODE_AFTER = frozenset({"auth", "oauth", "device", "verification", "pin"})
# fmt: on
KEY_AFTER = frozenset(
    {"api", "private", "secret", "access", "signing", "listen", "auth", "session", "encryption", "client"}
)
HEADER_KEY_AFTER = KEY_AFTER | {"subscription", "functions", "master"}
SIGNATURES = frozenset({"signature", "sig", "sign"})
# Harmless as the key of a message, a credential as the whole name of a query parameter
QUERY_ALONE = frozenset({"key", "hash", "auth", "pass", "pw", "ticket", "code"})
# Keys without credentials in a message that authenticates, where any other key may hold one
PLAIN_KEYS = frozenset({"type", "op", "method", "action", "event", "grant_type", "scope", "id", "jsonrpc"})

# fmt: off
# Names that say something about a credential, which is evidence: hasPassword, otpRequired, authorization_url
_ABOUT_FIRST = frozenset({"has", "have", "is", "are", "needs", "need", "requires", "require", "uses", "show", "no"})
_ABOUT_LAST = frozenset({
    "required", "enabled", "disabled", "valid", "invalid", "expired", "missing", "present", "supported", "length",
    "len", "count", "size", "type", "types", "consent", "policy", "url", "uri", "endpoint", "format", "strength",
    "status",
})
# Names of a count, a time or a position: a number is kept, a text is not
_MEASURES = frozenset({
    "in", "at", "ttl", "age", "expiry", "expires", "expiration", "timestamp", "ts", "time", "date", "until", "since",
    "created", "updated", "changed", "attempts", "attempt", "retries", "remaining", "left", "counter", "total", "limit",
    "max", "min", "digits", "bytes", "chars", "characters", "index", "position", "pos", "offset", "seconds", "ms",
    "days", "hours", "minutes", "lifetime", "duration", "timeout",
})
# fmt: on
# The two tokens of a trading pair
_NUMBERED_TOKEN = re.compile(r"token[0-9]+", re.IGNORECASE)

# Cached names: a peer that invents keys must not fill the memory
_CACHED_NAMES = 1024

_COMPOUNDS = {f"{word}token": (word, "token") for word in TOKEN_AFTER if len(word) > 1} | {
    f"{word}key": (word, "key") for word in KEY_AFTER
}
_COMPOUNDS |= {f"{word}pass": (word, "pass") for word in _ACCOUNT_WORDS if len(word) > 1}
_COMPOUNDS |= {"sessionid": ("session", "id"), "sessid": ("session", "id"), "authsig": ("auth", "sig")}
_COMPOUNDS |= {f"{word}code": (word, "code") for word in CODE_AFTER}


def split_words(name: str) -> Words:
    """Return the words of a name, in lower case: ``X-APIKey2`` → ``("x", "api", "key", "2")``."""
    words: list[str] = []
    for segment in _SEGMENT.findall(name):
        words += _COMPOUNDS.get(segment.lower()) or [word.lower() for word in _CAMEL.findall(segment)]
    return tuple(words)


def split_segments(name: str) -> Words:
    """Return the words of a name without regard to camelCase: ``pAsSwOrD`` → ``("password",)``."""
    words: list[str] = []
    for segment in _SEGMENT.findall(name.lower()):
        words += _COMPOUNDS.get(segment) or (segment,)
    return tuple(words)


def _tail(words: Words) -> tuple[str, str]:
    """Return the last word and the one before it, or "", without numbers: ``token_2`` ends in token."""
    significant = [word for word in words if not word.isdigit()]
    return (significant or [""])[-1], (significant[-2] if len(significant) > 1 else "")


def _are_credential(words: Words) -> bool:
    last, before = _tail(words)
    return (
        not ANYWHERE.isdisjoint(words)
        or any(word.endswith(_ENDINGS) for word in words)
        or (last in {"token", "tokens"} and before in TOKEN_AFTER)
        or (last == "token" and not before)
        or (last in {"key", "keys"} and before in KEY_AFTER)
        or (last in {"pass", "pin"} and (not before or before in _ACCOUNT_WORDS))
        or (last == "id" and before in {"session", "sess"})
        or (last == "sid" and before in {"", "connect", "session"})
        or (last == "code" and before in CODE_AFTER)
        or words[-2:] == ("code", "verifier")
        or (last in SIGNATURES and before in {"auth", "secret"})
    )


def _are_about_credential(words: Words) -> bool:
    return len(words) > 1 and (words[0] in _ABOUT_FIRST or words[-1] in _ABOUT_LAST)


def _are_credential_header(words: Words) -> bool:
    last, before = _tail(words)
    return (
        _are_credential(words)
        or last in SIGNATURES
        or last in {"token", "auth"}
        or (last == "key" and before in HEADER_KEY_AFTER)
    )


def _are_credential_query(words: Words) -> bool:
    last, before = _tail(words)
    return _are_credential(words) or last in SIGNATURES or (last in QUERY_ALONE and not before)


class KeyRules:
    """The built-in names, with those that the user adds (``keys``, ``headers``, ``query``) and exempts (``allow``).

    ``keys`` match where their words occur in a name, ``headers`` and ``query`` the whole name, ``allow`` the whole
    name, or a whole segment of a path: exempting ``token`` leaves ``access_token`` masked.
    """

    def __init__(
        self,
        keys: Iterable[str] = (),
        headers: Iterable[str] = (),
        query: Iterable[str] = (),
        allow: Iterable[str] = (),
    ) -> None:
        self._keys = frozenset(words for words in map(split_words, keys) if words)
        self._headers = frozenset(map("".join, map(split_words, headers)))
        self._query = frozenset(map("".join, map(split_words, query)))
        self._allow = frozenset(map("".join, map(split_words, allow)))
        # Whether the value of this key in a message is a credential; cached, because messages repeat their keys
        self.is_key = lru_cache(_CACHED_NAMES)(self._is_key)
        # The same of a key as it stands in a message: the words of a key are looked at once
        self.meaning = lru_cache(_CACHED_NAMES)(self._meaning)
        # Whether the value of this query parameter is a credential
        self.is_query = lru_cache(_CACHED_NAMES)(self._is_query)
        self._harmless_queries: set[bytes] = set()
        # Whether metadata of this name is personal, by the built-in list
        self.is_personal = lru_cache(_CACHED_NAMES)(self._is_personal)

    @property
    def words(self) -> frozenset[Words]:
        """The keys that the user added, as words."""
        return self._keys

    def is_signature(self, name: str) -> bool:
        """Return whether this key holds a signature, which is a credential only beside other credentials."""
        return _tail(split_words(name))[0] in SIGNATURES and not self._is_exempt(name)

    def _meaning(self, key: bytes) -> KeyMeaning:
        name = key.decode("utf-8", "replace")
        if self.is_key(name):
            return "credential"
        return "signature" if self.is_signature(name) else ""

    def is_header(self, name: str) -> bool:
        """Return whether the value of this header is a credential."""
        return self._is_named(name, self._headers, _are_credential_header)

    def has_query(self, names: set[bytes]) -> bool:
        """Return whether one of these query parameters is a credential."""
        known = self._harmless_queries
        if names <= known:
            return False
        if True in [self.is_query(name.decode("utf-8", "replace")) for name in names]:
            return True
        if len(known) > _CACHED_NAMES:
            known.clear()
        known |= names
        return False

    def _is_query(self, name: str) -> bool:
        return self._is_named(name, self._query, _are_credential_query)

    def _is_named(self, name: str, added: frozenset[str], are_credential: Callable[[Words], bool]) -> bool:
        splits = _splits(name)
        is_added = "".join(splits[0]) in added or any(map(self._is_added, splits))
        is_built_in = any(map(are_credential, splits)) and not (
            any(map(_are_about_credential, splits)) or _NUMBERED_TOKEN.fullmatch(name)
        )
        return (is_added or is_built_in) and not self._is_exempt(name)

    def is_code(self, name: str) -> bool:
        """Return whether this key holds the code of an OAuth login, if it stands beside other parameters of one."""
        return name.lower() == "code" and not self._is_exempt(name)

    def exempts(self, segment: bytes) -> bool:
        """Return whether the user exempts this segment of a path."""
        return bool(self._allow) and self._is_exempt(segment.decode("utf-8", "replace"))

    def keeps_numbers(self, name: str) -> bool:
        """Return whether a number under this key is a count, a time or a position, and no credential."""
        words = split_words(name)
        return len(words) > 1 and words[-1] in _MEASURES and not self._is_added(words)

    def _is_personal(self, name: str) -> bool:
        return any(are_personal(words) for words in _splits(name)) and not self._is_exempt(name)

    def _is_key(self, name: str) -> bool:
        splits = _splits(name)
        if any(map(self._is_added, splits)):
            return not self._is_exempt(name)
        return (
            any(map(_are_credential, splits))
            and not any(map(_are_about_credential, splits))
            and not _NUMBERED_TOKEN.fullmatch(name)
            and not self._is_exempt(name)
        )

    def _is_added(self, words: Words) -> bool:
        joined = "".join(words)
        return any(joined == "".join(added) or _contains(words, added) for added in self._keys)

    def _is_exempt(self, name: str) -> bool:
        return bool(self._allow) and "".join(split_words(name)) in self._allow


def _splits(name: str) -> tuple[Words, ...]:
    words, segments = split_words(name), split_segments(name)
    return (words,) if words == segments else (words, segments)


def _contains(words: Words, part: Words) -> bool:
    return any(words[at : at + len(part)] == part for at in range(len(words) - len(part) + 1))


@cache
def built_in_rules() -> KeyRules:
    """Return the built-in names, without those of a configuration."""
    return KeyRules()


def is_credential_key(name: str) -> bool:
    """Return whether a key of this name holds a credential, by the built-in list."""
    return built_in_rules().is_key(name)


def is_credential_header(name: str) -> bool:
    """Return whether a header of this name holds a credential, by the built-in list."""
    return built_in_rules().is_header(name)


def is_credential_query(name: str) -> bool:
    """Return whether a query parameter of this name holds a credential, by the built-in list."""
    return built_in_rules().is_query(name)
