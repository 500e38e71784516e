"""Comparisons whose two sides were not measured in turns, and rounds that a run completes."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic import HOST, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.interleaving import Span, out_of_turn, split_rounds
from harness.analysis.samples import tables
from harness.analysis.stopping import undecided
from harness.run.records import TrialRecord
from harness.run.resume import continued
from harness.run.store import Run
from harness.session.progress import Progress
from harness.session.resuming import rounds_to_leave

A, B = "go1.23.9", "go1.24.3"
MATRIX: dict[str, object] = {
    "go": [A, B],
    "question": {"baseline": A, "candidate": B},
    "workloads": [{"name": "w", "package": "./w"}],
    "trials": {"min": 5, "max": 10},
}


def moved(run: Run, when: Callable[[TrialRecord], float], **fields: object) -> Run:
    """The run with its trials at other times."""
    trials = (t.model_copy(update={"started": when(t), **fields}) for t in run.trials)
    return Run(run.path, run.manifest, tuple(sorted(trials, key=lambda t: t.started)))


def stepping(when: Callable[[TrialRecord], float], *, at: float, rounds: int = 10) -> Run:
    """Two equal variants on a machine that takes 12 % more from one moment on."""
    noise = random.Random(7)  # noqa: S311 - no secret
    run = make_run(
        lambda *_: {"rss.peak": 1e8 * noise.gauss(1, 0.002), "wall": 0.5},
        MATRIX | {"trials": rounds},
    )
    trials = []
    for trial in moved(run, when).trials:
        rss = (trial.metrics["rss.peak"] or 0.0) * (1.12 if trial.started >= at else 1.0)
        trials.append(trial.model_copy(update={"metrics": dict(trial.metrics) | {"rss.peak": rss}}))
    return Run(run.path, run.manifest, tuple(trials))


def in_turns(trial: TrialRecord) -> float:
    """Back to back, the baseline first in every other round."""
    second = (trial.variant == A) == bool(trial.round % 2)
    return 1000.0 + 2 * trial.round + second


def baselines_first(trial: TrialRecord) -> float:
    return 1000.0 + trial.round + (60 if trial.variant == B else 0)


@pytest.mark.parametrize("rounds", [2, 3, 5, 10, 40])
def test_the_order_of_measuring_is_checked(rounds: int) -> None:
    verdict = conclude(stepping(baselines_first, at=1050, rounds=rounds))
    (primary,) = (c for c in verdict.comparisons if c.primary)
    assert (primary.decision, primary.n) == ("inconclusive", 0)
    assert primary.method == "no round has both, measured in turns on one machine"
    assert primary.method in verdict.headlines[0].sentence
    assert f"in {rounds} of {rounds} rounds" in _warning(verdict.warnings)


def _warning(warnings: object) -> str:
    assert isinstance(warnings, tuple)
    (message,) = [w.message for w in warnings if w.kind == "not in turns"]
    return str(message)


def test_what_was_measured_in_turns_is_compared_as_before() -> None:
    verdict = conclude(stepping(in_turns, at=1011))
    (primary,) = (c for c in verdict.comparisons if c.primary)
    assert primary.n == 10
    assert not [w for w in verdict.warnings if w.kind == "not in turns"]


def test_one_round_that_is_completed_minutes_later_stays_valid() -> None:
    def interrupted(trial: TrialRecord) -> float:
        late = (trial.round, trial.variant) == (4, B) or trial.round > 4
        return in_turns(trial) + (600 if late else 0)

    found = tables(stepping(interrupted, at=0))["w"]
    assert len(found.complete((A, B), "rss.peak")) == 10


@pytest.mark.parametrize(
    ("rounds", "late", "marked"),
    [(5, (1, 2, 3), True), (5, (2, 4), True), (10, (1, 5, 9), True), (3, (2,), True),
     (5, (4,), False), (10, (3, 4), False)],
)  # fmt: skip
def test_a_pair_of_which_more_than_a_fifth_was_torn_is_marked(
    rounds: int, late: tuple[int, ...], *, marked: bool
) -> None:
    """Each at a moment of its own or three at one: too few to be refused."""

    def torn(trial: TrialRecord) -> float:
        return in_turns(trial) + (600 if trial.variant == B and trial.round in late else 0)

    verdict = conclude(stepping(torn, at=0, rounds=rounds))
    (primary,) = (c for c in verdict.comparisons if c.primary)
    assert primary.n == rounds
    if marked:
        assert f"in {len(late)} of {rounds} rounds {A} and {B}" in _warning(verdict.warnings)
    else:
        assert "not in turns" not in {w.kind for w in verdict.warnings}


def test_rounds_in_turns_count_beside_those_that_are_not() -> None:
    def half(trial: TrialRecord) -> float:
        return baselines_first(trial) if trial.round <= 5 else 1000 + in_turns(trial)

    verdict = conclude(stepping(half, at=1050))
    (primary,) = (c for c in verdict.comparisons if c.primary)
    assert primary.n == 5
    assert "in 5 of 10 rounds" in _warning(verdict.warnings)


def lanes_of(count: int, seed: int, variants: int, rounds: int) -> list[dict[str, Span]]:
    """Spans of trials of unequal length, as workers run them that hold one more of a plan."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    length = [chance.lognormvariate(0, 1) for _ in range(variants)]
    order = []
    for number in range(rounds):
        order += [(number, v) for v in chance.sample(range(variants), variants)]
    free = [chance.uniform(0, 0.3) for _ in range(count)]
    held: list[tuple[int, int] | None] = [order.pop(0) if order else None for _ in free]
    spans: list[dict[str, Span]] = [{} for _ in range(rounds)]
    while any(held):
        worker = min((w for w in range(count) if held[w]), key=lambda w: free[w])
        trial = held[worker]
        assert trial is not None
        number, variant = trial
        end = free[worker] + length[variant] * chance.uniform(0.9, 1.2)
        spans[number][str(variant)] = (free[worker], end)
        free[worker], held[worker] = end + 0.02, order.pop(0) if order else None
    return spans


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_no_plan_is_taken_for_one_that_is_not_in_turns(lanes: int) -> None:
    false_alarms = 0
    for seed in range(200):
        spans = lanes_of(lanes, seed, variants=2 + seed % 5, rounds=(5, 10, 20)[seed % 3])
        false_alarms += any(len(found) > 1 for found in split_rounds(spans, lanes))
    assert false_alarms <= 2, "a warning errs in at most 1 % of runs"


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_no_plan_is_marked(lanes: int) -> None:
    marked = 0
    for seed in range(200):
        spans = lanes_of(lanes, seed, variants=2 + seed % 5, rounds=(3, 5, 10, 20)[seed % 4])
        longest = max(end - start for found in spans for start, end in found.values())
        patience = [2 * (sum(b - a for a, b in found.values()) + longest) for found in spans]
        for one, other in itertools.combinations(spans[0], 2):
            pairs = [(found[one], found[other]) for found in spans]
            marked += 5 * out_of_turn(pairs, patience, lanes) > len(pairs)
    assert marked == 0


def recorded(run: Run, *ids: str, host: str = HOST.id) -> Run:
    trials = tuple(t.model_copy(update={"host": host}) for t in run.trials if t.id in ids)
    return Run(run.path, run.manifest, trials)


def test_a_resumed_run_begins_rounds_anew_that_a_selection_has_parted() -> None:
    run = make_run(lambda *_: {"wall": 0.5}, MATRIX | {"trials": 3})
    selected = recorded(run, *(f"w[{A}-r0{n}]" for n in (1, 2, 3)))
    assert rounds_to_leave(selected, HOST.id) == {"w": (1, 2, 3)}
    plan = run.manifest.plan.model_copy(update={"left": {"w": (1, 2, 3)}})
    assert {t.round for t in plan.trials()} == {4, 5, 6}
    again = Run(run.path, run.manifest.model_copy(update={"plan": plan}), selected.trials)
    assert rounds_to_leave(again, HOST.id) == {"w": (1, 2, 3)}
    assert undecided(again) == {"w"}, "rounds that were left do not count"


def test_a_resumed_run_completes_the_round_that_was_cut_short() -> None:
    run = make_run(lambda *_: {"wall": 0.5}, MATRIX | {"trials": 5})
    ids = [t.id for t in run.trials][:7]
    assert rounds_to_leave(recorded(run, *ids), HOST.id) == {}


def test_a_run_resumed_on_another_host_measures_whole_rounds_there() -> None:
    run = make_run(lambda *_: {"wall": 0.5}, MATRIX | {"trials": 5})
    ids = [t.id for t in run.trials][:7]
    cut = recorded(run, *ids, host="elsewhere")
    assert rounds_to_leave(cut, HOST.id) == {"w": (4,)}
    there = run.manifest.model_copy(
        update={"host": HOST.model_copy(update={"id": "elsewhere"}), "supervisor": "/foreign"}
    )
    here = run.manifest.model_copy(update={"supervisor": "/ours", "memory_budget": 5})
    joined = continued(there, here)
    assert [host.id for host in joined.hosts] == ["elsewhere", HOST.id]
    assert (joined.supervisor, joined.memory_budget) == ("/ours", 5)


def test_sides_from_different_hosts_are_no_pair() -> None:
    run = make_run(lambda _w, v, _r: {"rss.peak": 2.0 if v == B else 1.0}, MATRIX)
    trials = tuple(
        t.model_copy(update={"host": "elsewhere"}) if t.variant == B else t for t in run.trials
    )
    verdict = conclude(Run(run.path, run.manifest, trials))
    assert {c.n for c in verdict.comparisons} == {0}


def test_rounds_that_were_parted_by_machines_are_told() -> None:
    run = make_run(lambda _w, v, r: {"rss.peak": (2.0 if v == B else 1.0) + r / 1000}, MATRIX)
    assert "different machines" not in {w.kind for w in conclude(run).warnings}
    trials = tuple(
        t.model_copy(update={"host": "elsewhere"}) if t.variant == B and t.round > 2 else t
        for t in run.trials
    )
    again = tuple(t.model_copy(update={"host": "elsewhere"}) for t in run.trials if t.round == 3)
    found = conclude(Run(run.path, run.manifest, trials + again)).warnings
    (caution,) = (w for w in found if w.kind == "different machines")
    rounds = max(t.round for t in run.trials)
    assert caution.message.startswith(f"in {rounds - 3} of {rounds} rounds ")


def shard(run: Run, number: int, count: int) -> Run:
    plan = run.manifest.plan.model_copy(update={"shard": (number, count)})
    trials = tuple(t for t in run.trials if t.round in plan.rounds_of("w"))
    return Run(run.path, run.manifest.model_copy(update={"plan": plan}), trials)


def test_a_shard_counts_the_rounds_that_are_there() -> None:
    clear = make_run(
        lambda _w, v, r: {"rss.peak": (2.0 if v == B else 1.0) + r / 1000},
        MATRIX | {"trials": {"min": 5, "max": 40}},
    )
    for count in (2, 4):
        part = shard(clear, 1, count)
        for rounds in range(1, 40 // count):
            numbers = part.manifest.plan.rounds_of("w")[:rounds]
            trials = tuple(t for t in part.trials if t.round in numbers)
            waiting = undecided(Run(part.path, part.manifest, trials))
            assert waiting == ({"w"} if rounds < 5 else set()), (
                f"{rounds} rounds of shard 1/{count}"
            )


def test_progress_of_a_shard_counts_its_own_rounds() -> None:
    run = shard(make_run(lambda *_: {}, MATRIX), 2, 4)
    progress = Progress(run.manifest.plan, run.manifest.plan.trials())
    lines = [line for trial in run.trials if (line := progress.note(trial))]
    assert [line.partition(";")[0] for line in lines] == ["w: round 1 of 3", "w: round 2 of 3",
                                                          "w: round 3 of 3"]  # fmt: skip


def test_stored_runs_without_times_are_compared(tmp_path: Path) -> None:
    run = moved(make_run(lambda *_: {"rss.peak": 1.0}, MATRIX, path=tmp_path), lambda _: 0.0)
    assert {block.part for block in tables(run)["w"].blocks} == {0}
