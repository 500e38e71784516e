"""The command that goes from two versions and a program to the cause of what changed."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from harness.cli.cluster import bench_of, cluster_options
from harness.cli.options import examples, parse_fraction, parse_seconds
from harness.cli.output import say, say_json
from harness.errors import HarnessError
from harness.explain.prepare import Arguments, begin, forget, going_on, resume
from harness.explain.run import explain as run_explanation
from harness.run.lock import measuring_into

_PROGRAM = "program"
"""Where a context keeps what stands after ``--``."""


def _refs(older: str | None, newer: str | None) -> tuple[str, str] | None:
    """Both commits that are compared, if any are."""
    if older is None and newer is not None:
        raise click.UsageError("--to-ref needs --from-ref, the commit to compare with")
    return None if older is None else (older, newer or "HEAD")


class _WithProgram(click.Command):
    """A command whose words after ``--`` are those of a program."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_PROGRAM] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])


@click.command(
    cls=_WithProgram,
    epilog=examples(
        "gomatrix explain ./cmd/api --from go1.23.9 --to go1.24.3 -- -selftest",
        "gomatrix explain github.com/evanw/esbuild/cmd/esbuild@v0.25.5 --from go1.23.9 "
        "--to go1.24.3 -- --version",
        "gomatrix explain --within 10m",
        "gomatrix explain --from-ref main --to-ref HEAD",
    ),
    options_metavar="[OPTIONS]",
)
@click.argument("subject", required=False, metavar="[PACKAGE | MODULE@VERSION | MATRIX]")
@click.option("--from", "older", help="The version before; by default the question's baseline.")
@click.option("--to", "newer", help="The version after; by default the question's candidate.")
@click.option("--from-ref", help="The commit, branch or tag of your own repository before.")
@click.option("--to-ref", help="The one after; by default HEAD, where --from-ref is given.")
@click.option("--workload", help="Measure this workload of the matrix alone.")
@click.option("--metric", help="Compare and follow this metric alone.")
@click.option("--within", "seconds", callback=parse_seconds, metavar="TIME",
              help="Stop after this time, as 10m, with what is known.")  # fmt: skip
@click.option(
    "--repo", "repository", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A clone of Go's source repository, to find the commit.",
)  # fmt: skip
@click.option("--smallest", default="1%", show_default=True, callback=parse_fraction,
              help="Ignore relative changes smaller than this.")  # fmt: skip
@click.option("--seed", type=int, help="Seed of the order of trials within rounds.")
@click.option(
    "--resume", "directory", type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="RUN", help="Continue an interrupted explanation of the same command line.",
)  # fmt: skip
@click.option(
    "--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"),
    show_default=True, help="Where the run directory is created.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print explain.json instead of sentences.")
@cluster_options
@click.pass_context
def explain(  # noqa: PLR0913 - one for each option
    ctx: click.Context, /, *, subject: str | None, older: str | None, newer: str | None,
    from_ref: str | None, to_ref: str | None,
    workload: str | None, metric: str | None, seconds: float | None, repository: Path | None,
    smallest: float, seed: int | None, directory: Path | None, reports: Path, as_json: bool,
    **cluster: Any,
) -> None:  # fmt: skip
    """Explain what changed between two versions: from the change to its cause.

    Names a package of the module here, a published program, or a matrix file; by default the
    matrix.yaml here, or the module. What stands after -- are the program's arguments. With
    --from-ref it compares two commits of your own repository, with one version of Go.

    It measures both ends; where something changed, it finds the release or your commit, blames or
    rules out what can be turned on and off and what go.mod requires, searches the standard
    library, and checks the cure.

    Exit with 0 if the cause is found or nothing changed, with 1 if the question stays open, and
    with 2 if nothing could be measured. Ctrl-C ends it with 130 and the command that goes on.
    """
    started, command = time.monotonic(), ("gomatrix", *sys.argv[1:])

    def tell(line: str) -> None:
        say(line, err=as_json)

    arguments = Arguments(
        subject=subject, args=ctx.meta[_PROGRAM], older=older, newer=newer,
        refs=_refs(from_ref, to_ref), workload=workload, metric=metric, repository=repository,
        smallest=smallest, seed=seed,
    )  # fmt: skip
    with bench_of(tell, **cluster) as bench:
        if directory is not None:
            inquiry = resume(directory, arguments, command=command, say=tell, bench=bench)
        else:
            inquiry = begin(arguments, reports=reports, command=command, say=tell, bench=bench)
        again = going_on(command, inquiry.directory)
        try:
            left = None if seconds is None else max(0.0, seconds - time.monotonic() + started)
            with measuring_into(inquiry.directory):
                found = run_explanation(inquiry, left)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"to continue: {again}") from None
        except HarnessError:
            forget(inquiry)
            raise
    if as_json:
        say_json(found.model_dump_json(indent=1))
    else:
        say(f"\n{found.headline}.\nreport: {inquiry.directory / 'report.html'}")
    if found.out_of_time:
        tell(f"out of time while {found.doing}; to continue: {again}")
    sys.exit(1 if found.open else 0)
