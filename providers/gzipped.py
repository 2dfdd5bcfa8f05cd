"""Unpacks what came gzipped in steps, so that an answer can be stopped before it has become large.

Content that packs well unpacks to a thousand times its size, and packed twice to a million times.
"""

import zlib
from collections.abc import Iterable, Iterator

import httpx

STEP = 65_536


def unpacked(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The content of `pieces`, which are packed by the Content-Encoding `coding`, at most `STEP` bytes at a time.

    Raises DecodingError for broken ones, and for any coding but gzip alone: nothing else is asked for.
    """
    if coding.strip().lower() not in ("gzip", "x-gzip"):
        raise httpx.DecodingError("an encoding that was not asked for")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for piece in pieces:
            rest = piece
            while rest:
                yield unpacking.decompress(rest, STEP)
                rest = unpacking.unconsumed_tail
        while left := unpacking.decompress(b"", STEP):
            yield left
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from None
