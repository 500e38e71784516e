"""Screening of a stored run: what is replayed, asked for, and concluded."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from synthetic import make_run

from harness.analysis.conclusion import conclude, primary_changes
from harness.analysis.models import Suspect
from harness.analysis.screened import screened
from harness.analysis.screening.models import Back
from harness.golang.records import BuildRecord
from harness.plan.plan import Cell
from harness.plan.suspects import Certainty, Settled, Suspected
from harness.plan.variants import Variant
from harness.run.records import TrialRecord
from harness.run.store import Run

BASE, CANDIDATE = "go1.23.9", "go1.24.3"
MATRIX: dict[str, object] = {
    "go": [BASE, CANDIDATE], "workloads": [{"name": "w", "package": "./w"}], "trials": 6,
    "question": {"baseline": BASE, "candidate": CANDIDATE, "suspects": "auto"},
}  # fmt: skip
SUSPECTS = (
    Suspected(kind="godebug", name="timers", back="1", counted=True),
    Suspected(kind="experiment", name="swissmap", back="noswissmap"),
    Suspected(kind="experiment", name="spinbitmutex", back="nospinbitmutex"),
    Suspected(kind="gcflags", name="loopvar", back="./...=-d=loopvarhash=qn"),
)
LABELS = [suspect.label for suspect in SUSPECTS]
Effect = Callable[[Back], float]


def peak(size: float, seed: str) -> float:
    """Some 100 MB, with 0.3 % of noise."""
    return 1e8 * math.exp(size + random.Random(seed).gauss(0, 0.003))  # noqa: S311 - no secret


def question(change: float = 0.2, suspects: tuple[Suspected, ...] = SUSPECTS) -> Run:
    def measure(_: str, variant: str, number: int) -> dict[str, float | None]:
        return {"rss.peak": peak((variant == CANDIDATE) * change, f"{variant}{number}")}

    run = make_run(measure, MATRIX)
    plan = run.manifest.plan.model_copy(
        update={"suspects": suspects, "varied": CANDIDATE, "rounds": 6}
    )
    empty = plan.model_copy(update={"suspects": (), "rounds": 100})
    manifest = run.manifest.model_copy(update={"plan": empty})
    return replace(
        run, manifest=run.manifest.model_copy(update={"plan": plan}),
        screening=Run(Path("run/screening"), manifest, ()),
    )  # fmt: skip


def measured(
    run: Run, back: Back, effect: Effect, rounds: int, *, outcome: str = "ok",
    events: Mapping[str, float] | None = None, code: str = "",
) -> Run:  # fmt: skip
    """The run with further rounds of a set of suspects turned back."""
    screening = run.screening
    assert screening is not None
    plan = screening.manifest.plan
    name = f"{CANDIDATE} {'+'.join(sorted(back))}"
    variant = Variant(name=name, toolchain=CANDIDATE, settings=tuple(sorted(back)))
    first = 1 + max((t.round for t in screening.trials), default=0)
    trials = [
        TrialRecord(
            workload="w", variant=v, round=number, host="host-1", started=1.8e9 + number,
            outcome=outcome if v == name else "ok",
            metrics={"rss.peak": peak(size, f"{v}{number} again")},
            runtime=events or {},
        )
        for number in range(first, first + rounds)
        for v, size in ((BASE, 0.0), (CANDIDATE, effect(frozenset())), (name, effect(back)))
    ]  # fmt: skip
    cells = {c.variant: c for c in (*plan.cells, Cell(workload="w", variant=name))}
    variants = {v.name: v for v in (*plan.variants, variant)}
    grown = plan.model_copy(update={
        "variants": tuple(variants.values()), "cells": tuple(cells.values()),
        "turned_back": plan.turned_back | {name: tuple(sorted(back))},
    })  # fmt: skip
    builds = [_build(plan.variant(CANDIDATE), "own"), _build(variant, code)]
    manifest = screening.manifest.model_copy(
        update={"plan": grown, "builds": (*screening.manifest.builds, *builds)}
    )
    grown_run = Run(screening.path, manifest, (*screening.trials, *trials))
    return replace(run, screening=grown_run)


def _build(variant: Variant, code: str) -> BuildRecord:
    return BuildRecord(
        workload="w", toolchain=variant.toolchain, settings=variant.settings, key="k",
        binary="", sha256="", size=1, command="", seconds=0, cached=True, code=code,
    )  # fmt: skip


def screening_of(run: Run, effect: Effect, events: Mapping[str, float] | None = None) -> Run:
    """Measure whatever is asked for, until nothing is."""
    for _ in range(200):
        (change,) = primary_changes(run)
        found = screened(run, change, 0.2)
        if found.ask is None:
            return run
        for back in found.missing:
            run = measured(run, back, effect, 1, events=events)
    raise AssertionError("the search does not end")


def suspects(run: Run) -> dict[str, Suspect]:
    return {" with ".join(s.toggles): s for s in conclude(run).suspects}


def blame(*labels: str, size: float = 0.2) -> Effect:
    return lambda back: 0.0 if back & set(labels) else size


def test_nothing_is_concluded_before_anything_is_screened() -> None:
    run = question()
    (change,) = primary_changes(run)
    found = screened(run, change, 0.2)
    assert found.ask is not None
    assert found.ask.sets == (frozenset(LABELS),)
    assert {s.verdict for s in suspects(run).values()} == {"inconclusive"}
    assert "--resume" in conclude(run).attributions[0].sentence


def test_one_culprit_is_named_and_the_others_are_ruled_out() -> None:
    run = screening_of(question(), blame("swissmap"))
    found = suspects(run)
    assert {name: s.verdict for name, s in found.items()} == {
        "timers=1": "ruled out", "swissmap": "implicated", "spinbitmutex": "ruled out",
        "loopvar": "ruled out",
    }  # fmt: skip
    assert found["swissmap"].share is not None
    assert 0.9 < found["swissmap"].share < 1.1
    verdict = conclude(run)
    assert [c.toggles for c in verdict.cures] == [("swissmap",)]
    assert (
        "turning back swissmap takes the increase of 20.8 MiB away"
        in verdict.attributions[0].sentence
    )
    assert "swissmap is implicated" in verdict.headlines[0].sentence


def test_what_takes_more_than_the_change_away_leaves_nothing() -> None:
    def effect(back: Back) -> float:
        return 0.2 - 0.12 * ("swissmap" in back) - 0.15 * ({"spinbitmutex", "loopvar"} <= back)

    (attribution,) = conclude(screening_of(question(), effect)).attributions
    assert attribution.sentence == (
        "turning back swissmap and spinbitmutex with loopvar takes the increase of 20.8 MiB away, "
        "and 36 % more"
    )


def test_a_share_above_the_whole_is_put_into_words() -> None:
    def overdone(back: Back) -> float:
        return 0.2 - 0.26 * ("swissmap" in back)

    reasons = [
        suspects(screening_of(question(), effect))["swissmap"].reason
        for effect in (overdone, blame("swissmap"))
    ]
    assert reasons[0].startswith("with swissmap turned back, the increase of 20.8 MiB goes away, ")
    assert " and 30 % more (95 % interval " in reasons[0]
    assert "more" not in reasons[1]


def test_none_is_ruled_out_together_in_few_sets() -> None:
    run = screening_of(question(), lambda _: 0.2)
    assert {s.verdict for s in suspects(run).values()} == {"ruled out"}
    assert run.screening is not None
    assert len(run.screening.manifest.plan.turned_back) <= 4
    sentence = conclude(run).attributions[0].sentence
    assert "no suspect explains the increase" in sentence
    assert "what is left is the toolchain itself (go1.24.3 against go1.23.9)" in sentence


def test_two_that_act_only_together_are_told_as_a_set() -> None:
    pair = {"swissmap", "spinbitmutex"}
    run = screening_of(question(), lambda back: 0.0 if pair <= back else 0.2)
    found = suspects(run)
    assert found["swissmap with spinbitmutex"].verdict == "implicated"
    assert found["swissmap"].verdict == found["spinbitmutex"].verdict == "contributes"
    assert found["timers=1"].verdict == "ruled out"


def test_one_that_acts_against_the_change_is_told_so() -> None:
    def effect(back: Back) -> float:
        return 0.2 - 0.2 * ("swissmap" in back) + 0.1 * ("spinbitmutex" in back)

    found = suspects(screening_of(question(), effect))
    assert (found["swissmap"].verdict, found["spinbitmutex"].verdict) == ("implicated", "offsets")
    assert found["spinbitmutex"].share is not None
    assert found["spinbitmutex"].share < 0


def test_a_setting_that_no_trial_consulted_is_settled() -> None:
    events = {"/godebug/non-default-behavior/timers:events": 0.0}
    run = measured(question(), frozenset(LABELS), lambda _: 0.2, 1, events=events)
    found = suspects(run)["timers=1"]
    assert (found.verdict, found.certainty) == ("ruled out", "never consulted")
    consulted = measured(run, frozenset(LABELS), lambda _: 0.2, 1,
                         events=dict.fromkeys(events, 1.0))  # fmt: skip
    assert suspects(consulted)["timers=1"].certainty == "measured"


def test_a_settled_suspect_makes_no_difference_in_a_set() -> None:
    events = {"/godebug/non-default-behavior/timers:events": 0.0}
    run = measured(question(), frozenset(LABELS), blame("swissmap"), 12, events=events)
    (change,) = primary_changes(run)
    ask = screened(run, change, 0.2).ask
    assert ask is not None
    assert frozenset(LABELS) - {"timers=1"} not in ask.sets  # has its rounds already


def test_sets_that_were_made_with_a_settled_suspect_are_measured_on() -> None:
    events = {"/godebug/non-default-behavior/timers:events": 0.0}

    def effect(back: Back) -> float:  # a part that three rounds do not decide on
        return 0.2 - 0.045 * ("swissmap" in back)

    run = screening_of(question(), effect, events)
    assert suspects(run)["timers=1"].certainty == "never consulted"
    assert run.screening is not None
    made = [set(labels) for labels in run.screening.manifest.plan.turned_back.values()]
    assert set(LABELS) in made
    assert set(LABELS) - {"timers=1"} not in made


def test_the_same_program_needs_no_trial() -> None:
    run = measured(question(), frozenset({"loopvar"}), lambda _: 0.2, 0, code="own")
    found = suspects(run)["loopvar"]
    assert (found.verdict, found.certainty) == ("ruled out", "identical code")
    other = measured(question(), frozenset({"loopvar"}), lambda _: 0.2, 0, code="other")
    assert suspects(other)["loopvar"].certainty == "measured"
    unknown = measured(question(), frozenset({"loopvar"}), lambda _: 0.2, 0)
    assert suspects(unknown)["loopvar"].certainty == "measured"


def test_a_set_that_fails_is_left_out_of_the_search() -> None:
    run = measured(question(), frozenset(LABELS), lambda _: 0.2, 3, outcome="exit 2")
    (change,) = primary_changes(run)
    ask = screened(run, change, 0.2).ask
    assert ask is not None
    assert frozenset(LABELS) not in ask.sets


def test_rounds_in_which_a_side_fails_do_not_go_on_for_ever() -> None:
    run = measured(question(), frozenset(LABELS), lambda _: 0.2, 9)
    screening = run.screening
    assert screening is not None
    trials = tuple(
        t.model_copy(update={"outcome": "exit 2"}) if t.variant == BASE and t.round > 1 else t
        for t in screening.trials
    )
    run = replace(run, screening=replace(screening, trials=trials))
    (change,) = primary_changes(run)
    ask = screened(run, change, 0.2).ask
    assert ask is not None
    assert frozenset(LABELS) not in ask.sets


def test_without_a_change_only_what_needs_no_trial_is_known() -> None:
    known = {"w": Settled(verdict="ruled out", certainty="same value", reason="as it was")}
    same = SUSPECTS[0].model_copy(update={"settled": known})
    found = suspects(question(0.0, (same, *SUSPECTS[1:])))
    assert (found["timers=1"].verdict, found["timers=1"].reason) == ("ruled out", "as it was")
    assert found["swissmap"].verdict == "not applicable"


@pytest.mark.parametrize("certainty", get_args(Certainty))
@pytest.mark.parametrize("change", [0.0, 0.2])
def test_whatever_is_known_without_a_trial_is_told(certainty: Certainty, change: float) -> None:
    known = {"w": Settled(verdict="not applicable", certainty=certainty, reason="as it was")}
    same = SUSPECTS[0].model_copy(update={"settled": known})
    found = suspects(question(change, (same,)))["timers=1"]
    assert (found.verdict, found.certainty, found.reason) == (
        "not applicable", certainty, "as it was",
    )  # fmt: skip


def test_a_newer_baseline_is_what_is_varied() -> None:
    run = question()
    plan = run.manifest.plan.model_copy(update={"varied": CANDIDATE})
    matrix = run.manifest.matrix.model_copy(update={
        "question": run.manifest.matrix.question.model_copy(  # type: ignore[union-attr] # it has one
            update={"baseline": CANDIDATE, "candidate": BASE}
        ),
    })  # fmt: skip
    manifest = run.manifest.model_copy(update={"plan": plan, "matrix": matrix})
    run = screening_of(replace(run, manifest=manifest), blame("swissmap"))
    found = suspects(run)
    assert found["swissmap"].verdict == "implicated"
    assert "decrease" in found["swissmap"].reason
