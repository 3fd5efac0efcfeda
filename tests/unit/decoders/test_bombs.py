"""Bombs: messages that are small and become large are refused, each within 50 ms and 64 MiB.

CPU time and memory of a process of their own are measured: both hold on a busy machine, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

REPOSITORY = Path(__file__).parents[3]
MOST_S = 0.05
MOST_MIB = 64

# Expressions for a bomb, with the decoders that it is for
BOMBS = {
    "gzip": (["gzip"], "gzip.compress(ZEROS, mtime=0)"),
    "gzip of many parts": (["gzip"], "gzip.compress(b'', mtime=0) * 50_000"),
    "zlib": (["zlib"], "zlib.compress(ZEROS)"),
    "deflate": (["deflate"], "zlib.compress(ZEROS)[2:-4]"),
    "zlib-stream": (["zlib-stream"], "flushed(ZEROS)"),
    "zlib-stream found": (["auto"], "flushed(ZEROS)"),
    "zstd": (["zstd"], "zstd.compress(ZEROS)"),
    "zstd with a window of 128 MiB": (
        ["zstd"],
        "zstd.compress(ZEROS, options={zstd.CompressionParameter.window_log: 27})",
    ),
    "base64": (["base64"], "b'A' * 2**24"),
    "base64 of gzip": (["base64", "gzip"], "base64.b64encode(gzip.compress(ZEROS, mtime=0))"),
    "base64 of gzip found": (["auto"], "base64.b64encode(gzip.compress(ZEROS, mtime=0))"),
    "gzip in gzip": (["gzip", "gzip"], "gzip.compress(gzip.compress(ZEROS), mtime=0)"),
    "four of them": (["gzip"] * 4, "gzip.compress(gzip.compress(gzip.compress(gzip.compress(ZEROS), mtime=0)))"),
    "msgpack nested": (["msgpack"], r"b'\x91' * 2**20"),
    "msgpack nested a little": (["msgpack"], r"b'\x91' * 50_000"),
    "msgpack of a huge list": (["msgpack"], r"b'\xdd\xff\xff\xff\xff' * 50_000"),
    "msgpack of a huge map": (["msgpack"], r"b'\xdf\xff\xff\xff\xff' * 50_000"),
    "msgpack of a huge text": (["msgpack"], r"b'\xdb\xff\xff\xff\xff'"),
    "msgpack of empty maps": (["msgpack"], r"b'\xdd\x00\x10\x00\x00' + b'\x80' * 2**20"),
    "msgpack of small maps": (["msgpack"], r"b'\xdd\x00\x05\x00\x00' + b'\x81\x00\x00' * 0x50000"),
    "msgpack of gzip": (["gzip", "msgpack"], r"gzip.compress(b'\xdd\x00\x10\x00\x00' + b'\x80' * 2**20, mtime=0)"),
}
# The most that is decoded costs no more
COSTLY = {
    "gzip of 8 MiB": (["gzip"], "gzip.compress(os.urandom(2**19) + bytes(2**23 - 2**19))"),
    "msgpack of numbers": (["msgpack"], r"b'\xdd\x00\x0f\xf0\x00' + b'\x41' * 0xff000"),
    "msgpack of maps": (["msgpack"], r"b'\xdd\x00\x01\x00\x00' + b'\x81\x00\x00' * 2**16"),
}

CHILD = dedent("""
    import base64, gzip, json, os, sys, time, zlib
    from tests.support.zstandard import zstd
    from wsmon.decoders.session import PayloadDecoding

    ZEROS = bytes(2**25)
    def flushed(content):
        compressor = zlib.compressobj()
        return compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH)

    def memory_kib(field):
        return int(open("/proc/self/status").read().split(field)[1].split()[0])

    found = {}
    for title, (names, expression) in json.loads(sys.argv[1]).items():
        bomb = eval(expression)
        opcode = "text" if names[0] == "base64" or (bomb.isascii() and names == ["auto"]) else "binary"
        # The peak begins anew: making the bomb took memory, too
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        before_kib = memory_kib("VmRSS:")
        best_s = 9.0
        for _ in range(5):
            decoding = PayloadDecoding(names, 2**30)
            began = time.process_time()
            payload, problem = decoding.decode("in", opcode, bomb)
            best_s = min(best_s, time.process_time() - began)
        grew_mib = (memory_kib("VmHWM:") - before_kib) / 1024
        found[title] = [payload is not None, problem and problem.error_type, best_s, grew_mib]
    print(json.dumps(found))
""")

# Whether it was decoded, the type of the error, the least of five CPU times in seconds, and how many MiB were needed
Measured = tuple[bool, str | None, float, float]


@pytest.fixture(scope="module")
def measured() -> dict[str, Measured]:
    command = [sys.executable, "-c", CHILD, json.dumps({**BOMBS, **COSTLY})]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    found: dict[str, Measured] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("title", BOMBS)
def test_a_bomb_is_refused(measured: dict[str, Measured], title: str) -> None:
    is_decoded, error_type, took_s, grew_mib = measured[title]
    damaged = title in ("gzip of many parts", "msgpack of a huge text")
    lost = title.startswith("zlib-stream")
    expected = "decode_damaged" if damaged else "decode_lost" if lost else "decode_refused"
    assert (is_decoded, error_type) == (False, expected)
    assert took_s < MOST_S
    assert grew_mib < MOST_MIB


@pytest.mark.parametrize("title", COSTLY)
def test_what_is_decoded_costs_no_more(measured: dict[str, Measured], title: str) -> None:
    is_decoded, _, took_s, grew_mib = measured[title]
    assert is_decoded
    assert took_s < MOST_S
    assert grew_mib < MOST_MIB
