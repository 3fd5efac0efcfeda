"""Lines of the connections list."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import T0_NS, at_ns, event, loss, refused, row
from wsmon.model import units as fmt
from wsmon.model.events import Event, Meta, Verdict
from wsmon.model.snapshot import ConnectionRow, OpenIncident, RelayedRoute
from wsmon.tui.panes import connections_table as table
from wsmon.tui.text import width_of

NAMES = ("binance-spot", "deribit")


def said(each: table.TableRow, width: int = 130) -> str:
    """A line as text, blanks joined."""
    layout = table.table_layout(width, NAMES, [len(table.row_cause(each, T0_NS)[0])])
    return " ".join("".join(text for text, _ in table.row_line(each, layout, T0_NS)).split())


def test_the_worst_comes_first_then_names() -> None:
    rows = (
        row("b-open"),
        row("a-open"),
        row("off", "initialized", enabled=False),
        row("closed", "closed"),
        row("dialling", "connecting"),
        row("stalled", stalled_since_ns=at_ns(-9)),
        row("waiting", "reconnecting"),
        row("gave-up", "error"),
    )
    assert [each.state.name for each in table.sort_rows(rows)] == [
        "gave-up", "waiting", "stalled", "dialling", "a-open", "b-open", "closed", "off",
    ]  # fmt: skip


def test_what_reports_no_transition_is_neither_open_nor_down() -> None:
    shop = row("shop", "", messages_per_s=12, problem=EXPIRED)
    assert (table.status_word(shop.state), table.row_role(shop), shop.state.down_since_ns) == (
        "events only",
        "dim",
        None,
    )
    assert (table.status_sign(shop), table.status_sign(shop, ascii_only=True)) == ("–", "-")
    assert said(shop).startswith("– shop events only – 12")
    # Its last error is shown, and no reason to look at it first
    assert (table.row_severity(shop), table.problem_event_id(shop)) == (table.OPEN_SEVERITY, 0)
    group = table.GroupRow("g", (row("a"), row("b", "reconnecting"), *(row(f"app{n}", "") for n in range(9))))
    layout = table.table_layout(120, ["g (11)"])
    text = "".join(text for text, _ in table.row_line(group, layout, T0_NS))
    assert "1 of 2 open" in text


def test_a_line_keeps_its_place_from_attempt_to_attempt_and_throughout_a_storm() -> None:
    storm = OpenIncident(7, "storm", "5 attempts", "z")
    for dialled in (
        row("z", "reconnecting", failing_since_ns=at_ns(-9)),
        row("z", "connecting", failing_since_ns=at_ns(-9)),
        row("z", incidents=(storm,)),
    ):
        rows = (dialled, row("y", stalled_since_ns=at_ns(-9)), row("x"), row("w", "reconnecting"))
        assert [each.state.name for each in table.sort_rows(rows)] == ["w", "z", "y", "x"]


EXPIRED = loss(-60, code=4401, reason="token expired", id=7)


@pytest.mark.parametrize(
    ("problem", "began", "expected"),
    [
        (
            refused(id=9, status=401),
            EXPIRED,
            "“token expired”, 4401, closed by peer; then the server answered HTTP 401",
        ),
        (refused(id=9, status=401), refused(-60, status=401, id=7), "the server answered HTTP 401"),
        (EXPIRED, EXPIRED, "“token expired”, 4401, closed by peer"),
        (EXPIRED, None, "“token expired”, 4401, closed by peer"),
    ],
)
def test_what_an_outage_began_with_is_said_where_it_now_fails_for_another_reason(
    problem: Event, began: Event | None, expected: str
) -> None:
    one = row("deribit", "reconnecting", problem=problem, began=began)
    assert table.reason(one, T0_NS) == (expected, "text")


@pytest.mark.parametrize(
    ("width", "titles", "has_cause"),
    [
        (120, ["status", "up", "msg/s", "last msg", "rtt", "disconnects (1h)"], True),
        (100, ["status", "up", "msg/s", "last msg", "rtt"], True),
        (90, ["status", "up", "msg/s", "last msg"], True),
        (80, ["status", "msg/s", "last msg"], True),
        (70, ["status", "msg/s"], True),
        (60, ["status", "msg/s", "last msg"], False),
        (50, ["status", "msg/s"], False),
        (40, ["status"], False),
    ],
)
def test_columns_of_least_use_go_first(width: int, titles: list[str], has_cause: bool) -> None:
    layout = table.table_layout(width, NAMES)
    assert ([column.title for column in layout.columns], layout.cause > 0) == (titles, has_cause)


def test_columns_but_those_of_life_give_way_where_that_shows_a_cause_whole() -> None:
    titles = [
        [column.title for column in table.table_layout(120, ["deribit"], [wanted]).columns]
        for wanted in (24, 40, 60, 70, 200)
    ]
    assert titles == [
        ["status", "up", "msg/s", "last msg", "rtt", "disconnects (1h)"],
        ["status", "up", "msg/s", "last msg", "rtt"],
        ["status", "msg/s", "last msg"],
        ["status", "msg/s", "last msg"],
        ["status", "msg/s", "last msg"],
    ]


def test_the_row_under_the_cursor_shows_its_whole_cause() -> None:
    each = row("deribit", "reconnecting", problem=loss(reason="policy violation: token expired"))
    for width in (60, 80, 120):
        layout = table.table_layout(width, ["deribit"])
        lines = table.row_lines(each, layout, T0_NS, width)
        cells = layout.before_cause if layout.cause else 0
        head = "".join(text for text, _ in lines[0])[cells:] if layout.cause else ""
        rest = ["".join(text for text, _ in line).strip() for line in lines[1:]]
        assert " ".join(filter(None, (head, *rest))) == table.row_cause(each, T0_NS)[0]
        assert all(width_of(line) <= width for line in lines)


def test_rows_are_sorted_by_what_the_user_asks_for() -> None:
    rows = (
        row("a", messages_per_s=1.0, last_message_ns=at_ns(-5), losses_per_hour=0.0),
        row("b", messages_per_s=9.0, last_message_ns=at_ns(-1), losses_per_hour=2.0),
        row("c", "reconnecting", losses_per_hour=1.0),
        row("d", "initialized", enabled=False),
    )
    orders = {
        key: "".join(each.state.name for each in table.sort_rows(rows, key))
        for key in ("trouble", "name", "rate", "last message", "disconnects")
    }
    assert orders == {
        "trouble": "cabd",
        "name": "abcd",
        "rate": "bacd",
        "last message": "cabd",
        "disconnects": "bcad",
    }


def test_a_folded_group_has_the_sums_of_its_connections_and_the_worst_of_their_causes() -> None:
    group = table.GroupRow(
        "plant",
        (
            row("a", messages_per_s=10.0, last_message_ns=at_ns(-2), losses_per_hour=1.0),
            row("b", "reconnecting", problem=loss(reason="gone"), losses_per_hour=2.0),
            row("c", messages_per_s=5.0, last_message_ns=at_ns(-1)),
        ),
    )
    assert said(group) == "◌ plant (3) 2 of 3 open 15 1.0 s 3 b: “gone”, 1008, closed by peer"


@pytest.mark.parametrize("width", range(30, 201, 7))
def test_no_line_is_wider_than_the_list(width: int) -> None:
    layout = table.table_layout(width, NAMES)
    each = row("deribit", "reconnecting", problem=loss(reason="名" * 300), next_attempt_ns=at_ns(7))
    assert width_of(table.row_line(each, layout, T0_NS)) <= width
    assert width_of(table.heading_line(layout)) <= width


@pytest.mark.parametrize(
    ("each", "line"),
    [
        (
            row(messages_per_s=2310.0, rtt_ns=12_000_000, last_message_ns=at_ns(-0.05)),
            "● binance-spot open 2h14m 2,310 0.0 s 12 ms 0",
        ),
        (row("deribit", "reconnecting", next_attempt_ns=at_ns(6.2)), "◌ deribit reconnecting in 7 s – – – – 0"),
        (
            row("deribit", "reconnecting", failing_since_ns=at_ns(-49)),
            "◌ deribit reconnecting down 49 s – – – 0",
        ),
        (row("deribit", "connecting", attempt=3), "◌ deribit connecting #3 – – – – 0"),
        (row("deribit", "error", problem=refused()), "□ deribit gave up – – – – 0 the server answered HTTP 403"),
        (
            row("deribit", since_s=-60, stalled_since_ns=at_ns(-41), expect_every_s=2.5, last_message_ns=at_ns(-41)),
            "◐ deribit stalled 41 s 1m 0 41.0 s – no data since 14:01:43 (expected every 2.5 s)",
        ),
        (row("deribit", "closed"), "○ deribit closed – – – – 0"),
        (row("deribit", "initialized", enabled=False), "○ deribit off"),
    ],
)
def test_a_line_says_the_state_in_glyph_word_and_numbers(each: ConnectionRow, line: str) -> None:
    assert said(each) == line


GAP = OpenIncident(41, "gap", "3 missing messages: BTC 5-7")
SLOW = OpenIncident(44, "slow", "round trip 300 ms, usually 20 ms")


def test_an_open_connection_with_an_incident_says_which_and_comes_before_those_without() -> None:
    gapped, both = row("gapped", incidents=(GAP,)), row("two", incidents=(GAP, SLOW))
    dialling, well = row("a-dialling", "connecting"), row("a-well")
    assert table.sort_rows([well, dialling, both, gapped]) == (gapped, both, dialling, well)
    assert "open: gap " in said(gapped)
    assert said(gapped).endswith("3 missing messages: BTC 5-7")
    assert said(gapped)[0] == "⚠"
    assert said(row("well"))[0] == "●"
    assert "open: 2 incidents " in said(both)
    assert said(both).rstrip().endswith("round trip 300 ms, usually 20 ms")


def test_what_is_worse_than_an_incident_is_told_instead() -> None:
    lost = row("lost", "reconnecting", problem=loss(after_s=-5, id=40), incidents=(GAP,), last_problem_id=40)
    assert "missing" not in said(lost)
    assert [table.problem_event_id(each) for each in (lost, row(incidents=(GAP, SLOW)), row(last_problem_id=9))] == [
        40,
        44,
        0,
    ]


def test_of_a_connection_that_is_well_the_last_trouble_is_told_with_its_time() -> None:
    text, role = table.reason(row(problem=loss(-60, code=1001, reason="")), T0_NS)
    assert (text[:16], text.endswith(": closed by peer: 1001 going away"), role) == ("last disconnect ", True, "dim")


def test_of_a_stall_that_is_over_its_start_and_whole_length_are_told() -> None:
    meta: Meta = {"evidence": [1], "silent_ms": 2_200}
    opened = event("incident.opened", -20, type="stall", reason="no data for 2.2 s (expected every 2 s)", meta=meta)
    over = row(problem=opened, problem_ended_ns=at_ns(-5.2), expect_every_s=2.0)
    began = fmt.moment(at_ns(-22.2), T0_NS)
    assert table.reason(over, T0_NS) == (f"last stall at {began} lasted 17 s (data expected every 2 s)", "dim")
    no_longer_expected = row(problem=opened, problem_ended_ns=at_ns(-5.2))
    assert table.reason(no_longer_expected, T0_NS) == (f"last stall at {began} lasted 17 s", "dim")


def test_what_a_peer_wrote_cannot_reach_the_terminal_as_it_is() -> None:
    each = row("deribit", "disconnected", problem=loss(reason="[/b]\x1b[31m\u202e"))
    assert "\x1b" not in said(each, 200)
    assert "\u202e" not in said(each, 200)


def test_a_verdict_explains_what_is_down_and_only_the_fact_what_is_over() -> None:
    verdict = Verdict(
        "peer", "1001 going away", "the last 3 sessions all dropped 60.0 ± 0.1 s after …", "set ping.interval"
    )
    judged = msgspec.structs.replace(loss(-30, code=1001, reason=""), verdict=verdict)
    down, role = table.reason(row("deribit", "reconnecting", problem=judged), T0_NS)
    over, _ = table.reason(row("deribit", problem=judged), T0_NS)
    assert (down, role) == (verdict.cause, "text")
    assert over.startswith("last disconnect ")
    assert over.endswith(": closed by peer: 1001 going away")


def test_a_relayed_connection_without_a_problem_says_where_its_relay_listens() -> None:
    one = (RelayedRoute("ws://127.0.0.1:9000/", "wss://h"),)
    two = (*one, RelayedRoute("ws://127.0.0.1:9000/orders", "wss://i"))
    assert [
        table.row_cause(row("app", "initialized", relay=one), T0_NS),
        table.row_cause(row("app", relay=one), T0_NS),
        table.row_cause(row("app", "closed", relay=two), T0_NS),
        table.row_cause(row("app", enabled=False, relay=one), T0_NS),
        table.row_cause(table.GroupRow("apps", (row("app", relay=one),)), T0_NS),
    ] == [
        ("no application yet at ws://127.0.0.1:9000/", "dim"),
        ("relay ws://127.0.0.1:9000/", "dim"),
        ("relay ws://127.0.0.1:9000/ and 1 more", "dim"),
        ("", "dim"),
        ("", "dim"),
    ]
    ended = row("app", problem=loss(-60, code=1001, reason=""), relay=one)
    assert table.row_cause(ended, T0_NS)[0].startswith("last disconnect 14:01:24: ")
    # It is no cause
    assert table.reason(row("app", relay=one), T0_NS) == ("", "dim")
