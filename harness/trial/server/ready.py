"""Readiness of a server: it answers HTTP, accepts connections, or has printed a line."""

import re
import socket
import threading
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from urllib.parse import urlsplit

_ATTEMPT = 2.0
"""Timeout of one attempt, in seconds."""
_INTERVAL = 0.02
"""Seconds between two attempts."""
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Ignores proxies in the environment."""


class Readiness:
    """Tries until a server is ready, in a thread of its own."""

    def __init__(self, url: str | None, pattern: str | None, log: Callable[[], str]) -> None:
        """Request a URL (``http``, ``https``), connect to it (``tcp``), or search the log."""
        self._found = threading.Event()
        self._stop = threading.Event()
        self._pattern = None if pattern is None else re.compile(pattern, re.MULTILINE)
        self._log = log
        self._thread: threading.Thread | None = None
        if url is not None:
            attempt = _connects if urlsplit(url).scheme == "tcp" else _answers
            self._thread = threading.Thread(target=self._ask, args=(attempt, url), daemon=True)
            self._thread.start()

    def __call__(self) -> bool:
        """Whether the server is ready."""
        if self._pattern is not None:
            return self._pattern.search(self._log()) is not None
        return self._found.is_set()

    def close(self) -> None:
        """Stop trying."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _ask(self, attempt: Callable[[str], bool], url: str) -> None:
        while not self._stop.is_set():
            if attempt(url):
                self._found.set()
                return
            self._stop.wait(_INTERVAL)


def _answers(url: str) -> bool:
    try:
        with _OPENER.open(url, timeout=_ATTEMPT):
            return True
    except (OSError, HTTPException, ValueError):  # URLError is an OSError; a placeholder may be odd
        return False


def _connects(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_ATTEMPT):
            return True
    except (OSError, ValueError, OverflowError):
        return False
