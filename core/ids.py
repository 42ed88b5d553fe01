"""Identifiers: UUID version 7 (RFC 9562), so that keys of growing tables begin with time."""

import os
import time


def new_id() -> str:
    """Return a fresh UUIDv7 in its canonical 36-character form."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds << 80) | (0x7 << 76) | ((noise >> 68) << 64) | (0x2 << 62) | (noise & 0x3FFFFFFFFFFFFFFF)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
