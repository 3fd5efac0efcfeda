"""From the screen to what is remembered of it, and back."""

from __future__ import annotations

from dataclasses import replace

from wsmon.errors import QueryError
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.board import Board
from wsmon.tui.panes.log_filter import Scope
from wsmon.tui.session_state import Choice, Place, Remembered


def remember(screen: Board, theme: Choice, characters: Choice) -> Remembered:
    """How the screen is now."""
    arrangement, log, connections = screen.arrangement, screen.log_pane, screen.connections
    scope = log.scope
    return Remembered(
        theme=theme,
        characters=characters,
        lower=arrangement.lower,
        middle=arrangement.middle,
        zoomed=arrangement.zoomed,
        focused=screen.current,
        query=scope.query.text,
        is_in_context=scope.is_in_context,
        hides_heartbeats=scope.hides_heartbeats,
        time_mode=log.time_mode,
        columns=log.columns,
        place=Place(screen.backing.options.store_id, 0 if log.is_following else log.current_id),
        connection=connections.chosen,
    )


def recall(screen: Board, remembered: Remembered) -> None:
    """Put the log and the list where they were; once, when there is something to show."""
    log = screen.log_pane
    log.set_time_mode(remembered.time_mode)
    log.set_columns(remembered.columns)
    scope = Scope(hides_heartbeats=remembered.hides_heartbeats)
    try:
        query = parse(remembered.query, ReferenceTime(screen.now_ns()))
        scope = replace(scope, query=query, is_in_context=remembered.is_in_context and bool(query))
    except QueryError as error:  # kept by a wsmon with other words
        screen.footer.say(f"the search {remembered.query} is no longer understood: {error.what}", "problem")
    else:
        if told := remembered.told():
            screen.footer.say(told)
    if scope != log.scope:
        log.set_scope(scope)
    if remembered.place.event_id and remembered.place.store_id == screen.backing.options.store_id:
        log.go_to(remembered.place.event_id)
    if remembered.connection:
        screen.connections.choose_first(remembered.connection)
