"""The run directory: everything that one invocation measured, in files with a schema version.

Layout: ``run.json`` (the manifest), ``trials.jsonl`` (append-only, one line a finished trial),
``profiles/``, ``series/``, ``verdict.json``, ``report.html``. The controller alone appends to
``trials.jsonl``; a worker writes only files of its own trial.
"""

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from harness.errors import HarnessError, writing
from harness.frozen import Frozen
from harness.golang.records import BuildRecord, ToolchainRecord
from harness.host import Host
from harness.measure.tree import ChildProcess
from harness.plan import Plan, Trial
from harness.spec.models import MatrixSpec
from harness.variants import Variant

MANIFEST = "run.json"
TRIALS = "trials.jsonl"

Series = Sequence[tuple[float, int]]
"""Seconds since the start, resident bytes."""


class Manifest(Frozen):
    """``run.json``: what was to be measured, with what, where."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: str
    created: datetime
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
    """In a merged run: every machine that measured."""
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

    def goroot(self) -> Path:
        """A toolchain of the run that is on this machine.

        Raises:
            HarnessError: there is none.
        """
        for toolchain in self.toolchains:
            if (Path(toolchain.goroot) / "bin" / "go").exists():
                return Path(toolchain.goroot)
        names = ", ".join(t.name for t in self.toolchains)
        raise HarnessError(f"none of this run's toolchains ({names}) is on this machine")


class TrialRecord(Frozen):
    """One line of ``trials.jsonl``: a finished trial."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    workload: str
    variant: str
    round: int
    lane: int = 0
    host: str
    started: float = 0.0
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
        return cls(path, read_manifest(path), tuple(read_trials(path)))

    def profiles(self, workload: str, variant: str) -> list[Path]:
        """Heap profiles of the trials of a cell that count.

        Raises:
            HarnessError: there are none.
        """
        found = [
            self.path / trial.profile
            for trial in self.trials
            if (trial.workload, trial.variant) == (workload, variant) and trial.ok and trial.profile
        ]
        if not found:
            raise HarnessError(f"{self.path} has no heap profile of {workload} with {variant}")
        return found


def read_manifest(path: Path) -> Manifest:
    """A run directory's manifest.

    Raises:
        HarnessError: the directory holds no run, or one of another schema.
    """
    try:
        return Manifest.model_validate_json((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HarnessError(
            f"{path} is not a run directory: it has no {MANIFEST}; gomatrix runs list shows those "
            "that there are, and gomatrix run makes one"
        ) from None
    except ValidationError as error:
        raise HarnessError(
            f"{path / MANIFEST} was not written by this version: "
            f"{error.errors()[0]['msg']}; measure again, or read it with the version that wrote it"
        ) from None


def read_trials(path: Path) -> list[TrialRecord]:
    """Every whole line of a run's ``trials.jsonl``, in the order of writing.

    Raises:
        HarnessError: a line is whole, and yet no trial.
    """
    try:
        lines = (path / TRIALS).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(TrialRecord.model_validate_json(line))
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                continue  # a line cut short when its writer was killed
            raise HarnessError(
                f"{path / TRIALS}:{number}: is no trial of this version: "
                f"{error.errors()[0]['msg']}; remove the line, or read the run with the version "
                "that wrote it"
            ) from None
    return records


def append_trial(path: Path, record: TrialRecord) -> None:
    """Add one line to ``trials.jsonl``; after a line that was cut short, on a line of its own."""
    with (
        writing(path, "go on elsewhere with --resume"),
        (path / TRIALS).open("ab+", buffering=0) as file,
    ):
        data = (record.model_dump_json() + "\n").encode()
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            data = data if file.read(1) == b"\n" else b"\n" + data
        file.write(data)


def continued(old: Manifest, new: Manifest) -> Manifest:
    """The manifest of a run that is resumed: the old one, with builds that the new one adds.

    Raises:
        HarnessError: matrix, toolchains, builds or plan differ; the message names the field.
    """
    check_same_origin(old, new, "resumed")
    builds = {b.key: b for b in (*new.builds, *old.builds)}
    return old.model_copy(update={"builds": tuple(builds.values())})


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
        "plan": dumped["plan"],
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
    """Write a model to a file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(model.model_dump_json(indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def point_latest(path: Path) -> None:
    """Make ``latest`` beside a run directory point at it.

    It is for people. No program may go by it, since any other run may move it at any time.
    """
    link = path.parent / "latest"
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
    path: Path, series: Series, tree: Series = (), children: Sequence[Series] = ()
) -> None:
    """Store one trial's series."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = series_to_json(series, tree, children)
    path.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
