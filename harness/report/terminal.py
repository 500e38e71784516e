"""The verdict as plain lines, for the end of a run in a terminal or a log."""

from collections.abc import Sequence

from harness.analysis.account_words import in_words, of_changes
from harness.analysis.models import Comparison, Verdict
from harness.metrics.words import level
from harness.text.visible import visible
from harness.text.words import change, difference, ends, listed, span


def terminal_summary(verdict: Verdict) -> list[str]:
    """Headlines, the parts of changes of resident memory, gates and failed cells, a line each."""
    accounts = of_changes(verdict)
    lines = []
    for headline in verdict.headlines:
        lines.append(f"{headline.workload}: {headline.sentence}")
        if headline.workload in accounts:
            lines.append(f"{headline.workload}: {in_words(accounts[headline.workload])}")
    lines += [f"gate {'passed' if g.passed else 'FAILED'}: {g.message}" for g in verdict.gates]
    for cell in verdict.cells:
        if cell.status in {"failed", "partial"}:
            reason = f": {cell.reason}" if cell.reason else ""
            lines.append(f"{cell.status}: {cell.workload}[{cell.variant}]{reason}")
    skipped = sum(cell.status == "not applicable" for cell in verdict.cells)
    if skipped:
        noun = "cell does" if skipped == 1 else "cells do"
        lines.append(f"{skipped} {noun} not apply; the report says why")
    return [" ".join(visible(line).split()) for line in lines]


def full_summary(verdict: Verdict) -> list[str]:
    """The summary with suspects, where the memory sits, and doubtful data."""
    lines = terminal_summary(verdict)
    for suspect in verdict.suspects:
        names = " with ".join(suspect.toggles)
        lines.append(
            f"suspect {names} on {suspect.workload} {suspect.metric}: "
            f"{suspect.verdict}; {suspect.reason}"
        )
    lines += [f"{a.workload} {a.metric}: {a.sentence}" for a in verdict.attributions]
    lines += [f"{d.workload}: {d.signature}: {d.evidence}" for d in verdict.diagnosis]
    lines += [
        f"warning: {w.workload or 'run'}: {w.kind}: {w.message}; {w.remedy}"
        for w in verdict.warnings
    ]
    return [" ".join(visible(line).split()) for line in lines]


def comparison_lines(comparisons: Sequence[Comparison]) -> list[str]:
    """One aligned line for each metric of two variants, then the methods."""
    rows = [_HEADER, *map(_row, comparisons)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADER))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    methods: dict[str, list[str]] = {}
    for c in comparisons:
        if c.ci is not None or c.p is not None:
            methods.setdefault(c.method, []).append(c.metric)
    for method, metrics in methods.items():
        names = listed(tuple(dict.fromkeys(metrics)))
        lines.append(f"interval of {visible(names)}: {visible(method)}")
    lines += [
        f"corrected p: for repeated looks, then {name} comparisons"
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
            told = ends((low, high), lambda bound: difference(bound, c.unit))
            interval = "exact" if low == high else told
    cells = (
        c.workload, c.metric, value(c.baseline_value), value(c.candidate_value), effect,
        interval, str(c.n), _p(c.p), _p(c.p_adjusted), c.decision,
    )  # fmt: skip
    return tuple(visible(cell) for cell in cells)
