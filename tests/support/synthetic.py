"""Runs made of numbers instead of measurements, for tests of analysis and report."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.golang.experiments import Experiments
from harness.golang.records import ToolchainRecord
from harness.matrix.models import MatrixSpec
from harness.plan.plan import make_plan
from harness.run.host import Host
from harness.run.records import Manifest, TrialRecord
from harness.run.store import Run

EXPERIMENTS = {
    "go1.23.9": Experiments(known=("rangefunc",), on=frozenset()),
    "go1.24.3": Experiments(
        known=("rangefunc", "swissmap", "spinbitmutex"),
        on=frozenset({"swissmap", "spinbitmutex"}),
    ),
}
EXPERIMENTS["go1.24.11"] = EXPERIMENTS["go1.24.3"]

ORIGIN: dict[str, object] = {
    "go": ["go1.23.9", "go1.24.3", "go1.24.11"],
    "experiments": [[], ["noswissmap"], ["nospinbitmutex"], ["noswissmap", "nospinbitmutex"]],
    "question": {
        "baseline": "go1.23.9",
        "candidate": "go1.24.3",
        "suspects": ["swissmap", "spinbitmutex"],
    },
    "workloads": [{"name": "large-buffers", "package": "./large"}],
    "trials": 6,
}

HOST = Host(
    id="host-1", name="builder", kernel="6.1", cpu="cpu", cpus=2, memory=1 << 34,
    transparent_hugepages="madvise", swap=0,
)  # fmt: skip


def make_run(
    measure: Callable[[str, str, int], dict[str, float | None]],
    matrix: dict[str, object] = ORIGIN,
    *,
    path: Path = Path("run"),
    outcome: Callable[[str, str, int], str] = lambda _workload, _variant, _round: "ok",
    experiments: dict[str, Experiments] = EXPERIMENTS,
    hosts: Sequence[Host] = (HOST,),
    seed: int = 1,
) -> Run:
    """A run whose trials have the metrics that ``measure(workload, variant, round)`` gives."""
    spec = MatrixSpec.model_validate(matrix)
    plan = make_plan(spec, {t.name: experiments[t.name] for t in spec.go}, seed=seed)
    trials = tuple(
        TrialRecord(
            workload=t.workload, variant=t.variant, round=t.round, lane=index % 2,
            host=hosts[t.round % len(hosts)].id, started=1.7e9 + index,
            outcome=outcome(t.workload, t.variant, t.round),
            metrics=measure(t.workload, t.variant, t.round),
        )
        for index, t in enumerate(plan.trials())
    )  # fmt: skip
    manifest = Manifest(
        name="synthetic", created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), harness="0",
        matrix_path="matrix.yaml", matrix_text="", matrix=spec,
        toolchains=tuple(
            ToolchainRecord(
                name=t.name, version=t.name, provider="test", goroot="/go",
                on=tuple(sorted(experiments[t.name].on)),
            )
            for t in spec.go
        ),
        builds=(), plan=plan, host=hosts[0], hosts=tuple(hosts) if len(hosts) > 1 else (), lanes=2,
        command=("gomatrix", "run"),
    )  # fmt: skip
    return Run(path, manifest, trials)
