"""The account of both sides: means that add up, whatever a run holds."""

import json
import math
from collections.abc import Callable, Mapping

import pytest
from accounted import MIB, origin, with_accounts
from hypothesis import example, given
from hypothesis import strategies as st
from synthetic import ORIGIN, make_run

from harness.analysis.account_words import in_words, of_changes
from harness.analysis.conclusion import conclude
from harness.analysis.models import Account
from harness.metrics.account import PARTS
from harness.run.store import Run

PAIR: dict[str, object] = ORIGIN | {"go": ["go1.23.9", "go1.24.3"], "experiments": [[]]}
PAIR["question"] = {"baseline": "go1.23.9", "candidate": "go1.24.3"}
Give = Callable[[str, int], dict[str, int]]


def accounted(
    give: Give, matrix: dict[str, object] = PAIR, metrics: Mapping[str, float | None] | None = None
) -> Run:
    return with_accounts(make_run(lambda _w, _v, _r: {"rss.end": 0.0}, matrix), give, metrics)


def only(run: Run) -> Account:
    (account,) = conclude(run).accounts
    return account


def test_differences_are_sorted_and_add_up_to_the_change_of_rss() -> None:
    run = accounted(origin)
    account = only(run)
    assert [p.part for p in account.parts[:3]] == ["live", "unused", "stacks"]
    assert all(p.words == PARTS[p.part] for p in account.parts)
    for side, variant in enumerate(("go1.23.9", "go1.24.3")):
        ends = [t.metrics["rss.end"] or 0 for t in run.trials if t.variant == variant]
        assert account.resident[side] == pytest.approx(sum(ends) / len(ends))
    assert math.fsum(p.baseline for p in account.parts) == pytest.approx(account.resident[0])
    change = (account.resident[1] or 0) - account.resident[0]
    assert math.fsum(p.difference or 0 for p in account.parts) == pytest.approx(change)
    assert account.n == 6


def at_marks(metrics: list[str] | None = None, **sizes: int) -> Run:
    """A run whose trials have an account of ``sizes`` MiB at each mark; ``end`` is that of main."""
    question = {"baseline": "go1.23.9", "candidate": "go1.24.3"}
    matrix = PAIR | {"question": question | ({"metrics": metrics} if metrics else {})}
    run = make_run(lambda _w, _v, _r: {"rss.peak": 9e9}, matrix)
    trials = []
    for trial in run.trials:
        own = {name: (size + (trial.variant == "go1.24.3")) * MIB for name, size in sizes.items()}
        end = own.pop("end", 0)
        update = {
            "metrics": {**trial.metrics, **{f"rss.{n}": float(size) for n, size in own.items()},
                        "rss.end": float(end) if end else None},
            "account": {"live": end} if end else {},
            "marks": {n: {"rss.end": float(size), "heap.zero": 7.0} for n, size in own.items()},
            "accounts": {n: {"live": size} for n, size in own.items()},
            "children": {n: {"go heap": 2 * size} for n, size in own.items()},
        }  # fmt: skip
        trials.append(trial.model_copy(update=update))
    return Run(run.path, run.manifest, tuple(trials))


@pytest.mark.parametrize(
    ("metrics", "marks", "at", "size", "words"),
    [
        (None, {"idle": 1, "loaded": 9, "after": 5, "settled": 2, "end": 5}, "loaded", 9,
         "at the end of the load"),
        (["rss.settled"], {"loaded": 9, "after": 5, "settled": 2, "end": 5}, "settled", 2,
         "after the load and two collections"),
        (["wall", "rss.end"], {"loaded": 9, "after": 5, "end": 5}, "", 5, "at the end"),
        (["binary.size"], {"loaded": 9, "end": 5}, "loaded", 9, "at the end of the load"),
        (None, {"1s": 3, "2s": 4, "end": 5}, "", 5, "at the end"),
        (None, {"1s": 3, "2s": 4}, "2s", 4, "at the snapshot 2s"),
    ],
)  # fmt: skip
def test_the_instant_is_the_questions_or_the_one_that_says_most(
    metrics: list[str] | None, marks: dict[str, int], at: str, size: int, words: str
) -> None:
    verdict = conclude(at_marks(metrics, **marks))
    (account,) = verdict.accounts
    assert account.at == at
    assert [*account.resident] == [size * MIB, (size + 1) * MIB]
    assert account.zero[0] == (7.0 if at else None)
    assert in_words(account) == f"of +1.00 MiB {words}: live objects +1.00 MiB"
    assert of_changes(verdict) == {account.workload: account}
    if at:
        (children,) = verdict.children
        assert (children.at, children.resident[0]) == (at, 2 * size * MIB)


def test_means_are_taken_not_medians() -> None:
    account = only(accounted(lambda _v, r: {"live": 60 * MIB if r == 1 else 0}))
    assert {p.part: p.baseline for p in account.parts} == {"live": 10 * MIB, "remainder": 0}


def test_intervals_hold_the_difference_and_are_exact_without_spread() -> None:
    noise = (0, 3, -2, 5, 1, -4)

    def give(variant: str, number: int) -> dict[str, int]:
        hot = variant == "go1.24.3"
        return {
            "live": (100 + 50 * hot) * MIB + hot * noise[number - 1] * MIB,
            "text": (2 + hot) * MIB,
        }

    live, text = only(accounted(give)).parts[:2]
    assert live.ci is not None
    assert live.difference is not None
    assert 40 * MIB < live.ci[0] < live.difference < live.ci[1] < 60 * MIB
    assert text.ci == (MIB, MIB)


def test_a_stray_round_is_in_the_interval_as_it_is_in_the_mean() -> None:
    account = only(accounted(lambda v, r: {"live": MIB + (v == "go1.24.3") * (r == 1) * 8192}))
    live = account.parts[0]
    assert live.ci is not None
    assert live.ci[0] < (live.difference or 0) < live.ci[1]


def test_outliers_are_in_the_interval_as_they_are_in_the_mean() -> None:
    far = {3: 600 << 20, 9: -60 << 20}

    def give(variant: str, number: int) -> dict[str, int]:
        return {"live": (1 << 30) + (variant == "go1.24.3") * (far.get(number, 4096 * number))}

    live = only(accounted(give, PAIR | {"trials": 20})).parts[0]
    assert live.ci is not None
    assert live.ci[0] < 27 * MIB < (live.difference or 0) < live.ci[1]


def test_one_round_has_no_interval() -> None:
    account = only(accounted(origin, PAIR | {"trials": 1}))
    assert {p.ci for p in account.parts} == {None}


def test_unknown_parts_and_what_does_not_add_up_are_in_the_remainder() -> None:
    account = only(
        accounted(lambda _v, _r: {"live": 5 * MIB, "<b>": MIB}, metrics={"rss.end": 8.0 * MIB})
    )
    assert {p.part: p.baseline for p in account.parts} == {"live": 5 * MIB, "remainder": 3 * MIB}


def test_heap_parts_are_one_where_a_trial_does_not_tell_them_apart() -> None:
    def give(variant: str, number: int) -> dict[str, int]:
        if variant == "go1.24.3" and number == 2:
            return {"go heap": 12 * MIB, "text": MIB}
        return {"live": 7 * MIB, "stacks": 3 * MIB, "text": MIB}

    account = only(accounted(give))
    assert [(p.part, p.difference) for p in account.parts] == [
        ("go heap", pytest.approx(MIB / 3)), ("text", 0), ("remainder", 0),
    ]  # fmt: skip


def test_only_rounds_in_which_both_sides_have_an_account_count() -> None:
    run = accounted(lambda v, r: {} if (v, r) == ("go1.23.9", 1) else {"live": r * MIB})
    account = only(run)
    assert account.n == 5
    assert list(account.resident) == [4 * MIB, 4 * MIB]
    assert conclude(accounted(lambda _v, _r: {})).accounts == ()


def test_what_lies_beside_the_sum() -> None:
    known = {"heap.untouched": 3.0 * MIB, "probe.memory": 0.0}
    account = only(accounted(origin, metrics={**known, "heap.zero": None}))
    assert list(account.untouched) == [3 * MIB, 3 * MIB]
    assert list(account.zero) == [None, None]
    assert list(account.probe) == [0, 0]


def test_a_matrix_of_one_variant_has_an_account_of_its_own() -> None:
    matrix = PAIR | {"go": ["go1.24.3"], "question": None}
    account = only(accounted(origin, matrix))
    assert [account.candidate, account.resident[1]] == [None, None]
    assert account.parts[0].difference is None
    assert in_words(account) == ""


def test_a_sentence_names_the_largest_parts() -> None:
    told = in_words(only(accounted(origin)))
    assert told == "of +99.0 MiB at the end: live objects +96.0 MiB; unused in spans +3.00 MiB"


@pytest.mark.parametrize(
    ("zero", "told"),
    [
        (90.0 * MIB, "; of the Go heap +90.0 MiB never written"),
        (5.0 * MIB, ""),
        (-90.0 * MIB, ""),
    ],
)
def test_a_sentence_says_how_much_was_never_written_where_that_is_much(
    zero: float, told: str
) -> None:
    run = accounted(origin)
    trials = tuple(
        t.model_copy(
            update={"metrics": {**t.metrics, "heap.zero": (t.variant == "go1.24.3") * zero}}
        )
        for t in run.trials
    )
    said = in_words(only(Run(run.path, run.manifest, trials)))
    assert said.partition("unused in spans +3.00 MiB")[2] == told


@example(parts={}, end=5e-324)
@given(
    st.dictionaries(
        st.sampled_from([*PARTS, "x", "</script>"]), st.integers(-(1 << 63), (1 << 63) - 1)
    ),
    st.floats(allow_nan=False, allow_infinity=False) | st.none(),
)
def test_any_run_has_an_account_that_adds_up(parts: dict[str, int], end: float | None) -> None:
    give: Give = lambda v, r: parts if v == "go1.24.3" and r > 1 else {"live": 5}  # noqa: E731
    for account in conclude(accounted(give, metrics={"rss.end": end})).accounts:
        assert {p.part for p in account.parts} <= PARTS.keys()
        largest = max(abs(size) for p in account.parts for size in (p.baseline, p.candidate or 0))
        total = math.fsum(p.difference or 0 for p in account.parts)
        change = (account.resident[1] or 0) - account.resident[0]
        assert total == pytest.approx(change, abs=1e-6 + largest * 1e-12)
        json.loads(account.model_dump_json())
