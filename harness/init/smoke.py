"""Try what was found: build each program once, run it for some seconds, and learn from it."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.golang.builds.build import build_all
from harness.golang.builds.lengths import first_seconds
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.tools import build_tool
from harness.golang.records import BuildRecord
from harness.golang.sources.locate import locate
from harness.golang.toolchains.resolve import Toolchain
from harness.init.attempts import (
    Attempt,
    conclude,
    first_attempt,
    next_attempt,
    paths_of,
    telling_line,
    wanted,
)
from harness.init.observe import Seen, observe
from harness.init.programs import Program
from harness.init.survey import Benchmarks, Survey
from harness.matrix.models import BenchmarkSpec, BuildSpec, WorkloadSpec
from harness.session.manifest import helper
from harness.trial.inputs import prepare
from harness.trial.placeholders import fill, free_ports, values
from harness.trial.request import TrialRequest

_SECONDS = 10.0
"""How long a program may run."""
_SERVED = 7.5
"""Seconds of a trial of a server, as it is drafted: load of 5 s, and its other phases."""
_PER_BENCHMARK = 0.35
"""Seconds of a benchmark with ``time: 200ms``, with the shorter rounds that come before."""
_BESIDE = 0.4
"""Seconds from a program's end to the next trial's start."""
_MOST = 4
"""Programs and packages with benchmarks that are tried of each kind, those first found."""
_ATTEMPTS = 4
Say = Callable[[str], None]


def try_out(
    found: Survey, directory: Path, go: Toolchain, cache: Path, say: Say, *,
    here: Path | None = None, as_asked: bool = False,
) -> Survey:  # fmt: skip
    """What was found, as it was seen to run; with the reason for what did not.

    Args:
        found: what the source says.
        directory: what the places of programs and benchmarks are relative to.
        go: the newest toolchain that the drafted matrix compares.
        cache: the harness's cache directory.
        say: told what is tried, a line each.
        here: where ``matrix.yaml`` will be; by default that directory.
        as_asked: whether programs are tried with the arguments that they have alone.
    """
    supervisor = build_tool(helper("supervisor", go, probed=True), cache)
    places = directory, (here or directory).resolve()
    tester = _Tester(places, go, cache, supervisor, say, as_asked=as_asked)
    programs = [*map(tester.program, found.programs[:_MOST]), *found.programs[_MOST:]]
    benchmarks = [*map(tester.benchmarks, found.benchmarks[:_MOST]), *found.benchmarks[_MOST:]]
    return Survey(programs=tuple(programs), benchmarks=tuple(benchmarks))


class _Tester:
    def __init__(
        self, places: tuple[Path, Path], go: Toolchain, cache: Path, supervisor: Path, say: Say, *,
        as_asked: bool,
    ) -> None:  # fmt: skip
        self._directory, self._here = places
        self._as_asked = as_asked
        self._go = go
        self._cache = cache
        self._supervisor = supervisor
        self._say = say

    def program(self, program: Program) -> Program:
        """The program as it is to be run, or with the reason why it cannot be."""
        self._say(f"trying {program.name}")
        workload = WorkloadSpec(name=program.name, package=program.directory)
        request = self._request(workload)
        record = self._build(request)
        if record.error is not None:
            return program.model_copy(
                update={"reason": f"it does not build: {_complaint(record.error)}"}
            )
        attempt: Attempt | None = first_attempt(program)
        tried: list[Attempt] = []
        while attempt is not None and len(tried) < _ATTEMPTS:
            tried.append(attempt)
            seen, port = self._run(workload, record, attempt, paths_of(program))
            attempt = self._next(program, seen, tried)
        concluded = conclude(program, tried[-1], seen, port)
        trial = _SERVED if concluded.server else seen.seconds if seen.exit is not None else None
        return concluded.model_copy(update={"build": self._took(request), "trial": _with(trial)})

    def _next(self, program: Program, seen: Seen, tried: Sequence[Attempt]) -> Attempt | None:
        """Another way to run a program: with files that are beside it, or with other arguments."""
        last = tried[-1]
        named = {Path(said).name for said in last.files}
        places = [self._here, self._directory.resolve() / program.directory]
        found = [
            str(path.relative_to(self._here))
            for name in wanted(seen, last) if name not in named
            for path in [place / name for place in places if (place / name).exists()][:1]
            if path.is_relative_to(self._here)
        ]  # fmt: skip
        if found:
            return last.model_copy(update={"files": (*last.files, *found)})
        return None if self._as_asked else next_attempt(seen, tried)

    def benchmarks(self, found: Benchmarks) -> Benchmarks:
        """The benchmarks, with the reason where one iteration of each does not end well."""
        self._say(f"trying the benchmarks of {found.directory}")
        spec = BenchmarkSpec(package=found.directory, run=found.pattern, time="1x")
        workload = WorkloadSpec(name=found.name, benchmark=spec)
        request = self._request(workload)
        record = self._build(request)
        if record.error is not None:
            doubt = f"they do not build: {_complaint(record.error)}"
            return found.model_copy(update={"doubt": doubt})
        seen, _ = self._run(workload, record, Attempt(), ())
        count = seen.log.count("\nBenchmark") + 1
        trial = _with(seen.seconds + count * _PER_BENCHMARK)
        found = found.model_copy(update={"build": self._took(request), "trial": trial})
        if _went_well(seen):
            return found
        good = [name for name in found.few if self._goes_well(record, workload, name)]
        if good:  # one that fails ends the others too
            return found.model_copy(update={"functions": tuple(good)})
        how = "did not end in 10 s" if seen.exit is None else f"ended with status {seen.exit}"
        return found.model_copy(
            update={"doubt": _first(f"one round of them {how}: {telling_line(seen.log)}")}
        )

    def _goes_well(self, record: BuildRecord, workload: WorkloadSpec, function: str) -> bool:
        assert workload.benchmark is not None  # noqa: S101 - the caller made it
        alone = workload.benchmark.model_copy(update={"run": f"^{function}$"})
        workload = workload.model_copy(update={"benchmark": alone})
        return _went_well(self._run(workload, record, Attempt(), ())[0])

    def _build(self, request: BuildRequest) -> BuildRecord:
        (record,) = build_all([request], self._cache, self._say)
        return record

    def _request(self, workload: WorkloadSpec) -> BuildRequest:
        source = locate(workload, self._directory, self._go, self._cache)
        return BuildRequest(source=source, toolchain=self._go, settings=(), build=BuildSpec())

    def _took(self, request: BuildRequest) -> float:
        """Seconds of the program's first build, also where it was built before."""
        return first_seconds(request, self._cache) or 0.0

    def _run(
        self, workload: WorkloadSpec, record: BuildRecord, attempt: Attempt, paths: tuple[str, ...]
    ) -> tuple[Seen, int]:
        """Run a program; what was seen, and the port that it was told."""
        ports = free_ports(["http"])
        workload = workload.model_copy(update={"files": list(attempt.files)})
        with tempfile.TemporaryDirectory() as scratch:
            directory = Path(scratch) / "trial"
            directory.mkdir()
            request = TrialRequest(
                supervisor=self._supervisor, workload=workload, build=record, env=attempt.env,
                directory=directory, here=self._here,
            )  # fmt: skip
            told: Mapping[str, str] = values(ports, directory, self._here)
            if problem := prepare(request, told):
                return Seen(exit=1, seconds=0.0, log=problem), ports["http"]
            seen = observe(
                self._supervisor, Path(record.binary),
                [fill(word, told) for word in (*attempt.args, *request.args)],
                request.environment(told), request.working_directory,
                seconds=_SECONDS, paths=paths,
            )  # fmt: skip
        return seen, ports["http"]


def _with(seconds: float | None) -> float | None:
    """Add what a trial takes beside its program."""
    return None if seconds is None else seconds + _BESIDE


def _went_well(seen: Seen) -> bool:
    """Whether benchmarks ran, and ended."""
    return seen.exit == 0 and "\nBenchmark" in f"\n{seen.log}"


def _first(text: str) -> str:
    """The first line of a message, cut to a comment's length."""
    return text.splitlines()[0][:200]


def _complaint(error: str) -> str:
    """What the compiler says first; the go command's line before it only names the package."""
    lines = [line for line in error.splitlines() if not line.startswith("# ")]
    return _first("\n".join(lines) or error)
