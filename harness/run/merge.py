"""Merge runs of one matrix, from several machines or shards, into one run directory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import HarnessError, writing
from harness.files.inside import read_inside, write_inside
from harness.files.whole import OTHERWISE, whole_directory
from harness.run.records import MOST_ROUNDS, Manifest, TrialRecord
from harness.run.resume import check_same_origin
from harness.run.store import MANIFEST, Run, append_trial, stem_of, write_json

_MAY_DIFFER = frozenset({"plan.seed", "plan.shard"})
_FILE_BYTES = 64 << 20
"""The largest file of a trial that is copied."""
_FILES = {"series": ("series", ".json"), "profile": ("profiles", ".pb.gz")}
"""A trial's files by field of its record: directory and suffix."""


def merge(runs: Sequence[Run], destination: Path) -> Run:
    """Merge runs into a new run directory; each trial keeps the host that measured it.

    Where two runs have the same rounds, as when a run was repeated on another machine, those of the
    later one get new numbers: the number of a round only identifies it. The destination is created
    complete or not at all.

    Raises:
        HarnessError: the runs are of different things, or hold the same trial; or the destination
            exists.
    """
    with whole_directory(destination) as directory:
        join_into(runs, directory, destination.name)
    return Run.load(destination)


def join_into(runs: Sequence[Run], directory: Path, name: str) -> None:
    """Write the merged run into a directory; arguments as of ``merge``."""
    first, *others = runs
    for other in others:
        check_same_origin(first.manifest, other.manifest, "merged", ignore=_MAY_DIFFER)
    _check_distinct(runs)
    taken: set[tuple[str, int]] = set()
    last = 0
    for run in runs:
        rounds = {trial.block for trial in run.trials}
        offset = last if rounds & taken else 0
        taken |= {(workload, number + offset) for workload, number in rounds}
        last = max((number for _, number in taken), default=0)
        if last > MOST_ROUNDS:
            raise HarnessError(f"{run.path} and those before it have more rounds than a run can")
        for record in _moved(run, offset, directory):
            append_trial(directory, record, OTHERWISE)
    with writing(directory, OTHERWISE):
        write_json(directory / MANIFEST, _joined([run.manifest for run in runs], name, last))


def _check_distinct(runs: Sequence[Run]) -> None:
    """Refuse a trial that two of the runs hold: it would count twice."""
    holders: dict[str, int] = {}
    for position, run in enumerate(runs):
        for record in run.trials:
            measured = record.model_dump_json(exclude={"round", "series", "profile", "notes"})
            holder = holders.setdefault(measured, position)
            if holder != position:
                raise HarnessError(
                    f"{runs[holder].path} and {run.path} hold the same trial ({record.id}), "
                    "which would count twice; name each run once, and none that another of them "
                    "was merged from"
                )


def _moved(run: Run, offset: int, directory: Path) -> Iterator[TrialRecord]:
    """A run's trials, renumbered, with their files copied; no path of a run is trusted."""
    workloads = [workload.name for workload in run.manifest.matrix.workloads]
    variants = [variant.name for variant in run.manifest.plan.variants]
    for record in run.trials:
        moved = record.model_copy(update={"round": record.round + offset})
        stem = stem_of(moved, workloads, variants)
        paths: dict[str, str | None] = {}
        notes = dict(record.notes)
        for field, (place, ending) in _FILES.items():
            source = getattr(record, field)
            if source is None:
                continue
            paths[field] = f"{place}/{stem}{ending}"
            try:
                data = read_inside(run.path, source, _FILE_BYTES)
            except HarnessError as error:
                notes[field], paths[field] = f"it was not merged: {error}", None
                continue
            with writing(directory, OTHERWISE):
                write_inside(directory, f"{place}/{stem}{ending}", data)
        yield moved.model_copy(update={**paths, "notes": notes})


def _joined(manifests: Sequence[Manifest], name: str, rounds: int) -> Manifest:
    first = manifests[0]
    hosts = {host.id: host for m in manifests for host in (m.hosts or (m.host,))}
    builds = {b.key: b for m in manifests for b in m.builds}
    rounds = max(rounds, *(m.plan.rounds for m in manifests))
    plan = first.plan.model_copy(update={"shard": (1, 1), "left": {}, "rounds": rounds})
    parts = {"plan": plan, "hosts": tuple(hosts.values()), "builds": tuple(builds.values())}
    return first.model_copy(update={"name": name, **parts})
