"""Commands to run before a measurement: doctor, init and plan."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from harness.cli.options import examples, json_option, matrix_argument, reports_option
from harness.cli.output import say, say_json, show
from harness.doctor import Finding, gather, judge_host
from harness.errors import writing
from harness.golang.cache import default_cache
from harness.init import draft
from harness.matrix.load import load
from harness.session.prepare import prepare
from harness.session.preview import Estimate, Preview, preview
from harness.text.visible import visible

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command(epilog=examples("gomatrix doctor", "gomatrix doctor --json"))
@reports_option
@json_option
def doctor(reports: Path, *, as_json: bool) -> None:
    """Check whether this machine is fit to measure, and say what to change.

    Exit with 0 if runs can work here, even with warnings, and with 1 if they cannot.
    """
    findings = judge_host(gather(default_cache(), reports))
    if as_json:
        dumped = [finding.model_dump() for finding in findings]
        say_json(json.dumps({"schema": 1, "findings": dumped}, indent=1))
    else:
        _print_findings(findings)
    sys.exit(1 if any(finding.level == "error" for finding in findings) else 0)


def _print_findings(findings: list[Finding]) -> None:
    grid = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        words = Text(visible(finding.says))
        if finding.remedy:
            words.append(f"\n→ {visible(finding.remedy)}", style="bold")
        level = Text(finding.level, style=_COLOURS[finding.level])
        grid.add_row(level, Text(visible(finding.check)), words)
    show(grid, 100)


@click.command(epilog=examples("gomatrix init", "gomatrix init && gomatrix run"))
def init() -> None:
    """Write a commented matrix.yaml for the Go module in this directory.

    It lists the main packages and benchmarks, compares go.mod's Go version with the newest stable
    one, and toggles the experiments that differ. It never overwrites a matrix.yaml. Go need not be
    installed: missing toolchains are downloaded.
    """
    path = Path("matrix.yaml")
    present = next((p for p in (path, Path("matrix.yml")) if p.exists()), None)
    if present:
        say(f"{present} is there already; it is left as it is")
        return
    text, remarks = draft(Path.cwd(), default_cache(), lambda line: say(line, err=True))
    with writing(path, "go to a directory of your own"):
        path.write_text(text, encoding="utf-8")
    for line in remarks:
        say(line)
    say(f"wrote {path}; see what it does with gomatrix plan, and measure with gomatrix run")


@click.command(
    epilog=examples("gomatrix plan", "gomatrix plan canary.yaml", "gomatrix plan --json")
)
@matrix_argument
@reports_option
@json_option
def plan(matrix: Path, reports: Path, *, as_json: bool) -> None:
    """Show what a run would do and how long it would take.

    Nothing is built or measured. Missing toolchains are downloaded, to learn their experiments.
    Times come from earlier runs of the same workloads.
    """
    prepared = prepare(load(matrix), seed=None, say=lambda line: say(line, err=True))
    found = preview(prepared, reports, lambda line: say(line, err=True))
    if as_json:
        say_json(json.dumps({"schema": 1} | found.model_dump(), indent=1))
    else:
        say("\n".join(_plan_lines(found)))


def _plan_lines(found: Preview) -> Iterator[str]:
    run = [cell for cell in found.cells if cell.reason is None]
    yield f"{found.matrix}: {len(run)} of {len(found.cells)} cells run"
    for cell in found.cells:
        what = "runs" if cell.reason is None else f"not applicable: {cell.reason}"
        yield f"  {cell.workload}[{cell.variant}]  {what}"
    to_do = [build for build in found.builds if not build.cached]
    cached = len(found.builds) - len(to_do)
    yield f"builds: {len(found.builds)}, {cached} cached, {len(to_do)} to do"
    for build in to_do:
        yield f"  {build.label}"
    least, most = found.rounds
    rounds = f"{least}" if least == most else f"{least} to {most}"
    lanes = f"{found.lanes} lane{'' if found.lanes == 1 else 's'}"
    yield f"rounds: {rounds}, so {least * len(run)} to {most * len(run)} trials, on {lanes}"
    yield from _time_lines(found.estimate)


def _time_lines(estimate: Estimate) -> Iterator[str]:
    most = _duration(estimate.most)
    if estimate.least is None:
        yield f"time: at most {most}"
    else:
        yield f"time: {_duration(estimate.least)} to {most}"
    if estimate.builds:
        yield f"  builds: about {_duration(estimate.builds)}, less what Go has compiled before"
    for time in estimate.trials:
        basis = {
            "earlier run": f"as in {time.run}",
            "phases": "by its phases",
            "timeout": "its timeout; no earlier run has measured it",
        }[time.basis]
        yield f"  a trial of {time.workload}: {time.seconds:.3g} s, {basis}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
