"""Warnings about rounds: too few of them, or trials that are not paired."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from harness.analysis.interleaving import out_of_turn
from harness.analysis.models import Caution
from harness.analysis.samples import Table, span_of
from harness.plan.question import Question
from harness.run.records import TrialRecord
from harness.run.store import Run
from harness.text.words import few

_FEW = 5
_OUT_OF_TURN = 0.2
"""Part of the rounds in which an interruption may have separated a pair's two trials."""
_OVERHEAD = 1.0
"""Seconds that starting a trial, or reading its results, may take: it took 0.1 to 0.5."""
_IN_TURNS = "measure all variants in one run; gomatrix run --resume after -k starts rounds again"


class Pace(NamedTuple):
    """How long trials of a run take."""

    lanes: int
    timeout: float
    """Seconds that a failed trial may have taken."""
    longest: Mapping[str, float]
    """Seconds of the longest trial, by host."""

    def seconds(self, trial: TrialRecord) -> float:
        """The longest that a trial may have taken, in seconds."""
        start, end = span_of(trial)
        return end - start if trial.ok else self.timeout


def pace_of(run: Run) -> Pace:
    """The pace of a run, from all of its trials."""
    longest: dict[str, float] = {}
    lanes = len({(trial.host, trial.lane) for trial in run.trials})
    pace = Pace(lanes, run.manifest.matrix.trials.timeout, longest)
    for trial in run.trials:
        longest[trial.host] = max(pace.seconds(trial), longest.get(trial.host, 0.0))
    return pace


def round_cautions(table: Table, question: Question, pace: Pace) -> Iterator[Caution]:
    """Every warning about one workload's rounds."""
    yield from _few_rounds(table, question)
    torn = list(_torn_rounds(table))
    yield from torn or _separated_pairs(table, question, pace)
    yield from _different_machines(table, question)


def _few_rounds(table: Table, question: Question) -> Iterator[Caution]:
    if question.candidate is None:
        return
    sides = (question.baseline, question.candidate)
    by_rounds: dict[int, list[str]] = {}
    for metric in question.asked(table.workload):
        by_rounds.setdefault(len(table.complete(sides, metric)), []).append(metric)
    for n, metrics in sorted(by_rounds.items()):
        if 0 < n < _FEW:
            yield Caution(
                workload=table.workload,
                kind="few rounds",
                message=f"{few(metrics, noun='more metrics')} "
                f"{'has' if len(metrics) == 1 else 'have'} {n} round{'s' if n > 1 else ''} "
                "with both variants: "
                + ("no interval can be given" if n == 1 else "only large effects can be shown"),
                remedy=f"ask for at least {_FEW} rounds: trials: {_FEW}",
            )


def _torn_rounds(table: Table) -> Iterator[Caution]:
    """Warn about rounds whose variants are not paired, because they were not measured in turns."""
    rounds = {(block.host, block.round) for block in table.blocks}
    torn = {(block.host, block.round) for block in table.blocks if block.part > 0}
    if torn:
        yield Caution(
            kind="not in turns",
            message=f"in {len(torn)} of {len(rounds)} rounds some variants were measured long "
            "after others, always in the same order, so a change of the machine in between would "
            "look like an effect; such trials are not compared with each other",
            remedy=_IN_TURNS,
        )


def _separated_pairs(table: Table, question: Question, pace: Pace) -> Iterator[Caution]:
    """Warn about pairs often measured far apart, though in too few rounds not to be paired."""
    patience = _patience(table.trials, pace)
    found = []
    spans = {name: {b: span_of(t) for b, t in cell.items()} for name, cell in table.cells.items()}
    references = (question.baseline, question.candidate or question.baseline)
    for one in references:
        for other in (references[1], *table.cells):
            cells = [spans.get(name, {}) for name in (one, other)]
            both = sorted(cells[0].keys() & cells[1].keys())
            count = out_of_turn(
                [(cells[0][b], cells[1][b]) for b in both],
                [patience[b.host, b.round] for b in both],
                pace.lanes,
            )
            found.append((count / max(1, len(both)), count, len(both), one, other))
    share, count, rounds, one, other = max(found, key=lambda pair: pair[0])
    if share > _OUT_OF_TURN:
        yield Caution(
            kind="not in turns",
            message=f"in {count} of {rounds} rounds {one} and {other} were not measured in turns, "
            "so a change of the machine in between may look like an effect",
            remedy=_IN_TURNS,
        )


def _patience(trials: Iterable[TrialRecord], pace: Pace) -> dict[tuple[str, int], float]:
    """Seconds that may lie between two trials of one round, by host and round."""
    took: dict[tuple[str, int], float] = {}
    for trial in trials:
        key = (trial.host, trial.round)
        took[key] = took.get(key, _OVERHEAD) + pace.seconds(trial) + _OVERHEAD
    return {(host, number): 2 * (s + pace.longest[host]) for (host, number), s in took.items()}


def _different_machines(table: Table, question: Question) -> Iterator[Caution]:
    """Warn about rounds whose baseline and candidate ran on different machines."""
    sides = (question.baseline, question.candidate or question.baseline)
    one, other = ({(b.round, b.host) for b in table.cells.get(name, {})} for name in sides)
    both = {number for number, _ in one} & {number for number, _ in other}
    apart = both - {number for number, _ in one & other}
    if apart:
        yield Caution(
            kind="different machines",
            message=f"in {len(apart)} of {len(both)} rounds {question.baseline} and "
            f"{question.candidate} were measured on different machines; such trials are not "
            "compared with each other",
            remedy="measure both on one machine; gomatrix run --resume starts rounds again there",
        )
