"""The pytest plugin: a matrix file named on the command line is collected, measured and judged.

The controller (or the only process, without pytest-xdist) prepares the matrix, builds, keeps the
run directory and concludes. Workers collect the same plan, run trials and send their records home
in test reports. What a step does is in ``harness.session``; here is only when and where.
"""

import json
import signal
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from harness.analysis.models import Verdict
from harness.errors import HarnessError
from harness.golang.cache import default_cache, in_use
from harness.lanes import available_lanes
from harness.plan import Cell, Plan, Trial, parse_shard
from harness.progress import Progress
from harness.report import terminal_summary
from harness.run import Manifest, TrialRecord, append_trial, read_manifest, read_trials
from harness.session import Prepared, clean, finish, measure, open_run, start
from harness.spec.load import Matrix, load
from harness.stopping import Stopping


@dataclass(frozen=True)
class Assignment:
    """What a process needs to collect and run a matrix file's trials."""

    plan: Plan
    directory: Path
    done: frozenset[str] = frozenset()
    """Trials that a resumed run has already, by id."""

    def to_json(self) -> list[Any]:
        """For a worker's input, which carries plain types only."""
        return [self.plan.model_dump(mode="json"), str(self.directory), sorted(self.done)]

    @classmethod
    def from_json(cls, value: list[Any]) -> Self:
        """The inverse of ``to_json``."""
        plan, directory, done = value
        return cls(Plan.model_validate(plan), Path(directory), frozenset(done))


@dataclass
class Collected:
    """What the items of this process share."""

    assignments: dict[Path, Assignment] = field(default_factory=dict)
    """By matrix file."""
    manifests: dict[Path, Manifest] = field(default_factory=dict)
    """By run directory; read when the first trial of this process runs."""


_COLLECTED = pytest.StashKey[Collected]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gomatrix", "GOEXPERIMENT flag matrix")
    group.addoption(
        "--matrix-seed", type=int, metavar="N", help="Seed for the order of trials within rounds"
    )
    group.addoption(
        "--matrix-resume", type=Path, metavar="DIR", help="Go on with this run directory"
    )
    group.addoption(
        "--matrix-shard", type=parse_shard, metavar="K/N", default=(1, 1),
        help="Do only every N-th round, beginning with the K-th",
    )  # fmt: skip
    group.addoption(
        "--reports", type=Path, metavar="DIR", help="Where run directories land (default: reports)"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "gomatrix(workload, variant): a trial of that cell of a matrix file"
    )
    collected = config.stash[_COLLECTED] = Collected()
    worker_input: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker_input is None:
        config.pluginmanager.register(Controller(config), "gomatrix-controller")
        return
    for path, value in json.loads(worker_input.get("gomatrix", "{}")).items():
        collected.assignments[Path(path)] = Assignment.from_json(value)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """``-n auto`` is the number of lanes."""
    with _user_errors():
        cpus = [load(path).spec.trials.cpus for path in _matrix_files(config)]
    return max((len(available_lanes(count)) for count in cpus), default=None)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.resolve() not in parent.config.stash[_COLLECTED].assignments:
        return None
    collector: MatrixFile = MatrixFile.from_parent(parent, path=file_path)
    return collector


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put trials back into the plan's order, whatever another plugin has shuffled."""
    ordered = iter(sorted((i for i in items if isinstance(i, MatrixItem)), key=lambda i: i.place))
    items[:] = [next(ordered) if isinstance(item, MatrixItem) else item for item in items]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send a trial's record home in its report, as text: execnet carries nothing richer."""
    report = yield
    if isinstance(item, MatrixItem) and item.record is not None and call.when == "call":
        record = [str(item.path.resolve()), item.record.model_dump_json()]
        report.__dict__["gomatrix"] = record
    return report


class MatrixItem(pytest.Function):
    """An item of a matrix file; its place is the file, not the code that runs it."""

    record: TrialRecord | None = None
    """What the trial gave, once it has run."""
    place: tuple[str, int] = ("", 0)
    """Matrix file and position in the plan."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        if hasattr(self, "id"):  # pytest 9.2: the brackets are parameters, so that --lf finds it
            self._id = type(self.id).parse(self.nodeid)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


class MatrixFile(pytest.File):
    """A matrix file: an item for each trial, and one for each cell that does not apply."""

    def collect(self) -> Iterable[pytest.Item]:
        for number, item in enumerate(self._items()):
            item.place = (str(self.path), number)
            yield item

    def _items(self) -> Iterator[MatrixItem]:
        assignment = self._assignment
        for cell in assignment.plan.cells:
            if cell.reason is not None:
                yield self._skipped(cell)
        for trial in assignment.plan.trials():
            if trial.id not in assignment.done:
                yield self._trial(trial)

    @property
    def _assignment(self) -> Assignment:
        return self.config.stash[_COLLECTED].assignments[self.path.resolve()]

    def _skipped(self, cell: Cell) -> MatrixItem:
        def not_applicable() -> None:
            pytest.skip(f"not applicable: {cell.reason}")

        name = f"{cell.workload}[{cell.variant}]"
        item: MatrixItem = MatrixItem.from_parent(self, name=name, callobj=not_applicable)
        item.add_marker(pytest.mark.gomatrix(workload=cell.workload, variant=cell.variant))
        return item

    def _trial(self, trial: Trial) -> MatrixItem:
        def run_trial() -> None:
            item.record = record = self._measure(trial)
            if not record.ok:
                pytest.fail(f"{record.outcome}\n{record.log}".rstrip(), pytrace=False)

        item: MatrixItem = MatrixItem.from_parent(self, name=trial.id, callobj=run_trial)
        item.add_marker(pytest.mark.gomatrix(workload=trial.workload, variant=trial.variant))
        return item

    def _measure(self, trial: Trial) -> TrialRecord:
        manifests = self.config.stash[_COLLECTED].manifests
        directory = self._assignment.directory
        if directory not in manifests:
            manifests[directory] = read_manifest(directory)
        return measure(directory, manifests[directory], trial)


@dataclass
class MatrixRun:
    """A matrix file on its way through one pytest session."""

    prepared: Prepared
    directory: Path
    progress: Progress | None = None
    """Set when the builds are done and trials may run."""
    stopping: Stopping | None = None
    """Set at the same time."""
    verdict: Verdict | None = None

    @property
    def matrix(self) -> Matrix:
        """The matrix that is run."""
        return self.prepared.matrix


class Controller:
    """The hooks of the process that plans, keeps the run directory and concludes."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._runs: dict[Path, MatrixRun] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Prepare before pytest-xdist starts its workers."""
        config = self._config
        for path in _matrix_files(config):
            with _user_errors():
                prepared, directory, done = open_run(
                    load(path),
                    reports=config.getoption("reports") or config.invocation_params.dir / "reports",
                    resume=config.getoption("matrix_resume"),
                    seed=config.getoption("matrix_seed"),
                    shard=config.getoption("matrix_shard"),
                    say=self._say,
                )
            self._runs[path.resolve()] = MatrixRun(prepared, directory)
            config.stash[_COLLECTED].assignments[path.resolve()] = Assignment(
                prepared.plan, directory, done
            )
        if self._runs:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as for Ctrl-C

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the plans to a worker, so that all collect the same list."""
        assignments = self._config.stash[_COLLECTED].assignments
        node.workerinput["gomatrix"] = json.dumps(
            {str(path): assignment.to_json() for path, assignment in assignments.items()}
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object | None:
        """Deal trials one by one in the plan's order, once everything is built."""
        if not self._runs:
            return None
        from harness.scheduling import MatrixScheduling  # noqa: PLC0415 - pytest-xdist is optional

        return MatrixScheduling(config, log, self)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Without workers, build before the first trial; then conclude, whatever happened."""
        with in_use(default_cache()) if self._runs else nullcontext():  # nobody prunes the binaries
            if session.items and not session.config.option.collectonly:
                self.start([item.nodeid for item in session.items])
            try:
                return (yield)
            finally:
                for path, run in self._runs.items():
                    if run.progress is not None:
                        run.verdict = finish(run.directory)
                        self._report_gates(path, run.verdict)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Clean up once pytest-xdist has ended its workers."""
        for run in self._runs.values():
            clean(run.directory)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Without workers: pass over an item that is not needed any more."""
        return None if self.needed(item.nodeid) else True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a trial's record; of one that is run again, only the last."""
        sent: Sequence[str] | None = getattr(report, "gomatrix", None)
        if sent is None or report.outcome == "rerun":  # type: ignore[comparison-overlap] # pytest-rerunfailures'
            return
        record = TrialRecord.model_validate_json(sent[1])
        run = self._runs[Path(sent[0])]
        append_trial(run.directory, record)
        if run.stopping and run.progress:
            run.stopping.note(record)
            line = run.progress.note(record)
            if line:
                self._say(line)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport | pytest.CollectReport
    ) -> tuple[str, str, str] | None:
        """Where progress lines are shown, no dots."""
        if self._config.option.verbose != 0 or self._run_of(report.nodeid) is None:
            return None
        shown = report.when == "call" or not report.passed
        return (report.outcome if shown else ""), "", report.outcome.upper()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for path, run in self._runs.items():
            if run.verdict is not None:
                terminalreporter.section(f"verdict of {path.name}")
                for line in terminal_summary(run.verdict):
                    terminalreporter.write_line(line)
                terminalreporter.write_line(f"report: {run.directory / 'report.html'}")

    def start(self, node_ids: Sequence[str]) -> None:
        """Build for the trials that were selected."""
        for path, run in self._runs.items():
            names = {n.partition("::")[2] for n in node_ids if self._file_of(n) == path}
            trials = [trial for trial in run.prepared.plan.trials() if trial.id in names]
            if trials:
                command = ("pytest", *map(str, self._config.invocation_params.args))
                with _user_errors():
                    manifest = start(
                        run.prepared, trials, run.directory, command=command, say=self._say
                    )
                run.progress = Progress(trials)
                done = read_trials(run.directory)
                run.stopping = Stopping(run.directory, manifest, trials, done)

    def needed(self, node_id: str) -> bool:
        """Whether an item is still to be run when its turn comes."""
        run = self._run_of(node_id)
        stopping = run.stopping if run else None
        return stopping is None or node_id.partition("::")[2] not in stopping.undue

    def lost(self, node_id: str) -> None:
        """Say that a trial is run again, since its worker died."""
        self._say(f"{node_id}: its worker died; it is run again")

    def _file_of(self, node_id: str) -> Path:
        return (self._config.rootpath / node_id.partition("::")[0]).resolve()

    def _run_of(self, node_id: str) -> MatrixRun | None:
        return self._runs.get(self._file_of(node_id)) if self._runs else None

    def _report_gates(self, path: Path, verdict: Verdict) -> None:
        """Show each gate as a test of its own, in summary, JUnit and exit status."""
        file = _relative(path, self._config.rootpath)
        for gate in verdict.gates:
            name = f"gate[{gate.workload}-{gate.metric}-{gate.candidate}]"
            report = pytest.TestReport(
                nodeid=f"{file}::{name}",
                location=(str(file), None, name),
                keywords={},
                outcome="passed" if gate.passed else "failed",
                longrepr=None if gate.passed else gate.message,
                when="call",
            )
            self._config.hook.pytest_runtest_logreport(report=report)

    def _say(self, line: str) -> None:
        """Show a line of progress, unless the user wants quiet or pytest's own lines."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and self._config.option.verbose >= 0:
            reporter.ensure_newline()
            reporter.write_line(line)


@contextmanager
def _user_errors() -> Iterator[None]:
    """A user's mistake ends the session with its message alone."""
    try:
        yield
    except HarnessError as error:
        raise pytest.UsageError(*str(error).splitlines()) from None


def _matrix_files(config: pytest.Config) -> list[Path]:
    """The matrix files named on the command line; no other is measured by surprise."""
    paths: dict[Path, Path] = {}
    for argument in config.args:
        path = config.invocation_params.dir / argument.partition("::")[0]
        if path.name in ("matrix.yaml", "matrix.yml") or path.name.endswith(".matrix.yaml"):
            paths.setdefault(path.resolve(), _relative(path, config.invocation_params.dir))
    return list(paths.values())


def _relative(path: Path, directory: Path) -> Path:
    return path.relative_to(directory) if path.is_relative_to(directory) else path
