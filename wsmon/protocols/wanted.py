"""What the configuration asks of a protocol that may speak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from wsmon.model.redact.masking import Sensitive

_NO_AUTH: Mapping[str, Sensitive | float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Topics and credentials; what they mean is the protocol's."""

    topics: tuple[Sensitive, ...] = ()
    auth: Mapping[str, Sensitive | float] = field(default_factory=lambda: _NO_AUTH)
    subprotocol: str = ""
    # as negotiated; decides the dialect where a protocol has two
    answers: bool = False
    # ``answer = true``: authenticate, answer heartbeats, renew what expires; else only what is asked for is sent

    def reveal_topics(self) -> tuple[str, ...]:
        """The topics as they go to the peer, each once."""
        return tuple(dict.fromkeys(topic.reveal() for topic in self.topics))

    def reveal_auth(self) -> dict[str, str | float]:
        """The credentials as they go to the peer."""
        return {name: value.reveal() if isinstance(value, Sensitive) else value for name, value in self.auth.items()}
