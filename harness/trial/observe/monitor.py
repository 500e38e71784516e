"""Monitor one running program: samples, snapshots, limits, output. One thread, one loop."""

import math
import os
import select
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from harness.run.records import ChildProcess
from harness.run.series import Series
from harness.trial.cgroup import memory_group
from harness.trial.observe import procfs, smaps
from harness.trial.observe.channel import PAUSE_LIMIT, ProbeChannel
from harness.trial.observe.output import OutputTail
from harness.trial.observe.sampler import Sampler
from harness.trial.observe.snapshot import KernelView, Snapshot
from harness.trial.process import (
    Answer,
    Ended,
    Job,
    Pages,
    PagesRequest,
    Started,
    Supervised,
)

NOT_NEEDED = "not needed"
"""The outcome of a program that was ended because nobody wants its trial any more."""
_ASK_EVERY = 0.1
"""Seconds between two questions whether it is still wanted."""
_MOST_PAGES = 16 << 30
"""Bytes of resident pages that are read in a snapshot at most, some seconds' worth."""


class _Look(NamedTuple):
    """How a snapshot looks at the pages of the Go heap."""

    keep: bool = False
    """Whether the states of pages are written to ``Program.pages``."""
    at_rest: bool = False
    """Whether the look ends where the program runs on meanwhile."""


@dataclass(frozen=True)
class Program:
    """What to start."""

    supervisor: Path
    """The binary made from ``supervisor/``."""
    job: Job
    probe: bool = True
    """Whether the binary holds the probe."""
    records: Path | None = None
    """Where the probe puts the memory profiler's records."""
    pages: Path | None = None
    """Where the supervisor puts the states of the Go heap's pages, as they are just before the
    records."""
    given: int = -1
    """Descriptor of its standard input; -1 for an empty one."""
    requests: bool = False
    """Whether snapshots will be taken in mid-run; this costs the program a thread."""
    counts_end: bool = True
    """Whether the snapshot at the end counts; a server's are taken before it is told to stop."""


@dataclass
class Observation:
    """One program, from its start to the end of all that it started."""

    started: float = 0.0
    """The monotonic clock just before the start, in seconds."""
    ended: Ended | None = None
    """``None`` where the supervisor was killed."""
    fault: str = ""
    """The outcome, where the harness itself ended the program."""
    end: Snapshot | None = None
    """At the end of main."""
    profile_error: str | None = None
    """Why there is no heap profile; empty where there is one, ``None`` where nothing was said."""
    series: Series = field(default_factory=list)
    """Of the program itself."""
    tree_series: Series = field(default_factory=list)
    """Of the program with its children, from the first child on."""
    children: list[ChildProcess] = field(default_factory=list)
    child_series: list[Series] = field(default_factory=list)
    """Of each of them."""
    log: str = ""
    """The end of its output."""
    inherited: dict[str, str] = field(default_factory=dict)
    """What the supervisor could not set for it."""


_Source = Supervised | ProbeChannel | OutputTail


class Monitor:
    """A program from its start until nothing of it is left."""

    def __init__(
        self,
        program: Program,
        output: OutputTail,
        *,
        timeout: float,
        memory_limit: int | None,
        sample_every: float,
        needed: Callable[[], bool] = lambda: True,
    ) -> None:
        """Start a program; the kernel keeps the limit on memory (bytes) too, where it can.

        It is ended once it is not ``needed`` any more.
        """
        self._needed, self._next_question = needed, 0.0
        self._memory_limit = memory_limit or math.inf
        self._group = memory_group(memory_limit) if memory_limit else None
        self._output = output
        self._output_paused = False
        """Whether the output was read since the last sample, and is not polled until the next."""
        self._exit = ProbeChannel(self._take_end)
        self._requests = ProbeChannel(self._take)
        self._sampler = Sampler(sample_every)
        self._started: Started | None = None
        self._executable = str(program.job.copy_to or program.job.path)
        self._pages: list[Pages] = []
        self._pages_file = program.pages
        self._counts_end = program.counts_end
        self._look = _Look()
        self._seen = Observation()
        self._poll = select.poll()  # cheaper than selectors, a hundred times a second
        self._sources: dict[int, _Source] = {}
        self._supervised = self._start(program)
        for source in (self._supervised, self._exit, self._requests, self._output):
            self._listen(source)
        self._seen.started = time.monotonic()
        self._deadline = self._seen.started + timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._supervised.close()
        self._close()

    def running(self) -> bool:
        """Whether the program, or something that it started, still runs."""
        return not self._supervised.closed

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the program, or of the wait for it."""
        return time.monotonic() - self._seen.started

    @property
    def log(self) -> str:
        """The end of the program's output so far; why it was not started, where it was not."""
        return (self._started.error if self._started else "") or self._output.text

    def observation(self) -> Observation:
        """What was observed so far."""
        seen, sampler = self._seen, self._sampler
        seen.end = self._exit.snapshot
        if seen.profile_error is None:
            seen.profile_error = self._exit.profile_error
        seen.series, seen.tree_series = sampler.series, sampler.tree_series
        seen.children, seen.child_series = sampler.tree.report(), sampler.tree.series()
        seen.log = self.log
        return seen

    def run(self, until: Callable[[], bool] | None = None, seconds: float | None = None) -> bool:
        """Monitor until the program ends, time is up, or ``until`` holds (return true)."""
        limit = math.inf if seconds is None else time.monotonic() + seconds
        while self.running():
            if until and until():
                return True
            now = time.monotonic()
            if now >= limit:
                return False
            if now >= self._deadline:
                self.give_up("timeout")
            if now >= self._next_question:
                self._next_question = now + _ASK_EVERY
                if not self._needed():
                    self.give_up(NOT_NEEDED)
            if now >= self._sampler.due:
                self._sample(now)
            end = min(self._deadline, limit, self._next_question)
            if until is None and not (self._output_paused or self._memory_limit < math.inf):
                self._sampler.sample_alone(self._poll.poll, end)
            wait = min(self._sampler.due, end) - time.monotonic()
            self._dispatch(self._poll.poll(wait * 1e3 if wait > 0 else 0))
        self._read_rest()
        return until is not None and until()

    def give_up(self, fault: str) -> None:
        """Kill the program; ``fault`` is its outcome, if it has none yet."""
        self._seen.fault = self._seen.fault or fault
        self._deadline = math.inf
        self._supervised.kill()

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._supervised.signal(number)

    def snapshot(
        self, *, collect: bool = False, keep: bool = False, at_rest: bool = False
    ) -> Snapshot | None:
        """Take a snapshot, after a collection of garbage or at once; ``None`` without an answer.

        It looks at the pages of the Go heap, which takes 0.3 s for each GiB of it that is resident;
        ``at_rest`` only as long as the program does nothing. ``keep`` the states of pages for the
        heap profile that follows.
        """
        if collect:
            self._output.end_trace()
        self._look = _Look(keep=keep, at_rest=at_rest)
        asked = self._requests.ask(b"g" if collect else b"s")
        if asked and self.run(self._requests.reported, PAUSE_LIMIT):
            return self._requests.snapshot
        return None

    def kernel_snapshot(self) -> Snapshot | None:
        """Take a snapshot without the runtime's view, of a program that does not answer."""
        pid = self._started.pid if self._started else 0
        stat = procfs.parse_stat(procfs.read(pid, "stat"))
        if not self.running() or stat is None:
            return None
        pause = {
            "monotonic": time.monotonic_ns(),
            "utime": round(stat.user * 1e9),
            "stime": round(stat.system * 1e9),
            "minflt": stat.minor_faults,
            "majflt": stat.major_faults,
        }
        return Snapshot(KernelView.read(pid), pause, children=self._sampler.tree.read_shares())

    def save_profile(self) -> None:
        """Have the program write its memory profiler's records, after a collection."""
        self._output.end_trace()
        self._pages_file = None  # what it has is of the snapshot before
        asked, requests = self._requests.ask(b"p"), self._requests
        answered = asked and self.run(lambda: requests.profile_error is not None, PAUSE_LIMIT)
        self._seen.profile_error = requests.profile_error if answered else "no answer"

    def _start(self, program: Program) -> Supervised:
        channels = [self._exit, self._requests][: program.probe * (1 + program.requests)]
        job = program.job
        if program.probe:  # which removes the variable from the environment at once
            requests = job.first_file + 1 if program.requests else -1
            told = f"GOMATRIX_PROBE={job.first_file} {requests} {program.records or ''}"
            job = job.model_copy(update={"env": (*job.env, told)})
        if self._group:
            job = job.model_copy(update={"cgroup": self._group.path})
        try:
            return Supervised(
                program.supervisor, job, output=self._output.writer,
                files=[channel.theirs.fileno() for channel in channels],
                on_answer=self._take_answer, given=program.given,
            )  # fmt: skip
        except BaseException:
            self._close()
            raise
        finally:
            os.close(self._output.writer)
            self._exit.theirs.close()
            self._requests.theirs.close()

    def _sample(self, now: float) -> None:
        if self._output_paused:
            self._output_paused = False
            self._listen(self._output)
        if self._sampler.sample(now) > self._memory_limit:
            self.give_up("memory limit")

    def _take_answer(self, answer: Answer) -> None:
        if isinstance(answer, Pages):
            self._pages.append(answer)
            return
        if isinstance(answer, Ended):
            self._seen.ended = answer
            self._sampler.stop()
            if self._group and self._group.exceeded():
                self._seen.fault = self._seen.fault or "memory limit"
            return
        self._started = answer
        if answer.error:
            self._seen.fault = "not started"
            return
        self._seen.started = answer.monotonic / 1e9
        self._seen.inherited = answer.inherited or {}
        self._sampler.begin(self._supervised.pid, answer.pid, self._seen.started)

    def _take(
        self, channel: ProbeChannel, pause: Mapping[str, int], spans: Sequence[int]
    ) -> Snapshot:
        """Read the kernel's view while the program waits, then resume it."""
        if self._started is None:  # a short program may reach its end before the answer is read
            self._supervised.read()
        kernel = KernelView.read(self._started.pid if self._started else 0)
        looks = channel is not self._exit or self._counts_end
        pages = self._read_pages(kernel, pause, spans) if looks else None
        channel.resume()
        return Snapshot(kernel, pause, children=self._sampler.tree.read_shares(), pages=pages)

    def _read_pages(
        self, kernel: KernelView, pause: Mapping[str, int], spans: Sequence[int]
    ) -> Pages | None:
        """Have the supervisor look at the pages of the Go heap, and wait for its answer."""
        ranges = smaps.heap_ranges(kernel.mappings, self._executable, pause.get("anchor"))
        if not ranges or self._started is None:
            return None
        self._pages.clear()
        self._supervised.ask_pages(
            PagesRequest(
                pid=self._started.pid, ranges=ranges, spans=tuple(spans), most=_MOST_PAGES,
                at_rest=self._look.at_rest,
                path=str(self._pages_file or "") if self._look.keep else "",
            )
        )  # fmt: skip
        while not self._pages and not self._supervised.closed:
            self._supervised.read()
        return self._pages[0] if self._pages else None

    def _take_end(
        self, channel: ProbeChannel, pause: Mapping[str, int], spans: Sequence[int]
    ) -> Snapshot:
        self._output.end_trace()
        self._look = _Look(keep=True)
        snapshot = self._take(channel, pause, spans)
        self._sampler.end(pause["monotonic"] / 1e9, snapshot.kernel.status.get("VmRSS"))
        return snapshot

    def _read_rest(self) -> None:
        """Read what ended processes have left."""
        while ready := self._poll.poll(0):
            self._dispatch(ready)
        self._output.read()

    def _listen(self, source: _Source) -> None:
        self._poll.register(source, select.POLLIN)
        self._sources[source.fileno()] = source

    def _dispatch(self, ready: Sequence[tuple[int, int]]) -> None:
        """Read what is ready; output only once between two samples, not at each line."""
        for descriptor, _ in ready:
            source = self._sources[descriptor]
            source.read()
            if source is self._output:
                self._output_paused = not source.closed
            if source.closed or source is self._output:
                self._poll.unregister(source)
                del self._sources[descriptor]

    def _close(self) -> None:
        self._sampler.close()
        if self._group:
            self._group.close()
        self._exit.close()
        self._requests.close()
        self._output.close()
