"""The verdict as Markdown, short enough for a comment on a pull request."""

import re
from collections.abc import Sequence

from harness.analysis.models import Verdict
from harness.report import told, wording
from harness.run.store import Run
from harness.text.visible import visible

LIMIT = 60_000
"""Bytes; GitHub cuts a comment at 65,536 characters."""

_RESERVE = 500
"""Bytes kept for headings and last lines of the tables that follow."""
_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}


def render_markdown(run: Run, verdict: Verdict) -> str:
    """Render verdict, suspects, gates, changed metrics, failed cells; at most ``LIMIT`` bytes."""
    lines = [f"## {plain(run.manifest.name)}", ""]
    for headline in verdict.headlines:
        lines += [f"**{plain(headline.workload)}**: {plain(headline.sentence)}", ""]
        found = told.of_workload(verdict, headline.workload)
        lines += [*(f"- {plain(wording.sentence(text))}" for text in found), ""]
    for gate in sorted(verdict.gates, key=lambda gate: gate.passed):
        lines.append(f"- gate {'held' if gate.passed else '**FAILED**'}: {plain(gate.message)}")
    lines += [f"- warning: {plain(doubt)}" for doubt in told.of_doubts(verdict)]
    text = "\n".join(lines)
    for title, head, rows in (_suspects(verdict), _changes(verdict), _cells(verdict)):
        text = _append(text, title, head, rows)
    return text + "\n"


def plain(text: str) -> str:
    """Escape foreign text so that it makes no Markdown, HTML or mention; on one line."""
    line = " ".join(visible(text).split())
    for character, entity in _HTML.items():
        line = line.replace(character, entity)
    return _SPECIAL.sub(r"\\\1", line)


def code(text: str) -> str:
    """Format foreign text as a code span, also within a table."""
    line = " ".join(visible(text).split())
    if not line:
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    inner = f" {line} " if "`" in (line[0], line[-1]) else line
    return fence + inner.replace("|", "\\|") + fence


_Rows = list[tuple[str, ...]]
_Table = tuple[str, tuple[str, ...], _Rows]
"""Title, heading row, rows."""


def _suspects(verdict: Verdict) -> _Table:
    rows: _Rows = [
        (
            plain(s.workload), code(" + ".join(s.toggles)), code(s.metric), s.verdict,
            s.certainty, wording.share(s.share), wording.shares(s.ci),
        )
        for s in verdict.suspects
        if s.certainty != "same value"
    ]  # fmt: skip
    return "Suspects", ("Workload", "Toggle", "Metric", "Verdict", "By", "Share", "Interval"), rows


def _changes(verdict: Verdict) -> _Table:
    head = (
        "Workload", "Metric", "Candidate", "Baseline", "From", "To", "Change", "Interval", "n",
    )  # fmt: skip
    rows: _Rows = [
        (
            plain(c.workload), code(c.metric), code(c.candidate), code(c.baseline),
            wording.level(c.baseline_value, c.metric, c.unit),
            wording.level(c.candidate_value, c.metric, c.unit),
            wording.effect(c), wording.bounds(c), str(c.n),
        )
        for c in verdict.comparisons
        if c.changed
    ]  # fmt: skip
    return "Changed metrics", head, rows


def _cells(verdict: Verdict) -> _Table:
    rows: _Rows = [
        (plain(c.workload), code(c.variant), c.status, plain(c.reason or ""))
        for c in verdict.cells
        if c.status != "measured"
    ]
    head = ("Workload", "Variant", "Status", "Reason")
    return "Cells without full measurements", head, rows


def _append(text: str, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Append as much of a table as the limit allows."""
    if not rows:
        return text
    lines = ["", f"### {title}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    room = LIMIT - len(text.encode()) - len("\n".join(lines).encode()) - _RESERVE
    for index, row in enumerate(rows):
        line = f"| {' | '.join(row)} |"
        room -= len(line.encode()) + 1
        if room < 0:
            lines += ["", f"{len(rows) - index} more in the HTML report."]
            break
        lines.append(line)
    return text + "\n" + "\n".join(lines)
