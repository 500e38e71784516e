"""The command ``gomatrix doctor``."""

import json
import sys
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from harness.cli.options import examples, json_option, reports_option
from harness.cli.output import say_json
from harness.cli.tables import show
from harness.doctor import Finding, gather, judge_host
from harness.golang.cache import default_cache
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
