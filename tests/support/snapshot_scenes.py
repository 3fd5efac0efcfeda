"""Everything the screen can show, as a table: what is in the store, and which keys lead there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.pilot import Pilot

from tests.support import scene_stores
from tests.support.builders import message
from tests.support.screen_harness import BOOK, OPTIONS, Stage, stage, until
from wsmon.tui.dialogs.compare import CompareDialog
from wsmon.tui.dialogs.export import ExportDialog
from wsmon.tui.dialogs.waterfall import WaterfallDialog
from wsmon.tui.options import AppOptions
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.widgets.text_view import TextLine

Setting = Callable[[Stage], None]
Condition = Callable[[Stage], bool]
Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """A situation, keys, and what happens then."""

    name: str
    keys: Keys = ()
    setting: Setting = scene_stores.lively
    """Of the store, before the app starts."""
    condition: Condition = lambda _: True
    """Holds once the keys have had their effect."""
    then: Setting | None = None
    """Happens after the keys."""
    effect: Condition = lambda on: on.screen.snapshot.bounds == on.store.bounds()
    """Holds once that has had its effect."""
    more_keys: Keys = ()
    """After that."""

    def stage(self, options: AppOptions = OPTIONS) -> Stage:
        """The app, not yet running."""
        on = stage(options=options, notes=scene_stores.notes())
        self.setting(on)
        return on

    async def come_to_rest(self, on: Stage, pilot: Pilot[Any]) -> None:
        """Wait until everything is drawn for the size there is."""
        await on.settled(pilot)
        await until(pilot, lambda: self.condition(on))
        await on.settled(pilot)

    async def play(self, on: Stage, pilot: Pilot[Any]) -> None:
        """Press the keys, and wait for what they lead to."""
        await on.ready(pilot)
        await on.settled(pilot)
        await pilot.press(*self.keys)
        await self.come_to_rest(on, pilot)
        if self.then is not None:
            self.then(on)
            on.app.wake()
            await until(pilot, lambda: self.effect(on))
            on.screen.tick()
            await on.settled(pilot)
        await pilot.press(*self.more_keys)
        await on.settled(pilot)


def searched(query: str) -> Condition:
    """Whether the log shows what it found for this."""

    def condition(on: Stage) -> bool:
        log = on.screen.panes.log
        return log.search_query.text == query and not log.state.is_pending

    return condition


def is_troubled(on: Stage) -> bool:
    """Whether it is known that the store cannot be read."""
    return bool(on.screen.recorder.trouble)


def plotted(trends: int) -> Condition:
    """Whether the plots of so many connections are as wide as there is room for."""

    def condition(on: Stage) -> bool:
        pane = on.screen.panes.slots["statistics"].pane
        assert isinstance(pane, StatisticsPane)
        shown = () if pane.answer is None else pane.answer.trends
        return [len(trend.messages) for trend in shown] == [pane.buckets] * trends

    return condition


def opened(dialog: type) -> Condition:
    """Whether this dialog is there."""
    return lambda on: isinstance(on.app.screen, dialog)


def says(text: str) -> Condition:
    """Whether the export dialog says this."""

    def condition(on: Stage) -> bool:
        if not isinstance(on.app.screen, ExportDialog):
            return False
        return text in "".join(part for part, _ in on.app.screen.query_one("#export-note", TextLine).line)

    return condition


def exists(on: Stage) -> None:
    """The target of an export is there."""
    scene_stores.lively(on)
    on.exporter.failure = FileExistsError(17, "File exists")


def long_export(on: Stage) -> None:
    """An export takes its time."""
    scene_stores.lively(on)
    on.exporter.is_endless = True


def compared(on: Stage) -> None:
    """Two books, the newest events but one."""
    on.store.add(message(BOOK % (1, "2.0", "a"), 1), message("plain", 1.1), message(BOOK % (2, "0.5", "b"), 1.25))


MONITOR = (
    Scene("monitor"),
    Scene("monitor-problem", ("E",), scene_stores.explained),
    Scene("monitor-timeline", ("2",)),
    Scene("monitor-statistics", ("3",), scene_stores.measured, plotted(1)),
    Scene("monitor-detail", ("G", "p", "5"), scene_stores.booked),
    Scene("monitor-many", (), scene_stores.many),
    Scene("start", (), scene_stores.empty),
    Scene("no-recorder", (), scene_stores.lively, then=scene_stores.unrecorded),
    Scene("disk-full", (), scene_stores.lively, then=scene_stores.ill),
    Scene("store-failed", (), scene_stores.lively, then=scene_stores.unreadable, effect=is_troubled),
    Scene("incident-opens", (), scene_stores.lively, then=scene_stores.notified),
)
PANES = (
    Scene("connections", ("1", "z", "j"), scene_stores.many),
    Scene("timeline", ("2", "z", "left", "left"), scene_stores.troubled),
    Scene("timeline-groups", ("2", "z", "l", "j", *["left"] * 10), scene_stores.troubled),
    Scene("timeline-weeks", ("2", "z", *["minus"] * 17, *["left"] * 7), scene_stores.weeks),
    Scene("timeline-second", ("2", "z", *["plus"] * 8), scene_stores.troubled),
    Scene("timeline-start", ("2", "z"), scene_stores.empty),
    Scene("statistics", ("3", "z"), scene_stores.measured, plotted(1)),
    Scene("statistics-two", ("3", "z", "B"), scene_stores.measured, plotted(2)),
    Scene("statistics-start", ("3", "z"), scene_stores.empty),
    Scene("log", ("4", "z"), scene_stores.mixed),
    Scene("log-paused", ("4", "z", "p", "k", "k", "T"), scene_stores.shaken, then=scene_stores.mixed),
    Scene("log-search", ("4", "z", "slash", *"BTC", "enter"), condition=searched("BTC")),
    Scene(
        "log-in-context",
        ("4", "z", "h", "slash", *"trade", "enter"),
        scene_stores.odd,
        searched("trade"),
        more_keys=("ctrl+f", "G", "k", "k", "m", "N"),
    ),
    Scene("log-no-match", ("4", "z", "slash", *"nowhere", "enter"), condition=searched("nowhere")),
    Scene("log-start", ("4", "z"), scene_stores.empty),
    Scene("detail-nothing", ("5", "z")),
    Scene("detail-loss", ("p", "5", "z"), scene_stores.explained),
    Scene("detail-json", ("p", "5", "z"), scene_stores.booked),
    Scene("detail-folded", ("p", "5", "z", "minus"), scene_stores.booked),
    Scene("detail-text", ("p", "5", "z", "f"), scene_stores.booked),
    Scene("detail-found", ("p", "5", "z", "slash", *"97120", "enter"), scene_stores.booked, more_keys=("n",)),
    Scene("detail-binary", ("p", "5", "z"), scene_stores.binary),
    Scene("detail-hostile", ("p", "k", "k", "k", "5", "z", "G"), scene_stores.mixed),
    Scene("handshake", ("p", "K", "z"), scene_stores.shaken),
)
DIALOGS = (
    Scene("spans", ("p", "W"), scene_stores.spanned, opened(WaterfallDialog)),
    Scene("compare", ("p", "k", "k", "m", "j", "j", "C"), compared, opened(CompareDialog)),
    Scene("help", ("question_mark",)),
    Scene("help-end", ("question_mark", "ctrl+end")),
    Scene("help-found", ("question_mark", *"diff")),
    Scene("palette", ("colon",)),
    Scene("palette-found", ("colon", *"mark")),
    Scene("columns", ("c", "j", "space")),
    Scene("go-to", ("t",)),
    Scene("go-to-error", ("t", *"soon", "enter")),
    Scene("note", ("p", "M", *"it broke here")),
    Scene("marks", ("4", "p", "k", "m", "k", "k", "m", "U")),
    Scene("views", ("v",)),
    Scene("views-save", ("slash", *"lat>9ms", "enter", "v", *"slow"), condition=searched("lat>9ms")),
    Scene("search", ("slash",)),
    Scene("search-completion", ("slash", *"conn:deribit is:unans"), condition=searched("conn:deribit is")),
    Scene("search-error", ("slash", *"deribit nmae:x"), condition=searched("deribit nmae")),
    Scene("search-recalled", ("slash", "up"), condition=searched("conn:deribit is:problem")),
    Scene("export", ("x",)),
    Scene("export-running", ("x", "enter"), long_export, says("50%")),
    Scene("export-exists", ("x", "enter"), exists, says("Enter again")),
    Scene("themes", ("colon", *"theme", "enter")),
    Scene("quit", ("q",)),
    Scene("detach", ("d",)),
    Scene("reconnect", ("1", "j", "R")),
    Scene("disable", ("1", "j", "D")),
)
SCENES = (*MONITOR, *PANES, *DIALOGS)
