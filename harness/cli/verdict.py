"""The command ``gomatrix verdict``."""

import sys
from pathlib import Path

import click

from harness.analysis.conclusion import conclude
from harness.analysis.evidence import read_evidence
from harness.analysis.unanswered import exit_status
from harness.cli.options import examples, exclude_option, parse_margin, run_argument
from harness.cli.output import say, say_json
from harness.report.terminal import full_summary
from harness.run.directory import is_search, where_its_answer_is
from harness.run.hosts import without_hosts
from harness.run.store import Run


@click.command(
    epilog=examples(
        "gomatrix verdict reports/latest",
        "gomatrix verdict reports/latest --margin 5% --json",
        "gomatrix verdict reports/latest --exclude builder-3",
    )
)
@run_argument
@click.option(
    "--margin",
    callback=parse_margin,
    help="Treat ratios within 1 ± margin as equivalent; also 3%, at least 1MiB.",
)
@exclude_option
@click.option("--json", "as_json", is_flag=True, help="Print verdict.json instead of sentences.")
def verdict(
    run: Path, *, margin: tuple[float, float | None] | None, excluded: tuple[str, ...],
    as_json: bool,
) -> None:  # fmt: skip
    """Analyze a stored run again and print the conclusions.

    Nothing is measured or written. Exit as gomatrix run does: with 1 if a gate or a trial failed,
    and with 2 if nothing could be measured.
    """
    if is_search(run):
        say(where_its_answer_is(run), err=True)
    stored = without_hosts(Run.load(run), excluded)
    share, floor = margin or (None, None)
    found = conclude(stored, margin=share, floor=floor, evidence=read_evidence(stored))
    if as_json:
        say_json(found.model_dump_json(indent=1))
    else:
        say("\n".join(full_summary(found)))
    sys.exit(exit_status(stored, found))
