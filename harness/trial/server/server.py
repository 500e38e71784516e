"""A trial of a server: wait until it is ready; take snapshots before, under and after load."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.matrix.models import ServerSpec
from harness.trial.command import Command
from harness.trial.observe.monitor import Monitor
from harness.trial.observe.snapshot import Snapshot
from harness.trial.placeholders import fill
from harness.trial.server.load import generator_job, parse_report
from harness.trial.server.ready import Readiness

_LOAD_GRACE = 5.0
"""Seconds that a load may take to end after its time."""


@dataclass
class Served:
    """What a server gave."""

    marks: dict[str, Snapshot] = field(default_factory=dict)
    """``idle``, ``loaded``, ``after`` and ``settled``, as far as it got; of a program that is no
    server, ``2.5s`` and so on."""
    load: dict[str, float | None] = field(default_factory=dict)
    """Metrics of the built-in generator."""
    load_output: str = ""
    stopped: bool = False
    """Whether it was told to stop."""


@dataclass(frozen=True)
class Server:
    """Takes a server through its phases; its load runs on ``cpus``, a command of it ``here``."""

    spec: ServerSpec
    placeholders: Mapping[str, str]
    supervisor: Path
    generator: Path | None
    """The binary made from ``loadgen/main.go``."""
    cpus: Sequence[int]
    here: Path

    def run(self, monitor: Monitor) -> Served:
        """Take a server through its phases; stop early where it ends or fails."""
        served = Served()
        if not self._wait_until_ready(monitor):
            return served
        monitor.run(seconds=self.spec.idle)
        self._mark(monitor, served, "idle")
        warmup = self.spec.warmup_seconds
        if warmup and not self._put_load(monitor, served, warmup, warm_up=True):
            return served
        if not self._put_load(monitor, served, self.spec.load.duration, warm_up=False):
            return served
        self._mark(monitor, served, "loaded")
        monitor.run(seconds=self.spec.settle)
        self._mark(monitor, served, "after")
        if monitor.running() and (snapshot := monitor.snapshot(collect=True, keep=True)):
            served.marks["settled"] = snapshot
            monitor.save_profile()
        self._stop(monitor, served)
        return served

    def _wait_until_ready(self, monitor: Monitor) -> bool:
        ready = self.spec.ready
        readiness = Readiness(
            url=None if ready.url is None else fill(ready.url, self.placeholders),
            pattern=ready.log,
            log=lambda: monitor.log,
        )
        try:
            if monitor.run(readiness, self.spec.ready_within) and monitor.running():
                return True
        finally:
            readiness.close()
        _end(monitor, "not ready")
        return False

    def _mark(self, monitor: Monitor, served: Served, name: str) -> None:
        if not monitor.running():
            return
        if snapshot := monitor.snapshot() or monitor.kernel_snapshot():
            served.marks[name] = snapshot

    def _put_load(
        self, monitor: Monitor, served: Served, duration: float | None, *, warm_up: bool
    ) -> bool:
        if not monitor.running():
            return False
        spec = self.spec.load
        command = [fill(word, self.placeholders) for word in spec.command]
        limit = duration
        if not command:
            assert self.generator is not None and duration  # noqa: S101, PT018 - ServerSpec asks
            command = [str(self.generator), generator_job(spec, self.placeholders, duration)]
            limit = duration + spec.request_timeout + _LOAD_GRACE
        with Command(self.supervisor, command, self.here, self.cpus) as load:
            in_time = monitor.run(load.ended, limit)
            stopped = not in_time and bool(spec.command) and limit is not None
            if not in_time:
                load.signal(signal.SIGTERM)
                monitor.run(load.ended, _LOAD_GRACE)
            if not monitor.running():
                served.load_output = load.output()
                return False
            ok = stopped or load.status == "ok"
            if not warm_up or not ok:
                status = "" if ok or warm_up else f"\n{load.status}"
                served.load_output = load.output() + status
        if not warm_up and not spec.command:
            served.load = parse_report(served.load_output)
        if not ok and not (warm_up and not spec.command):
            _end(monitor, "load failed")
        return monitor.running()

    def _stop(self, monitor: Monitor, served: Served) -> None:
        if not monitor.running():
            return
        served.stopped = True
        monitor.signal(signal.Signals[self.spec.stop])
        monitor.run(seconds=self.spec.stop_within)
        _end(monitor, "timeout")


def _end(monitor: Monitor, fault: str) -> None:
    """Kill the server, if it is still there, and wait for its end."""
    if monitor.running():
        monitor.give_up(fault)
        monitor.run()
