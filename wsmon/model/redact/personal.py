"""Which names of metadata say that their value is personal: an address, a number, a name to log in with.

The words are those of Tasker's list that are no credentials (these are masked everywhere, whoever asks), and that
destroy nothing: ``_key`` would take ``sort_key``, ``certificate`` what is known of the peer's certificate.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

WORDS: Final = frozenset(
    {"email", "emails", "phone", "phones", "telephone", "username", "usernames", "salt", "crypt", "bcrypt", "scrypt"}
)
_PAIRS: Final = frozenset({("e", "mail"), ("user", "name")})
# the same in two words: userName, e-mail


def are_personal(words: tuple[str, ...]) -> bool:
    """Whether a name of these words (lower case) says so."""
    return not WORDS.isdisjoint(words) or any(pair in _PAIRS for pair in pairwise(words))
