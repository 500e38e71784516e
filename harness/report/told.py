"""What is told of a workload after its headline, a sentence each, for terminal and Markdown."""

import re
from collections.abc import Iterator

from harness.analysis.account_words import in_words, of_changes
from harness.analysis.models import Diagnosis, Suspect, Verdict
from harness.text.words import few

_SITE = re.compile(r"most of it (?:in|allocated by) ")


def of_workload(verdict: Verdict, workload: str) -> Iterator[str]:
    """The parts of the change, what explains it, who is not affected, and where the memory sits."""
    account = of_changes(verdict).get(workload)
    if account is not None:
        yield in_words(account)
    changed = changed_metrics(verdict, workload)  # of others the headline says that none is shown
    told: dict[str, list[str]] = {}
    for attribution in verdict.attributions:
        if attribution.workload == workload and attribution.metric in changed:
            told.setdefault(attribution.sentence, []).append(attribution.metric)
    for sentence, metrics in told.items():
        yield sentence if len(told) == 1 else f"{few(metrics, noun='more metrics')}: {sentence}"
    unaffected = dict.fromkeys(c.variant for c in verdict.cures if c.workload == workload)
    if unaffected:
        yield f"not affected: {', '.join(unaffected)}"
    for diagnosis in verdict.diagnosis:
        if diagnosis.workload == workload:
            yield f"{diagnosis.signature}: {brief(diagnosis)}"


def changed_metrics(verdict: Verdict, workload: str) -> set[str]:
    """Primary metrics whose change is shown."""
    own = (c for c in verdict.comparisons if c.workload == workload and c.primary)
    return {c.metric for c in own if c.changed}


def suspects_of_changes(verdict: Verdict) -> tuple[Suspect, ...]:
    """Suspects of changes that are shown; without those that both sides have alike."""
    workloads = dict.fromkeys(s.workload for s in verdict.suspects)
    changed = {workload: changed_metrics(verdict, workload) for workload in workloads}
    return tuple(
        s
        for s in verdict.suspects
        if s.certainty != "same value" and s.metric in changed[s.workload]
    )


def of_doubts(verdict: Verdict) -> Iterator[str]:
    """Warnings, a line each."""
    for w in verdict.warnings:
        yield f"{w.workload or 'run'}: {w.kind}: {w.message}; {w.remedy}"


def brief(diagnosis: Diagnosis) -> str:
    """What was seen, in bytes, and the site; the page has the rest of the evidence."""
    first, *rest = diagnosis.evidence.split("; ")
    site = next((part for part in rest if _SITE.match(part)), None)
    return f"{first}; {site}" if site and not _SITE.search(first) else first
