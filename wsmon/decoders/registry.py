"""The list of decoders, by their names in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from wsmon.decoders.base import Decoder
from wsmon.decoders.compression import DEFLATE, GZIP, ZLIB, ZLIB_STREAM, ZSTD
from wsmon.decoders.notation import BASE64, MSGPACK

# ``auto`` tries those with a magic number in this order: a zlib stream begins as zlib does
DECODERS: Mapping[str, Decoder[Any]] = MappingProxyType(
    {decoder.name: decoder for decoder in (GZIP, ZSTD, ZLIB_STREAM, ZLIB, DEFLATE, BASE64, MSGPACK)}
)
