"""Prepare an explanation: what is asked, and the run directory to measure into."""

import secrets
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.bisect.prepare import Setup, metric_of, open_setup, read_record, workload_of
from harness.bisect.record import Request as BisectRequest
from harness.errors import HarnessError
from harness.explain.record import RECORD, Explanation, Request
from harness.explain.subject import MATRIX, Asked, commits_of, subject_of
from harness.golang.cache import default_cache
from harness.golang.toolchains.resolve import Say
from harness.matrix.load import Matrix
from harness.matrix.models import QuestionSpec
from harness.plan.question import metrics_of
from harness.run.directory import reserve
from harness.session.bench import HERE, Bench


class Arguments(Asked):
    """What the command line says."""

    workload: str | None = None
    metric: str | None = None
    repository: Path | None = None
    smallest: float = 0.01
    seed: int | None = None


@dataclass(frozen=True)
class Inquiry:
    """An explanation, ready to measure."""

    request: Request
    matrix: Matrix
    directory: Path
    command: tuple[str, ...]
    cache: Path
    say: Say
    bench: Bench = HERE
    """Where rounds are measured."""

    @property
    def workloads(self) -> list[str]:
        """Those that are measured."""
        names = [workload.name for workload in self.matrix.spec.workloads]
        return names if self.request.workload is None else [self.request.workload]

    def metrics_of(self, workload: str) -> tuple[str, ...]:
        """Those that are compared first; of benchmarks, patterns too."""
        if self.request.metric is not None:
            return (self.request.metric,)
        asked = self.matrix.spec.question or QuestionSpec()
        spec = next(w for w in self.matrix.spec.workloads if w.name == workload)
        names = metrics_of(asked, of_benchmarks=spec.benchmark is not None)
        return tuple(n for n in names if spec.benchmark or "*" not in n) or ("rss.peak",)

    @property
    def metrics(self) -> list[str]:
        """The question's, of all workloads."""
        return list(dict.fromkeys(m for w in self.workloads for m in self.metrics_of(w)))

    def setup(self, workload: str, metric: str, *, better: bool = False) -> Setup:
        """A bisection of one metric of one workload in the same run directory.

        ``better`` makes the newer version the good end.

        Raises:
            HarnessError: an end cannot be had, or the workload is no program.
        """
        asked = self.request
        good, bad = (asked.newer, asked.older) if better else (asked.older, asked.newer)
        request = BisectRequest(
            matrix=str(self.matrix.path), matrix_text=self.matrix.text, workload=workload,
            metric=metric, good=good, bad=bad, repository=asked.repository,
            smallest=asked.smallest, seed=asked.seed,
        )  # fmt: skip
        return open_setup(
            request, self.matrix, self.directory, command=self.command, say=self.say,
            metrics=self.metrics, candidate="good" if better else "bad", bench=self.bench,
        )  # fmt: skip


def begin(
    arguments: Arguments, *, reports: Path, command: tuple[str, ...], say: Say, bench: Bench = HERE
) -> Inquiry:
    """Find out what to measure, and make a new run directory; rounds are measured on ``bench``.

    Raises:
        HarnessError: there is nothing to measure, or the directory cannot be made.
    """
    cache = default_cache()
    request, matrix = _request(arguments, cache, say)
    name = request.workload or matrix.spec.workloads[0].name
    directory = reserve(reports, f"explain-{name}", datetime.now(UTC))
    return Inquiry(request, matrix, directory, command, cache, say, bench)


def resume(
    directory: Path, arguments: Arguments, *, command: tuple[str, ...], say: Say,
    bench: Bench = HERE,
) -> Inquiry:  # fmt: skip
    """Continue an interrupted explanation.

    The directory may come from elsewhere, so nothing that it names is executed: what is measured
    is what the command line names, and must be what the directory was made from.

    Raises:
        HarnessError: the directory holds none, or it asks something else than the command line.
    """
    stored = read_record(Explanation, directory, RECORD, "no explanation").request
    seeded = arguments.model_copy(
        update={"seed": stored.seed if arguments.seed is None else arguments.seed}
    )
    request, matrix = _request(seeded, default_cache(), say)
    for name, said in request:
        if said != (known := getattr(stored, name)):
            what = "matrix" if name == "matrix_text" else name
            shown = "" if name == "matrix_text" else f" {known!r}, not {said!r}"
            raise HarnessError(
                f"{directory} cannot be resumed: it was begun with another {what}{shown}; give the "
                "same command line, or start anew"
            )
    cache, place = default_cache(), directory.resolve()
    return Inquiry(request, matrix, place, command, cache, say, bench)


def going_on(command: Sequence[str], directory: Path) -> str:
    """The command that continues an explanation: as it was begun, and where."""
    words = list(command)
    if "--resume" in words:
        return shlex.join(words)
    end = words.index("--") if "--" in words else len(words)
    return shlex.join([*words[:end], "--resume", str(directory), *words[end:]])


def forget(inquiry: Inquiry) -> None:
    """Remove the directory of an explanation that did not begin: no end could be had."""
    directory = inquiry.directory
    with suppress(OSError):  # somebody else writes there
        if {path.name for path in directory.iterdir()} <= {RECORD}:
            (directory / RECORD).unlink(missing_ok=True)
            directory.rmdir()


def _request(arguments: Arguments, cache: Path, say: Say) -> tuple[Request, Matrix]:
    matrix, older, newer = subject_of(arguments, cache, say)
    if arguments.workload is not None:
        workload_of(matrix, arguments.workload)
    if arguments.metric is not None:
        metric_of(matrix, arguments.metric)
    request = Request(
        subject=arguments.subject or MATRIX, args=arguments.args, refs=arguments.refs,
        commits=commits_of(arguments),
        matrix_text=matrix.text, older=older, newer=newer, workload=arguments.workload,
        metric=arguments.metric,
        repository=str(arguments.repository.resolve()) if arguments.repository else None,
        smallest=arguments.smallest,
        seed=secrets.randbelow(1 << 31) if arguments.seed is None else arguments.seed,
    )  # fmt: skip
    return request, matrix
