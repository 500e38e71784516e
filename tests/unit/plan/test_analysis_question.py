import pytest
from synthetic import EXPERIMENTS, ORIGIN

from harness.matrix.models import MatrixSpec
from harness.plan.plan import make_plan
from harness.plan.question import Question, QuestionError, resolve_question


def resolve(known: tuple[str, ...] = (), **changes: object) -> Question:
    matrix = {**ORIGIN, **changes}
    spec = MatrixSpec.model_validate({k: v for k, v in matrix.items() if v is not None})
    plan = make_plan(spec, {t.name: EXPERIMENTS[t.name] for t in spec.go}, seed=1)
    return resolve_question(spec, plan, known)


def test_defaults_between_toolchains() -> None:
    question = resolve(question=None)
    assert (question.baseline, question.candidate) == ("go1.23.9", "go1.24.11")
    assert question.suspects == ("swissmap", "spinbitmutex")
    assert question.metrics == ("rss.peak",)


def test_defaults_in_one_toolchain() -> None:
    question = resolve(question=None, go=["go1.24.3"])
    assert (question.baseline, question.candidate) == ("go1.24.3", "go1.24.3+noswissmap")


def test_a_named_candidate_leaves_the_baseline_to_the_first() -> None:
    question = resolve(question={"candidate": "go1.24.3"})
    assert (question.baseline, question.candidate) == ("go1.23.9", "go1.24.3")
    question = resolve(question={"candidate": "go1.23.9"})
    assert question.baseline == "go1.24.3"


def test_settings_may_be_named_in_any_order() -> None:
    question = resolve(question={"candidate": "go1.24.3+nospinbitmutex,noswissmap"})
    assert question.candidate == "go1.24.3+noswissmap,nospinbitmutex"


@pytest.mark.parametrize(
    ("changes", "location", "hint"),
    [
        ({"question": {"baseline": "go1.23.8"}}, ("question", "baseline"), "'go1.23.9'"),
        (
            {"question": {"candidate": "go1.24.3+noswismap"}},
            ("question", "candidate"),
            "noswissmap",
        ),
        ({"question": {"candidate": ""}}, ("question", "candidate"), "valid here"),
        ({"question": {"metrics": ["rss.peek"]}}, ("question", "metrics", 0), "'rss.peak'"),
        (
            {"question": {"baseline": "go1.24.3", "candidate": "go1.24.3"}},
            ("question", "candidate"),
            "two variants",
        ),
        ({"question": {"suspects": ["swismap"]}}, ("question", "suspects", 0), "'swissmap'"),
        (
            {"gates": [{"metric": "rss.peak", "max_increase": 1, "candidate": "go1.25"}]},
            ("gates", 0, "candidate"),
            "go1.2",
        ),
        (
            {"gates": [{"metric": "rss.peak", "max_increase": "5%", "candidate": "go1.23.9"}]},
            ("gates", 0, "candidate"),
            "name two variants",
        ),
        (
            {"gates": [{"metric": "rss.peak", "max_increase": "5%", "baseline": "go1.24.3"}]},
            ("gates", 0, "baseline"),
            "name two variants",
        ),
        (
            {"gates": [{"metric": "rss.pea", "max_increase": 1}]},
            ("gates", 0, "metric"),
            "'rss.peak'",
        ),
    ],
)
def test_names_that_mean_nothing(
    changes: dict[str, object], location: tuple[str | int, ...], hint: str
) -> None:
    with pytest.raises(QuestionError) as raised:
        resolve(("rangefunc",), **changes)
    assert raised.value.location == location
    assert hint in str(raised.value)


def test_an_increase_in_a_matrix_of_one_variant_is_refused() -> None:
    matrix = MatrixSpec.model_validate(
        {"go": "go1.24.3", "workloads": [{"name": "w", "package": "./w"}],
         "gates": [{"metric": "rss.peak", "max_increase": "5%"}]}
    )  # fmt: skip
    plan = make_plan(matrix, {"go1.24.3": EXPERIMENTS["go1.24.3"]}, seed=1)
    with pytest.raises(QuestionError, match="this matrix has one; set max"):
        resolve_question(matrix, plan)


def test_a_gate_on_a_value_may_name_the_baseline() -> None:
    resolve((), gates=[{"metric": "rss.peak", "max": "1GiB", "candidate": "go1.23.9"}])
