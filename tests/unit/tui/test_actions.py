"""The user's keymap over the table of actions."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from textual.actions import parse

from wsmon.tui.actions import ACTIONS, BY_ID, UNSENDABLE, Keymap, Move, key_label, merge_keymap, moved, textual_key
from wsmon.tui.commands import COMMANDS
from wsmon.tui.panes.connections import ConnectionsPane
from wsmon.tui.panes.detail import DetailPane
from wsmon.tui.panes.log import LogPane
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.panes.timeline_state import TIMELINE_ACTIONS


def test_every_action_of_the_app_has_a_command_and_every_command_an_action() -> None:
    assert set(COMMANDS) == {action.id for action in ACTIONS if action.scope == "app"}


@pytest.mark.parametrize("pane", [ConnectionsPane, DetailPane, LogPane, StatisticsPane, TimelinePane])
def test_every_action_that_a_pane_binds_is_a_method_of_it(pane: type) -> None:
    bound = {parse(binding.action)[1] for binding in pane.BINDINGS}  # type: ignore[attr-defined]  # of widgets
    assert [action for action in sorted(bound) if not hasattr(pane, f"action_{action}")] == []


def test_moves_and_actions_of_the_timeline_are_rows_of_their_tables() -> None:
    calls = [parse(action.call) for action in ACTIONS if action.scope in ("move", "timeline")]
    assert [parameter for _, name, (parameter,) in calls if name == "move"] == list(get_args(Move))
    assert [parameter for _, name, (parameter,) in calls if name == "timeline"] == list(TIMELINE_ACTIONS)


@pytest.mark.parametrize(
    ("move", "target"),
    [("down", 5), ("up", 3), ("page_down", 14), ("page_up", -6), ("half_down", 9), ("half_up", -1), ("top", 0),
     ("bottom", 99)],
)  # fmt: skip
def test_a_move_by_lines_pages_and_to_the_ends(move: Move, target: int) -> None:
    assert moved(move, 4, 10, 99) == target


def test_a_page_of_one_line_still_moves() -> None:
    assert [moved(move, 4, 0, 99) for move in ("page_down", "half_up")] == [5, 3]


def test_ids_and_keys_are_unique_where_they_meet() -> None:
    assert len(BY_ID) == len(ACTIONS)
    assert merge_keymap({action.id: action.keys for action in ACTIONS if action.keys}).problems == ()


def test_no_action_is_on_a_key_that_terminals_cannot_send() -> None:
    assert [action.id for action in ACTIONS if UNSENDABLE & set(action.keys)] == []


def test_a_wish_replaces_all_keys_of_an_action() -> None:
    keymap = merge_keymap({"log.search": ("?", "^o"), "app.help": ("H",)})
    assert (keymap.keys["log.search"], keymap.keys["app.help"]) == (("question_mark", "ctrl+o"), ("H",))
    assert (keymap.changed, keymap.problems) == (
        {"log.search": "question_mark,ctrl+o", "app.help": "H"},
        (),
    )


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ({"log.serach": ("f",)}, 'mine.toml:7: keys."log.serach": unknown action. did you mean "log.search"?'),
        (
            {"log.search": ("d",)},
            'mine.toml:7: keys."log.search": d is already bound to app.detach (detach). rebind app.detach too, or',
        ),
        (
            {"log.search": ("j",)},
            'mine.toml:7: keys."log.search": j is already bound to move.down (down). rebind move.down too, or',
        ),
        (
            {"log.search": ("ctrl+m",)},
            'mine.toml:7: keys."log.search": terminals can\'t send ^m as a separate key. choose another key',
        ),
        (
            {"log.search": ("pagedwn",)},
            'mine.toml:7: keys."log.search": unknown key pagedwn. write keys as f, F, ^f, f5, enter or left',
        ),
    ],
)
def test_a_wish_that_cannot_be_is_explained_and_has_no_effect(wish: dict[str, tuple[str, ...]], problem: str) -> None:
    keymap = merge_keymap(wish, "mine.toml", dict.fromkeys(wish, 7))
    unchanged = {action.id: action.keys for action in ACTIONS}
    assert replace(keymap, problems=()) == Keymap(unchanged, {}, ())
    (found,) = map(str, keymap.problems)
    assert found.removesuffix(" choose another key") == problem.removesuffix(" choose another key")


def test_every_key_of_the_table_is_a_key() -> None:
    wishes = {action.id: action.keys for action in ACTIONS if action.keys}
    assert merge_keymap(wishes).problems == ()
    assert merge_keymap({"app.help": ("f12", "ctrl+left", "ä", "shift+f3")}).problems == ()


def test_two_actions_may_swap_their_keys() -> None:
    assert merge_keymap({"log.pause": ("F",), "log.follow": ("p",)}).problems == ()


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("slash", "/"),
        ("ctrl+d", "^d"),
        ("shift+tab", "Shift-Tab"),
        ("enter", "Enter"),
        ("G", "G"),
        ("down", "↓"),
        ("escape", "Esc"),
        ("pagedown", "PgDn"),
        ("space", "Space"),
    ],
)
def test_keys_are_shown_as_people_write_them(key: str, shown: str) -> None:
    assert key_label(key) == shown


def test_keys_may_be_written_as_they_are_shown() -> None:
    assert [textual_key(key) for key in ("/", "^d", "G", "f5")] == ["slash", "ctrl+d", "G", "f5"]
