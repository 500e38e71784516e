"""Warnings about hosts: what differs is named, and no verdict depends on it."""

from dataclasses import replace
from typing import Any

import pytest
from several_hosts import ANT, BEE, COW, measured

from harness.analysis.conclusion import conclude
from harness.analysis.models import Caution, Verdict
from harness.run.store import Run

ABOUT_DATA = {"drift", "two modes", "outliers", "busy machine", "throttled CPU"}


def cautions(run: Run) -> dict[str, Caution]:
    """The first of each kind."""
    return {w.kind: w for w in reversed(conclude(run).warnings)}


def judged(verdict: Verdict) -> list[object]:
    """All that a reader goes by, but for sizes and what tells of single hosts."""
    return [
        [(c.metric, c.candidate, c.n, c.decision, c.margin) for c in verdict.comparisons],
        [(s.metric, s.toggles, s.verdict) for s in verdict.suspects],
        [(g.metric, g.state) for g in verdict.gates],
    ]


def test_alike_hosts_are_no_matter() -> None:
    assert cautions(measured()) == {}


@pytest.mark.parametrize(
    ("metric", "factor", "said"), [("wall", 1.25, "+25 %"), ("rss.peak", 2.0, "+100 %")]
)
def test_a_slow_or_large_host_changes_no_verdict_and_is_named(
    metric: str, factor: float, said: str
) -> None:
    matrix: dict[str, Any] = {
        "go": ["go1.23.9", "go1.24.3", "go1.24.11"], "experiments": [[], ["noswissmap"]],
        "gates": [{"metric": metric, "max_increase": "20%"}],
    }  # fmt: skip
    plain = conclude(measured(**matrix))
    run = measured(level=lambda h, m: factor if (h, m) == (BEE, metric) else 1.0, **matrix)
    verdict = conclude(run)
    assert judged(verdict) == judged(plain)
    for c, same in zip(verdict.comparisons, plain.comparisons, strict=True):
        assert c.ratio == pytest.approx(same.ratio)
        assert c.ci == pytest.approx(same.ci)
    (caution,) = verdict.warnings
    assert (caution.kind, caution.workload) == ("host levels", "large")
    assert f"{metric} of every variant is higher than on" in caution.message
    assert f"{said} on bee; rounds are compared within a host" in caution.message
    assert "gomatrix verdict RUN --exclude bee" in caution.remedy
    assert plain.warnings == ()


def test_a_slow_host_among_slow_metrics_is_named_once() -> None:
    two = [{"name": name, "package": "./x"} for name in ("large", "small")]
    run = measured(level=lambda h, _m: 1.3 if h in (BEE, COW) else 1.0, workloads=two)
    found = [w for w in conclude(run).warnings if w.kind == "host levels"]
    assert [w.message.partition(" of ")[0] for w in found] == ["rss.peak", "wall"]
    for caution in found:
        assert "on bee" in caution.message
        assert "on cow" in caution.message
        assert "1 other metric or workload shows the like" in caution.message


def test_a_level_of_some_variants_only_is_not_that_of_a_host() -> None:
    run = measured(effect=lambda h, _m: 1.8 if h is BEE else 1.5)
    assert "host levels" not in cautions(run)


def test_hosts_with_another_ratio_are_read_by_name_and_not_doubled() -> None:
    found = cautions(measured(effect=lambda h, _m: 1.8 if h is BEE else 1.5))["hosts differ"]
    assert "1.8" in found.message
    assert "on bee" in found.message
    assert "--exclude HOST" in found.remedy


def test_a_noisy_host_is_named_with_both_spreads() -> None:
    noisy = measured(spread=lambda h, _m: 0.2 if h is COW else 0.01)
    found = cautions(noisy)["noisy host"]
    assert "on cow, by 1" in found.message
    assert "on other hosts" in found.message
    assert "1 other metric or workload shows the like" in found.message
    assert "gomatrix verdict RUN --exclude cow" in found.remedy


def test_a_host_somewhat_noisier_than_the_others_is_no_matter() -> None:
    run = measured(trials=240, spread=lambda h, _m: 0.024 if h is COW else 0.015)
    assert "noisy host" not in cautions(run)


def test_noise_needs_five_rounds_of_each_to_be_a_host_s() -> None:
    few = measured(trials=12, spread=lambda h, _m: 0.2 if h is COW else 0.01)
    assert "noisy host" not in cautions(few)


def test_one_round_that_strays_makes_no_noisy_host() -> None:
    run = measured()
    strayed = tuple(
        t.model_copy(update={"metrics": {m: 2 * (x or 0) for m, x in t.metrics.items()}})
        if (t.round, t.variant) == (4, "go1.24.3") else t
        for t in run.trials
    )  # fmt: skip
    assert set(cautions(replace(run, trials=strayed))) == {"outliers"}


def test_a_host_that_alone_is_noisy_where_others_are_exact() -> None:
    run = measured(spread=lambda h, _m: 0.05 if h is BEE else 0.0)
    assert "by nothing on other hosts" in cautions(run)["noisy host"].message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cpu": "EPYC"}, "CPU model (cpu on ant and cow, EPYC on bee)"),
        ({"machine": "aarch64"}, ""),  # the others are of an older harness
        ({"kernel": "6.8"}, "kernel (6.1 on ant and cow, 6.8 on bee)"),
        (
            {"transparent_hugepages": "[always] madvise never"},
            "transparent huge pages (madvise on ant and cow, always on bee)",
        ),
        ({"memory": 1 << 35}, "memory (16.0 GiB on ant and cow, 32.0 GiB on bee)"),
        ({"memory": (1 << 34) + (1 << 28)}, ""),
    ],
)
def test_hosts_of_other_kinds_are_named_by_what_differs(
    changes: dict[str, object], said: str
) -> None:
    other = BEE.model_copy(update=changes)
    found = cautions(measured((ANT, other, COW)))
    assert set(found) == ({"unlike hosts"} if said else set())
    if said:
        assert found["unlike hosts"].message.startswith(f"the hosts differ in {said}; rounds")
        assert found["unlike hosts"].workload is None


def test_many_hosts_of_many_kinds_make_one_readable_line() -> None:
    hosts = [ANT.model_copy(update={"id": f"h{n}", "name": f"h{n}", "kernel": f"6.{n % 7}"})
             for n in range(40)]  # fmt: skip
    message = cautions(measured(hosts, trials=40))["unlike hosts"].message
    assert "6.0 on h0, h7, h14, h21 and 2 more" in message
    assert "3 more kinds" in message


def test_hosts_one_after_the_other_are_no_drift_modes_or_outliers() -> None:
    """As in a merged run, where the machines took turns by the hour."""
    run = measured(
        (ANT, BEE), level=lambda h, _m: 1.4 if h is BEE else 1.0,
        question={"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": ["wall"]},
    )  # fmt: skip
    later = tuple(
        t.model_copy(update={"started": t.started + 1e5 * (t.host == "bee-id")}) for t in run.trials
    )
    found = cautions(replace(run, trials=later))
    assert not found.keys() & ABOUT_DATA
    assert "host levels" in found


def test_a_machine_slower_in_waiting_is_not_a_busy_one() -> None:
    run = measured((ANT, BEE), level=lambda h, m: 2.0 if (h, m) == (BEE, "wall") else 1.0)
    timed = tuple(
        t.model_copy(update={"metrics": {**t.metrics, "cpu.user": 0.5, "cpu.system": 0.1}})
        for t in run.trials
    )
    assert "busy machine" not in cautions(replace(run, trials=timed))


def test_names_of_strangers_are_taken_as_they_are() -> None:
    hosts = [h.model_copy(update={"name": "</script>\x1b[31m{}"}) for h in (ANT, BEE, COW)]
    run = measured(hosts, level=lambda h, _m: 2.0 if h.id == BEE.id else 1.0)
    assert "</script>\x1b[31m{} (bee-id)" in cautions(run)["host levels"].message
