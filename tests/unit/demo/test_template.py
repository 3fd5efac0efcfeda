"""Payload templates: what each name stands for, and how texts are cut and padded."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from random import Random

import pytest

from wsmon.demo.template import (
    Count,
    RandomChoice,
    Turn,
    Uniform,
    ValueSource,
    Walk,
    fill,
    parse_template,
    value_source,
)

SOURCES: Mapping[str, ValueSource] = {"seq": lambda: 7, "who": lambda: "söhnke"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ('{"seq":$seq,"who":"$who"}', '{"seq":7,"who":"söhnke"}'),
        ("${seq}th", "7th"),
        ("costs $$5, 100% sure, %s", "costs $5, 100% sure, %s"),
        ("$5 and a lone $", "$5 and a lone $"),
        ("", ""),
    ],
)
def test_names_are_filled_in_and_all_else_stays(text: str, filled: str) -> None:
    assert fill(parse_template(text), SOURCES, 0) == filled.encode()


def test_padding_fills_up_to_the_size_in_bytes() -> None:
    assert fill(parse_template("$who|$pad|$seq"), SOURCES, 14) == "söhnke|xxxx|7".encode()


def test_a_text_beyond_its_size_is_not_cut() -> None:
    assert fill(parse_template("$who|$pad|$seq"), SOURCES, 3) == "söhnke||7".encode()


def test_a_second_pad_is_refused() -> None:
    with pytest.raises(ValueError, match=r"only one \$pad"):
        parse_template("$pad and $pad")


def test_names_are_listed_without_pad() -> None:
    assert parse_template("$a $pad ${b}$$c").names == ("a", "b")


def test_turns_go_round() -> None:
    source = value_source(Turn(("a", "b")), Random(1))
    assert [source() for _ in range(5)] == ["a", "b", "a", "b", "a"]


def test_choices_are_of_the_options_and_not_always_the_same() -> None:
    source = value_source(RandomChoice(("a", "b", "c")), Random(1))
    assert {source() for _ in range(50)} == {"a", "b", "c"}


def test_uniform_numbers_have_their_digits_and_bounds() -> None:
    source = value_source(Uniform((-1.0, 2.0), 3), Random(1))
    texts = [str(source()) for _ in range(200)]
    assert all(-1 <= float(text) <= 2 and len(text.rpartition(".")[2]) == 3 for text in texts)
    assert len(set(texts)) > 100


def test_a_walk_moves_in_steps_and_stays_between_half_and_twice_its_start() -> None:
    source = value_source(Walk(10.0, 4.0, 6), Random(1))
    walked = [10.0, *(float(str(source())) for _ in range(500))]
    assert all(abs(there - here) <= 4.0 for here, there in pairwise(walked))
    assert (min(walked), max(walked)) == (5.0, 20.0)


@pytest.mark.parametrize(
    ("count", "numbers"),
    [
        (Count(1), [1, 2, 3, 4, 5, 6, 7, 8]),
        (Count(1, skip_every=3), [1, 2, 4, 5, 7, 8, 10, 11]),
        (Count(5, repeat_every=3), [5, 6, 6, 7, 8, 9, 9, 10]),
        (Count(1, swap_every=4), [1, 2, 3, 5, 4, 6, 7, 9]),
        (Count(1, skip_every=3, repeat_every=4, swap_every=7), [1, 2, 4, 4, 5, 8, 7, 10]),
    ],
)
def test_a_count_rises_by_one_but_for_the_faults_that_are_asked_for(count: Count, numbers: list[int]) -> None:
    source = value_source(count, Random(1))
    assert [source() for _ in numbers] == numbers


def test_the_same_seed_gives_the_same_values() -> None:
    first, second = (value_source(Walk(10.0, 1.0, 3), Random(42)) for _ in range(2))
    assert [first() for _ in range(20)] == [second() for _ in range(20)]
