"""Suspicious data: what a reader should know before trusting a run, each with its remedy."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from scipy import stats

from harness.analysis.interleaving import out_of_turn
from harness.analysis.models import Caution
from harness.analysis.samples import Table, Values, span_of
from harness.analysis.stats.intervals import median, outliers
from harness.plan.question import Question
from harness.run.store import Run
from harness.text.words import listed, percent

_ERROR = 0.005
"""Of each kind of warning, in a whole run where all is well: a needless one teaches to pass over
warnings. A check that is made many times has its part of it, by Bonferroni's inequality."""
_NOTABLE = 0.01
"""Effects on a metric below this part of it are not worth a word, however sure they are."""
_FEW = 5
_MODES_MIN = 10
_GAP = 3.0
"""Gap between two modes, in their pooled standard deviations."""
_DENSITY = 0.25
"""Of a normal sample near its outer fifths, times its standard deviation."""
_BUSY = 0.12
"""Standard deviation of the time that a program did not run, as part of its wall time, from which
on a machine counts as busy. Equal trials of the fixtures had 0.02 to 0.1 beside little else, and
0.14 to 0.26 with four times as many programs that wanted to run as CPUs."""
_SLOWED = 0.1
_OUT_OF_TURN = 0.2
"""Part of the rounds up to which an interruption may have parted a pair's two trials."""
_ASIDE = 1.0
"""Seconds that starting and reading a trial may take beside it: it took 0.1 to 0.5."""
_IN_TURNS = "measure all variants in one run; gomatrix run --resume after -k begins rounds anew"
_BEARING = {
    "nice", "scheduling policy", "personality", "memory policy", "no huge pages", "page merging",
    "no writable code", "limit cpu", "limit data", "limit stack", "limit rss", "limit as",
}  # fmt: skip
"""Of what a trial may inherit: what bears on memory, or on how much CPU time it gets."""


def cautions(run: Run, tables: Mapping[str, Table], question: Question) -> tuple[Caution, ...]:
    """Everything about the primary metrics and the machine that deserves a word."""
    found: list[Caution] = []
    part = _ERROR / max(1, len(tables) * len(question.metrics))
    for table in tables.values():
        found += _rounds(table, question)
        found += _turns(table) or _order(run, table, question)
        found += _machines(table, question)
        for metric in question.metrics:
            found += _drift(table, metric, part)
            found += _modes(table, metric, part)
            found += _outliers(table, metric, part)
            found += _hosts(table, metric, question, part)
        found += _machine(table, _ERROR / len(tables))
        found += _failures(run, table)
        found += _inherited(run, table)
    return tuple(found)


def _rounds(table: Table, question: Question) -> Iterator[Caution]:
    if question.candidate is None:
        return
    for metric in question.metrics:
        n = len(table.complete((question.baseline, question.candidate), metric))
        if 0 < n < _FEW:
            yield Caution(
                workload=table.workload,
                kind="few rounds",
                message=f"{metric} has {n} round{'s' if n > 1 else ''} with both variants: "
                + ("no interval can be given" if n == 1 else "only large effects can be shown"),
                remedy=f"ask for at least {_FEW} rounds: trials: {_FEW}",
            )


def _turns(table: Table) -> list[Caution]:
    """Rounds whose variants were not measured in turns, so that they are not pairs."""
    rounds = {(block.host, block.round) for block in table.blocks}
    torn = {(block.host, block.round) for block in table.blocks if block.part > 0}
    if not torn:
        return []
    return [
        Caution(
            workload=table.workload,
            kind="not in turns",
            message=f"in {len(torn)} of {len(rounds)} rounds some variants were measured long "
            "after others, always in the same order, so that a change of the machine in between "
            "would pass for theirs; such trials are not compared with each other",
            remedy=_IN_TURNS,
        )
    ]


def _order(run: Run, table: Table, question: Question) -> list[Caution]:
    """Pairs of which many were measured far apart, though too few at a time to be refused."""
    took: dict[tuple[str, int], float] = {}
    longest: dict[str, float] = {}
    for trial in run.trials:
        start, end = span_of(trial)
        seconds = end - start if trial.ok else run.manifest.matrix.trials.timeout
        longest[trial.host] = max(seconds, longest.get(trial.host, 0.0))
        if trial.workload == table.workload:
            key = (trial.host, trial.round)
            took[key] = took.get(key, _ASIDE) + seconds + _ASIDE
    lanes = len({(trial.host, trial.lane) for trial in run.trials})
    found = []
    references = (question.baseline, question.candidate or question.baseline)
    for one in references:
        for other in (references[1], *table.cells):
            cells = [table.cells.get(name, {}) for name in (one, other)]
            both = [block for block in table.blocks if all(block in cell for cell in cells)]
            count = out_of_turn(
                [(span_of(cells[0][b]), span_of(cells[1][b])) for b in both],
                [2 * (took[b.host, b.round] + longest[b.host]) for b in both], lanes,
            )  # fmt: skip
            found.append((count / max(1, len(both)), count, len(both), one, other))
    share, count, rounds, one, other = max(found, key=lambda pair: pair[0])
    if share <= _OUT_OF_TURN:
        return []
    return [
        Caution(
            workload=table.workload,
            kind="not in turns",
            message=f"in {count} of {rounds} rounds {one} and {other} were not measured in turns, "
            "so that a change of the machine in between may pass for theirs",
            remedy=_IN_TURNS,
        )
    ]


def _machines(table: Table, question: Question) -> Iterator[Caution]:
    """Rounds whose baseline and candidate ran on different machines, so that they are not pairs."""
    hosts: list[dict[int, set[str]]] = []
    for name in (question.baseline, question.candidate or question.baseline):
        by_round: dict[int, set[str]] = {}
        for block in table.cells.get(name, {}):
            by_round.setdefault(block.round, set()).add(block.host)
        hosts.append(by_round)
    both = hosts[0].keys() & hosts[1].keys()
    apart = [number for number in both if not hosts[0][number] & hosts[1][number]]
    if apart:
        yield Caution(
            workload=table.workload,
            kind="different machines",
            message=f"in {len(apart)} of {len(both)} rounds {question.baseline} and "
            f"{question.candidate} were measured on different machines; such trials are not "
            "compared with each other",
            remedy="measure both on one machine; gomatrix run --resume begins rounds anew there",
        )


def _drift(table: Table, metric: str, error: float) -> Iterator[Caution]:
    """Whether the level of all variants together moves with time."""
    found = _moved(table, metric, error, _NOTABLE)
    if found is not None:
        moved, tau = found
        yield Caution(
            workload=table.workload,
            kind="drift",
            message=f"{metric} of all variants together went {'up' if moved > 0 else 'down'} by "
            f"{percent(abs(math.expm1(moved)))} over the run (Kendall's tau {tau:.2f})",
            remedy="pairing within rounds cancels it from every ratio; look for what warms up, "
            "fills or throttles on the machine if absolute values matter",
        )


def _moved(table: Table, metric: str, error: float, least: float) -> tuple[float, float] | None:
    """By how much, in logs, a metric moved from the first to the last third of a run, with tau.

    ``None`` where it is not shown to move, or by less than ``least``.
    """
    levels = _levels(table, metric)
    if levels is None or levels.size < _MODES_MIN:
        return None
    third = levels.size // 3
    moved = median(levels[-third:]) - median(levels[:third])
    if abs(moved) < least:
        return None
    tau, p = stats.kendalltau(np.arange(levels.size), levels)
    return (moved, float(tau)) if p <= error else None


def _levels(table: Table, metric: str) -> Values | None:
    """By block: mean over variants of the log deviation from the variant's own median."""
    rows = []
    for variant in table.cells:
        values = table.values(variant, metric)
        known = np.isfinite(values)
        if known.any() and (values[known] > 0).all():
            logs = np.full(values.size, np.nan)
            logs[known] = np.log(values[known])
            rows.append(logs - median(logs[known]))
    if not rows:
        return None
    stacked = np.array(rows)
    counted = np.isfinite(stacked).sum(axis=0)
    sums = np.nansum(stacked, axis=0)
    levels: Values = sums[counted > 0] / counted[counted > 0]
    return levels


def _modes(table: Table, metric: str, error: float) -> Iterator[Caution]:
    names = []
    gaps = []
    for variant in table.cells:
        values = table.values(variant, metric)
        values = values[np.isfinite(values)]
        if values.size < _MODES_MIN or not (values > 0).all():
            continue
        gap = mode_gap(np.log(values), error / len(table.cells))
        if gap is not None and gap >= _NOTABLE:
            names.append(variant)
            gaps.append(gap)
    if names:
        yield Caution(
            workload=table.workload,
            kind="two modes",
            message=f"{metric} of {listed(names)} falls into two groups "
            f"{percent(math.expm1(max(gaps)))} apart",
            remedy="ask for more rounds, for an interval over few rounds depends on which group "
            "they fall into; a change of the mode's frequency shows as a change of the mean",
        )


def mode_gap(logs: Values, error: float) -> float | None:
    """Distance of two clearly separate groups of at least a fifth of the sample each, else none.

    The split with the least sum of squares (Otsu's), accepted where it leaves a gap that is wide
    against the spread within the groups, and wider than one group would show: between the fifths at
    the ends of a normal sample, n times a gap times the density there is exponential, and over
    the spread that the sample shows it is so with the heavier tail of n - 2 degrees of freedom.

    Args:
        logs: values of one variant.
        error: probability of finding groups in a normal sample.
    """
    ordered = np.sort(logs)
    n = ordered.size
    fewest = max(2, math.ceil(n / 5))
    if n < 2 * fewest:
        return None
    centred = ordered - ordered.mean()
    cuts = np.arange(fewest, n - fewest + 1)
    sums = np.cumsum(centred)[cuts - 1]  # those above a cut have the opposite one
    within = float(centred @ centred) - sums * sums * n / (cuts * (n - cuts))
    cut = int(cuts[within.argmin()])
    gap = float(ordered[cut] - ordered[cut - 1])
    spread = math.sqrt(max(0.0, float(within.min())) / (n - 2))
    far = math.inf if spread == 0 else _DENSITY * n * gap / spread / (n - 2)
    chance = (1 - 2 / 5) * n * (1 + far) ** (2 - n)
    if gap <= _GAP * spread or gap == 0 or chance > error:
        return None
    return float(ordered[cut:].mean() - ordered[:cut].mean())


def _outliers(table: Table, metric: str, error: float) -> Iterator[Caution]:
    """Trials far from their variant's own rest, and farther than chance among all trials has one.

    A variant's few trials do not tell their own spread: a deviation counts only where Student's t
    of all variants' spread shows it too, corrected for the number of trials.
    """
    told = []
    blocks = np.arange(len(table.blocks))
    logs = {v: x for v, x in _logs(table, metric).items() if np.isfinite(x).sum() >= _FEW}
    for variant, values in logs.items():
        here = blocks[np.isfinite(values)]
        far = outliers(values[here]) & (np.abs(values[here] - median(values[here])) >= _NOTABLE)
        if far.any():
            told += [f"{variant} in round {table.blocks[b][1]}" for b in here[far]
                     if _chance(logs, variant, b) <= error]  # fmt: skip
    if told:
        more = f" and {len(told) - 4} more" if len(told) > 4 else ""  # noqa: PLR2004
        yield Caution(
            workload=table.workload,
            kind="outliers",
            message=f"{metric} lies far from the rest for {listed(told[:4])}{more}; "
            "none was dropped",
            remedy="see these trials in the report, and what ran beside them; they widen the "
            "interval, and more rounds narrow it",
        )


def _logs(table: Table, metric: str) -> dict[str, Values]:
    """By variant: logarithms of its values by block, NaN where one is missing."""
    found = {variant: table.values(variant, metric) for variant in table.cells}
    return {v: np.log(x) for v, x in found.items() if not (x <= 0).any()}


def _chance(logs: Mapping[str, Values], variant: str, block: int) -> float:
    """Of one trial among all that lies so far from its variant's others: Bonferroni's bound.

    The trial's distance from the mean of the others, over the spread of all trials but those that
    their own variants name as outliers, is Student's t.
    """
    squares, df, trials = 0.0, 0, 0
    for values in logs.values():
        kept = values[np.isfinite(values)]
        trials += kept.size
        kept = kept[~outliers(kept)]
        squares += float(((kept - kept.mean()) ** 2).sum())
        df += kept.size - 1
    own = logs[variant][np.isfinite(logs[variant])]
    rest = own[~outliers(own)]
    if squares == 0:
        return 0.0
    t = (logs[variant][block] - rest.mean()) / math.sqrt(squares / df * (1 + 1 / rest.size))
    return float(2 * trials * stats.t.sf(abs(t), df))


def _hosts(table: Table, metric: str, question: Question, error: float) -> Iterator[Caution]:
    hosts = sorted({host for host, *_ in table.blocks})
    if len(hosts) < 2 or question.candidate is None:  # noqa: PLR2004 - one cannot differ
        return
    base = table.values(question.baseline, metric)
    cand = table.values(question.candidate, metric)
    groups = []
    for host in hosts:
        here = np.array([b[0] == host for b in table.blocks]) & np.isfinite(base + cand)
        a, b = base[here], cand[here]
        if a.size >= 3 and (a > 0).all() and (b > 0).all():  # noqa: PLR2004 - for a variance
            groups.append((host, np.log(b) - np.log(a)))
    if len(groups) < 2:  # noqa: PLR2004
        return
    means = [float(np.mean(g)) for _, g in groups]
    if max(means) - min(means) < _NOTABLE:
        return
    if sum(float(np.ptp(g)) for _, g in groups) == 0:
        p = 0.0
    else:
        p = min(
            float(stats.ttest_ind(x, y, equal_var=False).pvalue)
            for i, (_, x) in enumerate(groups)
            for _, y in groups[:i]
            if np.ptp(x) + np.ptp(y) > 0
        ) * math.comb(len(groups), 2)  # fmt: skip
    if p <= error:
        ratios = (
            f"{math.exp(m):.3f} on {host}" for (host, _), m in zip(groups, means, strict=True)
        )
        yield Caution(
            workload=table.workload,
            kind="hosts differ",
            message=f"the ratio of {metric} is not the same on all machines: {', '.join(ratios)}",
            remedy="read the machines apart; the common interval is of their average",
        )


def _machine(table: Table, error: float) -> Iterator[Caution]:
    """What the trials' own counters say of the machine."""

    def worst(metric: str) -> float:
        known = [v[np.isfinite(v)] for v in (table.values(x, metric) for x in table.cells)]
        return max((float(v.max()) for v in known if v.size), default=0.0)

    if worst("swap") > 0:
        yield Caution(
            workload=table.workload,
            kind="swap used",
            message="parts of some trials' memory were swapped out: resident sizes are too small",
            remedy="free memory, run fewer lanes at once, or turn swap off",
        )
    waits = _waits(table)
    if waits is not None and waits > _BUSY:
        yield Caution(
            workload=table.workload,
            kind="busy machine",
            message="the time that the program did not run varies between equal trials by "
            f"{percent(waits)} of their wall time: it waited for something else on the machine",
            remedy="stop what else runs there, or give trials fewer lanes; "
            "memory is hardly touched by it, wall time and GC pacing are",
        )
    slowed = _moved(table, "cpu.user", error, _SLOWED)
    if slowed is not None and slowed[0] > 0:
        yield Caution(
            workload=table.workload,
            kind="throttled CPU",
            message=f"the same work took {percent(math.expm1(slowed[0]))} more CPU time at the end "
            "of the run than at its beginning",
            remedy="look for heat or a CPU quota; compare CPU time within rounds only",
        )


def _waits(table: Table) -> float | None:
    """Standard deviation of wall less CPU time over mean wall time, the median over variants."""
    spreads = []
    for variant in table.cells:
        wall = table.values(variant, "wall")
        cpu = table.values(variant, "cpu.user") + table.values(variant, "cpu.system")
        known = (wall > 0) & (cpu >= 0)
        if known.sum() >= _FEW:
            waited = wall[known] - cpu[known]
            spreads.append(float(waited.std(ddof=1) / wall[known].mean()))
    return float(np.median(spreads)) if spreads else None


def _failures(run: Run, table: Table) -> Iterator[Caution]:
    trials = [t for t in run.trials if t.workload == table.workload]
    failed = [t for t in trials if not t.ok]
    if failed and len(failed) < len(trials):
        variants = listed(sorted({t.variant for t in failed}))
        yield Caution(
            workload=table.workload,
            kind="failed trials",
            message=f"{len(failed)} of {len(trials)} trials failed ({variants}); what failed may "
            "be what needed most memory, so that the rest is not a fair sample",
            remedy="see their logs; raise trials.timeout or memory_limit if these ended them",
        )


def _inherited(run: Run, table: Table) -> Iterator[Caution]:
    """What trials had of the harness's own process, where it bears on what is measured."""
    trials = [t for t in run.trials if t.workload == table.workload]
    known = {
        f"{name} {value}": name
        for trial in trials
        for name, value in trial.inherited.items()
        if name in _BEARING
    }
    if known:
        some = [t for t in trials if t.inherited.keys() & set(known.values())]
        yield Caution(
            workload=table.workload,
            kind="inherited",
            message=f"{len(some)} of {len(trials)} trials had what the harness was started with "
            f"and may not change: {listed(tuple(known))}; programs behave otherwise under it",
            remedy="start the harness from a plain shell (without nice, chrt, ulimit, setarch), "
            "or with the permission to change it (CAP_SYS_NICE, CAP_SYS_RESOURCE)",
        )
