"""Names of files and directories, made of names of workloads, variants and runs.

Any text makes a name that is one component of a path, short enough for every file system, and no
other text's: neither where it is cut, nor where the file system takes capitals for small letters.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote

_LONGEST = 255
"""Bytes of one component of a path (``NAME_MAX``)."""
_HASH = 16
SUFFIX = 40
"""Bytes to spare for what comes before and after a name: time, round, kind of file."""


def file_name(text: str, others: Iterable[str] = ()) -> str:
    """Return a file name for a text, also different from others on disk that ignore case."""
    short = _quoted(text)
    alike = Counter(_quoted(other).lower() for other in {*others, text})[short.lower()] > 1
    if not alike and len(short) <= _LONGEST - SUFFIX:
        return short
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
    return f"{short[: _LONGEST - SUFFIX - _HASH - 1]}@{digest}"


def _quoted(text: str) -> str:
    """ASCII without a slash or ``@``, which a digest follows; no dot begins it."""
    words = quote(text, safe="+,= ", errors="surrogatepass")
    return "%2E" + words[1:] if words.startswith(".") else words or "%"
