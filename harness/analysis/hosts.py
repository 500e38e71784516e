"""What each host of a run contributed, and the change that its rounds alone show."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

import numpy as np

from harness.analysis.comparisons import compare_asked
from harness.analysis.models import Comparison, HostChange, HostResult
from harness.analysis.samples import Block, Table, Values
from harness.matrix.models import TrialsSpec
from harness.plan.question import Question
from harness.run.hosts import host_names
from harness.run.records import TrialRecord
from harness.run.store import Run

_MOST = 10_000
"""Changes of all hosts together: they take a second or two."""


def host_results(
    run: Run, tables: Mapping[str, Table], question: Question, trials: TrialsSpec
) -> tuple[HostResult, ...]:
    """Tell the hosts of each workload apart; empty for a run of one host.

    Beyond ``_MOST`` changes, hosts with the fewest trials are left out.
    """
    measured = Counter(trial.host for trial in run.trials)
    if len(measured) <= 1:
        return ()
    asked = sum(len(question.asked(workload)) for workload in tables)
    shown = {host for host, _ in measured.most_common(max(1, _MOST // max(1, asked)))}
    names = {host: name for host, name in host_names(run).items() if host in shown}
    return tuple(
        _result(parts[host], name, variants, compare_asked(parts[host], question, trials))
        for table in tables.values()
        for variants in ({*table.cells} or {trial.variant for trial in table.trials},)
        for parts in (split_by_host(table),)
        for host, name in names.items()
        if host in parts
    )


def split_by_host(table: Table) -> dict[str, Table]:
    """The samples of each host that has trials of a workload."""
    of = attrgetter("host")
    return {
        host: _part(table, [table.blocks[n] for n in table.hosts.get(host, ())], tuple(own))
        for host, own in groupby(sorted(table.trials, key=of), key=of)
    }


def _part(table: Table, blocks: Sequence[Block], trials: tuple[TrialRecord, ...]) -> Table:
    cells = {
        variant: {block: cell[block] for block in blocks if block in cell}
        for variant, cell in table.cells.items()
    }
    measured = {variant: cell for variant, cell in cells.items() if cell}
    return Table(table.workload, tuple(blocks), measured, trials)


def _result(
    table: Table, name: str, variants: set[str], compared: Iterable[Comparison]
) -> HostResult:
    """Of one host; ``variants`` are those of a complete round."""
    rounds: dict[int, set[str]] = defaultdict(set)
    for trial in table.trials:
        rounds[trial.round].add(trial.variant)
    complete = sum(variants <= measured for measured in rounds.values())
    return HostResult(
        workload=table.workload,
        host=table.trials[0].host,
        name=name,
        rounds=complete,
        lost=len(rounds) - complete,
        failed=sum(not trial.ok for trial in table.trials),
        changes=tuple(_change(table, c) for c in compared),
    )


def _change(table: Table, c: Comparison) -> HostChange:
    fields = {name: getattr(c, name) for name in HostChange.model_fields if name != "spread"}
    logs = log_ratios(table, c.metric, c.baseline, c.candidate)
    known = logs[np.isfinite(logs)]
    return HostChange(**fields, spread=float(known.std(ddof=1)) if known.size > 1 else None)


def log_ratios(table: Table, metric: str, baseline: str, candidate: str) -> Values:
    """Log ratios by block; NaN where a value is missing, and everywhere if one is not positive."""
    a, b = table.values(baseline, metric), table.values(candidate, metric)
    known = np.isfinite(a) & np.isfinite(b)
    found = np.full(a.size, math.nan)
    if (a[known] > 0).all() and (b[known] > 0).all():
        found[known] = np.log(b[known]) - np.log(a[known])
    return found
