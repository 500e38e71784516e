"""The verdict as plain lines, for the end of a run in a terminal or a log."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.models import Comparison, GateResult, Verdict
from harness.metrics.words import level
from harness.report import told, wording
from harness.report.sections import credited, verdict_words
from harness.text.visible import visible
from harness.text.words import change, difference, ends, listed, span

_ROWS = 24
"""Of the table of variants, without baselines: about a screen."""


@dataclass(frozen=True)
class Line:
    """A line of the terminal; its tone is that of ``wording.tone``, or empty."""

    text: str
    tone: str = ""


def closing_lines(verdict: Verdict) -> list[Line]:
    """A table of all variants, what was not measured or is in doubt, then the answers."""
    table = _variants(verdict)
    space = [Line("")] if table else []
    return [*table, *space, *map(Line, terminal_summary(verdict))]


def terminal_summary(verdict: Verdict) -> list[str]:
    """Cells that failed, doubts, gates, and at last what was found, a line each."""
    lines = []
    for cell in verdict.cells:
        if cell.status in {"failed", "partial"}:
            reason = f": {cell.reason}" if cell.reason else ""
            lines.append(f"{cell.status}: {cell.workload}[{cell.variant}]{reason}")
    skipped = sum(cell.status == "not applicable" for cell in verdict.cells)
    if skipped:
        noun = "cell does" if skipped == 1 else "cells do"
        lines.append(f"{skipped} {noun} not apply; the report says why")
    absent = sum(cell.status == "not run" for cell in verdict.cells)
    if absent:
        lines.append(f"{absent} {'cell was' if absent == 1 else 'cells were'} not run")
    lines += [f"warning: {doubt}" for doubt in told.of_doubts(verdict)]
    lines += [f"gate {_gate_word(g)}: {g.message}" for g in verdict.gates]
    for headline in verdict.headlines:
        found = (headline.sentence, *told.of_workload(verdict, headline.workload))
        lines += [f"{headline.workload}: {sentence}" for sentence in found]
    return [" ".join(visible(line).split()) for line in lines]


def _gate_word(gate: GateResult) -> str:
    """``passed``, ``undecided``, or ``FAILED`` for what fails the run."""
    if not gate.passed:
        return "FAILED"
    return "undecided" if gate.state == "undecided" else "passed"


def full_summary(verdict: Verdict) -> list[str]:
    """The summary; before it, why suspects of changes are judged as they are, and all evidence."""
    better = credited(verdict)
    lines = [
        f"suspect {' with '.join(s.toggles)} on {s.workload} {s.metric}: "
        f"{verdict_words(s, better)}; {s.reason}"
        for s in told.suspects_of_changes(verdict)
    ]
    lines += [f"evidence: {d.workload}: {d.signature}: {d.evidence}" for d in verdict.diagnosis]
    return [" ".join(visible(line).split()) for line in lines] + terminal_summary(verdict)


def _variants(verdict: Verdict) -> list[Line]:
    """The metrics of the question: each workload's variants against its baseline."""
    compared = [c for c in verdict.comparisons if c.n]
    asked = {(c.workload, c.metric, c.baseline) for c in compared if c.primary}
    rows = [c for c in compared if (c.workload, c.metric, c.baseline) in asked]
    order = list(dict.fromkeys((c.workload, c.metric) for c in rows))
    rows.sort(key=lambda c: (order.index((c.workload, c.metric)), not c.primary))
    shown, more = rows[:_ROWS], len(rows) - _ROWS
    several = len({c.metric for c in rows}) > 1
    lines: list[tuple[tuple[str, ...], str]] = []
    for c in shown:
        start = (c.workload, *([c.metric] if several else []))
        base = (*start, c.baseline, _level(c, c.baseline_value), "", "", "baseline")
        if base[: len(start) + 1] not in {cells[: len(start) + 1] for cells, _ in lines}:
            lines.append((base, ""))
        cells = (
            *start, c.candidate, _level(c, c.candidate_value), wording.effect(c),
            wording.bounds(c), wording.decision_word(c),
        )  # fmt: skip
        lines.append((cells, wording.tone(c.decision, c.metric)))
    if not lines:
        return []
    metric = ("metric",) if several else ()
    own = rows[0].metric if not several else "value"
    head = ("workload", *metric, "variant", own, "change", "95 % interval", "decision")
    lines.insert(0, (head, ""))
    texts = _aligned([tuple(map(visible, cells)) for cells, _ in lines])
    table = [Line(text, tone) for text, (_, tone) in zip(texts, lines, strict=True)]
    return [*table, *([Line(f"{more} more in the report")] if more > 0 else [])]


def _level(c: Comparison, value: float | None) -> str:
    return wording.level(value, c.metric, c.unit)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows with columns as wide as their longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def comparison_lines(comparisons: Sequence[Comparison]) -> list[str]:
    """One aligned line for each metric of two variants, then the methods."""
    lines = _aligned([_HEADER, *map(_row, comparisons)])
    methods: dict[str, list[str]] = {}
    for c in comparisons:
        if c.ci is not None or c.p is not None:
            methods.setdefault(c.method, []).append(c.metric)
    for method, metrics in methods.items():
        names = listed(tuple(dict.fromkeys(metrics)))
        lines.append(f"interval of {visible(names)}: {visible(method)}")
    lines += [
        f"corrected p: for repeated looks, then {name}"
        for name in dict.fromkeys(c.correction for c in comparisons if c.correction)
    ]
    return lines


_HEADER = (
    "workload", "metric", "baseline", "candidate", "change", "95 % interval", "n", "p", "corrected",
    "decision",
)  # fmt: skip


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def _row(c: Comparison) -> tuple[str, ...]:
    def value(number: float | None) -> str:
        return "-" if number is None else level(c.metric, number, c.unit)

    effect, interval = "-", "-"
    if c.ratio is not None:
        effect = change(c.ratio)
        interval = span(c.ci[0] - 1, c.ci[1] - 1) if c.ci else "-"
        interval = "exact" if c.ci and c.ci[0] == c.ci[1] else interval
    elif c.difference is not None:
        effect = ", ".join(filter(None, (difference(c.difference, c.unit), c.no_ratio)))
        if c.difference_ci is not None:
            low, high = c.difference_ci
            told_ends = ends((low, high), lambda bound: difference(bound, c.unit))
            interval = "exact" if low == high else told_ends
    cells = (
        c.workload, c.metric, value(c.baseline_value), value(c.candidate_value), effect,
        interval, str(c.n), _p(c.p), _p(c.p_adjusted), wording.decision_word(c),
    )  # fmt: skip
    return tuple(visible(cell) for cell in cells)
