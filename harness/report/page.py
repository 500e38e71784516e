"""The HTML report: one self-contained page that depends on nothing but the run and its verdict."""

import base64
import hashlib
import shlex
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.analysis.models import Verdict
from harness.analysis.shares import IMPLICATED
from harness.metrics.catalogue import describe
from harness.plan.question import Question
from harness.report import accounts, hosts, sections, wording
from harness.report.charts.account import account_bars
from harness.report.charts.heap import heap_difference
from harness.report.charts.in_order import trials_in_order
from harness.report.charts.over_time import memory_over_time
from harness.report.charts.regions import address_space
from harness.report.charts.served import served
from harness.report.charts.suspects import suspect_shares
from harness.report.charts.vega import Figure, draw
from harness.report.told import suspects_of_changes
from harness.run.built import how_built
from harness.run.contents import Reading
from harness.run.question import question_of
from harness.run.store import Run
from harness.text.visible import visible

_MOST_CHARTS = 24
"""Metrics with a chart of their trials; a package may have hundreds of benchmarks."""


def render_html(run: Run, verdict: Verdict) -> str:
    """Render the page. The same run and verdict give the same bytes."""
    question = question_of(run)
    samples = sections.Samples(run.trials)
    credited = sections.credited(verdict)
    remarkable, folded = sections.split_rows(verdict.comparisons, question)
    return render_page(
        "report.html.j2",
        run=run,
        manifest=run.manifest,
        verdict=verdict,
        describe=describe,
        baseline=question.baseline,
        candidate=question.candidate,
        answers=sections.answers(verdict, question),
        alike=sections.alike(verdict),
        suspects=suspects_of_changes(verdict),
        lineup=suspect_shares(verdict.suspects, question.limit, IMPLICATED, credited),
        credited=credited,
        heat_maps=sections.heat_maps(run, verdict, question, samples),
        account=account_bars(verdict.accounts),
        account_tables=accounts.tables(verdict),
        summaries=accounts.summaries(verdict),
        figures=list(_figures(run, question)),
        hosts=hosts.hosts_of(run, verdict, question),
        strip_width=hosts.WIDTH,
        gates=sections.gates_by_state(verdict),
        remarkable=remarkable,
        unremarkable=folded,
        changed_elsewhere=sum(row.changed for row in folded),
        glossary=sections.glossary(verdict),
        methods=sections.methods(verdict),
        corrections=sections.corrections(verdict),
        built=how_built((b for b in run.manifest.builds if b.error is None), run.manifest.matrix),
        troubles=sections.troubles(run, verdict),
        again=again(run),
        command=shlex.join(run.manifest.command),
    )


def warm_up() -> None:
    """Do beforehand what the first page waits for: half a second, mostly for the charts' engine."""
    _environment().get_template("report.html.j2")
    draw({"data": {"values": []}, "mark": "point"}, "")


def again(run: Run) -> str:
    """Return the command that measures the same matrix in the same order."""
    manifest = run.manifest
    words = ("gomatrix", "run", manifest.matrix_path, "--seed", str(manifest.plan.seed))
    return shlex.join(words)


def render_page(template: str, **values: object) -> str:
    """Render a template with our style sheet, our script and a policy that allows nothing else."""
    style, script = _static("report.css"), _static("report.js")
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=content_security_policy(style, script),
            **values,
        )
    )


def _figures(run: Run, question: Question) -> Iterator[Figure]:
    """Every chart, in the order of the page."""
    workloads = list(dict.fromkeys(cell.workload for cell in run.manifest.plan.cells))
    pair = [("baseline", question.baseline)]
    if question.candidate is not None:
        pair.append(("candidate", question.candidate))
    roles = {name: role for role, name in pair}
    reading = Reading(run)
    found = [
        memory_over_time(run, workload, roles, f"time-{number}", reading)
        for number, workload in enumerate(workloads, 1)
    ]
    found += [
        served(run, workload, roles, f"served-{number}")
        for number, workload in enumerate(workloads, 1)
    ]
    found.append(address_space(run, workloads, pair))
    if question.candidate is not None:
        found += [
            heap_difference(
                run, workload, question.baseline, question.candidate, f"heap-{number}", reading
            )
            for number, workload in enumerate(workloads, 1)
        ]
    found += [
        trials_in_order(run, metric, describe(metric).unit, roles)
        for metric in question.metrics[:_MOST_CHARTS]
    ]
    return (figure for figure in found if figure is not None)


def content_security_policy(style: str, script: str) -> str:
    """Allow only this style sheet and script, by their hashes."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _static(name: str) -> str:
    return (files("harness.report") / "static" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(
        quantity=wording.quantity,
        level=wording.level,
        raw=wording.raw,
        brief=wording.brief,
        percent=wording.percent,
        sentence=wording.sentence,
        effect=wording.effect,
        interval=wording.interval,
        bounds=wording.bounds,
        share=wording.share,
        shares=wording.shares,
        spread=wording.spread,
        strength=wording.strength,
        decision_word=wording.decision_word,
        verdict_words=sections.verdict_words,
        tone=lambda comparison: wording.tone(comparison.decision, comparison.metric),
    )
    return environment


def _visible(value: object) -> object:
    """Keep invisible characters out of the page; applied to every template expression."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return value
