"""Joining runs of one matrix, from several machines or shards, into one run directory."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.run import (
    MANIFEST,
    Manifest,
    Run,
    TrialRecord,
    append_trial,
    check_same_origin,
    write_json,
)

_MAY_DIFFER = frozenset({"plan.seed", "plan.shard"})


def merge(runs: Sequence[Run], destination: Path) -> Run:
    """Join runs into a new run directory; each trial keeps the host that measured it.

    Rounds that two runs both have, as when a whole run was repeated on another machine, are
    numbered on behind the first run's: a round is a block, and its number only tells it apart.

    Args:
        runs: at least one, all made from the same matrix, toolchains and builds.
        destination: a directory that does not exist yet.

    Raises:
        HarnessError: the runs were not made from the same things, or the destination exists.
    """
    first, *others = runs
    for other in others:
        check_same_origin(first.manifest, other.manifest, "merged", ignore=_MAY_DIFFER)
    if destination.exists():
        raise HarnessError(f"{destination} exists already; name a new directory")
    destination.mkdir(parents=True)
    taken: set[tuple[str, int]] = set()
    last = 0
    for run in runs:
        rounds = {(t.workload, t.round) for t in run.trials}
        offset = last if rounds & taken else 0
        for record in _moved(run, offset, destination):
            append_trial(destination, record)
        taken |= {(workload, number + offset) for workload, number in rounds}
        last = max((number for _, number in taken), default=0)
    write_json(destination / MANIFEST, _joined([run.manifest for run in runs], destination, last))
    return Run.load(destination)


def _moved(run: Run, offset: int, destination: Path) -> Iterator[TrialRecord]:
    """A run's trials, renumbered, with their files copied to a directory of the run's own."""
    for record in run.trials:
        paths = {}
        for field in ("series", "profile"):
            path = getattr(record, field)
            if path is not None and (run.path / path).is_file():
                kind, rest = path.split("/", 1)
                paths[field] = f"{kind}/{run.path.name}/{rest}"
                target = destination / paths[field]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(run.path / path, target)
        yield record.model_copy(update={**paths, "round": record.round + offset})


def _joined(manifests: Sequence[Manifest], destination: Path, rounds: int) -> Manifest:
    first = manifests[0]
    hosts = {host.id: host for m in manifests for host in (m.hosts or (m.host,))}
    builds = {b.key: b for m in manifests for b in m.builds}
    plan = first.plan.model_copy(
        update={"shard": (1, 1), "rounds": max(rounds, *(m.plan.rounds for m in manifests))}
    )
    return first.model_copy(
        update={
            "name": destination.name,
            "plan": plan,
            "hosts": tuple(hosts.values()),
            "builds": tuple(builds.values()),
        }
    )
