"""A trial of a server: wait until it is ready, look at it before, under and after its load."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.matrix.models import ServerSpec
from harness.trial.observe.snapshot import Snapshot
from harness.trial.observe.watch import Watch
from harness.trial.placeholders import fill
from harness.trial.server.load import Load, generator_job, parse_report
from harness.trial.server.ready import Readiness

_LOAD_GRACE = 5.0
"""Seconds that a load may take to end after its time."""


@dataclass
class Served:
    """What came of serving."""

    marks: dict[str, Snapshot] = field(default_factory=dict)
    """``idle``, ``loaded``, ``after`` and ``settled``, as far as it came."""
    load: dict[str, float | None] = field(default_factory=dict)
    """Metrics of the built-in generator."""
    load_output: str = ""
    told: bool = False
    """Whether it was told to stop."""


@dataclass(frozen=True)
class Serving:
    """Everything that a server's trial needs beside the server.

    Attributes:
        spec: as the user wrote it.
        words: what the placeholders stand for.
        supervisor: the binary made from ``supervisor/main.go``.
        generator: the binary made from ``loadgen/main.go``.
        cpus: where the load runs.
        here: the directory in which a load command runs.
    """

    spec: ServerSpec
    words: Mapping[str, str]
    supervisor: Path
    generator: Path | None
    cpus: Sequence[int]
    here: Path

    @property
    def seconds(self) -> float:
        """How long it takes at least, if all goes well."""
        spec = self.spec
        return spec.idle + spec.warmup + (spec.load.duration or 0.0) + spec.settle

    def run(self, watch: Watch) -> Served:
        """Take a server through its phases; it ends early where the server does, or fails."""
        served = Served()
        if not self._wait_until_ready(watch):
            return served
        watch.run(seconds=self.spec.idle)
        self._mark(watch, served, "idle")
        if self.spec.warmup and not self._put_load(watch, served, self.spec.warmup, warm_up=True):
            return served
        if not self._put_load(watch, served, self.spec.load.duration, warm_up=False):
            return served
        self._mark(watch, served, "loaded")
        watch.run(seconds=self.spec.settle)
        self._mark(watch, served, "after")
        if watch.running() and (snapshot := watch.snapshot(collect=True)):
            served.marks["settled"] = snapshot
            watch.save_profile()
        self._stop(watch, served)
        return served

    def _wait_until_ready(self, watch: Watch) -> bool:
        ready = self.spec.ready
        readiness = Readiness(
            url=None if ready.url is None else fill(ready.url, self.words),
            pattern=ready.log,
            log=lambda: watch.log,
        )
        try:
            if watch.run(readiness, self.spec.ready_within) and watch.running():
                return True
        finally:
            readiness.close()
        if watch.running():
            watch.give_up("not ready")
            watch.run()
        return False

    def _mark(self, watch: Watch, served: Served, name: str) -> None:
        if watch.running() and (snapshot := watch.snapshot() or watch.outside()):
            served.marks[name] = snapshot

    def _put_load(
        self, watch: Watch, served: Served, duration: float | None, *, warm_up: bool
    ) -> bool:
        if not watch.running():
            return False
        spec = self.spec.load
        command = [fill(word, self.words) for word in spec.command]
        limit = duration
        if not command:
            assert self.generator is not None and duration  # noqa: S101, PT018 - ServerSpec asks
            command = [str(self.generator), generator_job(spec, self.words, duration)]
            limit = duration + spec.request_timeout + _LOAD_GRACE
        with Load(self.supervisor, command, self.here, self.cpus) as load:
            in_time = watch.run(load.ended, limit)
            stopped = not in_time and bool(spec.command) and limit is not None
            if not in_time:
                load.signal(signal.SIGTERM)
                watch.run(load.ended, _LOAD_GRACE)
            if not watch.running():
                served.load_output = load.output()
                return False
            ok = stopped or load.status == "ok"
            if not warm_up or not ok:
                served.load_output = load.output()
            if not ok and not warm_up:
                served.load_output += f"\n{load.status}"
        if not warm_up and not spec.command:
            served.load = parse_report(served.load_output)
        if not ok and not (warm_up and not spec.command):
            watch.give_up("load failed")
            watch.run()
        return watch.running()

    def _stop(self, watch: Watch, served: Served) -> None:
        if not watch.running():
            return
        served.told = True
        watch.signal(signal.Signals[self.spec.stop])
        watch.run(seconds=self.spec.stop_within)
        if watch.running():
            watch.give_up("timeout")
            watch.run()
