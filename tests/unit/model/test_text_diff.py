"""What differs between two texts."""

from __future__ import annotations

from wsmon.model.diff import LONG, DiffRun, diff_runs, hex_rows, text_pieces


def test_lines_of_a_text_are_compared() -> None:
    assert list(diff_runs(text_pieces("a\nb\nc\n"), text_pieces("a\nx\nc\n"))) == [
        DiffRun("same", ("a\n",), 0),
        DiffRun("removed", ("b\n",), 1),
        DiffRun("added", ("x\n",), 1),
        DiffRun("same", ("c\n",), 2),
    ]


def test_words_of_a_long_line_are_compared() -> None:
    words = [f"word{number}," for number in range(100)]
    before, after = text_pieces("".join(words)), text_pieces("".join([*words[:50], "new,", *words[50:]]))
    assert [(run.kind, len(run.pieces)) for run in diff_runs(before, after)] == [
        ("same", 50),
        ("added", 1),
        ("same", 50),
    ]


def test_a_word_without_end_is_cut() -> None:
    assert {len(piece) for piece in text_pieces("x" * 10 * LONG)} == {LONG}


def test_texts_too_long_to_align_are_replaced_but_for_their_ends() -> None:
    before = ["same", *(f"a{number}" for number in range(1500)), "same"]
    after = ["same", *(f"b{number}" for number in range(1500)), "same"]
    assert [(run.kind, len(run.pieces)) for run in diff_runs(before, after)] == [
        ("same", 1), ("removed", 1500), ("added", 1500), ("same", 1),
    ]  # fmt: skip


def test_bytes_are_compared_in_rows() -> None:
    assert hex_rows(b"\x00" * 17) == (" ".join(["00"] * 16), "00")
