"""The command ``gomatrix compare``."""

import json
from pathlib import Path

import click

from harness.analysis.conclusion import compare as compare_variants
from harness.cli.options import examples, json_option, run_argument
from harness.cli.output import say, say_json
from harness.report.terminal import comparison_lines
from harness.run.store import Run


@click.command(
    epilog=examples(
        "gomatrix compare reports/latest go1.24.11 go1.24.3",
        "gomatrix compare reports/latest go1.24.11 go1.24.3 --json",
    )
)
@run_argument
@click.argument("candidate")
@click.argument("baseline")
@json_option
def compare(run: Path, candidate: str, baseline: str, *, as_json: bool) -> None:
    """Compare two variants of a stored run on every metric."""
    found = compare_variants(Run.load(run), candidate, baseline)
    if as_json:
        rows = [comparison.model_dump(mode="json") for comparison in found]
        say_json(json.dumps({"schema": 1, "comparisons": rows}, indent=1))
        return
    for line in comparison_lines(found):
        say(line)
