#!/usr/bin/env bash
# msgspec: `json.Decoder.decode_lines` does not look at lines. A value may reach over several lines, and several values may
# stand on one; neither is an error.
#
# One would expect of a function for "newline-delimited JSON" that each line is one value: that a line which is cut off, or two
# records whose newline was lost, are errors at that line. But newlines count as blanks between values. A log of which the tail
# of one record is missing then fails at a later line, or pairs with the next record, and the number of records is not that of
# the lines. Who needs a number of the line in an error has to split the lines first.
#
# Prints the version and the values of some inputs, beside what `json.loads` says of each line, and exits 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'msgspec==0.23.0'

cat > run.py <<'PYTHON'
import json
import platform

import msgspec

INPUTS = {
    "a value a line": b'{"a":1}\n{"a":2}\n',
    "two values on a line": b'{"a":1}{"a":2}\n',
    "a value on three lines": b'{\n"a":1\n}\n',
    "a line cut off in an array": b'[1,\n2]\n',
}
EXPECTED = {
    "a value a line": ([{"a": 1}, {"a": 2}], 0),
    "two values on a line": ([{"a": 1}, {"a": 2}], 1),
    "a value on three lines": ([{"a": 1}], 3),
    "a line cut off in an array": ([[1, 2]], 2),
}


def faults(text: bytes) -> int:
    """The number of lines that are no JSON value by themselves."""
    count = 0
    for line in text.splitlines():
        try:
            json.loads(line)
        except ValueError:
            count += 1
    return count


print("msgspec", msgspec.__version__, "on Python", platform.python_version())
found = {}
for name, text in INPUTS.items():
    found[name] = (msgspec.json.Decoder().decode_lines(text), faults(text))
    print(f"{name:27} {text!r:26} decode_lines: {found[name][0]!s:22} lines that are no JSON: {found[name][1]}")
raise SystemExit(0 if found == EXPECTED else 1)
PYTHON
timeout 60 venv/bin/python run.py
