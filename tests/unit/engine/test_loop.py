"""The phases of a dial."""

from __future__ import annotations

from wsmon.engine.loop import Phases


class Steps:
    """A clock that a test moves on, in milliseconds."""

    def __init__(self) -> None:
        self.now_ms = 0

    def wall_ns(self) -> int:
        return self.mono_ns()

    def mono_ns(self) -> int:
        return self.now_ms * 1_000_000


def timed(clock: Steps, phases: Phases, *steps: str) -> None:
    """Each step takes one millisecond more than the one before."""
    for number, step in enumerate(steps, 1):
        match step.split():
            case ["begin", phase]:
                phases.begin(phase)  # type: ignore[arg-type]  # from a literal of the test
            case ["end", phase]:
                phases.end(phase)  # type: ignore[arg-type]  # the same
            case [name]:
                getattr(phases, name)()
        clock.now_ms += number


def test_direct_dial_over_tls() -> None:
    clock = Steps()
    phases = Phases(clock, secure=True, tunnel=False)
    timed(clock, phases, "begin dns", "end dns", "begin tcp", "tcp_opened", "connected", "upgraded")
    assert phases.milliseconds() == {"dns_ms": 1.0, "tcp_ms": 3.0, "tls_ms": 4.0, "upgrade_ms": 5.0}


def test_plain_dial_has_no_tls() -> None:
    clock = Steps()
    phases = Phases(clock, secure=False, tunnel=False)
    timed(clock, phases, "begin tcp", "tcp_opened", "connected")
    assert (phases.milliseconds(), phases.current) == ({"tcp_ms": 1.0}, "upgrade")


def test_tunnel_is_a_phase_between_tcp_and_tls() -> None:
    clock = Steps()
    phases = Phases(clock, secure=True, tunnel=True)
    timed(clock, phases, "begin tcp", "tcp_opened", "tunnel_opened", "connected", "upgraded")
    assert phases.milliseconds() == {"tcp_ms": 1.0, "proxy_ms": 2.0, "tls_ms": 3.0, "upgrade_ms": 4.0}


def test_addresses_in_turn_are_one_phase() -> None:
    clock = Steps()
    phases = Phases(clock, secure=False, tunnel=False)
    timed(clock, phases, "begin tcp", "begin tcp", "tcp_opened")
    assert phases.milliseconds() == {"tcp_ms": 3.0}


def test_on_a_foreign_loop_only_the_upgrade_is_known() -> None:
    clock = Steps()
    phases = Phases(clock, secure=True, tunnel=False)
    timed(clock, phases, "connected", "upgraded")
    assert phases.milliseconds() == {"upgrade_ms": 1.0}


def test_the_upgrade_is_reached_when_it_begins_and_stays_reached() -> None:
    clock = Steps()
    phases = Phases(clock, secure=False, tunnel=False)
    reached = []
    for steps in (("begin tcp", "tcp_opened"), ("connected",), ("upgraded",)):
        timed(clock, phases, *steps)
        reached.append(phases.has_reached_upgrade)
    assert reached == [False, True, True]
