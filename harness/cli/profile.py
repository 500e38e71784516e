"""The command ``gomatrix profile``."""

from pathlib import Path

import click
from rich.table import Table

from harness.cli.options import examples, run_argument
from harness.cli.output import say
from harness.cli.tables import plain, show
from harness.files.inside import write_chosen
from harness.profiles.merge import merge, top
from harness.run.question import variant_of
from harness.run.store import MEASURED, Run


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
        write_chosen(merged, merge(own), [run], MEASURED)
    holders = top(own, base, module=stored.manifest.module_of(workload))
    if not holders:
        what = "no function's live heap differs between them" if base else "nothing in them is live"
        say(f"the profiles can be read, but {what}")
        return
    grid = Table("flat", "cumulative", "function", box=None)
    for holder in holders:
        grid.add_row(f"{holder.flat:,.0f}", f"{holder.cumulative:,.0f}", plain(holder.function))
    show(grid, 200)
