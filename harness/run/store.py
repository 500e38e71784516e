"""The run directory: everything that one invocation measured, in files with a schema version.

Layout: ``run.json`` (the manifest), ``trials.jsonl`` (append-only, one line a finished trial),
``profiles/``, ``series/``, ``verdict.json``, ``report.html``. The controller alone appends to
``trials.jsonl``; a worker writes only files of its own trial.
"""

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field

from harness.errors import HarnessError, MissingError, writing
from harness.files.document import CutShortError, count_values, parse_json, parse_model
from harness.files.inside import append_line, lines_inside, path_inside, read_inside, write_inside
from harness.files.names import file_name
from harness.golang.records import BuildRecord, ToolchainRecord
from harness.matrix.models import MatrixSpec
from harness.models import Frozen
from harness.plan.plan import Plan, Trial
from harness.plan.variants import Variant
from harness.run.children import ChildProcess
from harness.run.host import Host

MANIFEST = "run.json"
TRIALS = "trials.jsonl"
VERDICT = "verdict.json"

MOST_ROUNDS = 1_000_000
_MANIFEST_BYTES, _MANIFEST_VALUES = 32 << 20, 1_000_000
_TRIALS_BYTES, _TRIALS_VALUES, _MOST_TRIALS = 256 << 20, 6_000_000, 50_000
_LINE_BYTES, _LINE_VALUES = 8 << 20, 100_000
_SERIES_BYTES, _SERIES_VALUES = 32 << 20, 2_000_000
"""What is read of a file at most: as much as the harness writes in 20,000 trials, the most that are
planned, at 250 values each; a gigabyte of memory holds it."""
_MOST_COMPARISONS = 600_000
"""Of the largest plan that can be measured, 5,000 cells with 100 metrics each, all are compared."""
_POINTS = 10_000
"""Of a series: more are thinned out."""

Series = Sequence[tuple[float, int]]
"""Seconds since the start, resident bytes."""


class NoRunError(HarnessError):
    """A directory that is no run at all."""


class Manifest(Frozen):
    """``run.json``: what was to be measured, with what, where."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: str
    created: AwareDatetime
    harness: str
    """The harness's version."""
    matrix_path: str
    matrix_text: str
    """The file as the user wrote it."""
    matrix: MatrixSpec
    toolchains: tuple[ToolchainRecord, ...]
    builds: tuple[BuildRecord, ...]
    supervisor: str = ""
    """Path of the program that starts and watches each trial."""
    load_generator: str = ""
    """Path of the program that puts servers under load; empty where there is none to serve."""
    plan: Plan
    host: Host
    hosts: tuple[Host, ...] = ()
    """Every machine that measured, in a run that was merged or resumed elsewhere."""
    lanes: int
    """Trials at a time."""
    memory_budget: int = 0
    """Bytes that trials may use together."""
    command: tuple[str, ...]
    """The command line that made the run."""

    def build(self, workload: str, variant: Variant) -> BuildRecord:
        """The build that a cell runs."""
        found = self.build_of(workload, variant)
        if found is None:
            raise AssertionError("every cell that runs was built")
        return found

    def build_of(self, workload: str, variant: Variant) -> BuildRecord | None:
        """The same; ``None`` for a cell that was not built, as one that was not selected."""
        key = (workload, variant.toolchain, variant.settings, variant.build)
        same = (b for b in self.builds if (b.workload, b.toolchain, b.settings, b.build) == key)
        return next(same, None)


class TrialRecord(Frozen):
    """One line of ``trials.jsonl``: a finished trial."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    workload: str
    variant: str
    round: Annotated[int, Field(ge=1, le=MOST_ROUNDS)]
    lane: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    host: str
    started: Annotated[float, Field(ge=0, le=1e11)] = 0.0
    """Seconds since the epoch; 0 for a trial that never started."""
    outcome: str
    """``ok``, ``exit N``, ``signal NAME``, ``timeout``, ``memory limit``, ``build failed``…"""
    metrics: dict[str, float | None] = {}
    notes: dict[str, str] = {}
    """For metrics that are ``None``: why."""
    smaps: dict[str, dict[str, int]] = {}
    """By class of mapping: bytes by kind (``size``, ``rss``, …) at the end of main."""
    series: str | None = None
    """Path within the run directory: memory over time."""
    profile: str | None = None
    """Path within the run directory: heap profile."""
    log: str = ""
    """The last lines of the program's output, for a trial that failed."""
    load_log: str = ""
    """The last lines of what a server's load wrote."""
    marks: dict[str, dict[str, float | None]] = {}
    """Metrics of snapshots in mid-run: a server's ``idle``, ``loaded``, ``after`` and ``settled``,
    or ``2.5s`` after the start."""
    processes: tuple[ChildProcess, ...] = ()
    """Children of the workload."""
    runtime: dict[str, float | None] = {}
    """All of ``runtime/metrics`` at the end, by its own names; of histograms, quantiles."""

    inherited: dict[str, str] = {}
    """What the program had of the harness's own process, since it could not be set otherwise, as
    ``nice`` or ``limit as``."""

    @property
    def trial(self) -> Trial:
        """Which trial it was."""
        return Trial(workload=self.workload, variant=self.variant, round=self.round)

    @property
    def ok(self) -> bool:
        """Whether the trial counts as a sample."""
        return self.outcome == "ok"


@dataclass(frozen=True)
class Run:
    """A run, loaded: all that analysis and report need."""

    path: Path
    manifest: Manifest
    trials: tuple[TrialRecord, ...]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a run directory; a truncated last line of ``trials.jsonl`` is passed over.

        Raises:
            HarnessError: the directory holds no run, or one of another schema.
        """
        manifest = read_manifest(path)
        trials = tuple(read_trials(path, manifest.plan))
        _check_width(path, trials)
        return cls(path, manifest, trials)

    def profiles(self, workload: str, variant: str) -> list[Path]:
        """Heap profiles of the trials of a cell that count.

        Raises:
            HarnessError: there are none, or one lies outside of the run.
        """
        found = [
            path_inside(self.path, trial.profile)
            for trial in self.trials
            if (trial.workload, trial.variant) == (workload, variant) and trial.ok and trial.profile
        ]
        if not found:
            raise HarnessError(f"{self.path} has no heap profile of {workload} with {variant}")
        return found


def read_manifest(path: Path) -> Manifest:
    """A run directory's manifest.

    Raises:
        HarnessError: the directory holds no run, one of another schema, or one that contradicts
            itself.
    """
    try:
        data = read_inside(path, MANIFEST, _MANIFEST_BYTES)
    except MissingError:
        raise NoRunError(
            f"{path} is not a run directory: it has no {MANIFEST}; gomatrix runs list shows those "
            "that there are, and gomatrix run makes one"
        ) from None
    manifest = parse_model(Manifest, data, str(path / MANIFEST), values=_MANIFEST_VALUES)
    contradiction = _contradiction(manifest.plan, manifest.matrix)
    if contradiction:
        raise HarnessError(f"{path / MANIFEST}: {contradiction}; get the run anew from its origin")
    return manifest


def _check_width(path: Path, trials: Iterable[TrialRecord]) -> None:
    """Each metric of each cell is compared: metrics that a stranger made up cost time too."""
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
    """What of a plan cannot be, in words; a run of a stranger may hold anything."""
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
    if not (0 <= plan.rounds <= MOST_ROUNDS and 1 <= first <= step <= MOST_ROUNDS):
        return "the plan has a number of rounds or shards that cannot be"
    return None


def read_trials(path: Path, plan: Plan | None = None) -> list[TrialRecord]:
    """Every whole line of a run's ``trials.jsonl``, in the order of writing.

    A line that ends in the middle is passed over: its writer was killed. Any other that is no
    trial stops the reading, so that nothing measured is left out without a word.

    Args:
        path: the run directory.
        plan: the run's, where each trial must be one of its.

    Raises:
        HarnessError: a line is whole, and yet no trial; or there are more than are read.
    """
    cells = None if plan is None else {(cell.workload, cell.variant) for cell in plan.cells}
    records: list[TrialRecord] = []
    values = 0
    lines = lines_inside(path, TRIALS, _TRIALS_BYTES, _LINE_BYTES)
    try:
        for number, line in enumerate(lines, start=1):
            values += count_values(line)
            if number > _MOST_TRIALS or values > _TRIALS_VALUES:
                raise HarnessError(
                    f"{path / TRIALS}:{number}: the run is too large: no more than "
                    f"{_MOST_TRIALS:,} trials with {_TRIALS_VALUES:,} values are read; measure "
                    "less in one run"
                )
            for record in _trial_of(path, number, line):
                if cells is not None and (record.workload, record.variant) not in cells:
                    raise HarnessError(
                        f"{path / TRIALS}:{number}: is a trial of a cell that the run's plan does "
                        "not have; remove the line, or get the run anew from its origin"
                    )
                records.append(record)
    except MissingError:
        return []
    return _each_file_once(records)


def _each_file_once(records: list[TrialRecord]) -> list[TrialRecord]:
    """Without files that a later record names too: who wrote a file last, has it."""
    taken: set[str] = set()
    result = []
    for record in reversed(records):
        names = {"series": record.series, "profile": record.profile}
        lost = {field: None for field, name in names.items() if name in taken}
        taken |= {name for name in names.values() if name}
        result.append(record.model_copy(update=lost) if lost else record)
    return result[::-1]


def _trial_of(path: Path, number: int, line: bytes) -> list[TrialRecord]:
    """The trial of a line; none where it was cut short."""
    content = line.rstrip(b"\r\n")
    place = str(path / TRIALS)
    try:
        return [
            parse_model(
                TrialRecord, content, place, values=_LINE_VALUES, first_line=number,
                instead="remove the line, or read the run with the version that wrote it",
            )
        ]  # fmt: skip
    except CutShortError:
        return []


def read_series(path: Path, name: str) -> list[tuple[float, float]]:
    """A trial's memory over time: seconds since the start and resident bytes.

    Args:
        path: the run directory.
        name: the file's, within it.

    Raises:
        HarnessError: there is no such file in the run, or it holds something else.
    """
    data = read_inside(path, name, _SERIES_BYTES)
    found = parse_json(data, str(path / name), values=_SERIES_VALUES)
    try:
        points = zip(found["seconds"], found["rss"], strict=True)
        return thinned([(float(seconds), float(rss)) for seconds, rss in points], _POINTS)
    except (ValueError, KeyError, TypeError):
        raise HarnessError(f"{path / name} holds no series") from None


def thinned(points: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most about as many points; of each stretch that is left out its highest stays."""
    step = -(-len(points) // most)
    if step <= 1:
        return points
    parts = [points[index : index + step] for index in range(0, len(points), step)]
    return [max(part, key=lambda point: point[1]) for part in parts]


def append_trial(
    path: Path, record: TrialRecord, otherwise: str = "go on elsewhere with --resume"
) -> None:
    """Add one line to ``trials.jsonl``; after a line that was cut short, on a line of its own.

    Args:
        path: the run directory.
        record: the trial.
        otherwise: what to do where it cannot be written.
    """
    with writing(path, otherwise):
        append_line(path, TRIALS, record.model_dump_json())


def continued(old: Manifest, new: Manifest) -> Manifest:
    """The manifest of a run that is resumed: what the old one says, with the new one's means.

    The old one may come from elsewhere. So whatever is executed or opened from here on is what this
    invocation has found and built itself, and of builds that it has not made, no path is kept.

    Raises:
        HarnessError: matrix, toolchains, builds or plan differ; the message names the field.
    """
    check_same_origin(old, new, "resumed")
    made = {_cell(build) for build in new.builds}
    earlier = [_without_paths(build) for build in old.builds if _cell(build) not in made]
    means = {name: getattr(new, name) for name in _MEANS}
    hosts = {host.id: host for host in (*(old.hosts or (old.host,)), new.host)}
    return old.model_copy(
        update={
            **means,
            "builds": (*new.builds, *earlier),
            "hosts": tuple(hosts.values()) if len(hosts) > 1 else old.hosts,
        }
    )


_MEANS = (
    *("matrix_path", "matrix_text", "matrix", "plan", "toolchains", "supervisor"),
    *("load_generator", "lanes", "memory_budget"),
)


def _cell(build: BuildRecord) -> tuple[object, ...]:
    return (build.workload, build.toolchain, build.settings, build.build)


def _without_paths(build: BuildRecord) -> BuildRecord:
    return build.model_copy(update={"binary": "", "directory": ""})


_INSTEAD = {
    "resumed": "start a new run, or take the change back",
    "merged": "measure both from the same matrix, sources and toolchains",
}


def check_same_origin(
    old: Manifest, new: Manifest, purpose: str, *, ignore: frozenset[str] = frozenset()
) -> None:
    """Refuse to join measurements that were not made from the same things.

    Args:
        old: one manifest.
        new: the other.
        purpose: what was to be done, for the message: ``resumed``, ``merged``.
        ignore: fields, as ``plan.seed``, that may differ.

    Raises:
        HarnessError: the message names the first field that differs, with both values.
    """
    before, after = (_origin(manifest) for manifest in (old, new))
    keys = before["builds"].keys() & after["builds"].keys()  # a selection may build less
    for origin in (before, after):
        origin["builds"] = {key: origin["builds"][key] for key in keys}
        for field in ignore:
            part, name = field.split(".")
            origin[part].pop(name)
    difference = _first_difference(before, after, "")
    if difference:
        raise HarnessError(
            f"{old.name} cannot be {purpose}, since it was made from something else: {difference}; "
            f"{_INSTEAD[purpose]}"
        )


def _origin(manifest: Manifest) -> dict[str, Any]:
    """What a run's numbers depend on, as JSON values; of a build, the binary itself."""
    dumped = manifest.model_dump(mode="json")
    return {
        "matrix": dumped["matrix"],
        "toolchains": {
            t["name"]: {"version": t["version"], "on": t["on"]} for t in dumped["toolchains"]
        },
        "plan": {name: part for name, part in dumped["plan"].items() if name != "left"},
        "builds": {
            f"{b['workload']} with {b['toolchain']} {b['settings']} {b['build']}": b["sha256"]
            for b in dumped["builds"]
        },
    }


def _first_difference(old: Any, new: Any, field: str) -> str | None:
    """The first field in which two JSON values differ, with both values, in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [
            (old.get(key), new.get(key), f"{field}.{key}".lstrip(".")) for key in {**old, **new}
        ]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(a, b, f"{field}[{i}]") for i, (a, b) in enumerate(zip(old, new, strict=True))]
    else:
        return None if old == new else f"{field} was {json.dumps(old)} and is {json.dumps(new)}"
    return next((d for a, b, name in pairs if (d := _first_difference(a, b, name))), None)


def write_json(path: Path, model: Frozen) -> None:
    """Write a model to a file of a run directory, whole or not at all."""
    write_inside(path.parent, path.name, model.model_dump_json(indent=1) + "\n")


def point_latest(path: Path) -> None:
    """Make ``latest`` beside a run directory point at it; whatever else is called so stays.

    It is for people. No program may go by it, since any other run may move it at any time.
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


def series_to_json(
    series: Series, tree: Series = (), children: Sequence[Series] = ()
) -> dict[str, Any]:
    """Memory over time as columns: seconds since the start, resident bytes.

    Args:
        series: of the program.
        tree: of the program with its children, from the first child on.
        children: of each child, in the order of the trial's ``processes``.
    """
    return {
        "schema": 1,
        "seconds": [t for t, _ in series],
        "rss": [rss for _, rss in series],
        "tree_seconds": [t for t, _ in tree],
        "tree_rss": [rss for _, rss in tree],
        "children": [
            {"seconds": [t for t, _ in child], "rss": [rss for _, rss in child]}
            for child in children
        ],
    }


def write_series(
    directory: Path, name: str, series: Series, tree: Series = (), children: Sequence[Series] = ()
) -> None:
    """Store one trial's series in a file of the run directory."""
    content = series_to_json(series, tree, children)
    write_inside(directory, name, json.dumps(content, separators=(",", ":")))


def stem_of(trial: Trial, workloads: Iterable[str], variants: Iterable[str]) -> str:
    """How the names of a trial's own files begin, below ``series`` and ``profiles``.

    Args:
        trial: which one.
        workloads: all names of the run's.
        variants: likewise.
    """
    workload, variant = file_name(trial.workload, workloads), file_name(trial.variant, variants)
    return f"{workload}/{variant}-r{trial.round:02}"
