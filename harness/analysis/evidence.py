"""Evidence for diagnosis besides the trials' records: heap profiles and series of a run."""

from collections import defaultdict

from harness.analysis.memory import Evidence
from harness.errors import HarnessError
from harness.profiles.sites import by_site
from harness.run.contents import Reading
from harness.run.question import question_of
from harness.run.records import TrialRecord
from harness.run.store import Run

_KINDS = ("inuse_space", "alloc_space", "alloc_objects", "resident_space", "zero_space")
Sites = dict[str, dict[str, float]]
"""By kind of sample: bytes or objects by allocation site."""


def read_evidence(run: Run) -> Evidence:
    """Read profiles and series of the question's baseline and candidate, those that can be read."""
    question = question_of(run)
    wanted = {question.baseline, question.candidate}
    sites: dict[tuple[str, str], list[Sites]] = defaultdict(list)
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
            found = _sites(reading, trial, run.manifest.module_of(trial.workload))
        except HarnessError as error:
            unreadable[trial.workload].append(str(error))
            continue
        if found is not None:
            sites[key].append(found)
    means = {
        kind: {
            key: _mean([found[kind] for found in profiles])
            for key, profiles in sites.items()
            if all(kind in found for found in profiles)
        }
        for kind in _KINDS
    }
    return Evidence(
        functions=means.pop("inuse_space"),
        kinds=means,
        series=dict(series),
        unreadable={workload: tuple(said) for workload, said in unreadable.items()},
    )


def _sites(reading: Reading, trial: TrialRecord, module: str) -> Sites | None:
    """What a trial's heap profile says of each site; ``None`` where there is no profile.

    Raises:
        HarnessError: it is damaged, or beyond a limit.
    """
    stacks = reading.heaps(trial, _KINDS)
    if stacks is None:
        return None
    return {kind: by_site(held, module) for kind, held in stacks.items()}


def _mean(profiles: list[dict[str, float]]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for profile in profiles:
        for name, size in profile.items():
            total[name] += size / len(profiles)
    return dict(total)
