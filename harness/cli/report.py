"""Commands that read stored runs, on any machine."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.table import Table

from harness.analysis.conclusion import compare as compare_variants
from harness.analysis.conclusion import conclude
from harness.analysis.evidence import read_evidence
from harness.analysis.models import Verdict
from harness.analysis.unanswered import exit_status
from harness.cli.options import examples, json_option, parse_fraction, run_argument, runs_argument
from harness.cli.output import plain, say, say_json, show
from harness.errors import HarnessError
from harness.files.inside import write_chosen
from harness.profiles.merge import merge as merge_profiles
from harness.profiles.merge import top
from harness.report.formats import FORMATS
from harness.report.history import render_history
from harness.report.terminal import comparison_lines, full_summary
from harness.run.question import variant_of
from harness.run.store import MEASURED, Run


@click.command(
    epilog=examples(
        "gomatrix report reports/latest -o report.html",
        "gomatrix report reports/latest --format md",
        "gomatrix report reports/* -o history.html",
    )
)
@runs_argument
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default=Path("-"), show_default="standard output", help="Where to write it.",
)  # fmt: skip
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="html",
              show_default=True, help="The format; several runs need html.")  # fmt: skip
def report(runs: tuple[Path, ...], output: Path, style: str) -> None:
    """Write the report of a run, or the history of several."""
    if len(runs) > 1:
        if style != "html":
            raise HarnessError(f"a history of runs is HTML only, not {style}; name one run")
        text = render_history(list(_judged(runs)))
    else:
        stored = Run.load(runs[0])
        text = FORMATS[style](stored, conclude(stored, evidence=read_evidence(stored)))
    if str(output) == "-":
        with click.open_file("-", "w", encoding="utf-8") as stream:
            stream.write(text)
    else:
        write_chosen(output, text, runs, MEASURED)


def _judged(paths: Sequence[Path]) -> Iterator[tuple[Run, Verdict]]:
    """Yield each run with its verdict; name and leave out those that cannot be read."""
    judged = 0
    for path in paths:
        try:
            run = Run.load(path)
            verdict = conclude(run, evidence=read_evidence(run))
        except HarnessError as error:
            say(f"{path} is left out: {' '.join(str(error).split())}", err=True)
            continue
        judged += 1
        yield run, verdict
    if not judged:
        raise HarnessError("none of these runs can be read")


@click.command(
    epilog=examples(
        "gomatrix verdict reports/latest", "gomatrix verdict reports/latest --margin 5% --json"
    )
)
@run_argument
@click.option(
    "--margin",
    callback=parse_fraction,
    help="Treat ratios within 1 ± margin as equivalent.",
)
@click.option("--json", "as_json", is_flag=True, help="Print verdict.json instead of sentences.")
def verdict(run: Path, *, margin: float | None, as_json: bool) -> None:
    """Analyze a stored run again and print the conclusions.

    Nothing is measured or written. Exit as gomatrix run does: with 1 if a gate or a trial failed,
    and with 2 if nothing could be measured.
    """
    stored = Run.load(run)
    found = conclude(stored, margin=margin, evidence=read_evidence(stored))
    if as_json:
        say_json(found.model_dump_json(indent=1))
    else:
        say("\n".join(full_summary(found)))
    sys.exit(exit_status(stored, found))


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


@click.command(
    epilog=examples(
        "gomatrix profile reports/latest large-buffers go1.24.3",
        "gomatrix profile reports/latest large-buffers go1.24.3 go1.23.9",
    )
)
@run_argument
@click.argument("workload")
@click.argument("variant")
@click.argument("baseline", required=False)
@click.option("--merged", type=click.Path(dir_okay=False, path_type=Path),
              help="Also write the sum of the variant's profiles to this file.")  # fmt: skip
def profile(
    run: Path, workload: str, variant: str, baseline: str | None, merged: Path | None
) -> None:
    """Show which functions allocated the live heap of a variant.

    With a baseline, show the difference. Bytes are per trial. Go need not be installed.
    """
    stored = Run.load(run)
    own = stored.profiles(workload, variant_of(stored, variant))
    base = stored.profiles(workload, variant_of(stored, baseline)) if baseline else []
    if merged:
        write_chosen(merged, merge_profiles(own), [run], MEASURED)
    holders = top(own, base)
    if not holders:
        what = "no function's live heap differs between them" if base else "nothing in them is live"
        say(f"the profiles can be read, but {what}")
        return
    grid = Table("flat", "cumulative", "function", box=None)
    for holder in holders:
        grid.add_row(f"{holder.flat:,.0f}", f"{holder.cumulative:,.0f}", plain(holder.function))
    show(grid, 200)
