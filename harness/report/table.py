"""A run's samples for other tools: JSON, CSV and the Go benchmark format."""

import csv
import io
import json
from collections.abc import Iterator

from harness.matrix.names import assignments
from harness.metrics.catalogue import benchmark_metric, describe, is_of_benchmarks
from harness.plan.variants import Variant
from harness.report.wording import raw
from harness.run.records import TrialRecord
from harness.run.store import Run
from harness.text.visible import visible, visible_json

_COLUMNS = (
    "workload", "variant", "toolchain", "experiments", "build", "env", "round", "lane", "host",
    "started", "outcome", "metric", "unit", "value",
)  # fmt: skip
_LABELS = ("goos", "goarch", "pkg", "cpu")
"""What ``go test -bench`` writes first; benchstat makes a table for each."""
_UNIT_SUFFIX = {"bytes": "bytes", "seconds": "sec", "count": "count"}


def render_json(run: Run) -> str:
    """Render trials with their metrics, as in ``trials.jsonl``, and their variants' parts."""
    variants = [variant.model_dump(mode="json") for variant in run.manifest.plan.variants]
    trials = [trial.model_dump(mode="json") for trial in run.trials]
    document = {"schema": 1, "run": run.manifest.name, "variants": variants, "trials": trials}
    return visible_json(json.dumps(document, indent=1, ensure_ascii=False)) + "\n"


def render_csv(run: Run) -> str:
    """Render a line for each trial and metric, or one with an empty value if there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for trial, variant in _with_variants(run):
        names = (
            trial.workload, trial.variant, variant.toolchain, ",".join(variant.settings),
            _build(variant), _environment(variant),
        )  # fmt: skip
        start = (
            *map(_csv_text, names), trial.round, trial.lane, _csv_text(trial.host),
            raw(trial.started), _csv_text(trial.outcome),
        )  # fmt: skip
        for metric, value in trial.metrics.items() or [("", None)]:
            writer.writerow((*start, _csv_text(metric), describe(metric).unit, raw(value)))
    return text.getvalue()


def _csv_text(text: str) -> str:
    """Put an apostrophe before foreign text that a spreadsheet would take for a formula."""
    shown = visible(text)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@", "\t")) else shown


def render_benchfmt(run: Run) -> str:
    """Render the Go benchmark format, a line for each trial that counts.

    Of benchmarks there is a line of each too, as ``go test -bench`` writes it.
    The keys ``toolchain``, ``experiments``, ``build`` and ``env`` tell variants apart:
    ``benchstat -col toolchain,experiments FILE`` (with the others, where the matrix has several).
    See https://go.dev/design/14313-benchmark-format.
    """
    metrics = dict.fromkeys(metric for trial in run.trials for metric in trial.metrics)
    lines = [
        f"Unit {_benchmark_unit(name)} better={describe(name).direction.split()[0]}"
        for name in metrics
        if describe(name).direction != "neutral" and not is_of_benchmarks(name)
    ]
    before: dict[str, str] = {}
    for trial, variant in _with_variants(run):
        values = [
            f"{raw(value)} {_benchmark_unit(metric)}"
            for metric, value in trial.metrics.items()
            if value is not None and raw(value) and not is_of_benchmarks(metric)
        ]
        own = _benchmark_lines(trial, _processors(run, trial, variant))
        if not (trial.ok and values) and not (own and trial.outcome == "timeout"):
            continue
        keys = {
            "toolchain": _one_line(variant.toolchain),
            "experiments": _one_line(",".join(variant.settings)) or "default",
            "build": _build(variant) or "default",
            "env": _environment(variant) or "default",
        } | {key: _one_line(trial.labels.get(key, "")) for key in _LABELS}
        changed = (key for key in keys if before.get(key, "") != keys[key])
        lines += [f"{key}: {keys[key]}".rstrip() for key in changed]  # without a value it ends
        before = keys
        if trial.ok and values:
            lines.append(f"Benchmark{_benchmark_name(trial.workload)} 1 " + " ".join(values))
        lines += own
    return "\n".join(lines) + "\n"


def _benchmark_lines(trial: TrialRecord, processors: int) -> list[str]:
    """The results of a trial's benchmarks: ``BenchmarkX-2 100 12.3 ns/op 64 B/op 1 allocs/op``."""
    found: dict[str, dict[str, str]] = {}
    for metric, value in trial.metrics.items():
        name, _, unit = metric.rpartition(" ")
        if is_of_benchmarks(metric) and value is not None and raw(value):
            factor = benchmark_metric(name, unit)[1]
            found.setdefault(name, {})[unit] = f"{float(f'{value / factor:.10g}'):.10g}"
    suffix = f"-{processors}" if processors > 1 else ""
    return [
        f"{name}{suffix} {units.pop('iterations', '1')} "
        + " ".join(f"{value} {unit}" for unit, value in units.items())
        for name, units in found.items()
        if units.keys() - {"iterations"}
    ]


def _processors(run: Run, trial: TrialRecord, variant: Variant) -> int:
    """The trial's ``GOMAXPROCS``, which Go writes behind a benchmark's name."""
    spec = run.manifest.matrix
    own = next((w.env for w in spec.workloads if w.name == trial.workload), {})
    return spec.trials.processors({**own, **dict(variant.conditions.env)})


def _with_variants(run: Run) -> Iterator[tuple[TrialRecord, Variant]]:
    variants = {variant.name: variant for variant in run.manifest.plan.variants}
    for trial in run.trials:
        yield trial, variants.get(trial.variant) or Variant(name=trial.variant, toolchain="")


def _build(variant: Variant) -> str:
    """Its build settings other than Go's own; quoted as in names, and so on one line."""
    return assignments(variant.build.given())


def _environment(variant: Variant) -> str:
    return assignments(dict(variant.conditions.env))


def _benchmark_unit(metric: str) -> str:
    suffix = _UNIT_SUFFIX.get(describe(metric).unit)
    name = "_".join(visible(metric).split())
    return f"{name}-{suffix}" if suffix else name


def _benchmark_name(workload: str) -> str:
    name = "_".join(visible(workload).split())
    return name[:1].upper() + name[1:]


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())
