"""From an incident to what proves it, by keys."""

from __future__ import annotations

import pytest

from tests.support.builders import event, loss, message
from tests.support.queries import query as parse
from tests.support.screen_harness import COMPACT, ROOMY, Stage, stage, text, until
from wsmon.tui.panes.detail import DetailPane

PROVEN = (3, 5)


def incident(on: Stage) -> int:
    """An incident, the newest event of the store; its id."""
    opened = event("incident.opened", 1, "deribit", type="gap", reason="2 missing", meta={"evidence": list(PROVEN)})
    return on.store.add(opened).last_id


@pytest.mark.parametrize("size", [ROOMY, COMPACT])
async def test_a_key_goes_through_the_evidence_and_back(size: tuple[int, int]) -> None:
    on = stage()
    incident_id = incident(on)
    async with on.app.run_test(size=size) as pilot:
        await on.ready(pilot)
        await pilot.press("e")
        seen = [on.screen.panes.log.current_id]
        for _ in range(4):
            await pilot.press("w")
            await until(pilot, lambda: on.screen.panes.log.current_id != seen[-1])
            seen.append(on.screen.panes.log.current_id)
        assert seen == [incident_id, *PROVEN, incident_id, PROVEN[0]]


@pytest.mark.parametrize("size", [ROOMY, COMPACT])
async def test_enter_in_the_detail_shows_the_evidence_there_and_the_log_is_at_it(size: tuple[int, int]) -> None:
    on = stage()
    incident(on)
    async with on.app.run_test(size=size) as pilot:
        await on.ready(pilot)
        await pilot.press("e", "4", "enter")
        detail = on.screen.panes.slots["detail"].pane
        assert isinstance(detail, DetailPane)
        assert on.screen.pane_layout.current == "detail"
        said = "\n".join("".join(part for part, _ in line) for line in detail.lines)
        assert "Evidence    #3 #5 (w goes there)" in said
        await pilot.press("enter")
        await until(pilot, lambda: detail.event is not None and detail.event.id == PROVEN[0])
        await pilot.press("4")
        assert on.screen.panes.log.current_id == PROVEN[0]
        assert on.screen.panes.log.scroll_offset.y <= PROVEN[0]


async def test_a_filter_that_hides_the_evidence_goes() -> None:
    on = stage()
    incident(on)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.set_query(parse("name:incident.opened"))
        await pilot.press("e", "w")
        await until(pilot, lambda: on.screen.panes.log.current_id == PROVEN[0])
        assert not on.screen.panes.log.search


async def test_an_event_without_evidence_says_so_and_so_does_evidence_that_was_pruned() -> None:
    on = stage()
    incident_id = incident(on)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("4", "g", "w")
        assert text(on.screen.footer) == "this event names no evidence: e goes to problems"
        on.store.prune(10)
        on.screen.panes.log.go_to(incident_id)
        await pilot.press("w")
        await until(pilot, lambda: text(on.screen.footer) == "the event is no longer kept")


@pytest.mark.parametrize("size", [ROOMY, COMPACT])
async def test_a_loss_says_what_was_said_last_and_w_goes_there_and_back(size: tuple[int, int]) -> None:
    on = stage()
    said_id = on.store.add(message('{"type":"notice","text":"log in again"}', 0, "deribit")).last_id
    loss_id = on.store.add(loss(1)).last_id
    async with on.app.run_test(size=size) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.go_to(loss_id)
        await pilot.press("5")
        detail = on.screen.panes.slots["detail"].build()
        assert isinstance(detail, DetailPane)
        facts = f"#{said_id}, 1.0 s before (w goes there): "
        await until(
            pilot, lambda: facts in " ".join("".join(part for part, _ in line).strip() for line in detail.lines)
        )
        seen = []
        for expected in (said_id, loss_id, said_id):
            await pilot.press("w")
            await until(pilot, lambda expected=expected: on.screen.panes.log.current_id == expected)  # type: ignore[misc]
            seen.append(on.screen.panes.log.current_id)
        assert seen == [said_id, loss_id, said_id]


async def test_a_loss_without_a_message_before_it_says_so() -> None:
    on = stage()
    loss_id = on.store.add(loss(1, "legacy")).last_id
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.go_to(loss_id)
        await pilot.press("4", "w")
        await until(pilot, lambda: "no message was kept before it" in text(on.screen.footer))
