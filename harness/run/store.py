"""The run directory: everything that one invocation measured, in files with a schema version.

Layout: ``run.json`` (the manifest), ``trials.jsonl`` (one line for each finished trial),
``profiles/``, ``series/``, ``verdict.json``, ``report.html``. Only the controller appends to
``trials.jsonl``; a worker writes the files of its own trial.
"""

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from harness.errors import HarnessError, MissingError, writing
from harness.files.document import CutShortError, count_values, parse_model
from harness.files.inside import append_line, lines_inside, path_inside, read_inside, write_inside
from harness.files.names import file_name
from harness.matrix.models import MatrixSpec
from harness.models import Frozen
from harness.plan.plan import Plan, Trial
from harness.run.records import MOST_ROUNDS, Manifest, Numbers, TrialRecord
from harness.text.suggestions import did_you_mean

MANIFEST = "run.json"
TRIALS = "trials.jsonl"
VERDICT = "verdict.json"
SCREENING = "screening"
"""A run directory within a run's: variants in which suspects are turned back."""
SEARCHES = ("bisect.json", "explain.json")
"""Files that only directories of searches have."""
MEASURED = frozenset({MANIFEST, TRIALS, *SEARCHES, "series", "profiles", SCREENING})
"""What a run directory holds that no command can make again from the rest."""

_MANIFEST_BYTES, _MANIFEST_VALUES = 32 << 20, 1_000_000
_TRIALS_BYTES, _TRIALS_VALUES, _MOST_TRIALS = 1 << 30, 6_000_000, 100_000
_LINE_BYTES, _LINE_VALUES = 8 << 20, 100_000
"""The most that is read of a file: 100,000 trials as this version writes them, twice as many as are
planned for one run, fit into a gigabyte of memory. Of numbers whose names other trials have too,
a tenth is counted, for they take less."""
_NAMES_BYTES = 8 << 10
"""More than what a line grows by when a trial's files are named in it."""
_MOST_SUSPECTS = 500
_MOST_COMPARISONS = 600_000
"""The most that are compared: 10,000 cells, the most that are planned, with 60 metrics each."""


class NoRunError(HarnessError):
    """A directory that is not a run."""


@dataclass(frozen=True)
class Run:
    """A stored run: all that analysis and report need."""

    path: Path
    manifest: Manifest
    trials: tuple[TrialRecord, ...]
    screening: "Run | None" = None
    """What was measured with suspects turned back, where that was asked for."""
    excluded: tuple[str, ...] = ()
    """Names of hosts whose trials are left out, as a user asked."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a run directory; a truncated last line of ``trials.jsonl`` is skipped.

        Raises:
            HarnessError: the directory is not a run, or has another schema.
        """
        run = cls._load(path)
        if not run.manifest.plan.suspects:
            return run
        try:
            return replace(run, screening=cls._load(path, f"{SCREENING}/"))
        except NoRunError:
            return run

    @classmethod
    def _load(cls, path: Path, within: str = "") -> Self:
        manifest = read_manifest(path, within)
        trials = tuple(read_trials(path, manifest.plan, within))
        _check_width(path, trials)
        return cls(path / within, manifest, trials)

    def profiles(self, workload: str, variant: str) -> list[Path]:
        """Heap profiles of a cell's successful trials.

        Raises:
            HarnessError: there are none, or one lies outside the run.
        """
        names = [spec.name for spec in self.manifest.matrix.workloads]
        if workload not in names:
            hint = did_you_mean(workload, names)
            raise HarnessError(f"{self.path}: there is no workload {workload!r}{hint}")
        found = [
            path_inside(self.path, trial.profile)
            for trial in self.trials
            if (trial.workload, trial.variant) == (workload, variant) and trial.ok and trial.profile
        ]
        if not found:
            raise HarnessError(f"{self.path} has no heap profile of {workload} with {variant}")
        return found


def read_manifest(path: Path, within: str = "") -> Manifest:
    """Read ``run.json``; ``within`` is ``screening/`` for the run in a run.

    Raises:
        HarnessError: the directory is not a run, has another schema, or contradicts itself.
    """
    name = f"{within}{MANIFEST}"
    try:
        data = read_inside(path, name, _MANIFEST_BYTES)
    except MissingError:
        raise NoRunError(
            f"{path} is not a run directory: it has no {MANIFEST}; gomatrix runs list shows those "
            "that there are, and gomatrix run makes one"
        ) from None
    manifest = parse_model(Manifest, data, str(path / name), values=_MANIFEST_VALUES)
    contradiction = _contradiction(manifest.plan, manifest.matrix)
    if contradiction:
        raise HarnessError(f"{path / name}: {contradiction}; copy the run again from its origin")
    return manifest


def _check_width(path: Path, trials: Iterable[TrialRecord]) -> None:
    """Limit the number of comparisons: each metric of each cell is compared."""
    metrics: dict[str, set[str]] = {}
    variants: dict[str, set[str]] = {}
    for trial in trials:
        metrics.setdefault(trial.workload, set()).update(trial.metrics)
        variants.setdefault(trial.workload, set()).add(trial.variant)
    count = sum(len(metrics[workload]) * len(variants[workload]) for workload in metrics)
    if count > _MOST_COMPARISONS:
        raise HarnessError(
            f"{path / TRIALS}: its cells have {count:,} metrics, and at most {_MOST_COMPARISONS:,} "
            "are compared; measure less in one run"
        )


def _contradiction(plan: Plan, matrix: MatrixSpec) -> str | None:
    """What is wrong with a plan; a run from elsewhere may hold anything."""
    variants = {variant.name for variant in plan.variants}
    workloads = {workload.name for workload in matrix.workloads}
    cells = {(cell.workload, cell.variant) for cell in plan.cells}
    first, step = plan.shard
    if len(variants) < len(plan.variants):
        return "two variants of the plan have one name"
    if len(workloads) < len(matrix.workloads):
        return "two workloads have one name"
    if len(cells) < len(plan.cells):
        return "a cell is in the plan twice"
    if not {variant for _, variant in cells} <= variants:
        return "a cell of the plan has a variant that is not in it"
    if not {workload for workload, _ in cells} <= workloads:
        return "a cell of the plan has a workload that is not in the matrix"
    if len(plan.suspects) > _MOST_SUSPECTS:
        return "the plan has more suspects than any Go has toggles"
    if not (0 <= plan.rounds <= MOST_ROUNDS and 1 <= first <= step <= MOST_ROUNDS):
        return "the plan has a number of rounds or shards that cannot be"
    return None


def read_trials(path: Path, plan: Plan | None = None, within: str = "") -> list[TrialRecord]:
    """Read ``trials.jsonl``, in the order of writing.

    A truncated line is skipped: its writer was killed. Any other line that is not a trial is an
    error, so that no measurement is dropped silently.

    Args:
        path: the run directory.
        plan: the run's plan; where given, each trial must belong to it.
        within: ``screening/`` for the run in a run.

    Raises:
        HarnessError: a line is not a trial, or there are too many.
    """
    cells = None if plan is None else {(cell.workload, cell.variant) for cell in plan.cells}
    place = path / within / TRIALS
    records: list[TrialRecord] = []
    shapes: set[int] = set()
    values = 0.0
    lines = lines_inside(path, f"{within}{TRIALS}", _TRIALS_BYTES, _LINE_BYTES)
    try:
        for number, line in enumerate(lines, start=1):
            values += count_values(line)
            if number > _MOST_TRIALS or values > _TRIALS_VALUES:
                raise HarnessError(
                    f"{place}:{number}: the run is too large: no more than "
                    f"{_MOST_TRIALS:,} trials with {_TRIALS_VALUES:,} values are read; measure "
                    "less in one run"
                )
            for record in _trial_of(place, number, line):
                if cells is not None and (record.workload, record.variant) not in cells:
                    raise HarnessError(
                        f"{place}:{number}: is a trial of a cell that the run's plan does "
                        "not have; remove the line, or copy the run again from its origin"
                    )
                records.append(record)
                values -= 0.9 * _shared(record, shapes)
    except MissingError:
        return []
    return _last_of_each(records)


def _shared(record: TrialRecord, shapes: set[int]) -> int:
    """How many numbers of a record have names that earlier ones had; adds its names to them."""
    shared = 0
    for numbers in (record.metrics, record.runtime):
        if isinstance(numbers, Numbers):
            shared += len(numbers) if numbers.shape in shapes else 0
            shapes.add(numbers.shape)
    return shared


def _last_of_each(records: list[TrialRecord]) -> list[TrialRecord]:
    """Drop what a later record replaces: a trial that was measured anew, and names of files.

    A search that is resumed elsewhere measures a round anew of which it has a part; a file belongs
    to the last that wrote it.
    """
    taken: set[str] = set()
    seen: set[tuple[str, str, int]] = set()
    result = []
    for record in reversed(records):
        place = (record.workload, record.variant, record.round)
        if place in seen:
            continue
        seen.add(place)
        names = {"series": record.series, "profile": record.profile}
        lost = {field: None for field, name in names.items() if name in taken}
        taken |= {name for name in names.values() if name}
        result.append(record.model_copy(update=lost) if lost else record)
    return result[::-1]


def _trial_of(place: Path, number: int, line: bytes) -> list[TrialRecord]:
    """The trial of a line; empty for a truncated line."""
    try:
        return [_parse_trial(line.rstrip(b"\r\n"), str(place), number)]
    except CutShortError:
        return []


def _parse_trial(line: bytes, place: str, number: int) -> TrialRecord:
    return parse_model(
        TrialRecord, line, place, values=_LINE_VALUES, first_line=number,
        instead="remove the line, or read the run with the version that wrote it",
    )  # fmt: skip


def require_readable(record: TrialRecord) -> None:
    """Refuse a record that could not be read again, once it has got the names of its files.

    Raises:
        HarnessError: it is beyond a limit.
    """
    line = record.model_dump_json().encode()
    if len(line) + _NAMES_BYTES > _LINE_BYTES:
        raise HarnessError(f"it is longer than {_LINE_BYTES >> 20} MiB")
    _parse_trial(line, "its trial", 1)


def append_trial(
    path: Path, record: TrialRecord, otherwise: str = "go on elsewhere with --resume"
) -> None:
    """Append one line to ``trials.jsonl``, also after a truncated line."""
    with writing(path, otherwise):
        append_line(path, TRIALS, record.model_dump_json())


def write_json(path: Path, model: Frozen) -> None:
    """Write a model to a file of a run directory atomically."""
    write_inside(path.parent, path.name, model.model_dump_json(indent=1) + "\n")


def point_latest(path: Path) -> None:
    """Point the symbolic link ``latest`` at a run directory; anything else of that name is kept.

    It is for people. Programs must not rely on it: any other run may move it at any time.
    """
    link = path.parent / "latest"
    if os.path.lexists(link) and not link.is_symlink():
        return
    temporary = path.parent / f".latest.{secrets.token_hex(8)}"
    temporary.symlink_to(path.name)
    try:
        temporary.replace(link)
    except OSError:
        temporary.unlink()
        raise


def stem_of(trial: Trial, workloads: Iterable[str], variants: Iterable[str]) -> str:
    """The name of a trial's files below ``series`` and ``profiles``, without the suffix."""
    workload, variant = file_name(trial.workload, workloads), file_name(trial.variant, variants)
    return f"{workload}/{variant}-r{trial.round:02}"
