"""The commands of ``gomatrix runs``."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from harness.cli.options import days, examples, json_option, reports_option
from harness.cli.output import say, say_json
from harness.run.directory import list_runs, prune_runs
from harness.text.words import amount


@click.group()
def runs() -> None:
    """List and prune runs."""


@runs.command("list", epilog=examples("gomatrix runs list", "gomatrix runs list --json"))
@reports_option
@json_option
def list_command(reports: Path, *, as_json: bool) -> None:
    """List runs, oldest first."""
    _tell_if_missing(reports)
    found = list_runs(reports, _say)
    if as_json:
        rows = [{"path": str(run.path), "created": run.created.isoformat(),
                 "trials": run.trials, "bytes": run.size} for run in found]  # fmt: skip
        say_json(json.dumps({"schema": 1, "runs": rows}, indent=1))
        return
    for run in found:
        say(
            f"{run.path.name}  {run.created:%Y-%m-%d %H:%M}  "
            f"{run.trials} trials  {amount(run.size, 'bytes')}"
        )


@runs.command("prune", epilog=examples("gomatrix runs prune --keep 10 --older-than 30"))
@reports_option
@click.option("--keep", type=click.IntRange(min=0), default=5, show_default=True,
              help="Keep the newest runs, however old they are.")  # fmt: skip
@click.option("--older-than", type=days, default=0, metavar="DAYS",
              help="Remove only runs older than this.")  # fmt: skip
def prune_command(reports: Path, keep: int, older_than: int) -> None:
    """Remove old runs and keep the newest."""
    age = timedelta(days=older_than)
    _tell_if_missing(reports)
    for run in prune_runs(reports, datetime.now(UTC), _say, keep=keep, older_than=age):
        say(f"removed {run.path.name}")


def _tell_if_missing(reports: Path) -> None:
    if not reports.is_dir():
        _say(f"there is no directory {reports}")


def _say(line: str) -> None:
    say(line, err=True)
