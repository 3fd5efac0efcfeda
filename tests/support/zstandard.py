"""The module of zstd: that of Python 3.14, or its backport, the extra "zstd"."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

zstd: Any = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
