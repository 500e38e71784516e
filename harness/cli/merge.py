"""The command ``gomatrix merge``."""

import sys
from pathlib import Path

import click

from harness.analysis.unanswered import exit_status
from harness.cli.options import examples, runs_argument
from harness.cli.output import say
from harness.report.terminal import terminal_summary
from harness.run.store import Run
from harness.session.judge import merge_and_judge


@click.command(epilog=examples("gomatrix merge reports/shard-1 reports/shard-2 -o reports/whole"))
@runs_argument
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path),
    help="The run directory to create.",
)  # fmt: skip
def merge(runs: tuple[Path, ...], output: Path) -> None:
    """Merge runs of one matrix from shards or several machines.

    All trials are analyzed together, and the merged run gets its own report. Exit as gomatrix run
    does.
    """
    verdict = merge_and_judge(runs, output)
    for line in terminal_summary(verdict):
        say(line)
    say(f"report: {output / 'report.html'}")
    sys.exit(exit_status(Run.load(output), verdict))
