"""``wsmon assert`` as users, scripts and CI servers meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from junitparser import JUnitXml

from tests.support.builders import dialled, loss, message, pong, usable
from tests.support.recordings import recorded
from wsmon.cli.main import run


@pytest.fixture
def store(tmp_path: Path) -> str:
    events = [
        dialled(0, "orders"),
        usable(0.2, "orders"),
        *(message('{"symbol":"BTC"}', second, "orders", type="trade") for second in range(1, 6)),
        message('{"symbol":"ETH"}', 6, "orders", type="book"),
        *(pong(10 + n, "orders", rtt_ms=20) for n in range(20)),
        loss(50, "orders", code=1008),
    ]
    return str(recorded(tmp_path / "store.db", events, "orders", end_s=96))


@pytest.mark.parametrize(
    ("expressions", "code"),
    [
        (["no is:gap"], 0),
        (["count(type:trade) = 5", "p95(rtt_ms) < 50ms", "availability > 50%"], 0),
        (["no is:gap", "no code:1008"], 3),
        (["count(type:trade) > 0 by $.symbol"], 3),
        (["p99(rtt_ms) < 50ms"], 2),
        (["no is:gap until:2020-01-02"], 2),
        (["p99(rtt_ms) < 50ms", "no code:1008"], 3),
    ],
)
def test_the_exit_code_says_whether_all_hold(
    store: str, capsys: pytest.CaptureFixture[str], expressions: list[str], code: int
) -> None:
    assert run(["assert", "--store", store, *expressions]) == code
    assert capsys.readouterr().out.count("\n") >= len(expressions) + 2


def test_a_file_has_an_assertion_a_line(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "checks.txt"
    file.write_text("# what has to hold\n\n  no is:gap  \navailability > 50%\n")
    assert run(["assert", str(file), "no is:stall", "--store", store, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["assertion"] for each in found["assertions"]] == ["no is:gap", "availability > 50%", "no is:stall"]


def test_every_error_of_a_file_has_its_line(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "checks.txt"
    file.write_text("no is:gap\navailabilty > 50%\n\np95(latt) < 3ms\n")
    assert run(["assert", str(file), "count(x) == 3", "--store", store]) == 2
    assert capsys.readouterr().err == (
        f"{file}:2: unknown figure 'availabilty' (availabilty > 50%). did you mean availability?\n"
        f"{file}:4: unknown field 'latt' (p95(latt) < 3ms). did you mean lat?\n"
        "expression 2: unknown comparison (count(x) == 3). use one of < <= > >= = !=\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no assertions. give a file or an expression"),
        (["checks.txt"], "cannot read checks.txt: No such file or directory. quote an expression"),
        (["empty.txt"], "no assertions in empty.txt. write one per line"),
        (["binary.txt"], "binary.txt is not UTF-8 text"),
        (["large.txt"], "large.txt is larger than 1 MiB"),
        (["no is:gap", "--connection", "order"], "unknown connection 'order'. did you mean 'orders'?"),
        (["no is:gap", "--since", "-1s", "--until", "-2s"], "the period is empty"),
        ([""], "expression 1: not an assertion. examples: "),
        (["no is:gap", "--junit", "-"], "--junit needs the name of a file. --format junit prints the XML to stdout"),
        (["no is:gap", "--junit", "none/a.xml"], "--junit none/a.xml: no such directory: none. create it first"),
    ],
)
def test_what_cannot_be_checked_is_a_usage_error(
    store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("# nothing yet\n")
    Path("binary.txt").write_bytes(b"\xff\xfe\x00")
    Path("large.txt").write_bytes(b"#" * ((1 << 20) + 1))
    assert run(["assert", "--store", store, *arguments]) == 2
    assert said in capsys.readouterr().err


def test_junit_goes_to_a_file_beside_the_table_or_to_stdout(
    store: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    target = tmp_path / "report.xml"
    arguments = ["assert", "--store", store, "no code:1008", "no is:gap", "p99(rtt_ms) < 1s"]
    assert run([*arguments, "--junit", str(target)]) == 3
    assert capsysbinary.readouterr().out.startswith(b"fails          no code:1008: 1 event\n")
    assert run([*arguments, "--format", "junit"]) == 3
    printed = capsysbinary.readouterr().out
    for found in (JUnitXml.fromfile(str(target)), JUnitXml.fromstring(printed)):
        assert (found.tests, found.failures, found.errors) == (3, 1, 1)


def test_the_results_are_printed_also_where_the_junit_file_cannot_be_written(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["assert", "--store", store, "no is:gap", "--junit", "/dev/full"]) == 1
    assert capsys.readouterr() == (
        "holds          no is:gap: 0 events\n\n1 holds\n",
        "wsmon: No space left on device\n",
    )
