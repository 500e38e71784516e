"""Evidence for diagnosis besides the trials' records: heap profiles and series of a run."""

from collections import defaultdict

from harness.analysis.memory import Evidence
from harness.errors import HarnessError
from harness.profiles.pprof import Stack
from harness.run.contents import Reading
from harness.run.question import question_of
from harness.run.store import Run

_NOT_THE_PROGRAM = ("runtime.", "internal/runtime/", "runtime/internal/")


def read_evidence(run: Run) -> Evidence:
    """Read profiles and series of the question's baseline and candidate, those that can be read."""
    question = question_of(run)
    wanted = {question.baseline, question.candidate}
    functions: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    series: dict[tuple[str, str], list[list[tuple[float, float]]]] = defaultdict(list)
    unreadable: dict[str, list[str]] = defaultdict(list)
    reading = Reading(run)
    for trial in run.trials:
        if not trial.ok or trial.variant not in wanted:
            continue
        key = (trial.workload, trial.variant)
        if points := reading.series(trial):
            series[key].append(points)
        try:
            heap = reading.heap(trial)
        except HarnessError as error:
            unreadable[trial.workload].append(str(error))
            continue
        if heap is not None:
            functions[key].append(by_function(heap))
    return Evidence(
        functions={key: _mean(profiles) for key, profiles in functions.items()},
        series=dict(series),
        unreadable={workload: tuple(said) for workload, said in unreadable.items()},
    )


def by_function(stacks: dict[Stack, float]) -> dict[str, float]:
    """Sum bytes in use by the innermost function outside the runtime."""
    result: dict[str, float] = defaultdict(float)
    for stack, size in stacks.items():
        own = (name for name in reversed(stack) if not name.startswith(_NOT_THE_PROGRAM))
        result[next(own, stack[-1] if stack else "?")] += size
    return dict(result)


def _mean(profiles: list[dict[str, float]]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for profile in profiles:
        for name, size in profile.items():
            total[name] += size / len(profiles)
    return dict(total)
