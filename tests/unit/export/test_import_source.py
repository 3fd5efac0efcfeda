"""Files and streams as imports read them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.errors import UsageError
from wsmon.export import import_source
from wsmon.export.import_session import Fault
from wsmon.export.import_source import ImportSource, opened


def source(content: bytes) -> ImportSource:
    """An input with this content."""
    return ImportSource("a.jsonl", "a", ".jsonl", io.BytesIO(content), len(content))


TEXT = '{"a": "ü €"}\n{"b": 2}\n'


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        gzip.compress(TEXT.encode(), mtime=0),
        gzip.compress(b"\xff\xfe" + TEXT.encode("utf-16-le"), mtime=0),
        gzip.compress(TEXT.encode()[:9], mtime=0) + gzip.compress(TEXT.encode()[9:], mtime=0) + b"\x00" * 512,
    ],
    ids=["plain", "utf-8 mark", "utf-16", "utf-16 big-endian", "gzip", "gzip of utf-16", "two of gzip, padded"],
)
def test_i5_i6_marks_of_order_and_compression_are_no_part_of_the_text(content: bytes) -> None:
    found = source(content)
    assert found.head == TEXT.encode()
    assert list(found.lines()) == TEXT.encode().splitlines(keepends=True)
    assert (found.damage, found.read_bytes) == ("", len(content))
    assert source(content).whole() == TEXT.encode()


@given(st.binary(max_size=300_000), st.integers(1, 3))
def test_gzip_gives_back_any_bytes(content: bytes, members: int) -> None:
    text = b"{" + content
    found = source(gzip.compress(text, mtime=0) * members)
    assert (found.whole(), found.damage) == (text * members, "")


def test_a_compressed_file_that_ends_early_gives_what_it_has() -> None:
    lines = [f'{{"number": {number}, "noise": "{os.urandom(32).hex()}"}}\n'.encode() for number in range(5_000)]
    packed = gzip.compress(b"".join(lines), mtime=0)
    found = source(packed[: len(packed) // 2])
    *read, fault = found.lines()
    assert read[:-1] == lines[: len(read) - 1]
    assert len(read) > 1_000
    assert fault == Fault(len(read) + 1, "the compressed file ends early; everything before is imported", lost=0)


def test_a_compressed_file_that_is_damaged_gives_what_comes_before() -> None:
    packed = bytearray(gzip.compress(os.urandom(600_000).hex().encode(), mtime=0))
    packed[400_000:400_100] = bytes(100)
    found = source(bytes(packed))
    assert len(found.whole()) > 100_000
    assert found.damage.startswith("the compressed file is damaged from here on (Error -3")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lzma.compress(b"x"), "a.jsonl is compressed with xz, which import does not support. unpack it: xz -dc FILE |"),
        (bz2.compress(b"x"), "a.jsonl is compressed with bzip2"),
        (b"\x28\xb5\x2f\xfdxxxx", "a.jsonl is compressed with zstd"),
        (b"PK\x03\x04xxxx", "a.jsonl is compressed with zip"),
        (gzip.compress(lzma.compress(b"x"), mtime=0), "a.jsonl is compressed with xz"),
        (b"SQLite format 3\x00", "a.jsonl is a SQLite database. to view a store of wsmon, use `wsmon open`"),
    ],
    ids=["xz", "bzip2", "zstd", "zip", "xz in gzip", "SQLite"],
)
def test_other_compressions_are_named_with_what_unpacks_them(content: bytes, problem: str) -> None:
    with pytest.raises(UsageError) as error:
        source(content)
    assert str(error.value).startswith(problem)


def test_a_line_without_end_costs_that_line_and_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_source, "MAX_LINE_BYTES", 1024 * 1024)
    found = source(b"first\n" + b"x" * 5_000_000 + b"\nlast\n")
    assert list(found.lines()) == [b"first\n", Fault(2, "the line is longer than 1 MiB"), b"last\n"]


def test_an_archive_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_source, "MAX_ARCHIVE_BYTES", 3 * 1024 * 1024)
    with pytest.raises(UsageError, match="larger than 3 MiB unpacked"):
        source(gzip.compress(bytes(10_000_000), mtime=0)).whole()


def test_the_name_of_a_file_is_that_of_the_unpacked_one(tmp_path: Path) -> None:
    path = tmp_path / "BTC.perp.JSONL.gz"
    path.write_bytes(gzip.compress(b"x\n", mtime=0))
    with opened(str(path)) as found:
        assert (found.label, found.stem, found.suffix) == (str(path), "BTC.perp", ".jsonl")
        assert found.total_bytes == path.stat().st_size


def test_i6_standard_input_is_read_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for piece in (b"a", b"b\nc", b"d\n"):
                pipe.write(piece)

    writer = threading.Thread(target=write)
    with os.fdopen(reading, "rb") as stdin:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stdin))
        writer.start()
        with opened("-") as found:
            assert list(found.lines()) == [b"ab\n", b"cd\n"]
            assert (found.label, found.stem, found.total_bytes) == ("standard input", "stdin", 0)
    writer.join()
