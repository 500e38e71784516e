"""The story of an explanation: what each step says, in which order."""

import pytest
from explained import MIB, NEWER, OLDER, explanation, finding

from harness.bisect.compare import EndsEffect
from harness.bisect.record import Stage, StageKind, Step
from harness.explain.record import Cause, Change, Explanation
from harness.explain.story import Part, parts, rows, title


def test_a_row_has_both_values_the_change_and_its_cause() -> None:
    first, second = rows(explanation())
    assert (first.before, first.after, first.change) == ("162 MiB", "259 MiB", "+60.0 %")
    assert (first.interval, first.decision, first.tone) == (
        "+59.8 % to +60.2 %", "worse", "worse"
    )  # fmt: skip
    assert (second.decision, second.tone) == ("the same cause as orders", "worse")
    known = explanation()
    own = known.changes[0].model_copy(update={"metric": "rss.end", "same_as": "orders"})
    (row,) = rows(known.model_copy(update={"changes": (own,)}))
    assert row.decision == "the same cause"


@pytest.mark.parametrize("subject", ["matrix.yaml", ".", "./"])
def test_what_has_no_name_of_its_own_is_called_by_its_workloads(subject: str) -> None:
    known = explanation()
    assert title(known) == "./cmd/orders"
    request = known.request.model_copy(update={"subject": subject})
    assert title(known.model_copy(update={"request": request})) == "orders, importer"
    assert title(known.model_copy(update={"request": request, "changes": ()})) == subject


def _row_of(effect: EndsEffect, *, worse: bool | None) -> tuple[str, ...]:
    change = Change(workload="w", metric="heap.live", unit="bytes", effect=effect, worse=worse,
                    answer="")  # fmt: skip
    (row,) = rows(explanation().model_copy(update={"changes": (change,)}))
    return row.before, row.change, row.interval, row.decision


def test_a_row_says_better_changed_same_and_unclear() -> None:
    effect = EndsEffect(ratio=0.8, ci=(0.79, 0.81), decision="changed", size=10.0 * MIB, rounds=3)
    assert _row_of(effect, worse=False) == ("10.0 MiB", "−20.0 %", "−21.0 % to −19.0 %", "better")
    assert _row_of(effect, worse=None)[-1] == "changed"
    same = effect.model_copy(update={"decision": "unchanged"})
    assert _row_of(same, worse=None)[-1] == "same"
    unclear = effect.model_copy(update={"decision": "undecided"})
    assert _row_of(unclear, worse=None)[-1] == "unclear"


def test_without_a_ratio_a_row_has_amounts() -> None:
    effect = EndsEffect(difference=3.0 * MIB, difference_ci=(2.0 * MIB, 4.0 * MIB), rounds=3,
                        decision="changed", size=3.0 * MIB)  # fmt: skip
    assert _row_of(effect, worse=True) == ("–", "+3.00 MiB", "+2.00 MiB to +4.00 MiB", "worse")


def test_each_step_but_the_ends_is_told_in_order_and_the_cure_last() -> None:
    told = parts(explanation())
    assert [part.title for part in told] == [
        "Which release brought it", "What can be turned on and off",
        "Which code of the standard library", "The cure",
    ]  # fmt: skip
    release, toggles, source, cure = told
    assert release.sentences == (
        "the first bad release is go1.24.0, after go1.23.12",
        (
            f"go1.23.12 is like {OLDER} (0.0 % against {OLDER}, 3 rounds) and go1.24.0 is like "
            f"{NEWER} (+60.0 % against {OLDER}, 3 rounds)"
        ),
    )
    answer, ruled_out = toggles.sentences  # what was excluded is in the answer
    assert "(no toggle alone)" in answer
    assert ruled_out.startswith("ruled out: swissmap, spinbitmutex, ")
    assert source.sentences[1:] == (
        "go1.23.12 with the patch is bad", "go1.24.0 with the patch reverted is good",
    )  # fmt: skip
    assert "with culprit.diff reverted is like" in cure.sentences[0]
    assert cure.stage is None


def _with(stages: tuple[Stage, ...], **fields: object) -> list[Part]:
    (cause,) = explanation().causes
    bisection = cause.bisection.model_copy(update={"stages": stages, **fields})
    told: Cause = cause.model_copy(update={"bisection": bisection, "cure": None})
    known: Explanation = explanation().model_copy(update={"causes": (told,)})
    return parts(known)


def test_without_a_cure_the_story_says_why_once_the_search_is_at_its_end() -> None:
    *_, source = explanation().causes[0].bisection.stages
    assert _with((source,))[-1].sentences == ("no patch was found that could be reverted",)
    (nothing,) = _with(())
    assert nothing.sentences[0].startswith("nothing was found that could be turned back")
    assert _with((), finished=False) == []


def test_what_a_cure_takes_away_besides_and_makes_moot_is_told() -> None:
    (cause,) = explanation().causes
    ends, releases, toggles, source = cause.bisection.stages
    first, *others = toggles.suspects
    unclear = first.model_copy(update={"verdict": "inconclusive"})
    toggles = toggles.model_copy(update={"suspects": (unclear, *others)})
    assert cause.cure is not None
    cure = cause.cure.model_copy(update={"gone": ("rss.end", "rss.avg")})
    bisection = cause.bisection.model_copy(update={"stages": (ends, releases, toggles, source)})
    told = cause.model_copy(update={"bisection": bisection, "cure": cure})
    _, besides, moot = parts(explanation().model_copy(update={"causes": (told,)}))[-1].sentences
    assert besides == "the changes of rss.end and rss.avg go away with it"
    assert moot == "it works without swissmap"


def test_an_unfinished_story_ends_with_what_may_still_come() -> None:
    known = explanation()
    (cause,) = known.causes
    bisection = cause.bisection.model_copy(
        update={"stages": cause.bisection.stages[:2], "finished": False}
    )
    early = cause.model_copy(update={"bisection": bisection, "cure": None})
    last = parts(known.model_copy(update={"causes": (early,), "finished": False}))[-1]
    assert last.title == "Not reached"
    (told,) = last.sentences
    assert told.startswith("what may still come: what can be turned on and off, where in the ")
    assert told.endswith("which code of the standard library and the cure")
    assert parts(known.model_copy(update={"causes": (), "finished": False})) == []


def test_a_step_that_stopped_says_why() -> None:
    stage = Stage(kind="toggles", title="Toggles", older=OLDER, newer=NEWER,
                  answer="the toggles were not told apart", stopped="too noisy")  # fmt: skip
    assert _with((stage,))[0].sentences == (
        "the toggles were not told apart", "stopped there: too noisy"
    )  # fmt: skip


def test_an_excluded_combination_that_the_answer_does_not_name_is_told() -> None:
    stage = Stage(kind="toggles", title="Toggles", older=OLDER, newer=NEWER,
                  answer="swissmap explains 98 % of the increase",
                  confirmed=("excluded of what is ruled out: no toggle alone",))  # fmt: skip
    assert stage.confirmed[0] in _with((stage,))[0].sentences


def _border(kind: StageKind, *states: str) -> tuple[str, ...]:
    found = [finding(f"v{n}", state, 1.6 if state == "bad" else 1.0)  # type: ignore[arg-type]
             for n, state in enumerate(states)]  # fmt: skip
    stage = Stage(kind=kind, title="", older="v0", newer="v9", answer="",
                  steps=tuple(Step(finding=f) for f in found))  # fmt: skip
    return _with((stage,))[0].sentences[1:]


def test_the_border_is_told_with_numbers_but_for_ends() -> None:
    assert _border("releases", "good", "bad") == ()
    assert _border("releases", "good", "bad", "bad") == (
        "v1 is like v2 (+60.0 % against v0, 3 rounds)",
    )
    assert _border("releases", "bad", "doubtful", "good", "good") == (
        "v2 is like v3 (0.0 % against v3, 3 rounds)",
    )
    assert _border("commits", "good", "bad", "bad") == ()
