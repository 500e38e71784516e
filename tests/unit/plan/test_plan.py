from collections import Counter

from synthetic import EXPERIMENTS, ORIGIN

from harness.matrix.models import MatrixSpec
from harness.plan.plan import Plan, make_plan


def plan(seed: int = 1, **changes: object) -> Plan:
    return make_plan(MatrixSpec.model_validate(ORIGIN | changes), EXPERIMENTS, seed=seed)


def test_variants_are_named_in_the_toolchains_own_order() -> None:
    names = [v.name for v in plan(experiments=[["nospinbitmutex", "noswissmap"]]).variants]
    assert names[1] == "go1.24.3+noswissmap,nospinbitmutex"


def test_of_two_settings_of_one_experiment_the_last_wins() -> None:
    names = [v.name for v in plan(experiments=[["swissmap", "noswissmap"]]).variants]
    assert names[1] == "go1.24.3+noswissmap"


def test_an_unknown_experiment_makes_the_cell_not_applicable() -> None:
    reasons = {c.variant: c.reason for c in plan().cells}
    assert reasons["go1.23.9"] is None
    assert reasons["go1.23.9+noswissmap"] == "go1.23.9 does not know the experiment swissmap"
    assert reasons["go1.23.9+noswissmap,nospinbitmutex"] == (
        "go1.23.9 does not know the experiments swissmap, spinbitmutex"
    )
    assert reasons["go1.24.3+noswissmap"] is None


def test_each_round_is_a_complete_shuffled_block() -> None:
    trials = list(plan().trials())
    runnable = {c.variant for c in plan().cells if c.reason is None}
    blocks = [trials[i : i + len(runnable)] for i in range(0, len(trials), len(runnable))]
    assert len(blocks) == 6
    for number, block in enumerate(blocks, start=1):
        assert {t.variant for t in block} == runnable
        assert {t.round for t in block} == {number}
    orders = Counter(tuple(t.variant for t in block) for block in blocks)
    assert len(orders) > 1


def test_the_seed_decides_the_order() -> None:
    assert list(plan(seed=7).trials()) == list(plan(seed=7).trials())
    assert list(plan(seed=7).trials()) != list(plan(seed=8).trials())


def test_a_plan_survives_the_way_to_a_worker() -> None:
    there = plan().model_dump_json()
    assert list(Plan.model_validate_json(there).trials()) == list(plan().trials())


def test_env_axes_cross_and_are_part_of_the_name() -> None:
    names = [v.name for v in plan(experiments=[[]], env={"GOGC": ["50", "100"]}).variants]
    assert names[:2] == ["go1.23.9 GOGC=50", "go1.23.9 GOGC=100"]


def test_exclude_removes_cells_and_include_adds_variants() -> None:
    changed = plan(
        experiments=[[]],
        exclude=[{"go": "go1.24.11"}],
        include=[{"go": "go1.24.3", "experiments": ["rangefunc"]}],
    )
    assert [c.variant for c in changed.cells] == ["go1.23.9", "go1.24.3", "go1.24.3+rangefunc"]


def test_trial_ids_are_node_ids() -> None:
    assert "large-buffers[go1.24.3+noswissmap-r03]" in {t.id for t in plan().trials()}
