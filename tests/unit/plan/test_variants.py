"""What a variant was run in, its name, and who is whose sibling."""

import hashlib
import math
from collections.abc import Callable
from itertools import combinations, pairwise, product
from pathlib import Path
from string import printable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import EXPERIMENTS, ORIGIN, make_run

from harness.analysis.conclusion import compare, conclude
from harness.analysis.models import Comparison, Cure, Suspect, Verdict
from harness.analysis.stopping import undecided
from harness.errors import HarnessError
from harness.golang.experiments import Experiments
from harness.golang.records import BuildRecord
from harness.matrix.models import BuildPattern, BuildSpec, MatrixSpec
from harness.matrix.names import VariantName, parse_name, quoted, variant_name
from harness.plan.plan import Plan, make_plan
from harness.plan.question import QuestionError, resolve_question
from harness.plan.variants import Toggle, Variant, find_variant, toggles_between
from harness.report.formats import FORMATS
from harness.report.history import render_history
from harness.report.sections import troubles
from harness.run.question import question_of, variant_of
from harness.run.store import Run

Measure = Callable[[str, str, int], dict[str, float | None]]
RACE: dict[str, object] = {
    **ORIGIN,
    "go": ["go1.23.9", "go1.24.3"],
    "experiments": [[], ["noswissmap"]],
    "build": {"race": [False, True]},
    "question": {"candidate": "go1.24.3 race=true", "suspects": ["swissmap"]},
}
GOGC: dict[str, object] = {
    **ORIGIN,
    "experiments": [[], ["noswissmap"]],
    "env": {"GOGC": ["100", "50"]},
    "question": {
        "baseline": "go1.23.9 GOGC=100", "candidate": "go1.24.3 GOGC=100", "suspects": ["swissmap"],
    },
}  # fmt: skip


def noise(*key: object) -> float:
    seed = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8])
    return float(np.random.default_rng(seed).normal())


def logs(effect: Callable[[str], float]) -> Measure:
    """An effect of the variant's name on the logarithm of its memory, with noise of 0.5 %."""
    return lambda _w, variant, number: {
        "rss.peak": 1e8 * math.exp(effect(variant) + 0.005 * noise(variant, number))
    }


def plan_of(matrix: dict[str, object]) -> Plan:
    spec = MatrixSpec.model_validate(matrix)
    names = {t.name for t in (*spec.go, *(cell.go for cell in spec.include))}
    return make_plan(spec, {name: EXPERIMENTS[name] for name in names}, seed=1)


def primary(verdict: Verdict) -> Comparison:
    (found,) = [c for c in verdict.comparisons if c.primary]
    return found


def suspect(verdict: Verdict) -> Suspect:
    (found,) = (s for s in verdict.suspects if s.toggles == ("swissmap",))
    return found


# 1.1: what a variant was run in


def race_costs(variant: str) -> float:
    return 1.6 * ("race=true" in variant) + 0.2 * variant.startswith("go1.24")


def test_build_settings_are_part_of_what_a_variant_was_run_in() -> None:
    verdict = conclude(make_run(logs(race_costs), RACE))
    assert primary(verdict).baseline == "go1.23.9 race=true"
    assert primary(verdict).ratio == pytest.approx(math.exp(0.2), rel=0.02)
    assert suspect(verdict).verdict == "ruled out"
    assert not verdict.cures


def test_a_cure_of_a_race_build_is_a_race_build() -> None:
    def effect(variant: str) -> float:
        on = variant.startswith("go1.24") and "noswissmap" not in variant
        return 1.6 * ("race=true" in variant) + 0.2 * on

    verdict = conclude(make_run(logs(effect), RACE))
    assert suspect(verdict).verdict == "implicated"
    assert [c.variant for c in verdict.cures] == ["go1.24.3+noswissmap race=true"]


def test_what_race_costs_is_not_blamed_on_an_experiment() -> None:
    question = {"baseline": "go1.24.3 race=false", "candidate": "go1.24.3 race=true"}
    verdict = conclude(make_run(logs(race_costs), RACE | {"question": question}))
    assert suspect(verdict).verdict == "ruled out"
    assert not verdict.cures
    assert "what is left is race (go1.24.3 race=true against" in verdict.attributions[0].sentence
    assert "toolchain" not in verdict.attributions[0].sentence


def test_race_builds_are_compared_with_race_builds() -> None:
    question = {"baseline": "go1.23.9 race=false", "candidate": "go1.24.3 race=false"}
    run = make_run(logs(race_costs), RACE | {"question": question})
    pairs = {(c.baseline, c.candidate) for c in conclude(run).comparisons}
    assert ("go1.23.9 race=true", "go1.24.3 race=true") in pairs
    assert ("go1.24.3 race=true", "go1.24.3+noswissmap race=true") in pairs
    assert ("go1.24.3 race=false", "go1.24.3+noswissmap race=true") not in pairs


AXES = {"gcflags": ["", "-N -l"], "ldflags": ["", "-s -w"], "race": [False, True],
        "cgo": [False, True], "pgo": ["off", "default.pgo"], "goamd64": ["v1", "v3"],
        "goarm64": ["v8.0", "v9.0"], "go_line": ["1.21", "1.22.3"]}  # fmt: skip


@pytest.mark.parametrize("setting", AXES)
def test_every_build_axis_is_part_of_the_conditions(setting: str) -> None:
    plan = plan_of({**RACE, "build": {setting: AXES[setting]}, "question": None})
    a, b = (v for v in plan.variants if v.toolchain == "go1.24.3" and not v.settings)
    (toggle,) = toggles_between(a, b)
    assert toggle.kind == "build"
    assert toggle.name.lower() == setting
    assert a.conditions != b.conditions
    spec = MatrixSpec.model_validate({**RACE, "build": {setting: AXES[setting]}, "question": None})
    question = resolve_question(spec, plan)
    assert plan.variant(question.baseline).conditions == a.conditions
    assert plan.variant(question.candidate or "").conditions == a.conditions


def test_a_pattern_has_every_build_setting() -> None:
    assert BuildPattern.model_fields.keys() == BuildSpec.model_fields.keys()


def test_defaults_are_taken_from_equal_conditions() -> None:
    spec = MatrixSpec.model_validate(RACE)
    question = resolve_question(spec, plan_of(RACE))
    assert (question.baseline, question.candidate) == ("go1.23.9 race=true", "go1.24.3 race=true")
    other = RACE | {"question": {"baseline": "go1.23.9 race=true"}}
    question = resolve_question(MatrixSpec.model_validate(other), plan_of(other))
    assert (question.baseline, question.candidate) == ("go1.23.9 race=true", "go1.24.3 race=true")


def test_a_gate_that_names_one_variant_is_judged_in_its_conditions() -> None:
    gates = [
        {"metric": "rss.peak", "max_increase": "50%", **named}
        for named in (
            {"candidate": "go1.24.3+noswissmap race=false"},
            {"baseline": "go1.23.9 race=false"},
            {},
        )
    ]  # fmt: skip
    found = conclude(make_run(logs(race_costs), RACE | {"gates": gates})).gates
    assert [(g.baseline, g.candidate) for g in found] == [
        ("go1.23.9 race=false", "go1.24.3+noswissmap race=false"),
        ("go1.23.9 race=false", "go1.24.3 race=false"),
        ("go1.23.9 race=true", "go1.24.3 race=true"),
    ]
    assert all(gate.passed for gate in found)


def test_cells_are_excluded_by_build_setting() -> None:
    plan = plan_of(RACE | {"exclude": [{"go": "go1.24.3", "build": {"race": True}}]})
    assert [c.variant for c in plan.cells if "race=true" in c.variant] == [
        "go1.23.9 race=true", "go1.23.9+noswissmap race=true",
    ]  # fmt: skip
    plan = plan_of(RACE | {"exclude": [{"build": {"tags": ["x"]}}]})
    assert len(plan.cells) == len(plan.variants)


def test_cells_are_included_with_a_build_setting() -> None:
    included = [{"go": "go1.24.11", "build": {"race": True, "gcflags": "-N -l"}}]
    plan = plan_of(RACE | {"include": included})
    (added,) = (v for v in plan.variants if v.toolchain == "go1.24.11")
    assert added.name == 'go1.24.11 gcflags="-N -l" race=true'
    assert (added.build.race, added.build.gcflags) == (True, "-N -l")


def test_settings_of_excluded_cells_may_come_in_any_order() -> None:
    plan = plan_of({**ORIGIN, "exclude": [{"experiments": ["nospinbitmutex", "noswissmap"]}]})
    assert not any("," in cell.variant for cell in plan.cells)
    plan = plan_of({**ORIGIN, "exclude": [{"experiments": ["swissmap", "noswissmap"]}]})
    assert "go1.24.3+noswissmap" not in {cell.variant for cell in plan.cells}


def test_benchstat_keys_tell_builds_apart() -> None:
    text = FORMATS["benchfmt"](run := make_run(logs(race_costs), RACE), conclude(run))
    assert "build: race=true\n" in text
    assert "build: default\n" in text
    assert ",race=true," in FORMATS["csv"](run, conclude(run))


def test_the_compilers_message_is_that_of_the_cells_own_build() -> None:
    run = make_run(
        logs(race_costs), RACE, outcome=lambda _w, v, _r: "build failed" if "true" in v else "ok"
    )
    builds = tuple(
        BuildRecord(
            workload="large-buffers", toolchain="go1.24.3", settings=(), build=BuildSpec(race=race),
            key="", binary="", sha256="", size=0, command="", seconds=0, cached=False,
            error=f"race is {race}",
        )
        for race in (False, True)
    )  # fmt: skip
    manifest = run.manifest.model_copy(update={"builds": builds})
    run = Run(run.path, manifest, run.trials)
    logs_of = {t.cell.variant: t.log for t in troubles(run, conclude(run))}
    assert logs_of["go1.24.3 race=true"] == "race is True"
    assert [build.label for build in builds] == ["go1.24.3", "go1.24.3 race=true"]


def test_history_does_not_join_what_was_built_in_another_way() -> None:
    plain: dict[str, object] = {**ORIGIN, "go": ["go1.24.3"], "experiments": [[]], "question": None}
    runs = [
        make_run(logs(race_costs), plain | {"build": {"race": [race]}}, path=Path(str(race)))
        for race in (False, True)
    ]
    html = render_history([(run, conclude(run)) for run in runs])
    assert "go1.24.3 race=true" in html
    labelled = make_run(logs(race_costs), RACE, path=Path("axis"))
    html = render_history([(run, conclude(run)) for run in (runs[0], labelled)])
    names = [f'"variant">go1.24.3{rest}<' for rest in ("", " race=false", " race=true")]
    assert [html.count(name) for name in names] == [0, 1, 1]


# 1.8: names

texts = st.text(st.characters(codec="utf-8") | st.sampled_from(printable), max_size=12)
pairs = st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True), texts)


@given(pairs, st.lists(st.sampled_from(["a", "nob", "c"]), unique=True))
def test_a_name_is_read_back_in_any_order(pairs: dict[str, str], settings: list[str]) -> None:
    name = variant_name("go1.24.3~fix", settings, pairs)
    backwards = variant_name("go1.24.3~fix", settings[::-1], dict(list(pairs.items())[::-1]))
    expected = VariantName("go1.24.3~fix", frozenset(settings), frozenset(pairs.items()))
    assert parse_name(name) == parse_name(f"  {backwards} ") == expected
    assert name.isprintable()


def test_no_two_variants_have_one_name() -> None:
    words = ("x", " ", "B=1", " B=1", '"', '"x"', "\\", "\\u0020", "=", "1")
    values = [None, "", *("".join(two) for two in product(words, repeat=2)), *words]
    every = [
        {key: value for key, value in zip("AB", chosen, strict=True) if value is not None}
        for chosen in product(dict.fromkeys(values), repeat=2)
    ]
    assert len({variant_name("go1.24.3", (), env) for env in every}) == len(every)


def test_names_that_collide_lose_no_variant() -> None:
    env = {"A": ["x B=1", "x"], "B": ["1", "1 B=1"]}
    plan = plan_of(
        {**ORIGIN, "go": ["go1.24.3"], "experiments": [[]], "env": env, "question": None}
    )
    assert [v.name for v in plan.variants] == [
        'go1.24.3 A="x B=1" B=1', 'go1.24.3 A="x B=1" B="1 B=1"',
        "go1.24.3 A=x B=1", 'go1.24.3 A=x B="1 B=1"',
    ]  # fmt: skip
    assert len({(v.env["A"], v.env["B"]) for v in plan.variants}) == 4


def test_values_that_are_permutations_of_words_are_two_variants() -> None:
    matrix = {**ORIGIN, "go": ["go1.24.3"], "experiments": [[]], "env": {"A": ["x y", "y x"]}}
    names = ['go1.24.3 A="x y"', 'go1.24.3 A="y x"']
    matrix["question"] = {"baseline": names[0], "candidate": names[1]}
    question = resolve_question(MatrixSpec.model_validate(matrix), plan_of(matrix))
    assert [question.baseline, question.candidate] == names


@pytest.mark.parametrize(
    ("value", "written"),
    [("", '""'), ("a b", '"a b"'), ("a=b", '"a=b"'), ('a"b', '"a\\"b"'), ("a\nb", '"a\\nb"'),
     ("\u202e", '"\\u202e"'), ("\x1b[0m", '"\\u001b[0m"'), ("100", "100"), ("größer", "größer")],
)  # fmt: skip
def test_values_that_need_quotes(value: str, written: str) -> None:
    assert quoted(value) == written


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("go1.24.3 GODEBUG=madvdontneed=1 race=true", 1),
        ('go1.24.3 race=true GODEBUG="madvdontneed=1"', 1),
        ("go1.24.3+b,a race=false GODEBUG=x", 0),
        ("go1.24.3+a,b GODEBUG=x cgo=auto race=false", 0),
        ("go1.24.3+a,b GODEBUG=x cgo=true race=false", None),
        ("go1.24.3+a,b GODEBUG=x", None),
        ("go1.24.3+a race=false GODEBUG=x", None),
        ("go1.24.3 race=true", None),
        ('go1.24.3 race=true GODEBUG="madv', None),
        pytest.param("go1.24.3" + " A=b" * 200_000 + " x", None, id="long"),
        ("go1.24.3 race=true race=true GODEBUG=madvdontneed=1", None),
        ("", None),
        (" ", None),
        ("+", None),
    ],
)
def test_a_variant_is_found_by_structure(asked: str, found: int | None) -> None:
    variants = [
        Variant(name="go1.24.3+a,b race=false GODEBUG=x", toolchain="go1.24.3",
                settings=("a", "b"), env={"GODEBUG": "x"}),
        Variant(name='go1.24.3 race=true GODEBUG="madvdontneed=1"', toolchain="go1.24.3",
                build=BuildSpec(race=True), env={"GODEBUG": "madvdontneed=1"}),
    ]  # fmt: skip
    assert find_variant(asked, variants) == (None if found is None else variants[found])


def test_a_variable_called_like_a_build_setting_has_a_name_of_its_own() -> None:
    matrix = {**RACE, "include": [{"go": "go1.24.11", "env": {"race": "true"}}], "question": None}
    names = [v.name for v in plan_of(matrix).variants if v.toolchain == "go1.24.11"]
    assert names == ["go1.24.11 race=false env.race=true", "go1.24.11 race=true env.race=true"]
    one, other = (v for v in plan_of(matrix).variants if v.toolchain == "go1.24.11")
    assert toggles_between(one, other) == {Toggle("build", "race")}


# 1.12: cures and reasons


def test_an_environment_that_cures_is_a_cure() -> None:
    def effect(variant: str) -> float:
        return 0.2 * (variant.startswith("go1.24.3") and "GOGC=100" in variant)

    verdict = conclude(make_run(logs(effect), GOGC | {"go": ["go1.23.9", "go1.24.3"]}))
    (cure,) = verdict.cures
    assert (cure.variant, cure.conditions) == ("go1.24.3 GOGC=50", ("GOGC=50",))
    sentence = verdict.attributions[0].sentence
    assert "the increase is not there in go1.24.3 GOGC=50" in sentence
    assert "toolchain" not in sentence
    assert "go1.24.3 GOGC=50 does not show it" in verdict.headlines[0].sentence


def test_an_environment_cures_where_no_suspect_can_be_toggled() -> None:
    matrix = {**GOGC, "experiments": [[]], "go": ["go1.23.9", "go1.24.3"]}
    run = make_run(logs(lambda v: 0.2 * (v == "go1.24.3 GOGC=100")), matrix)
    verdict = conclude(run)
    assert [c.variant for c in verdict.cures] == ["go1.24.3 GOGC=50"]
    assert verdict.attributions[0].sentence.startswith(
        "no suspect was toggled in go1.24.3 GOGC=100; the increase is not there"
    )


def test_what_only_outweighs_a_change_is_no_cure() -> None:
    def effect(variant: str) -> float:
        return 0.2 * variant.startswith("go1.24.3") - 0.4 * ("GOGC=50" in variant)

    verdict = conclude(make_run(logs(effect), GOGC | {"go": ["go1.23.9", "go1.24.3"]}))
    assert not verdict.cures
    sentence = verdict.attributions[0].sentence
    assert "go1.24.3 GOGC=50 makes up for the increase, but it is there too" in sentence
    assert "what is left is the toolchain itself" in sentence


def test_an_experiment_that_is_no_suspect_may_cure() -> None:
    question = {"baseline": "go1.23.9", "candidate": "go1.24.3", "suspects": ["spinbitmutex"]}
    matrix = {**ORIGIN, "go": ["go1.23.9", "go1.24.3"], "question": question}

    def effect(variant: str) -> float:
        return 0.2 * (variant.startswith("go1.24.3") and "noswissmap" not in variant)

    verdict = conclude(make_run(logs(effect), matrix))
    assert [c.variant for c in verdict.cures] == ["go1.24.3+noswissmap"]
    assert "is not there in go1.24.3+noswissmap" in verdict.attributions[0].sentence
    assert "the toolchain" not in verdict.attributions[0].sentence


def test_a_candidate_with_a_flag_is_compared_with_the_same_flag_elsewhere() -> None:
    question = {"baseline": "go1.23.9", "candidate": "go1.24.3+noswissmap"}

    def effect(variant: str) -> float:  # the flag is to blame, in every toolchain that has it
        return 0.2 * ("noswissmap" in variant)

    verdict = conclude(make_run(logs(effect), ORIGIN | {"question": question}))
    assert {c.variant for c in verdict.cures} == {"go1.24.3"}

    def mended(variant: str) -> float:
        return 0.2 * ("go1.24.3+noswissmap" in variant)

    verdict = conclude(make_run(logs(mended), ORIGIN | {"question": question}))
    assert {c.variant for c in verdict.cures} == {"go1.24.3", "go1.24.11+noswissmap"}


def refused(run: Run, variant: str, reason: str) -> Run:
    plan = run.manifest.plan
    cells = tuple(
        c.model_copy(update={"reason": reason}) if c.variant == variant else c for c in plan.cells
    )
    manifest = run.manifest.model_copy(update={"plan": plan.model_copy(update={"cells": cells})})
    return Run(run.path, manifest, tuple(t for t in run.trials if t.variant != variant))


def test_a_suspect_whose_cell_is_refused_says_the_cells_reason() -> None:
    matrix = {**ORIGIN, "experiments": [[], ["noswissmap"]]}
    run = make_run(logs(lambda v: 0.2 * v.startswith("go1.24.3")), matrix)
    run = refused(run, "go1.24.3+noswissmap", "its go.mod asks for go 1.25")
    found = {s.toggles: s for s in conclude(run).suspects}["swissmap",]
    assert found.verdict == "not applicable"
    assert found.reason == "go1.24.3+noswissmap does not apply: its go.mod asks for go 1.25"


def test_a_suspect_whose_cell_is_excluded_says_so() -> None:
    matrix = {**ORIGIN, "experiments": [[], ["noswissmap"]],
              "exclude": [{"go": "go1.24.3", "experiments": ["noswissmap"]}]}  # fmt: skip
    run = make_run(logs(lambda v: 0.2 * v.startswith("go1.24.3")), matrix)
    found = {s.toggles: s for s in conclude(run).suspects}["swissmap",]
    assert found.verdict == "not applicable"
    assert found.reason == "go1.24.3+noswissmap does not apply: the matrix excludes it"


def test_a_suspect_that_is_toggled_in_other_conditions_only_says_in_which_it_is_not() -> None:
    matrix = RACE | {
        "experiments": [[]],
        "build": {"race": [False, True]},
        "include": [{"go": "go1.24.3", "experiments": ["noswissmap"], "build": {"race": False}}],
    }
    verdict = conclude(make_run(logs(race_costs), matrix))
    assert suspect(verdict).reason == (
        "the matrix never toggles swissmap for go1.24.3 in race=true; "
        "it is toggled in go1.24.3+noswissmap race=false"
    )


def test_a_suspect_that_is_toggled_in_other_conditions_is_not_said_never_to_be() -> None:
    matrix = RACE | {
        "experiments": [[]],
        "include": [{"go": "go1.24.3", "experiments": ["noswissmap"], "build": {"race": True}}],
        "question": {"candidate": "go1.24.3 race=false"},
    }
    verdict = conclude(make_run(logs(lambda v: 0.2 * v.startswith("go1.24.3")), matrix))
    assert suspect(verdict).reason == (
        "the matrix never toggles swissmap for go1.24.3 in Go's own settings; "
        "it is toggled in go1.24.3+noswissmap race=true"
    )


SAME_COST: dict[str, object] = {
    **ORIGIN,
    "go": ["go1.24.3", "go1.24.11"],
    "question": {"baseline": "go1.24.3", "candidate": "go1.24.11"},
}


@pytest.mark.parametrize(
    ("matrix", "worse"),
    [
        (SAME_COST | {"experiments": [[], ["noswissmap"]]}, "go1.24.11"),
        (SAME_COST, "go1.24.11"),
        (RACE | {"go": "go1.24.3"}, "race=true"),
        (GOGC | {"go": "go1.24.3", "question": {"candidate": "go1.24.3 GOGC=50"}}, "GOGC=50"),
    ],
)
def test_what_an_experiment_costs_on_either_side_is_no_part_of_the_change(
    matrix: dict[str, object], worse: str
) -> None:
    def effect(variant: str) -> float:
        return 0.3 * (worse in variant) - 0.3 * ("noswissmap" in variant)

    verdict = conclude(make_run(logs(effect), {**matrix, "trials": 8}))
    found = suspect(verdict)
    assert (verdict.comparisons[0].decision, found.verdict) == ("increase", "ruled out")
    assert "noswissmap" in found.reason  # which two were compared
    assert not verdict.cures
    assert "what is left is" in verdict.attributions[0].sentence


def test_what_an_experiment_costs_on_one_side_only_is_part_of_the_change() -> None:
    def effect(variant: str) -> float:
        old = cost * ("noswissmap" in variant)
        new = 0.3 * ("noswissmap" not in variant and variant.startswith("go1.24.11"))
        return old + new

    expected: list[tuple[float, list[str]]] = [(0.02, ["go1.24.11+noswissmap"]), (0.3, [])]
    for cost, cures in expected:  # noqa: B007 - used by effect
        verdict = conclude(make_run(logs(effect), {**SAME_COST, "trials": 8}))
        assert suspect(verdict).verdict == "implicated"
        # what uses as much as the candidate takes nothing away
        assert [c.variant for c in verdict.cures] == cures
        if not cures:
            sentence = verdict.attributions[0].sentence
            assert "goes away with swissmap flipped on both sides" in sentence


def test_a_cost_on_the_other_side_that_was_not_measured_is_told() -> None:
    question = {"baseline": "go1.24.3", "candidate": "go1.24.11"}
    matrix = {**ORIGIN, "go": ["go1.24.3", "go1.24.11"], "experiments": [[]], "question": question,
              "include": [{"go": "go1.24.11", "experiments": ["noswissmap"]}]}  # fmt: skip
    verdict = conclude(make_run(logs(lambda v: 0.3 * (v == "go1.24.11")), matrix))
    assert suspect(verdict).reason.endswith("; what it costs in go1.24.3 was not measured")
    assert suspect(verdict).one_sided
    said = "swissmap is implicated; what swissmap costs in go1.24.3 was not measured"
    assert said in verdict.headlines[0].sentence
    older = matrix | {
        "go": ["go1.23.9", "go1.24.11"],
        "question": question | {"baseline": "go1.23.9"},
    }
    verdict = conclude(make_run(logs(lambda v: 0.3 * (v == "go1.24.11")), older))
    assert "not measured" not in suspect(verdict).reason  # it has no such cost


def test_an_experiment_of_a_newer_baseline_is_told() -> None:
    matrix = {**ORIGIN, "go": ["go1.23.9", "go1.24.3"], "experiments": [[], ["noswissmap"]],
              "question": {"baseline": "go1.24.3", "candidate": "go1.23.9"}}  # fmt: skip
    (attribution,) = conclude(
        make_run(logs(lambda v: 0.3 * (v == "go1.24.3")), matrix)
    ).attributions
    assert attribution.sentence == (
        "no suspect was toggled in go1.23.9; the decrease is not there against "
        "go1.24.3+noswissmap, the baseline with swissmap flipped"
    )


def test_what_is_off_on_both_sides_is_not_what_is_left() -> None:
    matrix = {**ORIGIN, "go": ["go1.23.9", "go1.24.3"], "experiments": [[], ["nospinbitmutex"]],
              "question": {"candidate": "go1.24.3+nospinbitmutex"}}  # fmt: skip
    run = make_run(logs(lambda v: 0.3 * v.startswith("go1.24.3")), matrix)
    (attribution,) = conclude(run).attributions
    assert "what is left is the toolchain itself (" in attribution.sentence


def test_each_set_that_cures_with_a_suspect_is_told() -> None:
    def effect(variant: str) -> float:
        return 0.3 * (variant.startswith("go1.24") and variant.count("no") < 2)

    sets = [list(s) for n in range(4) for s in combinations(("noa", "nob", "noc"), n)]
    new = Experiments(known=("a", "b", "c"), on=frozenset("abc"))
    matrix = {**ORIGIN, "go": ["go1.23.9", "go1.24.3"], "experiments": sets,
              "question": {"baseline": "go1.23.9", "candidate": "go1.24.3"}}  # fmt: skip
    toolchains = EXPERIMENTS | {"go1.24.3": new}
    verdict = conclude(make_run(logs(effect), matrix, experiments=toolchains))
    found = {s.toggles: s.reason for s in verdict.suspects}
    assert found["a",].endswith(
        "alone it does not take the increase away, together with b, or with c it does"
    )
    assert found["a", "b"].endswith("no smaller set in it takes the increase away")
    verdict = conclude(make_run(logs(effect), matrix | {"experiments": [[], sets[-1]]},
                                experiments=toolchains))  # fmt: skip
    found = {s.toggles: s.reason for s in verdict.suspects}
    assert found["a", "b", "c"].endswith("no smaller set in it was measured")


def test_a_cure_that_goes_beyond_the_baseline_is_not_said_to_restore_it() -> None:
    def effect(variant: str) -> float:
        return 0.3 * variant.startswith("go1.24") - 1.0 * ("noswissmap" in variant)

    matrix = ORIGIN | {"go": ["go1.23.9", "go1.24.3"]}
    reason = suspect(conclude(make_run(logs(effect), matrix))).reason
    assert reason.endswith("that alone takes the increase away")


# 1.13: the headline

TWO: dict[str, object] = {
    **ORIGIN, "go": ["go1.23.9", "go1.24.3"], "experiments": [[], ["noswissmap"]],
    "question": {"baseline": "go1.23.9", "candidate": "go1.24.3",
                 "metrics": ["rss.peak", "cpu.user", "wall"]},
}  # fmt: skip


def several(effects: dict[str, Callable[[str], float]]) -> Measure:
    return lambda _w, variant, number: {
        metric: 1e8 * math.exp(effect(variant) + 0.005 * noise(metric, variant, number))
        for metric, effect in effects.items()
    }


def newer(variant: str) -> float:
    return 0.2 * variant.startswith("go1.24.3")


def by_swissmap(variant: str) -> float:
    return 0.2 * (variant == "go1.24.3")


def test_the_headline_does_not_rule_out_for_all_metrics_what_is_out_for_one() -> None:
    run = make_run(several({"rss.peak": newer, "cpu.user": by_swissmap, "wall": newer}), TWO)
    sentence = conclude(run).headlines[0].sentence
    assert "for the increase of rss.peak and wall: swissmap is ruled out" in sentence
    assert "for the increase of cpu.user: swissmap is implicated" in sentence
    assert sentence.count("ruled out") == 1


def test_the_headline_does_not_speak_of_metrics_that_did_not_change() -> None:
    run = make_run(
        several({"rss.peak": newer, "cpu.user": lambda _v: 0.0, "wall": lambda _v: 0.0}), TWO
    )
    sentence = conclude(run).headlines[0].sentence
    assert "for the increase of rss.peak: swissmap is ruled out" in sentence


def test_the_headline_says_once_what_holds_for_all_metrics() -> None:
    run = make_run(several({"rss.peak": newer, "cpu.user": newer, "wall": newer}), TWO)
    sentence = conclude(run).headlines[0].sentence
    assert "; swissmap is ruled out" in sentence
    assert "as to" not in sentence


def test_the_headline_names_a_few_of_many_metrics() -> None:
    names = ["rss.peak", "rss.avg", "rss.end", "rss.anon", "cpu.user", "wall", "heap.live"]
    effects: dict[str, Callable[[str], float]] = dict.fromkeys(names, newer)
    effects["heap.live"] = by_swissmap
    question = {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": names}
    run = make_run(several(effects), {**TWO, "question": question})
    assert (
        "for the increase of rss.peak, rss.avg, rss.end, rss.anon and 2 more metrics: swissmap is "
        "ruled out" in conclude(run).headlines[0].sentence
    )


def test_the_headline_does_not_join_increase_and_decrease() -> None:
    run = make_run(
        several({"rss.peak": newer, "cpu.user": lambda v: -newer(v), "wall": newer}),
        TWO | {"go": ["go1.23.9", "go1.24.3", "go1.24.11"]},
    )
    sentence = conclude(run).headlines[0].sentence
    assert "for the increase of rss.peak and wall: " in sentence
    assert "for the decrease of cpu.user: " in sentence
    better = sentence.partition("for the decrease of cpu.user: ")[2]
    assert "go1.24.11 does not show it" in better
    assert "cure" not in better


# 1.15: mirrors

MIRROR: dict[str, object] = {
    **ORIGIN, "go": ["go1.24.3"], "experiments": [[], ["noswissmap"], ["nospinbitmutex"]],
    "question": {"baseline": "go1.24.3+noswissmap", "candidate": "go1.24.3"},
}  # fmt: skip


def test_mirrored_comparisons_are_judged_once_in_the_questions_direction() -> None:
    run = make_run(logs(lambda v: 0.2 * ("noswissmap" not in v)), MIRROR)
    verdict = conclude(run)
    pairs = [(c.baseline, c.candidate) for c in verdict.comparisons if c.metric == "rss.peak"]
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert pairs[0] == ("go1.24.3+noswissmap", "go1.24.3")
    assert primary(verdict).correction == "Holm over 1 primary comparison"
    assert len(verdict.headlines[0].sentence.split("rss.peak")) == 2
    assert undecided(run) == set()


@pytest.mark.parametrize("matrix", [ORIGIN, RACE, GOGC, MIRROR])
def test_no_matrix_has_mirrored_comparisons(matrix: dict[str, object]) -> None:
    run = make_run(logs(race_costs), matrix)
    pairs = {(c.baseline, c.candidate) for c in conclude(run).comparisons}
    assert not any((b, a) in pairs for a, b in pairs)


def test_a_mistyped_variant_is_answered_with_the_nearest() -> None:
    matrix = RACE | {"question": {"candidate": "go1.24.3"}}
    with pytest.raises(QuestionError, match=r"did you mean 'go1\.24\.3 race="):
        resolve_question(MatrixSpec.model_validate(matrix), plan_of(matrix))


def test_cures_are_smallest_sets() -> None:
    found = conclude(make_run(logs(lambda v: 0.2 * (v == "go1.24.3 GOGC=100")), GOGC)).cures
    own: list[Cure] = [c for c in found if c.variant.startswith("go1.24.3")]
    assert {c.variant for c in own} == {"go1.24.3 GOGC=50", "go1.24.3+noswissmap GOGC=100"}
    assert all(a.variant != b.variant for a, b in pairwise(own))


def test_commands_find_a_variant_in_any_order() -> None:
    run = make_run(logs(race_costs), RACE | {"env": {"GODEBUG": ["", "madvdontneed=1"]}} | {
        "question": None
    })  # fmt: skip
    asked = "go1.24.3 GODEBUG=madvdontneed=1 race=true"
    assert variant_of(run, asked) == 'go1.24.3 race=true GODEBUG="madvdontneed=1"'
    found = compare(run, asked, 'go1.23.9 GODEBUG="" race=true')
    assert found[0].baseline == "go1.23.9 race=true"
    with pytest.raises(HarnessError, match=r"there is no variant 'go1\.24\.3\+x race=true'"):
        variant_of(run, "go1.24.3+x race=true")


def test_an_empty_value_of_a_variable_means_not_set_and_is_in_no_name() -> None:
    matrix = RACE | {"env": {"GODEBUG": ["", "madvdontneed=0"]}, "question": None}
    run = make_run(logs(race_costs), matrix)
    plain, other = (variant_of(run, f"go1.24.3 race=true{end}") for end in
                    ("", " GODEBUG=madvdontneed=0"))  # fmt: skip
    assert plain == "go1.24.3 race=true"
    envs = {v.name: v.env for v in run.manifest.plan.variants}
    assert (envs[plain], envs[other]) == ({}, {"GODEBUG": "madvdontneed=0"})
    assert question_of(run).baseline == "go1.23.9 race=false"


def test_exclude_finds_a_variable_that_is_not_set() -> None:
    matrix = RACE | {"env": {"GOGC": ["", "50"]}, "exclude": [{"env": {"GOGC": ""}}]}
    cells = make_run(logs(race_costs), matrix | {"question": None}).manifest.plan.cells
    assert cells
    assert all("GOGC=50" in cell.variant for cell in cells)


def test_a_question_that_mixes_toolchain_and_conditions_is_warned_about() -> None:
    question = {"baseline": "go1.23.9 race=false", "candidate": "go1.24.3 race=true"}
    warnings = conclude(make_run(logs(race_costs), RACE | {"question": question})).warnings
    (found,) = [w for w in warnings if w.kind == "conditions differ"]
    assert "differ not only in the toolchain, but also in race" in found.message
    assert found.remedy.endswith(": go1.23.9 race=true")
    plain = conclude(make_run(logs(race_costs), RACE)).warnings
    assert not [w for w in plain if w.kind == "conditions differ"]


def test_a_default_baseline_differs_by_as_little_as_can_be() -> None:
    matrix = {
        **ORIGIN, "go": ["go1.23.9", "go1.24.3"], "experiments": [[]],
        "include": [{"go": "go1.24.3", "env": {"GOGC": "50"}}],
        "question": {"candidate": "go1.24.3 GOGC=50"},
    }  # fmt: skip
    question = resolve_question(MatrixSpec.model_validate(matrix), plan_of(matrix))
    assert question.baseline == "go1.24.3"


OWN: dict[str, object] = {
    **ORIGIN,
    "go": [{"go": "go1.24.3", "build": {"ldflags": "-checklinkname=0"}}, "go1.23.9"],
    "experiments": [[], ["noswissmap"]],
    "question": {"baseline": "go1.23.9", "candidate": "go1.24.3"},
}


def test_settings_of_a_toolchain_are_in_its_builds_and_in_nothing_else() -> None:
    plan = plan_of(OWN)
    made = {variant.name: variant.made_with.ldflags for variant in plan.variants}
    assert made == {
        "go1.24.3": "-checklinkname=0",
        "go1.24.3+noswissmap": "-checklinkname=0",
        "go1.23.9": "",
        "go1.23.9+noswissmap": "",
    }
    one, other = plan.variant("go1.24.3"), plan.variant("go1.23.9")
    assert one.conditions == other.conditions
    assert toggles_between(one, other) == {Toggle("toolchain", "")}
    matrix = OWN | {"env": {"GOGC": ["", "50"]}}
    run = make_run(logs(lambda variant: 0.3 * ("go1.24.3" in variant)), matrix)
    pairs = {(c.baseline, c.candidate) for c in conclude(run).comparisons}
    assert ("go1.23.9 GOGC=50", "go1.24.3 GOGC=50") in pairs


def test_settings_of_a_toolchain_are_laid_over_those_of_all() -> None:
    plan = plan_of(OWN | {"build": {"ldflags": "-s", "race": [False, True]}})
    found = {(v.made_with.ldflags, v.made_with.race) for v in plan.variants if "24.3" in v.name}
    assert found == {("-checklinkname=0", False), ("-checklinkname=0", True)}
    excluded = plan_of(OWN | {"exclude": [{"build": {"ldflags": "-checklinkname=0"}}]})
    assert {cell.variant.partition("+")[0] for cell in excluded.cells} == {"go1.23.9"}


@pytest.mark.parametrize(
    ("build", "name", "ldflags"),
    [
        ({"race": True}, "go1.24.3 race=true", "-checklinkname=0"),
        ({"ldflags": "-s"}, "go1.24.3 ldflags=-s", "-s"),
        ({"ldflags": ""}, 'go1.24.3 ldflags=""', ""),
    ],
)
def test_an_included_cell_has_its_own_settings_then_its_toolchains(
    build: dict[str, object], name: str, ldflags: str
) -> None:
    plan = plan_of(OWN | {"include": [{"go": "go1.24.3", "build": build}]})
    assert len(plan.variants) == 5
    assert plan.variant(name).made_with.ldflags == ldflags


def test_a_setting_is_not_an_axis_and_a_toolchains_own() -> None:
    with pytest.raises(ValueError, match="ldflags is an axis of build"):
        MatrixSpec.model_validate(OWN | {"build": {"ldflags": ["", "-s"]}})


def test_toolchains_are_the_same_only_with_the_same_settings() -> None:
    def included(go: object) -> list[bool]:
        spec = MatrixSpec.model_validate(OWN | {"include": [{"go": go}]})
        return [toolchain == spec.go[0] for toolchain in spec.toolchains]

    assert included("go1.24.3") == [True, False, True]
    assert included({"go": "go1.24.3", "build": {"race": True}}) == [True, False, False]
    assert included({"go": "go1.24.3", "patch": "a.diff"}) == [True, False, False]
