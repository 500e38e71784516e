"""Rounds that hosts measure: whole ones are kept, lost ones are measured anew."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pytest
from synthetic import ORIGIN, make_run

from harness.plan.plan import Trial
from harness.run.host import Host
from harness.run.records import Manifest
from harness.run.store import write_json
from harness.session.bench import Hosts, Lost, Round
from harness.session.job import Observed, record_of
from harness.session.progress import Progress
from harness.session.stopping import Stopping


class Losing:
    """A dealer whose host loses some of the first rounds, each after its first trial."""

    hosts: Sequence[Host] = ()

    def __init__(self, losses: int) -> None:
        self.losses = losses
        self.dealt: list[Round] = []

    def deal(
        self,
        _manifest: Manifest,
        take: Callable[[], Round | None],
        _needed: Callable[[Trial], bool] = lambda _: True,
    ) -> Iterator[Observed | Lost]:
        while (trials := take()) is not None:
            self.dealt.append(trials)
            for trial in trials[: 1 if self.losses else None]:
                value = {"rss.peak": float(len(self.dealt))}
                yield Observed(record_of(trial, outcome="ok", metrics=value), b"{}")
            if self.losses:
                self.losses -= 1
                yield Lost(trials, "one", "it has gone")


@pytest.mark.parametrize("losses", [0, 1, 3])
def test_a_lost_round_is_measured_anew_and_each_trial_kept_once(
    tmp_path: Path, losses: int
) -> None:
    run = make_run(lambda *_: {}, ORIGIN | {"trials": 2})
    write_json(tmp_path / "run.json", run.manifest)
    rounds = [
        tuple(trials)
        for _, trials in groupby(run.manifest.plan.trials(), lambda t: (t.workload, t.round))
    ]
    dealer = Losing(losses)

    records = list(Hosts(dealer).measure(tmp_path, run.manifest, rounds))

    assert sorted(r.id for r in records) == sorted(t.id for r in rounds for t in r)
    assert dealer.dealt[: losses + 1] == [rounds[0]] * (losses + 1)
    of_first = {r.metrics["rss.peak"] for r in records if r.id in {t.id for t in rounds[0]}}
    assert of_first == {losses + 1.0}, "a round mixes what two hosts measured"
    assert all(r.series is not None and (tmp_path / r.series).exists() for r in records)


def test_a_new_round_takes_the_place_of_a_lost_one() -> None:
    run = make_run(lambda *_: {"rss.peak": 1.0}, ORIGIN | {"trials": 3})
    plan, workload = run.manifest.plan, run.trials[0].workload
    planned = [trial for trial in plan.trials() if trial.workload == workload]
    lost = tuple(trial for trial in planned if trial.round == 2)
    grown, new = plan.replacing(lost)
    progress = Progress(plan, planned)
    stopping = Stopping(Path("run"), run.manifest, planned, [])

    progress.replace(lost, new)
    stopping.replace(new)

    assert {trial.round for trial in new} == {4}
    assert sorted(t.variant for t in new) == sorted(t.variant for t in lost)
    assert progress.expected == len(planned)
    assert new == tuple(t for t in grown.trials() if t.workload == workload and t.round == 4)
