"""The list of incident detectors.

A detector implements ``ports.Detector``: it sees lifecycle events as they are committed and what each batch of messages
brought, and opens and closes incidents. One sample alone opens no incident unless it is a fact (gave up, refused), and
the condition that closes one lies well below the condition that opened it, so that incidents do not flap.

To add a detector, add its kind to ``model/incident_kinds.py``, write its class in a module of this package, add the
class to ``DETECTORS``, and add the row of the kind to docs/alerts.md. The keys ``silence`` and ``detectors`` of the
configuration, ``wsmon detectors`` and ``is:`` in queries read the kind and its thresholds from that table; alerts,
metrics and the screen read it from the events.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from wsmon.model.detectors.base import IncidentDetector
from wsmon.model.detectors.peer import CertificateDetector, PeerDetector
from wsmon.model.detectors.reconnects import AuthDetector, RetriesDetector, StormDetector
from wsmon.model.detectors.recorder import BackpressureDetector, ClockDetector, ShedDetector
from wsmon.model.detectors.sequence import SequenceDetector
from wsmon.model.detectors.silence import StallDetector, SubscriptionDetector
from wsmon.model.detectors.traffic import ErrorsDetector, SlowDetector, TypesDetector

AnyDetector: TypeAlias = IncidentDetector | SequenceDetector | ClockDetector

# In the order in which the writer asks them, which is the order of the incidents of one commit: lost messages come
# first. The detector of the user's rules is not among them: the recorder makes it and feeds it what the rules found.
DETECTORS: Final[tuple[type[AnyDetector], ...]] = (
    ClockDetector,
    SequenceDetector,
    StallDetector,
    StormDetector,
    RetriesDetector,
    AuthDetector,
    SubscriptionDetector,
    ErrorsDetector,
    SlowDetector,
    PeerDetector,
    CertificateDetector,
    TypesDetector,
    BackpressureDetector,
    ShedDetector,
)


def all_detectors() -> tuple[AnyDetector, ...]:
    """A new detector of each class, without any state."""
    return tuple(detector() for detector in DETECTORS)
