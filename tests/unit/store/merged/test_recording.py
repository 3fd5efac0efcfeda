"""Names and ids that one of several recordings gets in the merged view."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.support.builders import event, loss, message
from tests.support.merged import merged_view
from tests.support.recordings import recorded
from wsmon.model.events import Source, Verdict
from wsmon.store.merged.recording import with_ids


def test_ids_go_to_the_order_and_back_and_unknown_ones_nowhere(tmp_path: Path) -> None:
    stores = {
        name: recorded(tmp_path / f"{name}.db", [message(name, at, "orders") for at in times], "orders")
        for name, times in (("eu", (1, 3)), ("us", (2, 4)))
    }
    with merged_view(stores) as view:
        view.bounds()
        eu, us = view.recordings
        assert [list(each.ids((1, 2, 9))) for each in (eu, us)] == [[1, 3, 0], [2, 4, 0]]
        assert [each.own_ids((1, 2, 3, 4, 9)) for each in (eu, us)] == [(1, 2), (1, 2)]
        assert [each.first_from(3) for each in (eu, us)] == [2, 2]
        assert (eu.own(("eu/orders", "us/orders", "eu/other")), us.named("orders"), us.named("")) == (
            ("orders", "other"),
            "us/orders",
            "",
        )
        found = us.event(us.view.events_by_id((2,))[0])
        assert found is not None
        assert (found.id, found.source.connection, found.source.recording) == (4, "us/orders", "us")


def test_what_an_event_says_about_others_is_said_of_their_new_ids() -> None:
    source = Source("us/orders", recording="us")
    new_ids = {7: 70, 8: 80}
    closed = event("incident.closed", 1, "orders", meta={"incident": 7, "evidence": [7, 8], "gap": 7})
    found = with_ids(closed, source, 90, lambda own_id: new_ids.get(own_id, 0))
    meta = {"incident": 70, "evidence": [70, 80], "gap": 7}
    assert found == msgspec.structs.replace(closed, id=90, source=source, meta=meta)
    verdict = Verdict("peer", "1008", "a limit", "wait", evidence=(8, 1))
    moved = with_ids(
        msgspec.structs.replace(loss(2, "orders"), verdict=verdict), source, 91, lambda own_id: new_ids.get(own_id, 0)
    )
    assert moved.verdict == msgspec.structs.replace(verdict, evidence=(80,))
