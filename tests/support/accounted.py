"""Runs whose trials have accounts of resident memory."""

from collections.abc import Callable, Mapping

from harness.run.store import Run

MIB = 1 << 20


def with_accounts(
    run: Run,
    give: Callable[[str, int], dict[str, int]],
    metrics: Mapping[str, float | None] | None = None,
) -> Run:
    """Give each trial the account that ``give(variant, round)`` gives, and its sum as rss.end."""
    trials = []
    for trial in run.trials:
        account = give(trial.variant, trial.round)
        values = {**trial.metrics, "rss.end": float(sum(account.values())), **(metrics or {})}
        trials.append(trial.model_copy(update={"account": account, "metrics": values}))
    return Run(run.path, run.manifest, tuple(trials))


def origin(variant: str, number: int) -> dict[str, int]:
    """As of the origin's program: 96 MiB more in live objects on go1.24.3, and a little else."""
    hot = variant.startswith("go1.24.3")
    return {
        "live": (200 + 96 * hot) * MIB + 4096 * number, "unused": (10 + 3 * hot) * MIB,
        "garbage": 30 * MIB, "stacks": MIB - 8192 * number * hot, "text": 2 * MIB,
        "remainder": -4096 * hot,
    }  # fmt: skip
