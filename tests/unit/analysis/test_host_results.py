"""What is told of each host of a run."""

from dataclasses import replace

import pytest
from several_hosts import ANT, BEE, COW, MIB, measured

from harness.analysis.conclusion import conclude
from harness.analysis.models import HostResult, Verdict


def of(verdict: Verdict, name: str) -> HostResult:
    return next(h for h in verdict.hosts if h.name == name)


def test_each_host_has_its_own_change_beside_the_joint_one() -> None:
    verdict = conclude(measured(level=lambda h, _m: 2.0 if h is BEE else 1.0))
    assert [(h.host, h.name, h.rounds, h.lost, h.failed) for h in verdict.hosts] == [
        (host.id, host.name, 8, 0, 0) for host in (ANT, BEE, COW)
    ]
    joint = next(c for c in verdict.comparisons if c.primary and c.metric == "rss.peak")
    for host in verdict.hosts:
        peak, wall = host.changes
        assert (peak.metric, peak.unit, peak.n, wall.metric) == ("rss.peak", "bytes", 8, "wall")
        assert peak.ci is not None
        assert joint.ci is not None
        assert peak.ci[0] < 1.5 < peak.ci[1]
        assert joint.ci[1] - joint.ci[0] < peak.ci[1] - peak.ci[0]
        assert peak.spread == pytest.approx(0.014, abs=0.008)
    medians = [h.changes[0].baseline_value or 0 for h in verdict.hosts]
    assert medians == pytest.approx([200 * MIB, 400 * MIB, 200 * MIB], rel=0.02)


def test_a_run_of_one_host_needs_no_table_of_hosts() -> None:
    assert conclude(measured((ANT,))).hosts == ()


def test_a_host_with_one_round_has_no_interval_and_says_so() -> None:
    run = measured((ANT, BEE))
    few = [t for t in run.trials if t.host == "ant-id" or t.round == 1]
    (change, _) = of(conclude(replace(run, trials=tuple(few))), "bee").changes
    assert (change.n, change.ci, change.spread) == (1, None, None)
    assert "one round only: no interval" in change.method
    assert change.ratio == pytest.approx(1.5, rel=0.1)


def test_rounds_that_a_host_began_and_did_not_end_are_lost() -> None:
    run = measured((ANT, BEE))
    kept = tuple(t for t in run.trials if (t.round, t.variant) != (3, "go1.24.3"))
    bee = of(conclude(replace(run, trials=kept)), "bee")
    assert (bee.rounds, bee.lost, bee.changes[0].n) == (11, 1, 11)
    assert of(conclude(replace(run, trials=kept)), "ant").lost == 0


def test_failed_trials_are_counted_where_they_failed() -> None:
    run = measured((ANT, BEE))
    failed = tuple(
        t.model_copy(update={"outcome": "exit 2"}) if t.round in (1, 5) else t for t in run.trials
    )
    verdict = conclude(replace(run, trials=failed))
    assert (of(verdict, "ant").failed, of(verdict, "bee").failed) == (0, 4)
    assert of(verdict, "bee").rounds == 12
    assert of(verdict, "bee").changes[0].n == 10


def test_a_variant_that_never_ends_well_does_not_make_all_rounds_incomplete() -> None:
    run = measured((ANT, BEE), go=["go1.23.9", "go1.24.3", "go1.24.11"])
    given_up = tuple(
        t.model_copy(update={"outcome": "exit 2"}) if t.variant == "go1.24.11" else t
        for t in run.trials
        if t.variant != "go1.24.11" or t.round <= 2
    )
    assert of(conclude(replace(run, trials=given_up)), "ant").rounds == 12


def test_without_a_candidate_there_are_rounds_and_no_changes() -> None:
    run = measured((ANT, BEE), go=["go1.23.9"], question={"baseline": "go1.23.9"})
    (ant, bee) = conclude(run).hosts
    assert (ant.rounds, bee.rounds, ant.changes) == (12, 12, ())
