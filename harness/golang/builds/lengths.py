"""How long builds take: told from those before, and shown while they run."""

import statistics
import threading
import time
from contextlib import suppress
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.builds.request import BuildRequest
from harness.golang.durations import note, recall


def expected_seconds(request: BuildRequest, cache: Path) -> float | None:
    """Seconds of a build that has the machine to itself; ``None`` for a program never built.

    As it took last time; one with another toolchain or other settings takes as long as the first
    build of the same program with any.
    """
    ways = recall(cache, _thing(request))
    before = ways.get(_way(request))
    if before is not None:
        return before.last
    return statistics.median(took.first for took in ways.values()) if ways else None


def first_seconds(request: BuildRequest, cache: Path) -> float | None:
    """Seconds of the first build like it; ``None`` if there was none."""
    before = recall(cache, _thing(request)).get(_way(request))
    return before.first if before else None


def note_seconds(request: BuildRequest, cache: Path, seconds: float) -> None:
    """Keep how long a build took, if the cache can be written."""
    with suppress(OSError, HarnessError):
        note(cache, _thing(request), _way(request), round(seconds, 3))


def _thing(request: BuildRequest) -> list[str]:
    source = request.source
    return ["build", source.path, source.package, str(source.test)]


def _way(request: BuildRequest) -> str:
    toolchain, build = request.toolchain.identity, request.build.model_dump_json()
    return repr((toolchain, request.settings, build, request.probe, request.padded))


class Clocks:
    """Clocks of builds that share the machine: of two at once, each runs at half the speed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shares: dict[int, float] = {}
        self._began: dict[int, float] = {}
        self._then = time.monotonic()

    def start(self, number: int) -> None:
        """Start the clock of a build."""
        with self._lock:
            self._pass_time()
            self._shares[number], self._began[number] = 0.0, self._then

    def stop(self, number: int) -> float:
        """Stop it; return the seconds that the build would have taken alone."""
        with self._lock:
            self._pass_time()
            del self._began[number]
            return self._shares.pop(number)

    def running(self) -> dict[int, float]:
        """Builds in progress, the first first, with the seconds since each began."""
        now = time.monotonic()
        with self._lock:
            return {number: now - began for number, began in self._began.items()}

    def _pass_time(self) -> None:
        now = time.monotonic()
        for number in self._shares:
            self._shares[number] += (now - self._then) / len(self._shares)
        self._then = now
