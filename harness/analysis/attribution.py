"""Attribution: which part of a change each suspect explains, and what is left.

With y the logarithm of a metric (the metric itself where it may be zero or negative), the change
is D = y(candidate) - y(baseline), and flipping a set S of suspects in the candidate takes back
v(S) = y(candidate) - y(candidate with S flipped). The share of S is v(S) / D. Both are formed
within rounds, so that whatever a round's trials have in common cancels.

A share is a ratio of two uncertain numbers. Whether it lies below a limit L is the question whether
v - L·D is below zero (for D > 0), a plain one-sample test; the set of all L that no such test
excludes is Fieller's interval (Fieller, J. R. Statist. Soc. B 16, 1954).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from harness.analysis.comparisons import CONFIDENCE
from harness.analysis.design import Factors, factors, subsets
from harness.analysis.models import Attribution, Comparison, Cure, Suspect, SuspectVerdict
from harness.analysis.pairing import have_ratios
from harness.analysis.samples import Table, Values
from harness.analysis.stats.intervals import Estimate, Sample, estimate
from harness.analysis.stats.sequential import adjust
from harness.golang.records import ToolchainRecord
from harness.golang.versions import GoVersion
from harness.matrix.models import TrialsSpec
from harness.metrics.catalogue import describe
from harness.plan.plan import Plan
from harness.plan.question import Question
from harness.plan.variants import Toggle, effective, state_of, toggles_between
from harness.text.words import listed, percent, span

IMPLICATED = 0.5
ERROR = 1 - CONFIDENCE
"""One-sided, of each statement about a share."""
RESTORED = 1 - CONFIDENCE
"""One-sided, of the statement that the baseline is restored, as of ``equivalent``."""
_MIN_ROUNDS = 3


@dataclass(frozen=True)
class Share:
    """A part of a change, with doubt."""

    value: float | None
    ci: tuple[float, float] | None
    n: int
    below: float
    """p-value that the share is not below the limit."""
    above_limit: float
    above_half: float
    below_half: float
    left: float
    """p-value that what is left of the change is not below the limit."""
    left_more: float
    """p-value that it is not above the limit."""


@dataclass(frozen=True)
class Findings:
    """What attribution has to say about one comparison."""

    suspects: tuple[Suspect, ...]
    cures: tuple[Cure, ...]
    attribution: Attribution
    interactions_unseen: bool
    """Whether two or more suspects were only toggled one at a time."""
    decided: bool
    """Whether further rounds would not tell more."""


@dataclass(frozen=True)
class _Change:
    """One change to be explained, and the numbers to do it with."""

    table: Table
    comparison: Comparison
    found: Factors
    limit: float
    trials: TrialsSpec

    def share(self, weights: Mapping[str, float]) -> Share:
        """Of a contrast: weights by variant, whose sum is zero.

        Rounds in which one of the variants has no value do not count.
        """
        names = list(dict.fromkeys((self.comparison.baseline, self.comparison.candidate, *weights)))
        rows = self._scaled(self.table.complete(names, self.comparison.metric))
        change = rows[:, 1] - rows[:, 0]
        part = rows @ np.array([weights.get(name, 0.0) for name in names])
        if change.size and change.mean() < 0:
            change, part = -change, -part
        exact = describe(self.comparison.metric).exact
        return _share(part, change, self.limit, self.trials, exact=exact)

    def _scaled(self, rows: Values) -> Values:
        if self.logarithmic and bool((rows > 0).all()):
            return np.log(rows)
        largest = float(np.abs(rows).max(initial=0.0))
        return rows / (2 * largest) if largest else rows  # shares have no scale, floats have an end

    @cached_property
    def logarithmic(self) -> bool:
        """Ratios where the comparison has one, differences elsewhere.

        Beside a variant that is almost zero, logarithms would make that one's distance from the
        others nearly all of the change.
        """
        metric = self.comparison.metric
        names = {self.comparison.baseline, self.comparison.candidate, *self.found.cells.values()}
        names |= {self.beside[cell] for cell in self.found.cells.values() if cell in self.beside}
        samples = [self.table.values(name, metric) for name in sorted(names)]
        known = [values[np.isfinite(values)] for values in samples]
        return self.comparison.ratio is not None and have_ratios(
            metric, *(values for values in known if values.size)
        )

    @cached_property
    def beside(self) -> Mapping[str, str]:
        """What each cell is held against: the baseline with the same flipped, where that is there.

        What an experiment costs on either side is no part of the change between them. In a full
        factorial each cell has such a baseline, or none is used.
        """
        measured = {v: b for v, b in self.found.beside.items() if b in self.table.cells}
        among = [self.found.cells.get(frozenset(s)) for s in subsets(self.found.complete())]
        return measured if all(cell in measured for cell in among) else {}

    def taken_back(self, flipped: Iterable[str]) -> Share:
        """The share of a set of suspects that was flipped together."""
        cell = self.found.cells[frozenset(flipped)]
        return self._of_cells({self.comparison.candidate: 1.0, cell: -1.0})

    def _of_cells(self, weights: Mapping[str, float]) -> Share:
        """Of a contrast between cells, each less the baseline that is beside it."""
        spread: dict[str, float] = {}
        for cell, weight in weights.items():
            other = self.beside.get(cell, self.comparison.baseline)
            spread[cell] = spread.get(cell, 0.0) + weight
            spread[other] = spread.get(other, 0.0) - weight
        return self.share(spread)

    def gone_in(self, variant: str) -> Share:
        """The share that is not there in another variant."""
        if variant not in self._shares:
            self._shares[variant] = self.share({self.comparison.candidate: 1.0, variant: -1.0})
        return self._shares[variant]

    @cached_property
    def _shares(self) -> dict[str, Share]:
        return {}

    def shapley(self, suspect: str, among: tuple[str, ...]) -> Share:
        """Shapley's value of a suspect, by weights over the cells of a full factorial.

        Shapley, A value for n-person games (1953): the mean, over all orders in which the suspects
        may be flipped, of what flipping this one takes back.
        """
        weights: dict[str, float] = {}
        others = [name for name in among if name != suspect]
        count = len(among)
        for subset in subsets(others):
            weight = (
                math.factorial(len(subset)) * math.factorial(count - len(subset) - 1)
                / math.factorial(count)
            )  # fmt: skip
            before = self.found.cells[frozenset(subset)]
            after = self.found.cells[frozenset((*subset, suspect))]
            weights[before] = weights.get(before, 0.0) + weight
            weights[after] = weights.get(after, 0.0) - weight
        return self._of_cells(weights)


def attribute(
    table: Table, comparison: Comparison, question: Question, plan: Plan,
    toolchains: Mapping[str, ToolchainRecord], trials: TrialsSpec,
) -> Findings:  # fmt: skip
    """Judge every suspect of one primary comparison.

    Args:
        table: the workload's samples.
        comparison: the change.
        question: suspects and the limit below which they are ruled out.
        plan: variants, and why some cells do not apply.
        toolchains: by name: which experiments are on by default.
        trials: the looks of the stopping rule.
    """
    found = factors(table, question, plan, toolchains)
    change = _Change(table, comparison, found, question.limit, trials)
    if comparison.decision not in ("increase", "decrease"):
        suspects = tuple(_unexplained(s, comparison, found) for s in question.suspects)
        sentence = _no_change(comparison)
        return Findings(
            suspects, (), _attribution(comparison, sentence), interactions_unseen=False,
            decided=comparison.decision == "equivalent",
        )  # fmt: skip
    complete = found.complete()
    restoring, undecided = _minimal_cures(change)
    curing = [_names(toggles) for toggles in restoring if toggles in _suspect_sets(found)]
    together = [names for names in curing if len(names) > 1]
    together += [names for names in _joint(change) if names not in together]
    suspects = tuple(
        _judge(change, suspect, complete, curing, together) for suspect in question.suspects
    ) + tuple(_judge_set(change, names, curing) for names in _sets(found, together))
    ways = [_way(change, plan, toggles) for toggles in restoring]
    cures = tuple(way.cure for way in ways if way.kind == "cure")
    sentence = _explain(change, suspects, curing, together)
    sentence += _remainder(change, plan, toolchains, suspects, ways)
    cures += _toolchains_with_cure(change, plan, toolchains)
    singles = [s for s in found.cells if len(s) == 1]
    blamed = any(s.verdict not in ("ruled out", "not applicable") for s in suspects)
    doubtful = any(s.verdict == "inconclusive" and s.share is not None for s in suspects)
    return Findings(
        suspects, cures, _attribution(comparison, sentence),
        interactions_unseen=len(singles) > len(complete) and len(singles) > 1,
        decided=not doubtful and not (blamed and undecided),
    )  # fmt: skip


def _share(
    part: Values, change: Values, limit: float, trials: TrialsSpec, *, exact: bool = False
) -> Share:
    n = int(change.size)

    def student(sample: Sample) -> Estimate | None:
        """Fieller's interval needs a method that is linear in the data, so that both agree."""
        return estimate(sample, plain=True, exact=exact)

    total, taken = student(change), student(part)
    if total is None or taken is None or total.centre == 0:
        return Share(None, None, n, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    value = taken.centre / total.centre

    def p(sample: Values) -> tuple[float, float]:
        """p-values that the sample's centre is not below, not above zero."""
        found = student(sample)
        if found is None:
            return 1.0, 1.0
        below, above = (
            adjust(2 * side, n, trials.min, trials.max) / 2
            for side in (found.p_below(0.0), found.p_above(0.0))
        )
        return below, above

    below, above_limit = p(part - limit * change)
    below_half, above_half = p(part - IMPLICATED * change)
    left, left_more = p((change - part) - limit * change)
    around = student(part - value * change)
    return Share(
        value=value,
        ci=(value, value) if total.exact and taken.exact else _fieller(part, change, around),
        n=n,
        below=below,
        above_limit=above_limit,
        above_half=above_half,
        below_half=below_half,
        left=left,
        left_more=left_more,
    )


def _fieller(part: Values, change: Values, around: Estimate | None) -> tuple[float, float] | None:
    """Interval of mean(part) / mean(change); ``None`` where it is unbounded or unknown.

    Args:
        part: what is taken back.
        change: of what.
        around: of ``part`` less its share of ``change``, whose guard against skew is used.
    """
    n = change.size
    if n < _MIN_ROUNDS or around is None:
        return None
    skew = max(around.guard.right, around.guard.left)
    t = around.guard.critical((1 - CONFIDENCE) / 2, n, n - 1, skew)
    t2 = t**2 / n
    x, y = float(part.mean()), float(change.mean())
    (xx, xy), (_, yy) = np.cov(part, change)
    a, b, c = y * y - t2 * yy, x * y - t2 * xy, x * x - t2 * xx
    inner = b * b - a * c
    if a <= 0 or inner < -1e-9 * b * b:
        return None
    root = math.sqrt(max(inner, 0.0))
    return (b - root) / a, (b + root) / a


def _minimal_cures(change: _Change) -> tuple[list[frozenset[Toggle]], bool]:
    """The smallest sets of toggles that restore the baseline: less than the limit is left.

    A set counts only where every smaller one that was measured is shown not to: else chance would
    make a pair of a culprit and whoever stood beside it.

    Returns:
        The sets, and whether further rounds may add one of suspects.
    """
    suspects = _suspect_sets(change.found)
    cures: list[frozenset[Toggle]] = []
    undecided: list[frozenset[Toggle]] = []
    cells = {**suspects, **change.found.others}
    for toggles in sorted(cells, key=lambda s: (len(s), sorted(s))):
        if any(smaller <= toggles for smaller in cures):
            continue
        shares = [change.gone_in(cells[toggles])]
        if (
            toggles in suspects
        ):  # a baseline that rises by as much is no cure, nor one that falls so
            shares.append(change.taken_back(_names(toggles)))
        restored = all(share.left <= RESTORED for share in shares)
        if restored and not any(smaller < toggles for smaller in undecided):
            cures.append(toggles)
        elif all(share.left_more > ERROR for share in shares):
            undecided.append(toggles)
    return cures, any(toggles in suspects for toggles in undecided)


def _suspect_sets(found: Factors) -> dict[frozenset[Toggle], str]:
    """The sets of flipped suspects that were measured, as toggles → variant."""
    return {
        frozenset(Toggle("experiment", name) for name in flipped): variant
        for flipped, variant in found.cells.items()
        if flipped
    }


def _names(toggles: Iterable[Toggle]) -> tuple[str, ...]:
    return tuple(sorted(toggle.name for toggle in toggles))


def _joint(change: _Change) -> list[tuple[str, ...]]:
    """Sets that are shown to explain more than half, and each of their subsets less than half.

    It takes fewer rounds to show than a cure: what is left after it has not to be small.
    """
    shares = {flipped: change.taken_back(flipped) for flipped in _by_size(change.found)}
    return [
        tuple(sorted(flipped))
        for flipped, share in shares.items()
        if len(flipped) > 1
        and share.above_half <= ERROR
        and all(
            frozenset(part) in shares and shares[frozenset(part)].below_half <= ERROR
            for part in subsets(flipped)[1:-1]
        )
    ]


def _by_size(found: Factors) -> list[frozenset[str]]:
    return sorted((s for s in found.cells if s), key=lambda s: (len(s), sorted(s)))


def _sets(found: Factors, together: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Sets that need a line of their own: those that only act jointly, and those never apart."""
    apart = {name for flipped in found.cells if len(flipped) == 1 for name in flipped}
    bundled = [
        tuple(sorted(f)) for f in found.cells if len(f) > 1 and not all(name in apart for name in f)
    ]
    return list(dict.fromkeys((*together, *bundled)))


def _verdict(share: Share) -> SuspectVerdict:
    if share.above_half <= ERROR:
        return "implicated"
    if share.below <= ERROR:
        return "ruled out"
    return "contributes" if share.above_limit <= ERROR else "inconclusive"


def _judge(
    change: _Change, suspect: str, complete: tuple[str, ...], curing: Sequence[tuple[str, ...]],
    together: Sequence[tuple[str, ...]],
) -> Suspect:  # fmt: skip
    found = change.found
    if suspect in found.reasons:
        return _suspect(
            change.comparison, (suspect,), "not applicable", None, found.reasons[suspect]
        )
    if frozenset((suspect,)) not in found.cells:
        where = [sorted(f) for f in found.cells if suspect in f]
        why = (
            f"{suspect} was toggled only together with others ({' and '.join(where[0])})"
            if where
            else f"no trial with {suspect} toggled ended well"
        )
        return _suspect(change.comparison, (suspect,), "inconclusive", None, why)
    alone = change.taken_back((suspect,))
    if suspect not in complete:
        verdict = "implicated" if (suspect,) in curing else _verdict(alone)
        reason = _reason(change, (suspect,), alone)
        return _suspect(
            change.comparison, (suspect,), verdict, alone, reason, design="one at a time",
            one_sided=_one_sided(change, (suspect,)),
        )  # fmt: skip
    share = change.shapley(suspect, complete)
    verdict, reason = _verdict(share), _reason(change, (suspect,), alone)
    if share.value is not None:
        reason += f"; over all combinations of suspects it explains {percent(share.value)}"
    joint = [names for names in together if suspect in names and names in curing]
    half = [names for names in together if suspect in names and names not in curing]
    if (suspect,) in curing:
        verdict = "implicated"
        reason += f"; that alone takes the {change.comparison.decision} away"
    elif joint:
        verdict = "contributes" if verdict == "ruled out" else verdict
        reason += (
            f"; alone it does not take the {change.comparison.decision} away, "
            f"{_with_others(suspect, joint)} it does"
        )
    elif half:
        reason += f"; {_with_others(suspect, half)} it is shown to explain more than half"
    return _suspect(
        change.comparison, (suspect,), verdict, share, reason, design="full factorial",
        one_sided=_one_sided(change, (suspect,)),
    )  # fmt: skip


def _with_others(suspect: str, sets: Iterable[tuple[str, ...]]) -> str:
    """``together with b and c, or with d``."""
    rest = [listed([name for name in names if name != suspect]) for names in sets]
    return f"together with {', or with '.join(rest)}"


def _judge_set(
    change: _Change, names: tuple[str, ...], curing: Sequence[tuple[str, ...]]
) -> Suspect:
    share = change.taken_back(names)
    verdict: SuspectVerdict = "implicated" if names in curing else _verdict(share)
    reason = _reason(change, names, share)
    if names in curing:
        reason += f"; {_of_smaller(change, names)}"
    elif verdict == "implicated" and share.left_more > ERROR:
        reason += "; whether all of it goes away is not yet shown"
    return _suspect(
        change.comparison, names, verdict, share, reason, design="together",
        one_sided=_one_sided(change, names),
    )  # fmt: skip


def _of_smaller(change: _Change, names: tuple[str, ...]) -> str:
    """What is known of the smaller sets in a smallest cure."""
    smaller = [frozenset(part) in change.found.cells for part in subsets(names)[1:-1]]
    if not any(smaller):
        return "no smaller set in it was measured"
    which = "no smaller set in it" if all(smaller) else "none of the smaller sets in it measured"
    return f"{which} takes the {change.comparison.decision} away"


def _reason(change: _Change, names: tuple[str, ...], share: Share) -> str:
    """What flipping does, in numbers."""
    states = " and ".join(f"{name} {change.found.direction[name]}" for name in names)
    cell = change.found.cells[frozenset(names)]
    other = change.beside.get(cell, change.comparison.baseline)
    if other != change.comparison.baseline:
        states += f", {cell} against {other}"
    if share.value is None:
        return f"with {states}: no round can be compared (n = {share.n})"
    if share.ci is None:
        interval = "no bounded interval"
    else:
        exact = share.ci[0] == share.ci[1]
        interval = "exact" if exact else f"95 % interval {span(*share.ci)}"
    unknown = ""
    if _one_sided(change, names):
        unknown = f"; what it costs in {change.comparison.baseline} was not measured"
    return (
        f"with {states}, {percent(share.value)} of the {change.comparison.decision} goes away "
        f"({interval}, n = {share.n}){unknown}"
    )


def _one_sided(change: _Change, names: tuple[str, ...]) -> bool:
    """Whether what suspects cost in the baseline was not measured, so that it is in their share."""
    return change.found.cells[frozenset(names)] not in change.beside


def _suspect(
    comparison: Comparison, names: tuple[str, ...], verdict: SuspectVerdict, share: Share | None,
    reason: str, design: str = "", *, one_sided: bool = False,
) -> Suspect:  # fmt: skip
    return Suspect(
        workload=comparison.workload, metric=comparison.metric, baseline=comparison.baseline,
        candidate=comparison.candidate, experiments=names, verdict=verdict,
        share=share.value if share else None, ci=share.ci if share else None,
        reason=reason, design=design, one_sided=one_sided,
    )  # fmt: skip


def _unexplained(suspect: str, comparison: Comparison, found: Factors) -> Suspect:
    """A suspect of a change that is not shown: nothing is attributed to noise."""
    if suspect in found.reasons:
        return _suspect(comparison, (suspect,), "not applicable", None, found.reasons[suspect])
    verdict: SuspectVerdict = (
        "not applicable" if comparison.decision == "equivalent" else "inconclusive"
    )
    return _suspect(comparison, (suspect,), verdict, None, _no_change(comparison))


def _no_change(comparison: Comparison) -> str:
    if comparison.decision == "equivalent" and comparison.no_ratio:
        return f"there is nothing to explain: {comparison.metric} is {comparison.no_ratio}"
    if comparison.decision == "equivalent":
        return (
            f"there is nothing to explain: {comparison.metric} is equivalent "
            f"within {percent(comparison.margin)}"
        )
    return f"no change of {comparison.metric} is shown, so that none can be attributed"


def _attribution(comparison: Comparison, sentence: str) -> Attribution:
    return Attribution(
        workload=comparison.workload, metric=comparison.metric, baseline=comparison.baseline,
        candidate=comparison.candidate, sentence=sentence,
    )  # fmt: skip


@dataclass(frozen=True)
class _Way:
    """A variant of the candidate's toolchain that is shown to be back at the baseline."""

    cure: Cure
    kind: Literal["cure", "outweighs", "open", "baseline"]
    """``outweighs``: the change is there in its conditions too, against the baseline in the same:
    they make up for it, and do not take it away. ``open``: whether that is so is not yet shown."""


def _way(change: _Change, plan: Plan, toggles: frozenset[Toggle]) -> _Way:
    cells = {**_suspect_sets(change.found), **change.found.others}
    variant = plan.variant(cells[toggles])
    ran = [toggle for toggle in toggles if toggle.kind != "experiment"]
    judged = toggles in _suspect_sets(change.found)
    cure = Cure(
        **_pair(change.comparison), variant=variant.name,
        experiments=_names(toggle for toggle in toggles if toggle.kind == "experiment"),
        conditions=tuple(sorted(state_of(toggle, variant) for toggle in ran)),
    )  # fmt: skip
    if variant.name == change.comparison.baseline and toggles in change.found.others:
        return _Way(cure, "baseline")
    beside = change.found.beside.get(variant.name, change.comparison.baseline)
    if judged or beside not in change.table.cells or beside == change.comparison.baseline:
        return _Way(cure, "cure")
    share = change.share({variant.name: 1.0, beside: -1.0})
    if share.below <= RESTORED:
        return _Way(cure, "cure")
    return _Way(cure, "outweighs" if share.above_limit <= ERROR else "open")


def _toolchains_with_cure(
    change: _Change, plan: Plan, toolchains: Mapping[str, ToolchainRecord]
) -> tuple[Cure, ...]:
    """Other toolchains that are without the change, in the candidate's settings and conditions."""
    comparison = change.comparison
    candidate, baseline = plan.variant(comparison.candidate), plan.variant(comparison.baseline)
    cures = []
    for variant in plan.variants:
        if (
            variant.toolchain in (candidate.toolchain, baseline.toolchain)
            or variant.name not in change.table.cells
            or any(t.kind != "toolchain" for t in toggles_between(candidate, variant))
        ):
            continue
        if change.gone_in(variant.name).left <= RESTORED:
            newer = _newer(variant.toolchain, candidate.toolchain, toolchains)
            cures.append(Cure(**_pair(comparison), variant=variant.name, newer=newer))
    return tuple(cures)


def _pair(comparison: Comparison) -> dict[str, Any]:
    return {
        key: getattr(comparison, key) for key in ("workload", "metric", "baseline", "candidate")
    }


def _newer(a: str, b: str, toolchains: Mapping[str, ToolchainRecord]) -> bool | None:
    try:
        return GoVersion.parse(toolchains[a].version) > GoVersion.parse(toolchains[b].version)
    except (KeyError, ValueError):  # a path, a commit or a patched toolchain has no release's name
        return None


def _explain(
    change: _Change, suspects: Sequence[Suspect], curing: Sequence[tuple[str, ...]],
    together: Sequence[tuple[str, ...]],
) -> str:  # fmt: skip
    decision = change.comparison.decision
    for sets, most in ((curing, ""), (together, "most of ")):
        if sets:
            ways = " or ".join(listed(names) for names in sets)
            return f"flipping {ways} takes {most}the {decision} away"
    blamed = [s for s in suspects if s.verdict in ("implicated", "contributes")]
    if blamed:
        names = dict.fromkeys(name for s in blamed for name in s.experiments)
        cells = [change.found.cells.get(frozenset(s.experiments), "") for s in blamed]
        beside = {change.beside.get(cell) for cell in cells} - {None, change.comparison.baseline}
        where = " on both sides" if beside else ""
        return f"a part of the {decision} goes away with {listed(tuple(names))} flipped{where}"
    if not suspects:
        return "no suspect was asked about"
    if all(s.verdict == "not applicable" for s in suspects):
        return f"no suspect could be toggled in {change.comparison.candidate}"
    if _none_explains(suspects):
        return f"no suspect explains the {decision}"
    return f"the rounds do not yet tell what explains the {decision}"


def _none_explains(suspects: Sequence[Suspect]) -> bool:
    return all(s.verdict in ("ruled out", "not applicable") for s in suspects)


def _remainder(
    change: _Change, plan: Plan, toolchains: Mapping[str, ToolchainRecord],
    suspects: Sequence[Suspect], ways: Sequence[_Way],
) -> str:  # fmt: skip
    """What else takes the change away, or, where nothing does, what it must be due to."""
    decision = change.comparison.decision
    judged = {s.experiments for s in suspects}
    own = [w for w in ways if w.cure.conditions or w.cure.experiments not in judged]
    gone = [w.cure.variant for w in own if w.kind == "cure"]
    over = [w.cure.variant for w in own if w.kind == "outweighs"]
    said = [f"the {decision} is not there in {listed(gone)}"] if gone else []
    if over:
        said.append(
            f"{listed(over)} {'makes' if len(over) == 1 else 'make'} up for the {decision}, but it "
            f"is there too, against {change.comparison.baseline} run in the same way"
        )
    explained = (
        "" if gone or not _none_explains(suspects) else _at_baseline(change, plan, toolchains)
    )
    if explained:
        said.append(explained)
    text = "".join(f"; {part}" for part in said)
    if not gone and not explained and _none_explains(suspects):
        rest = _rest(change, plan, toolchains, suspects)
        text += f"{';' if text else ':'} what is left is {rest}"
    return text


def _at_baseline(change: _Change, plan: Plan, toolchains: Mapping[str, ToolchainRecord]) -> str:
    """What takes the change away if it is flipped in the baseline, as where that is the newer."""
    comparison = change.comparison
    baseline = plan.variant(comparison.baseline)
    if baseline.toolchain == plan.variant(comparison.candidate).toolchain:
        return ""
    beside = {v.name: toggles_between(baseline, v, toolchains) for v in plan.variants}
    ways = [
        name for name, toggles in beside.items()
        if toggles and name in change.table.cells
        and all(t.kind == "experiment" for t in toggles)
        and change.share({name: 1.0, baseline.name: -1.0}).left <= RESTORED
    ]  # fmt: skip
    if not ways:
        return ""
    least = min(ways, key=lambda name: len(beside[name]))
    return (
        f"the {comparison.decision} is not there against {least}, the baseline with "
        f"{listed(_names(beside[least]))} flipped"
    )


def _rest(
    change: _Change, plan: Plan, toolchains: Mapping[str, ToolchainRecord],
    suspects: Sequence[Suspect],
) -> str:  # fmt: skip
    """All by which candidate and baseline differ, but for suspects that are ruled out."""
    comparison = change.comparison
    out = {name for s in suspects if s.verdict == "ruled out" for name in s.experiments}
    baseline, candidate = plan.variant(comparison.baseline), plan.variant(comparison.candidate)
    differing = effective(baseline, toolchains) ^ effective(candidate, toolchains)
    left = [
        t for t in sorted(toggles_between(baseline, candidate))
        if t.kind != "experiment" or t.name in differing - out
    ]  # fmt: skip
    alone = "the toolchain itself" if [t.kind for t in left] == ["toolchain"] else None
    what = alone or listed([str(toggle) for toggle in left]) or "chance or what was not toggled"
    return f"{what} ({comparison.candidate} against {comparison.baseline})"
