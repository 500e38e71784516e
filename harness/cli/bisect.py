"""The command that finds what made a workload worse between two toolchains."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from harness.bisect.prepare import Arguments, begin, request_of, resume, resuming
from harness.bisect.run import run_bisection
from harness.cli.cluster import bench_of, cluster_options
from harness.cli.options import examples, matrix_argument, parse_fraction
from harness.cli.output import say, say_json
from harness.matrix.load import load
from harness.run.lock import measuring_into


@click.command(
    epilog=examples(
        "gomatrix bisect --good go1.23.9 --bad go1.24.3 --workload large-buffers",
        "gomatrix bisect --good go1.24.11 --bad go1.24.3+noswissmap",
        "gomatrix bisect --good go1.23.9 --bad go1.24.3 --repo ~/src/go",
    )
)
@matrix_argument
@click.option("--good", help="The good toolchain; by default the question's baseline.")
@click.option("--bad", help="The bad toolchain; by default the question's candidate.")
@click.option("--workload", help="The workload; needed if the matrix has several.")
@click.option(
    "--metric",
    help="The metric; by default the question's first, or that of the benchmarks that moved most.",
)
@click.option(
    "--repo", "repository", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A clone of Go's source repository, to find the commit.",
)  # fmt: skip
@click.option("--fix", is_flag=True,
              help="If a change came and went between the ends, find its fix.")  # fmt: skip
@click.option("--smallest", default="1%", show_default=True, callback=parse_fraction,
              help="Ignore relative changes smaller than this.")  # fmt: skip
@click.option("--seed", type=int, help="Seed of the order of trials within rounds.")
@click.option(
    "--resume", "directory", type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="RUN",
    help="Continue an interrupted bisection of this matrix; paths of toolchains and of the "
         "repository must be given again.",
)  # fmt: skip
@click.option(
    "--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"),
    show_default=True, help="Where the run directory is created.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print bisect.json instead of sentences.")
@cluster_options
def bisect(  # noqa: PLR0913 - one for each option
    *, matrix: Path, good: str | None, bad: str | None, workload: str | None, metric: str | None,
    repository: Path | None, fix: bool, smallest: float, seed: int | None,
    directory: Path | None, reports: Path, as_json: bool, **cluster: Any,
) -> None:  # fmt: skip
    """Find what made a workload worse: the release, toggle, function and commit.

    Each end is a release, the path of a GOROOT, the name of one of the matrix's toolchains, or any
    form that its `go:` takes, with experiment settings after a plus. If the good end is the newer
    one, find the fix.

    Exit with 0 if the answer is found or the ends do not differ, with 1 if it stays open, and with
    2 if nothing could be measured.
    """
    command = ("gomatrix", *sys.argv[1:])

    def tell(line: str) -> None:
        say(line, err=as_json)

    arguments = Arguments(
        good=good, bad=bad, workload=workload, metric=metric, repository=repository, fix=fix,
        smallest=smallest, seed=seed,
    )  # fmt: skip
    with bench_of(tell, **cluster) as bench, ExitStack() as held:
        if directory is not None:
            held.enter_context(measuring_into(directory.resolve()))
            setup = resume(
                directory, load(matrix), arguments, command=command, say=tell, bench=bench
            )
        else:
            request = request_of(load(matrix), arguments)
            setup = begin(request, reports=reports, command=command, say=tell, bench=bench)
            held.enter_context(measuring_into(setup.directory))
        try:
            bisection = run_bisection(setup)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"to continue: {resuming(setup)}") from None
    if as_json:
        say_json(bisection.model_dump_json(indent=1))
    else:
        say(f"\n{bisection.headline}.\nreport: {setup.directory / 'report.html'}")
    sys.exit(1 if bisection.open else 0)
