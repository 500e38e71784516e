"""One matrix file from opening to verdict; pytest or a script decides when each step is taken."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from harness.analysis.models import Verdict
from harness.analysis.unanswered import unanswered
from harness.errors import HarnessError, writing
from harness.files.inside import remove_inside
from harness.golang.builds.build import build_all
from harness.matrix.load import Matrix
from harness.plan.plan import Trial
from harness.plan.question import resolve_question
from harness.run.directory import ELSEWHERE, reserve
from harness.run.host import Host, host_id
from harness.run.lock import measuring_into
from harness.run.records import Manifest, TrialRecord
from harness.run.resume import continued
from harness.run.store import (
    MANIFEST,
    Run,
    append_trial,
    point_latest,
    read_manifest,
    read_trials,
    write_json,
)
from harness.session.bench import HERE, Bench, Dealer, Lost, Round
from harness.session.benchmarks import check_benchmarks
from harness.session.execute import TEMPORARY, Assignment, clean, keep
from harness.session.judge_apart import Judging
from harness.session.lengths import Start, note_trials
from harness.session.manifest import helpers, make_manifest, with_helpers
from harness.session.prepare import Prepared, Say, build_requests, prepare
from harness.session.progress import Progress
from harness.session.stopping import Stopping


class Invocation:
    """A new run, or one that is resumed.

    The steps, in order: ``open``, ``reserve``, ``start``, ``record`` for each trial, ``screen``,
    ``conclude``, ``close``, ``finish``.
    """

    verdict: Verdict | None = None
    """Set by ``conclude``."""
    complete = False
    """Whether the run was resumed with nothing left to measure: see ``take_complete``."""
    _chosen: tuple[Trial, ...] = ()
    _hosts: tuple[Host, ...] = ()
    _judging: Judging | None = None
    _progress: Progress | None = None
    _stopping: Stopping | None = None

    def __init__(
        self, prepared: Prepared, directory: Path, *, resumed: bool, host: str = ""
    ) -> None:
        """Use ``open`` instead.

        Args:
            prepared: the matrix, with its plan.
            directory: the run directory; before ``reserve``, a new run's is the directory of runs.
            resumed: whether the run exists.
            host: see ``open``.
        """
        self.prepared = prepared
        self.directory = directory
        self._resumed = resumed
        self._reserved = False
        self._host = host
        self._done: frozenset[str] = frozenset()
        self._held = ExitStack()
        self._starts: list[Start] = []

    @classmethod
    def open(
        cls, matrix: Matrix, *, reports: Path, resume: Path | None, seed: int | None,
        shard: tuple[int, int], say: Say, host: str,
    ) -> "Invocation":  # fmt: skip
        """Prepare a new run, or one to resume.

        Args:
            matrix: the matrix, loaded.
            reports: the directory of runs.
            resume: the run directory to resume.
            seed: for the order of trials.
            shard: (K, N): measure the K-th of every N rounds.
            say: told of downloads.
            host: the id of the host that may complete rounds which it has begun (``Bench.host``).

        Raises:
            HarnessError: something that the matrix names is not available, or there is no such run.
        """
        if resume is None:
            prepared = prepare(matrix, seed=seed, shard=shard, say=say)
            _require_cells(prepared)
            return cls(prepared, reports, resumed=False)
        run = Run.load(resume.resolve())
        plan = run.manifest.plan
        prepared = prepare(matrix, seed=plan.seed, shard=plan.shard, say=say)
        invocation = cls(prepared, run.path, resumed=True, host=host)
        invocation._look(run)
        return invocation

    def _look(self, run: Run) -> None:
        """See what a run to resume has."""
        from harness.session.resuming import rounds_to_leave  # noqa: PLC0415 - imports numpy

        plan = self.prepared.plan.model_copy(update={"left": rounds_to_leave(run, self._host)})
        self.prepared = self.prepared._replace(plan=plan)
        self._done = frozenset(record.id for record in run.trials)

    def reserve(self) -> None:
        """Create the run directory of a new run; let no other process measure until ``close``.

        Raises:
            HarnessError: it cannot be created, or another process measures into it.
        """
        if not self._resumed:
            name = self.prepared.matrix.name
            self.directory = reserve(self.directory, name, datetime.now(UTC))
            self._reserved = True
        self._held.enter_context(measuring_into(self.directory))
        if self._resumed:  # others may have measured since it was opened
            self._look(Run.load(self.directory))

    @property
    def assignment(self) -> Assignment:
        """What each process needs to list and run the trials."""
        return Assignment(self.prepared.plan, self.directory, self._done)

    @property
    def resumable(self) -> bool:
        """Whether the run can be resumed: its directory says what was to be measured."""
        return self._resumed or (self._reserved and (self.directory / MANIFEST).exists())

    @property
    def begun(self) -> bool:
        """Whether there is something to judge."""
        return self._progress is not None or self.complete

    def start(
        self, ids: Collection[str], *, command: tuple[str, ...], say: Say, show: Say | None = None
    ) -> None:
        """Build what the selected trials need, and write ``run.json``.

        Args:
            ids: of the trials; of none that this run has, nothing is done.
            command: the command line, for the record.
            say: told of builds.
            show: told each second what is being built, for a line that is written over.

        Raises:
            HarnessError: the run to resume was made from other inputs, or the run directory
                cannot be written.
        """
        prepared, directory = self.prepared, self.directory
        trials = tuple(trial for trial in prepared.plan.trials() if trial.id in ids)
        if not trials:
            return
        toolchains = tuple(prepared.toolchains.values())
        manifest = make_manifest(
            directory.name, prepared.matrix, prepared.plan, toolchains, command=command
        )
        if not self._resumed:  # whatever stops the builds, the run can be resumed
            with writing(directory, ELSEWHERE):
                write_json(directory / MANIFEST, manifest)
        try:
            manifest = self._build(manifest, trials, say, show)
        except HarnessError:
            if not self._resumed:
                (directory / MANIFEST).unlink()
            raise
        if self._resumed:
            manifest = continued(read_manifest(directory), manifest)
        with writing(directory, ELSEWHERE):
            remove_inside(directory, TEMPORARY)  # a resumed run may come from elsewhere
            write_json(directory / MANIFEST, manifest)
        self._chosen = trials
        self._progress = Progress(prepared.plan, trials)
        self._stopping = Stopping(directory, manifest, trials, read_trials(directory))

    def _build(
        self, manifest: Manifest, trials: Iterable[Trial], say: Say, show: Say | None
    ) -> Manifest:
        """The same manifest with all that the trials need built."""
        prepared = self.prepared
        requests = build_requests(prepared, ((trial.workload, trial.variant) for trial in trials))
        tools = helpers(prepared.matrix.spec, prepared.toolchains.values())
        builds = build_all(requests, prepared.cache, say, show, tuple(tools.values()))
        manifest = manifest.model_copy(update={"builds": tuple(builds)})
        manifest = with_helpers(manifest, tools, prepared.cache)
        check_benchmarks(manifest)
        return manifest

    def take_complete(self) -> bool:
        """Whether a resumed run has every trial, so that it only needs a verdict.

        It may have been interrupted after its last trial.
        """
        if self._resumed and not any(self.assignment.remaining()):
            self.complete, self._chosen = True, tuple(self.prepared.plan.trials())
        return self.complete

    def dealt(self, dealer: Dealer) -> Iterator[TrialRecord]:
        """Have hosts measure the selected trials; a new round takes the place of a lost one.

        The caller gives each record to ``record``.

        Raises:
            HarnessError: no host can measure, or the run directory cannot be written.
        """
        waiting = deque(
            tuple(trials) for _, trials in groupby(self._chosen, lambda trial: trial.block)
        )

        def take() -> Round | None:
            while waiting:
                trials = tuple(trial for trial in waiting.popleft() if self.needed(trial.id))
                if trials:
                    return trials
            return None

        manifest = read_manifest(self.directory)
        before = {record.host for record in read_trials(self.directory)}
        self._hosts = tuple(
            host for host in manifest.hosts or (manifest.host,) if host.id in before
        )
        for event in dealer.deal(manifest, take, lambda trial: self.needed(trial.id)):
            if isinstance(event, Lost):
                waiting.appendleft(self._replaced(event.round))
            else:
                yield keep(self.directory, manifest, event)
            self._note_hosts(dealer.hosts)

    def _replaced(self, lost: Round) -> Round:
        """A new round in place of one that will not be completed."""
        grown, new = self.prepared.plan.replacing(lost)
        self.prepared = self.prepared._replace(plan=grown)
        self._chosen += new
        if self._progress is not None and self._stopping is not None:
            self._progress.replace(lost, new)
            self._stopping.replace(new)
        self._update(plan=grown)
        return new

    def _note_hosts(self, hosts: Sequence[Host]) -> None:
        """Add hosts to the manifest when they begin to take part."""
        known = {host.id for host in self._hosts}
        if new := [host for host in hosts if host.id not in known]:
            self._hosts += tuple(new)
            self._update(hosts=self._hosts)

    def _update(self, **parts: object) -> None:
        with writing(self.directory, ELSEWHERE):
            old = read_manifest(self.directory)
            write_json(self.directory / MANIFEST, old.model_copy(update=parts))

    @property
    def expected(self) -> int:
        """Trials that this invocation has run, or will."""
        return self._progress.expected if self._progress else 0

    def needed(self, trial: str) -> bool:
        """Whether a trial, by id, must still run; not once its workload is decided."""
        return self._stopping is None or trial not in self._stopping.unneeded

    def record(self, record: TrialRecord) -> str | None:
        """Append a finished trial to the run.

        Returns:
            A line of progress, if one is due.

        Raises:
            HarnessError: it cannot be written.
        """
        append_trial(self.directory, record)
        if record.host == host_id():  # what is learnt of lengths is of this machine
            self._starts.append(Start.of(record))
        if self._stopping is None or self._progress is None:
            return None
        before = len(self._stopping.unneeded)
        given_up = self._stopping.note(record)
        if len(self._stopping.unneeded) > before:
            self._progress.leave_out(self._stopping.unneeded - {record.id})
        line = self._progress.note(record)
        if given_up:
            return (
                f"{record.workload}: given up {record.variant}: its first trials failed in the "
                f"same way ({record.outcome}), and {len(given_up)} more will not run"
            )
        return line

    def screen(self, say: Say, bench: Bench = HERE) -> None:
        """Find out which suspects explain a change; nothing where no suspects are screened.

        Rounds are measured on ``bench``.

        Raises:
            HarnessError: the run directory cannot be written, or its programs are others now.
        """
        if self.prepared.plan.suspects:
            from harness.session.screening import screen_suspects  # noqa: PLC0415 - imports numpy

            screen_suspects(self.prepared, self.directory, say, bench)

    def conclude(self, judging: Judging, meanwhile: Callable[[], None]) -> Verdict:
        """Let a process judge the run, and make it the latest; its reports are written meanwhile.

        Args:
            judging: the process.
            meanwhile: what can be done until the verdict is there.

        Raises:
            HarnessError: it cannot be judged.
        """
        self._judging = judging
        judging.judge(self.directory)
        meanwhile()
        note_trials(self._starts, self.prepared.matrix.spec, self.prepared.cache)
        self.verdict = judging.verdict()
        with writing(self.directory, ELSEWHERE):
            point_latest(self.directory)
        return self.verdict

    def finish(self) -> None:
        """Wait for the reports of a run that was judged.

        Raises:
            HarnessError: they could not be written.
        """
        judging, self._judging = self._judging, None
        if self.verdict is not None and judging is not None:
            judging.finish()

    def unanswered(self) -> str | None:
        """Why the verdict answers nothing, on one line; ``None`` where it answers something."""
        if self.verdict is None:
            return None
        question = resolve_question(self.prepared.matrix.spec, self.prepared.plan)
        return unanswered(self.verdict, question, self._chosen)

    def close(self) -> None:
        """Remove temporary files, and the directory of a new run that did not start."""
        if self.begun or self._reserved:
            clean(self.directory)
        self._held.close()
        if self._reserved and not self.resumable:
            with suppress(OSError):  # it is not empty
                self.directory.rmdir()


def _require_cells(prepared: Prepared) -> None:
    """Refuse a run without an applicable cell, which would pass and say nothing."""
    if all(cell.reason is not None for cell in prepared.plan.cells):
        reasons = dict.fromkeys(cell.reason or "" for cell in prepared.plan.cells)
        raise HarnessError(
            f"{prepared.matrix.path}: no cell is applicable ({'; '.join(reasons)}); add a newer Go "
            "under go:, or change experiments: and exclude:"
        )
