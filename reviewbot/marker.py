"""Data that the bot keeps in its own comments, where a reader does not see it.

A marker stands at the very beginning of a comment, or it is none: a bot account that others share
may well post a text that somebody else has written further down.
"""

from __future__ import annotations

import re
import zlib
from base64 import b64decode, b64encode

LARGEST = 4_000_000  # bytes of a marker's content, so that a forged one takes no more memory

_MARKER = re.compile(r"<!-- reviewbot:([a-z]+):1 ([A-Za-z0-9+/=]+) -->")


def write(kind: str, content: str) -> str:
    """The marker: an HTML comment without a line end.

    Args:
        kind: what it is, in letters.
        content: any text.
    """
    packed = b64encode(zlib.compress(content.encode("utf-8", "surrogatepass"), level=9)).decode()
    return f"<!-- reviewbot:{kind}:1 {packed} -->"


def read(kind: str, text: str) -> str | None:
    """The content of the marker that a text begins with; None where there is none of this kind."""
    match = _MARKER.match(text)
    if not match or match[1] != kind:
        return None
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(b64decode(match[2], validate=True), LARGEST)
        return content.decode("utf-8", "surrogatepass") if unpacker.eof else None
    except (ValueError, zlib.error):
        return None


def begins(kind: str, text: str) -> bool:
    """Whether a text begins like one with a marker of this kind, be it damaged or not."""
    return text.startswith(f"<!-- reviewbot:{kind}:")
