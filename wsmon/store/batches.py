"""Messages that become no row: counted by session and second, until one ``message.batch_processed`` stands for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wsmon.model.durations import SECOND_NS
from wsmon.model.events import Event, Json
from wsmon.model.profiles import BATCH
from wsmon.store.cut_off_batches import Counts
from wsmon.store.sources import Stream


@dataclass(slots=True)
class BatchOfMessages:
    """What one session said in one second."""

    stream: Stream
    second: int
    # wall, since 1970
    received: int = 0
    received_bytes: int = 0
    sent: int = 0
    sent_bytes: int = 0
    is_growing: bool = True
    # messages were added since somebody looked whether its second is over

    def event(self, ts_ns: int, mono_ns: int) -> Event:
        """Its row; ``meta`` has ``count`` and ``total_size`` (bytes, plain), and the same for each direction.

        ``since_ns`` is the wall time at which its second began. ``size`` is 0, as of everything in the category
        ``message`` that is none: whoever adds sizes up counts no byte twice.
        """
        meta: dict[str, Json] = {
            "count": self.received + self.sent,
            "total_size": self.received_bytes + self.sent_bytes,
            "received": {"count": self.received, "total_size": self.received_bytes},
            "sent": {"count": self.sent, "total_size": self.sent_bytes},
            "since_ns": self.second * SECOND_NS,
        }
        return Event(self.stream.source, BATCH, ts_ns, mono_ns, size=0, meta=meta)


class Batches:
    """The batches that are open."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], BatchOfMessages] = {}
        # by stream and second, oldest first

    def add(self, stream: Stream, second: int, received: Sequence[int], sent: Sequence[int]) -> None:
        """Take the sizes of messages of a second."""
        key = (stream.id, second)
        batch = self._open.get(key)
        if batch is None:
            batch = self._open[key] = BatchOfMessages(stream, second)
        batch.received += len(received)
        batch.received_bytes += sum(received)
        batch.sent += len(sent)
        batch.sent_bytes += sum(sent)
        batch.is_growing = True

    def restore(self, stream: Stream, second: int, counts: Counts) -> None:
        """Take what was counted of a second that is over, and of which no more comes."""
        self._open[stream.id, second] = BatchOfMessages(stream, second, *counts, is_growing=False)

    def take_over(self, now_s: int) -> list[BatchOfMessages]:
        """Those whose second is over, unless more came since the last call: then more of it may be on its way."""
        growing = {key for key, batch in self._open.items() if batch.is_growing}
        for key in growing:
            self._open[key].is_growing = False
        return self._take(lambda batch: batch.second < now_s and (batch.stream.id, batch.second) not in growing)

    def take_of(self, connection_id: int) -> list[BatchOfMessages]:
        """Those of a connection: its session is over, or its messages are rows from now on."""
        return self._take(
            lambda batch: batch.stream.connection is not None and batch.stream.connection.id == connection_id
        )

    def take_all(self) -> list[BatchOfMessages]:
        """All of them: no message comes any more."""
        return self._take(lambda _: True)

    def _take(self, is_due: Callable[[BatchOfMessages], bool]) -> list[BatchOfMessages]:
        due = [(key, batch) for key, batch in self._open.items() if is_due(batch)]
        for key, _ in due:
            del self._open[key]
        return [batch for _, batch in due]
