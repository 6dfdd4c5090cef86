"""Writes PNG files, and puts frames beside each other: enough for contact sheets, with nothing to install."""

import struct
import zlib
from collections.abc import Sequence

from wanserve.domain.ports import Frame

Rows = Sequence[bytes | bytearray]
"""The rows of a picture, each R, G, B and an ignored byte for each pixel."""


def read_frame(frame: Frame, width: int, height: int) -> Rows:
    """The rows of a frame in this size, by its nearest pixels: a frame may be larger or smaller."""
    tall, wide, _ = frame.shape or ()
    pixels = frame.cast("B")
    columns = [x * wide // width for x in range(width)]
    rows = []
    for y in range(height):
        line = bytes(pixels[(y * tall // height) * wide * 4 : (y * tall // height + 1) * wide * 4])
        rows.append(line if wide == width else b"".join(line[4 * x : 4 * x + 4] for x in columns))
    return rows


def beside(pictures: Sequence[Rows]) -> Rows:
    """Pictures of one height beside each other."""
    return [b"".join(rows) for rows in zip(*pictures, strict=True)]


def png(rows: Rows) -> bytes:
    """The rows as a PNG, each stored as the difference from the one above."""
    above = bytes(len(rows[0]) // 4 * 3)
    packed = bytearray()
    for row in rows:
        here = bytes(b for i, b in enumerate(row) if i % 4 != 3)
        packed += b"\x02" + bytes((b - a) & 255 for a, b in zip(above, here, strict=True))
        above = here
    head = struct.pack(">IIBBBBB", len(rows[0]) // 4, len(rows), 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(packed), 9)), (b"IEND", b""))
    body = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)
