"""The process that plans, builds, writes the run directory and concludes, under pytest."""

import shlex
import shutil
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext, suppress
from itertools import chain, islice
from pathlib import Path
from types import NoneType
from typing import Any, Literal

import pytest

from harness.analysis.gate_names import name_gates
from harness.analysis.models import GateResult, Verdict
from harness.errors import HarnessError, writing
from harness.golang.cache import default_cache, in_use
from harness.matrix.load import load
from harness.plan.plan import parse_shard
from harness.pytest_plugin.collection import Collection
from harness.pytest_plugin.plugin import relative, user_errors
from harness.report.terminal import closing_lines
from harness.run.records import TrialRecord
from harness.session.bench import HERE, Bench
from harness.session.invocation import Invocation
from harness.session.judge_apart import Judging
from harness.text.visible import visible

_COLORS = {"worse": {"red": True}, "better": {"green": True}, "unclear": {"yellow": True}}
"""By tone of a line; pytest leaves them out where a terminal has none, or ``NO_COLOR`` is set."""
_ORDINARY = NoneType | KeyboardInterrupt | pytest.UsageError | pytest.Session.Failed
"""What ends the trials of a session where nothing is wrong with the harness."""


class Controller:
    """The hooks of the process that plans, writes the run directory and concludes."""

    def __init__(
        self, config: pytest.Config, collection: Collection, files: Sequence[Path],
        judging: Judging | None,
    ) -> None:  # fmt: skip
        """Control the runs of matrix ``files``, whose plans ``collection`` will get.

        ``judging`` has been started early, for the first of them.
        """
        self._config = config
        self._collection = collection
        self._files = files
        self._judging = judging
        self.runs: dict[Path, Invocation] = {}
        """By matrix file, once the session has started."""
        self.bench: Bench = HERE
        """Where suspects are screened, and rounds that were begun may be completed."""
        self._session: Any = None
        self._interrupted = False
        self._over = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Prepare before pytest-xdist starts its workers."""
        self._session = session
        config = self._config
        # in workers, a mistake in -k or -m would end them without a word
        mark: Any = config.pluginmanager.get_plugin("mark")
        mark.pytest_collection_modifyitems([], config)
        for path in self._files:
            with user_errors():
                self.runs[path.resolve()] = Invocation.open(
                    load(path),
                    reports=config.getoption("reports") or config.invocation_params.dir / "reports",
                    resume=config.getoption("matrix_resume"),
                    seed=config.getoption("matrix_seed"),
                    shard=_shard(config.getoption("matrix_shard")),
                    say=self.say,
                    host=self.bench.host,
                )
        for path, run in self.runs.items():
            if not config.option.collectonly:
                with user_errors():
                    run.reserve()
            self._collection.assignments[path] = run.assignment
        self._limit_workers()
        self._quieten_workers()

    def _limit_workers(self) -> None:
        """Let pytest-xdist start no more workers than there are trials, if these are all tests."""
        workers: list[str] = getattr(self._config.option, "tx", [])
        if workers and len(self._config.args) == len(self._files):
            trials = chain(*(run.assignment.remaining() for run in self.runs.values()))
            count = sum(1 for _ in islice(trials, len(workers)))
            self._config.option.tx = workers[: max(1, count)]

    def _quieten_workers(self) -> None:
        """In ``gomatrix run``, leave out pytest-xdist's lines on its workers."""
        session = self._config.pluginmanager.get_plugin("dsession")
        if session is not None and self._config.getoption("matrix_any_name"):
            from harness.pytest_plugin.scheduling import QuietWorkers  # noqa: PLC0415 - pytest-xdist is optional

            session.trdist = QuietWorkers(self._config)
            self._config.pluginmanager.unregister(name="terminaldistreporter")
            self._config.pluginmanager.register(session.trdist, "terminaldistreporter")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send the plans to a worker, so that all collect the same items."""
        node.workerinput["gomatrix"] = self._collection.to_json()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object:
        """Distribute trials one by one in the plan's order, once everything is built."""
        from harness.pytest_plugin.scheduling import MatrixScheduling  # noqa: PLC0415 - pytest-xdist is optional

        return MatrixScheduling(config, log, self)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Without workers, build before the first trial; at the end conclude, whatever happened."""
        with in_use(default_cache()):  # keeps cache prune from removing the binaries
            if session.items and not session.config.option.collectonly:
                self.start([item.nodeid for item in session.items])
            try:
                result = yield
                self._screen(session)
                return result
            finally:
                error = sys.exception()
                # a mistake that is noticed now is told, unless a fault of the harness is
                with nullcontext() if isinstance(error, _ORDINARY) else suppress(pytest.UsageError):
                    self._conclude(session)
                # whatever else ended the session is told instead: --exitfirst does not say more
                if isinstance(error, NoneType | pytest.Session.Failed):
                    self._require_answers()

    def _conclude(self, session: pytest.Session) -> None:
        """Judge all runs that have begun."""
        self._take_complete(session)
        for path, run in self.runs.items():
            if run.begun:
                with user_errors():
                    verdict = run.conclude(self._take_judging(), meanwhile=self._end_workers)
                self._report_gates(path, verdict)

    def _end_workers(self) -> None:
        """Let pytest-xdist end its workers, which it does itself only once all is judged."""
        session = self._config.pluginmanager.get_plugin("dsession")
        if session is not None:
            session.nodemanager.teardown_nodes()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Clean up after pytest-xdist has stopped its workers."""
        for run in self.runs.values():
            run.close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Without workers: skip an item that is not needed any more."""
        return None if self.needed(item.nodeid) else True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Store a trial's record; of one that is rerun, only the last."""
        sent: Sequence[str] | None = getattr(report, "gomatrix", None)
        if sent is None or report.outcome == "rerun":  # type: ignore[comparison-overlap] # pytest-rerunfailures'
            return
        with user_errors():
            run = self.runs[Path(sent[0])]
            expected = run.expected
            line = run.record(TrialRecord.model_validate_json(sent[1]))
            # so that pytest's percentage ends at 100
            self._session.testscollected += run.expected - expected
        if line:
            self.say(line)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport | pytest.CollectReport
    ) -> tuple[str, str, str] | None:
        """Show no dots where progress lines are shown, and nothing of a trial that was left."""
        if getattr(report, "gomatrix_left", False):
            return "", "", ""
        if self._config.option.verbose != 0 or self._run_of(report.nodeid) is None:
            return None
        shown = report.when == "call" or not report.passed
        return (report.outcome if shown else ""), "", report.outcome.upper()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the verdicts, and then wait for the reports."""
        for path, run in self.runs.items():
            if run.verdict is not None:
                terminalreporter.section(visible(f"verdict of {path.name}"))
                for line in closing_lines(run.verdict):
                    terminalreporter.write_line(visible(line.text), **_COLORS.get(line.tone, {}))
                terminalreporter.flush()
                try:
                    run.finish()
                except HarnessError as error:
                    pytest.exit(visible(str(error)), pytest.ExitCode.USAGE_ERROR)
                terminalreporter.write_line(visible(f"report: {run.directory / 'report.html'}"))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that the user stopped the session; ``pytest.exit`` comes here too."""
        self._interrupted = isinstance(excinfo.value, KeyboardInterrupt)

    def pytest_unconfigure(self) -> None:
        """Wait for reports where pytest has no terminal for verdicts; end the idle process."""
        if self._interrupted or isinstance(sys.exception(), KeyboardInterrupt):
            self._tell_how_to_continue()
        for run in self.runs.values():
            with suppress(HarnessError):
                run.finish()
            run.close()  # where the session did not start, pytest finishes none
        if self._judging is not None:
            self._judging.close()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Check the selection without workers; with them, ``start`` does."""
        if not session.config.option.collectonly:
            self._require_selection([item.nodeid for item in session.items])

    def start(self, node_ids: Sequence[str]) -> None:
        """Build for the selected trials, and write the paths of the run directories."""
        self._require_selection(node_ids)
        words = [visible(str(word)) for word in self._config.invocation_params.args]
        for path, run in self.runs.items():
            ids = {n.partition("::")[2] for n in node_ids if self._file_of(n) == path}
            with user_errors():
                run.start(ids, command=("pytest", *words), say=self.say, show=self._shown)
        if self._judging is not None:
            self._judging.wait_until_ready()  # it must not disturb trials
        self._tell_directories()

    def _screen(self, session: pytest.Session) -> None:
        """Tell the suspects of each run apart, once its own trials have ended."""
        self._take_complete(session)
        for run in self.runs.values():
            if run.begun and not session.config.option.collectonly:
                with user_errors():
                    run.screen(self.say, self.bench)

    def _take_judging(self) -> Judging:
        """The process that was started early, or another if that has a run already or is killed."""
        judging, self._judging = self._judging, None
        if judging is not None and judging.running:
            return judging
        if judging is not None:
            judging.close()
        return Judging()

    def _take_complete(self, session: pytest.Session) -> None:
        """Judge also a resumed run that lacks no trial: it may have ended before it was judged."""
        if session.config.option.collectonly:
            return
        for run in self.runs.values():
            if not run.complete and run.take_complete():
                session.testscollected += 1  # with nothing left to measure, pytest would fail
                self.say(f"{run.directory} has all of its trials; judging it again")
        if any(run.complete for run in self.runs.values()):
            self._tell_directories()

    def _tell_directories(self) -> None:
        """Write the paths of runs that have begun to ``--matrix-run-file``, one on each line."""
        file: Path | None = self._config.getoption("matrix_run_file")
        if file is not None:
            begun = [run.directory.resolve() for run in self.runs.values() if run.begun]
            with user_errors(), writing(file, "name another file"):
                file.write_text("".join(f"{path}\n" for path in begun), encoding="utf-8")

    def _tell_how_to_continue(self) -> None:
        """Give the command that resumes each run, on the last lines."""
        option, here = self._config.option, self._config.invocation_params.dir
        resumed = {p: r.directory for p, r in self.runs.items() if r.resumable}
        for file in self._files:
            directory = resumed.get(file.resolve())
            if directory is None:
                self._write(f"interrupted before the run of {file} began; start it again")
                continue
            ours = ("gomatrix run", "--resume") if option.matrix_any_name else None
            command, flag = ours or ("pytest", "--matrix-resume")
            words = [str(file), *(["-k", option.keyword] if option.keyword else [])]
            more = shlex.join([*words, flag, str(relative(directory, here))])
            self._write(f"interrupted; to continue: {command} {more}")

    def needed(self, node_id: str) -> bool:
        """Whether an item must still run when its turn comes."""
        run = self._run_of(node_id)
        return run is None or run.needed(node_id.partition("::")[2])

    def lost(self, node_id: str) -> None:
        """Report that a trial is run again because its worker died."""
        self.say(f"{node_id}: its worker died; running it again")

    def _require_selection(self, node_ids: Sequence[str]) -> None:
        """Refuse a selection of no trials: it is a mistake."""
        chosen = self._config.option.keyword or self._config.option.markexpr
        if chosen and not node_ids:
            cells = [c for run in self.runs.values() for c in run.prepared.plan.cells]
            names = ", ".join(dict.fromkeys(cell.workload for cell in cells))
            raise pytest.UsageError(
                f"no trial matches {chosen!r}; workloads: {visible(names)}; "
                "pytest --collect-only -q MATRIX lists all trials"
            )

    def _require_answers(self) -> None:
        """Exit with a status of its own where a run answers nothing: no gate has failed."""
        for path, run in self.runs.items():
            why = run.unanswered()
            if why is not None:
                with user_errors():
                    raise HarnessError(f"{relative(path, self._config.rootpath)}: {why}")

    def _file_of(self, node_id: str) -> Path:
        return (self._config.rootpath / node_id.partition("::")[0]).resolve()

    def _run_of(self, node_id: str) -> Invocation | None:
        return self.runs.get(self._file_of(node_id))

    def _report_gates(self, path: Path, verdict: Verdict) -> None:
        """Report each gate as a test, for summary, JUnit and exit status."""
        file = relative(path, self._config.rootpath)
        for gate, name in zip(verdict.gates, name_gates(verdict.gates), strict=True):
            report = pytest.TestReport(
                nodeid=f"{file}::{name}",
                location=(str(file), None, name),
                keywords={},
                outcome=_outcome(gate),
                longrepr=_why(str(file), gate),
                when="call",
            )
            self._config.hook.pytest_runtest_logreport(report=report)

    def say(self, line: str) -> None:
        """Show a line of progress, unless pytest is quiet."""
        if self._config.option.verbose >= 0:
            self._write(line)

    @property
    def _shown(self) -> Callable[[str], None] | None:
        """Shows a line that is written over, on a terminal."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or not reporter.isatty or self._config.option.verbose < 0:
            return None

        def show(line: str) -> None:
            reporter.ensure_newline()
            width = shutil.get_terminal_size().columns - 1
            reporter.rewrite(visible(line)[:width], erase=True)
            self._over = True

        return show

    def _write(self, line: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            if self._over:
                reporter.rewrite("", erase=True)
                reporter.write("\r")
                self._over = False
            reporter.write_line(visible(line))


def _outcome(gate: GateResult) -> Literal["passed", "failed", "skipped"]:
    if not gate.passed:
        return "failed"
    return "skipped" if gate.state == "undecided" else "passed"


def _why(file: str, gate: GateResult) -> str | tuple[str, int, str] | None:
    """What pytest shows of a gate: of one that is undecided, as why it is skipped."""
    if not gate.passed:
        return visible(gate.message)
    if gate.state == "undecided":
        return file, 0, f"Skipped: undecided: {visible(gate.message)}"
    return None


def _shard(text: str) -> tuple[int, int]:
    try:
        return parse_shard(text)
    except ValueError as error:
        raise HarnessError(str(error)) from None
