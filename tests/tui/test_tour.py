"""The tour presses every key of the table of actions, and sees what each of them does, in a real terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.tour import SIZES, tour
from tests.support.tour_steps import keys_of_the_table
from tests.support.tour_table import CHAPTERS
from wsmon.tui.actions import BY_ID

STEPS = [step for chapter in CHAPTERS for step in chapter.steps]


def test_every_action_is_run_by_every_one_of_its_keys() -> None:
    pressed = {pair for step in STEPS for pair in zip(step.actions, step.keys, strict=False)}
    assert keys_of_the_table() - pressed == set()


def test_no_step_says_that_a_key_is_of_an_action_that_has_another() -> None:
    for step in STEPS:
        assert len(step.actions) in (0, len(step.keys)), step
        named = {pair for pair in zip(step.actions, step.keys, strict=False) if pair[0] != "-"}
        assert named <= keys_of_the_table(), step


def test_every_step_sees_what_it_did() -> None:
    assert [step for step in STEPS if not (step.shows or step.hides)] == []
    assert {action for step in STEPS for action in step.actions} <= {"-", *BY_ID}


@pytest.mark.usefixtures("tmux")
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_every_key_does_what_it_says_in_a_terminal(columns: int, rows: int, tmp_path: Path) -> None:
    *seen, store, exports = tour(columns, rows, tmp_path, as_pictures=False)
    assert len(seen) == len(list(tmp_path.glob("*.txt")))
    assert re.fullmatch(r"the store holds [\d,]+ events, ids 1 to [\d,]+ without a hole", store)
    assert re.fullmatch(r"the exports hold [\d,]+ and [\d,]+ events, none twice", exports)
