"""The end of a run in a terminal, and the same sentences in Markdown."""

import pytest
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.models import Caution, Cure, Diagnosis, Verdict
from harness.report.markdown import render_markdown
from harness.report.page import render_html
from harness.report.terminal import closing_lines, terminal_summary
from harness.report.told import brief
from harness.run.store import Run

MIB = 1 << 20
SITE = "most of it allocated by main.fill (+95.2 MiB, 98 %)"


def measure(workload: str, variant: str, _number: int) -> dict[str, float | None]:
    if workload == "live-map":
        return {"rss.peak": (74.0 if variant.startswith("go1.24") else 177.0) * MIB}
    return {"rss.peak": (259.0 if variant.startswith("go1.24.3") else 162.0) * MIB}


@pytest.fixture(scope="module")
def run() -> Run:
    workloads = [{"name": name, "package": "./x"} for name in ("large-buffers", "live-map")]
    return make_run(measure, {**ORIGIN, "workloads": workloads})


@pytest.fixture(scope="module")
def verdict(run: Run) -> Verdict:
    found = conclude(run)
    subject = {"workload": "large-buffers", "baseline": "go1.23.9", "candidate": "go1.24.3"}
    evidence = f"97.0 MiB more was never written; the heap went up; {SITE}; a lot more"
    diagnosis = Diagnosis(**subject, signature="resident but unseen", evidence=evidence)
    caution = Caution(kind="drift", message="it drifts", remedy="repeat it")
    return found.model_copy(update={"diagnosis": (diagnosis,), "warnings": (caution,)})


def test_the_table_has_every_variant_with_its_tone(verdict: Verdict) -> None:
    lines = closing_lines(verdict)
    rows = {tuple(line.text.split()[:2]): line for line in lines[: lines.index(next(
        line for line in lines if not line.text))]}  # fmt: skip
    assert "rss.peak" in rows["workload", "variant"].text
    assert rows["large-buffers", "go1.23.9"].text.endswith("baseline")
    worse = rows["large-buffers", "go1.24.3"]
    assert worse.text.split("  ")[-1] == "increase"
    assert "259 MiB" in worse.text
    assert "+59.9 %" in worse.text
    assert worse.tone == "worse"
    assert rows["live-map", "go1.24.3"].tone == "better"
    assert rows["large-buffers", "go1.24.11"].tone == "same"


def test_the_last_ten_lines_answer(verdict: Verdict) -> None:
    last = "\n".join(
        line.text for line in closing_lines(verdict) if not line.text.startswith("live-map")
    ).splitlines()[-8:]
    told = "\n".join(last)
    for answer in (
        "rss.peak is 60 % higher", "162 → 259 MiB, +97.0 MiB", "are ruled out",
        "what is left is the toolchain itself", "not affected: go1.24.11",
        f"resident but unseen: 97.0 MiB more was never written; {SITE}",
        "warning: run: drift: it drifts; repeat it",
    ):  # fmt: skip
        assert answer in told
    assert "a lot more" not in told


def test_markdown_has_the_same_sentences(run: Run, verdict: Verdict) -> None:
    text = render_markdown(run, verdict)
    for line in terminal_summary(verdict):
        if line.startswith("large-buffers: ") and "rss.peak is" not in line:
            sentence = line.removeprefix("large-buffers: ")
            assert f"- {sentence[:1].upper()}{sentence[1:]}." in text
    assert "- warning: run: drift: it drifts; repeat it" in text


def test_several_metrics_are_named_in_the_table() -> None:
    question = {**ORIGIN["question"], "metrics": ["rss.peak", "cpu.user"]}  # type: ignore[dict-item] # a mapping

    def both(workload: str, variant: str, number: int) -> dict[str, float | None]:
        return {**measure(workload, variant, number), "cpu.user": 1.0}

    lines = closing_lines(conclude(make_run(both, {**ORIGIN, "question": question})))
    assert lines[0].text.split()[:4] == ["workload", "metric", "variant", "value"]
    assert any(line.text.split()[1:3] == ["cpu.user", "go1.24.3"] for line in lines)


def test_what_holds_for_several_metrics_is_said_once(verdict: Verdict) -> None:
    (told,) = [a for a in verdict.attributions if a.workload == "large-buffers"]
    first = next(c for c in verdict.comparisons if c.primary and c.changed)
    names = ("pss.peak", "rss.end")

    def of(sentence: str) -> list[str]:
        more = [told.model_copy(update={"metric": n, "sentence": sentence}) for n in names]
        also = [first.model_copy(update={"metric": name}) for name in names]
        both = verdict.model_copy(update={
            "attributions": (told, *more), "comparisons": (*verdict.comparisons, *also),
        })  # fmt: skip
        return [line for line in terminal_summary(both) if told.sentence in line or "other" in line]

    assert of(told.sentence) == [f"large-buffers: {told.sentence}"]
    assert of("another") == [
        f"large-buffers: rss.peak: {told.sentence}", "large-buffers: pss.peak and rss.end: another",
    ]  # fmt: skip


def test_a_large_matrix_does_not_fill_the_terminal(verdict: Verdict) -> None:
    first = next(c for c in verdict.comparisons if c.primary)
    many = tuple(first.model_copy(update={"candidate": f"v{i}"}) for i in range(100))
    lines = closing_lines(verdict.model_copy(update={"comparisons": many}))
    assert "76 more in the report" in [line.text for line in lines]
    assert sum("MiB" in line.text for line in lines if line.tone) == 24


def test_what_was_not_selected_has_not_failed(run: Run) -> None:
    trials = tuple(t for t in run.trials if "noswissmap" not in t.variant)
    chosen = Run(run.path, run.manifest, trials)
    verdict = conclude(chosen)
    lines = terminal_summary(verdict)
    assert "8 cells were not run" in lines
    assert not any("noswissmap" in line.text for line in closing_lines(verdict) if line.tone)
    for text in (*lines, render_markdown(chosen, verdict), render_html(chosen, verdict)):
        assert "failed:" not in text
        assert "no trial was run" not in text


def test_each_way_out_is_named_once(verdict: Verdict) -> None:
    cure = next(iter(verdict.cures))
    twice = verdict.model_copy(
        update={"cures": (*verdict.cures, Cure(**cure.subject, variant=cure.variant))}
    )
    assert terminal_summary(twice) == terminal_summary(verdict)


def test_a_diagnosis_in_short_keeps_the_site_once() -> None:
    def told(evidence: str) -> str:
        return brief(Diagnosis(workload="w", baseline="a", candidate="b", signature="s",
                               evidence=evidence))  # fmt: skip

    assert told(f"+97 MiB, {SITE}, as ever; more; {SITE}") == f"+97 MiB, {SITE}, as ever"
    assert told("heap.live went up; and so on") == "heap.live went up"
