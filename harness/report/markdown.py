"""The verdict as Markdown, short enough for a comment on a pull request."""

import re
from collections.abc import Sequence
from itertools import accumulate

from harness.analysis.models import Comparison, Verdict
from harness.metrics.words import both
from harness.plan.question import Question
from harness.report import told, wording
from harness.report.sections import credited, verdict_words
from harness.run.question import question_of
from harness.run.store import Run
from harness.text.visible import visible

LIMIT = 60_000
"""Bytes; GitHub cuts a comment at 65,536 characters."""

ROWS = 25
"""Of all tables together that are not folded."""
_EACH = 15
"""Of one such table."""
_RESIDENT = ("rss.", "pss", "uss", "tree.rss", "tree.pss")
"""Beginnings of the names of metrics that measure resident memory."""
_ALIKE = 0.1
"""Part of a change by which two that are one fact may differ."""
_RESERVE = 500
"""Bytes kept for headings and last lines of the tables that follow."""
_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}


def render_markdown(run: Run, verdict: Verdict) -> str:
    """Render what was found, gates and doubts, then tables; at most ``LIMIT`` bytes.

    Before the reader unfolds anything, the tables have ``ROWS`` rows in all: one for each fact of
    the question.
    """
    question = question_of(run)
    lines = [f"## {plain(run.manifest.name)}", ""]
    for headline in verdict.headlines:
        lines += [f"**{plain(headline.workload)}**: {plain(headline.sentence)}", ""]
        found = told.of_workload(verdict, headline.workload)
        lines += [*(f"- {plain(wording.sentence(text))}" for text in found), ""]
    text = fitting(lines, LIMIT // 2)
    notes = [
        f"- gate {gate.state if gate.passed else '**FAILED**'}: {plain(gate.message)}"
        for gate in sorted(verdict.gates, key=lambda gate: gate.rank)
    ]
    notes += [f"- warning: {plain(doubt)}" for doubt in told.of_doubts(verdict)]
    if notes:
        text = f"{text}\n{fitting(notes, LIMIT // 4)}"
    facts, others = _facts(verdict.comparisons, question)
    shown, folded = [], []
    room = ROWS
    for title, head, rows, more in (
        _changes(facts, others),
        _suspects(verdict),
        _cells(verdict),
    ):
        count = min(room, _EACH)
        room -= len(rows[:count])
        shown.append((title, head, rows[:count]))
        folded.append(more or (f"All {title.lower()}", head, rows if rows[count:] else []))
    for beneath in shown:
        text = table(text, *beneath)
    for beneath in folded:
        text = table(text, *beneath, fold=True)
    return text + "\n"


def fitting(lines: Sequence[str], room: int) -> str:
    """As many of the lines as there is room for, in bytes."""
    sizes = accumulate(len(line.encode()) + 1 for line in lines)
    count = sum(size <= room for size in sizes)
    rest = (
        [] if count == len(lines) else ["", f"{len(lines) - count} more lines in the HTML report."]
    )
    return "\n".join([*lines[:count], *rest])


def _facts(
    comparisons: Sequence[Comparison], question: Question
) -> tuple[list[Comparison], list[Comparison]]:
    """Changes that the question asks about, each once, those of its metrics first; then all others.

    Metrics of resident memory that change by the same amount are one fact.
    """
    asked = [
        c
        for c in comparisons
        if c.changed
        and c.baseline == question.baseline
        and question.candidate in (None, c.candidate)
    ]
    facts: list[Comparison] = []
    for c in sorted(asked, key=lambda c: not c.primary):
        if c.primary or not any(_same_fact(c, fact) for fact in facts):
            facts.append(c)
    return facts, [c for c in comparisons if c.changed and c not in facts]


def _same_fact(a: Comparison, b: Comparison) -> bool:
    """Whether two comparisons of resident memory tell of one change."""
    if any(c.unit != "bytes" or not c.metric.startswith(_RESIDENT) for c in (a, b)):
        return False
    pairs = {(c.workload, c.baseline, c.candidate, c.decision) for c in (a, b)}
    sizes = [abs(c.difference or 0.0) for c in (a, b)]
    return len(pairs) == 1 and max(sizes) - min(sizes) <= _ALIKE * max(sizes)


def plain(text: str) -> str:
    """Escape foreign text so that it makes no Markdown, HTML or mention; on one line."""
    line = " ".join(visible(text).split())
    for character, entity in _HTML.items():
        line = line.replace(character, entity)
    return _SPECIAL.sub(r"\\\1", line)


def code(text: str) -> str:
    """Format foreign text as a code span of a table, where each ``|`` is escaped."""
    return span(text).replace("|", "\\|")


def span(text: str) -> str:
    """Format foreign text as a code span, where there is no table."""
    line = " ".join(visible(text).split())
    if not line:
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    inner = f" {line} " if "`" in (line[0], line[-1]) else line
    return fence + inner + fence


_Rows = list[tuple[str, ...]]
_Folded = tuple[str, tuple[str, ...], _Rows]
_Table = tuple[str, tuple[str, ...], _Rows, _Folded | None]
"""Title, heading row, rows, and what is folded beneath, if that is another table."""


def _suspects(verdict: Verdict) -> _Table:
    better = credited(verdict)
    rows: _Rows = [
        (
            plain(s.workload), code(" + ".join(s.toggles)), code(s.metric),
            verdict_words(s, better), s.certainty, wording.share(s.share), wording.shares(s.ci),
        )
        for s in sorted(told.suspects_of_changes(verdict), key=lambda s: s.verdict == "ruled out")
    ]  # fmt: skip
    head = ("Workload", "Toggle", "Metric", "Verdict", "By", "Share", "Interval")
    return "Suspects", head, rows, None


def _changes(facts: Sequence[Comparison], others: Sequence[Comparison]) -> _Table:
    """The facts in few columns, and beneath everything that changed."""
    several = len({c.candidate for c in facts}) > 1
    variant = ("Variant",) if several else ()
    rows: _Rows = [
        (
            plain(c.workload), *((code(c.candidate),) if several else ()), code(c.metric),
            _sides(c), wording.effect(c), wording.bounds(c),
        )
        for c in facts
    ]  # fmt: skip
    head = (
        "Workload", "Metric", "Candidate", "Baseline", "From → to", "Change", "Interval", "n",
    )  # fmt: skip
    more: _Rows = [
        (
            plain(c.workload), code(c.metric), code(c.candidate), code(c.baseline), _sides(c),
            wording.effect(c), wording.bounds(c), str(c.n),
        )
        for c in (*facts, *others)
    ]  # fmt: skip
    folded = ("All changed metrics of all variants", head, more if others else [])
    columns = ("Workload", *variant, "Metric", "From → to", "Change", "Interval")
    return "Changed metrics", columns, rows, folded


def _sides(c: Comparison) -> str:
    if c.baseline_value is None or c.candidate_value is None:
        return wording.NOTHING
    return both(c.metric, c.baseline_value, c.candidate_value, c.unit)


def _cells(verdict: Verdict) -> _Table:
    rows: _Rows = [
        (plain(c.workload), code(c.variant), c.status, plain(c.reason or ""))
        for c in sorted(verdict.cells, key=lambda c: c.status == "not applicable")
        if c.status not in ("measured", "not run")
    ]
    head = ("Workload", "Variant", "Status", "Reason")
    return "Cells without full measurements", head, rows, None


def table(
    text: str, title: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, fold: bool = False
) -> str:
    """Append as much of a table as the limit allows."""
    if not rows:
        return text
    start = f"<details><summary>{title}: {len(rows)}</summary>" if fold else f"### {title}"
    lines = ["", start, "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    room = LIMIT - len(text.encode()) - len("\n".join(lines).encode()) - _RESERVE
    if room < 0:
        return text
    for index, row in enumerate(rows):
        line = f"| {' | '.join(row)} |"
        room -= len(line.encode()) + 1
        if room < 0:
            lines += ["", f"{len(rows) - index} more in the HTML report."]
            break
        lines.append(line)
    if fold:
        lines += ["", "</details>"]
    return text + "\n" + "\n".join(lines)
