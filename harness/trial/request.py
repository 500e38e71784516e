"""A request for a trial: a workload, a build of it, limits, and a place to run."""

from collections.abc import Mapping
from pathlib import Path

from harness.golang.godebugs import compose, parse
from harness.golang.probe.overlay import ProbeMode
from harness.golang.records import BuildRecord
from harness.matrix.models import TrialsSpec, WorkloadSpec
from harness.models import Frozen
from harness.trial.observe.output import LOG_TAIL
from harness.trial.placeholders import fill


class TrialRequest(Frozen):
    """One execution of one build of one workload."""

    supervisor: Path
    """The binary made from ``supervisor/``."""
    load_generator: Path | None = None
    """The binary made from ``loadgen/main.go``; needed for a server with a load by URL."""
    workload: WorkloadSpec
    build: BuildRecord
    probe: ProbeMode = "full"
    limits: TrialsSpec = TrialsSpec()
    """Timeout, memory limit, CPUs and sampling count; rounds and lanes do not."""
    env: dict[str, str] = {}
    """The variant's own variables."""
    cpus: tuple[int, ...] = ()
    """CPUs to run on; empty for any."""
    directory: Path
    """A fresh temporary directory: the program's working directory, HOME and TMPDIR."""
    profile: Path | None = None
    """Where to put the heap profile."""
    keep: int = LOG_TAIL
    """Bytes of the end of its output to keep; of a benchmark's, more."""
    here: Path = Path()
    """The matrix file's directory."""

    @property
    def args(self) -> list[str]:
        """The program's arguments, with placeholders; benchmarks alone run in a test binary."""
        benchmark = self.workload.benchmark
        if benchmark is None:
            return self.workload.args
        return ["-test.run=^$", f"-test.bench={benchmark.run}", f"-test.benchtime={benchmark.time}",
                "-test.benchmem", "-test.count=1", "-test.timeout=0"]  # fmt: skip

    @property
    def working_directory(self) -> Path:
        """Where to run: of a test binary, the package's directory, for its ``testdata``."""
        return Path(self.build.directory) if self.workload.benchmark else self.directory

    @property
    def executable(self) -> Path:
        """The copy of the binary that is run."""
        return self._beside("program") / Path(self.build.binary).name

    @property
    def records(self) -> Path | None:
        """Where the probe leaves the memory profiler's records, where a heap profile is wanted."""
        return self._beside("records") if self.profile and self.probe == "full" else None

    @property
    def pages(self) -> Path | None:
        """Where the supervisor leaves the states of the Go heap's pages, for the heap profile."""
        return self._beside("pages") if self.records else None

    @property
    def moments(self) -> list[tuple[float, bool]]:
        """Seconds after the start at which to take a snapshot, or (true) the heap profile."""
        at = self.workload.profile_at
        profile = [(at, True)] if at is not None and self.probe == "full" else []
        return sorted([(at, False) for at in self.workload.snapshots] + profile)

    def environment(self, values: Mapping[str, str]) -> dict[str, str]:
        """The program's whole environment, with values of placeholders; nothing else reaches it."""
        own = self.workload.env | self.env
        settings = [env["GODEBUG"] for env in (self.workload.env, self.env) if "GODEBUG" in env]
        if len(settings) > 1:  # a variant's settings do not take those of its workload away
            own["GODEBUG"] = compose(settings[0], parse(settings[1]))
        own = {name: fill(value, values) for name, value in own.items()}
        if self.workload.gctrace:
            own["GODEBUG"] = ",".join(filter(None, (own.get("GODEBUG"), "gctrace=1")))
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.directory),
            "TMPDIR": str(self.directory),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "GOMAXPROCS": str(self.limits.cpus),
            **own,
        }

    def _beside(self, what: str) -> Path:
        """An absolute path next to the program's directory, where the program does not look."""
        return self.directory.absolute().with_name(f"{self.directory.name}.{what}")
