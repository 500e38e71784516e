"""The command ``gomatrix``: thin commands over the functions of the package."""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import harness
from harness.analysis import compare as compare_variants
from harness.analysis import conclude
from harness.errors import HarnessError
from harness.evidence import read_evidence
from harness.golang.cache import Entry, default_cache, list_entries, prune
from harness.golang.experiments import table as experiment_table
from harness.golang.profiles import merge as merge_profiles
from harness.golang.profiles import top
from harness.golang.toolchains import at_hand, parse_toolchain, resolve
from harness.judge import judge
from harness.merge import merge as merge_runs
from harness.report import FORMATS, SCHEMAS, json_schema, render_history, terminal_summary
from harness.report.terminal import comparison_lines, full_summary
from harness.reports import list_runs, prune_runs
from harness.run import Run
from harness.spec.models import Bytes, Fraction


class _Group(click.Group):
    """Prints a user's mistake on its own, without a traceback, and exits with 2."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except HarnessError as error:
            click.echo(f"gomatrix: {error}", err=True)
            sys.exit(2)


@click.group(cls=_Group)
@click.version_option(harness.__version__, prog_name="gomatrix")
def main() -> None:
    """Which Go feature is to blame? Measure a matrix of Go versions and experiments."""


@main.command()
@click.argument(
    "matrix", default="matrix.yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("-n", "--lanes", default="auto", help="Trials at a time: a number, or auto.")
@click.option("-k", "select", metavar="EXPRESSION", help="Only the trials whose names match.")
@click.option("--seed", type=int, help="For the order of trials within rounds.")
@click.option("--shard", metavar="K/N", help="Do only every N-th round, from the K-th on.")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="latest",
    metavar="[RUN]",
    help="Go on with a run directory, by default the newest.",
)
@click.option(
    "--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"),
    show_default=True, help="Where the run directory is put.",
)  # fmt: skip
def run(
    *,
    matrix: Path,
    lanes: str,
    select: str | None,
    seed: int | None,
    shard: str | None,
    resume: str | None,
    reports: Path,
) -> None:
    """Measure a matrix and write its report.

    Exits with 0 if all gates held, with 1 if a gate failed or a trial went wrong, and with 2 or
    above if nothing could be measured.
    """
    resumed = reports / "latest" if resume == "latest" else resume
    options = {"-k": select, "--matrix-seed": seed, "--matrix-shard": shard,
               "--matrix-resume": resumed, "--reports": reports}  # fmt: skip
    given = [str(word) for flag, value in options.items() if value is not None
             for word in (flag, value)]  # fmt: skip
    sys.exit(_isolated_pytest([str(matrix), "--matrix-any-name", "-n", lanes, *given]))


def _isolated_pytest(arguments: list[str]) -> int:
    """Run pytest untouched by the configuration, conftest files and plugins of this directory."""
    for variable in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(variable, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    isolation = [
        "-c", os.devnull, f"--rootdir={Path.cwd()}", "--noconftest", "-p", "no:cacheprovider",
        "-p", "xdist.plugin", "-p", "harness.plugin", "--no-header",
    ]  # fmt: skip
    return int(pytest.main([*isolation, *arguments]))


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path),
    help="The run directory to make.",
)  # fmt: skip
def merge(runs: tuple[Path, ...], output: Path) -> None:
    """Join runs of one matrix, from shards or several machines, and judge them together."""
    merge_runs([Run.load(path) for path in runs], output)
    for line in terminal_summary(judge(output)):
        click.echo(line)


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default=Path("-"), show_default="standard output",
)  # fmt: skip
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="html")
def report(runs: tuple[Path, ...], output: Path, style: str) -> None:
    """Write the report of a run; of several, how they compare over time."""
    judged = [(run, conclude(run, evidence=read_evidence(run))) for run in map(Run.load, runs)]
    if len(judged) > 1:
        if style != "html":
            raise HarnessError(f"several runs make an HTML page only, not {style}; name one run")
        text = render_history(judged)
    else:
        text = FORMATS[style](*judged[0])
    with click.open_file(str(output), "w", encoding="utf-8") as stream:
        stream.write(text)


@main.command()
@click.argument("name", type=click.Choice(list(SCHEMAS)), default="matrix")
def schema(name: str) -> None:
    """Print the JSON Schema of matrix.yaml, or of a file of a run."""
    click.echo(json.dumps(json_schema(name), indent=2))


def _parse_margin(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> float | None:
    try:
        return None if value is None else TypeAdapter(Fraction).validate_python(value)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise click.BadParameter(message) from None


_run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))


@main.command()
@_run_argument
@click.option("--margin", callback=_parse_margin, help="Ratios within 1 ± margin are equivalent.")
@click.option("--json", "as_json", is_flag=True, help="Print verdict.json instead of sentences.")
def verdict(run: Path, *, margin: float | None, as_json: bool) -> None:
    """Conclude anew from a stored run, without measuring or writing; 1 if a gate failed."""
    stored = Run.load(run)
    found = conclude(stored, margin=margin, evidence=read_evidence(stored))
    click.echo(found.model_dump_json(indent=1) if as_json else "\n".join(full_summary(found)))
    sys.exit(0 if all(gate.passed for gate in found.gates) else 1)


@main.command()
@_run_argument
@click.argument("candidate")
@click.argument("baseline")
def compare(run: Path, candidate: str, baseline: str) -> None:
    """Compare any two variants of a stored run on every metric."""
    for line in comparison_lines(compare_variants(Run.load(run), candidate, baseline)):
        click.echo(line)


@main.command()
@_run_argument
@click.argument("workload")
@click.argument("variant")
@click.argument("baseline", required=False)
@click.option("--merged", type=click.Path(dir_okay=False, path_type=Path),
              help="Also write the variant's profiles, added up, to this file.")  # fmt: skip
def profile(
    run: Path, workload: str, variant: str, baseline: str | None, merged: Path | None
) -> None:
    """Show which functions' objects hold a variant's heap at its end, or what changed in it.

    Bytes are per trial. Needs a Go toolchain of the run on this machine, for its pprof.
    """
    stored, cache = Run.load(run), default_cache()
    own = stored.profiles(workload, variant)
    base = stored.profiles(workload, baseline) if baseline else []
    goroot = stored.manifest.goroot()
    if merged:
        merge_profiles(own, merged, goroot, cache)
    grid = Table("flat", "cumulative", "function", box=None)
    for holder in top(own, base, goroot, cache):
        grid.add_row(f"{holder.flat:,.0f}", f"{holder.cumulative:,.0f}", escape(holder.function))
    Console(width=None if sys.stdout.isatty() else 200).print(grid)


@main.group("runs")
def runs_group() -> None:
    """Keep the directory of runs in hand."""


_reports = click.option(
    "--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"),
    show_default=True, help="The directory of runs.",
)  # fmt: skip


@runs_group.command("list")
@_reports
def list_command(reports: Path) -> None:
    """List the runs, oldest first."""
    for run in list_runs(reports):
        click.echo(
            f"{run.path.name}  {run.created:%Y-%m-%d %H:%M}  "
            f"{run.trials} trials  {run.size / (1 << 20):.1f} MiB"
        )


@runs_group.command("prune")
@_reports
@click.option("--keep", type=click.IntRange(min=0), default=5, show_default=True)
@click.option("--older-than", type=click.IntRange(min=0), default=0, metavar="DAYS")
def prune_command(reports: Path, keep: int, older_than: int) -> None:
    """Remove old runs; the newest ones stay."""
    age = timedelta(days=older_than)
    for run in prune_runs(reports, datetime.now(UTC), keep=keep, older_than=age):
        click.echo(f"removed {run.path.name}")


@main.command()
@click.option(
    "--go", "names", multiple=True, metavar="VERSION",
    help="A toolchain, as in matrix.yaml or a path; repeatable. By default all that are at hand.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def experiments(names: tuple[str, ...], *, as_json: bool) -> None:
    """List the experiments of toolchains: on by default, off by default, or absent.

    Examples:
        gomatrix experiments --go go1.23.9 --go go1.24

        gomatrix experiments --go ../go-dev
    """
    cache = default_cache()
    specs = [parse_toolchain(name) for name in names or at_hand(cache)]
    if not specs:
        raise HarnessError("there is no Go at hand; name one, such as --go stable")
    found = resolve(specs, cache, lambda line: click.echo(line, err=True))
    states = experiment_table({name: toolchain.experiments for name, toolchain in found.items()})
    if as_json:
        click.echo(json.dumps(states, indent=1))
        return
    grid = Table("experiment", *found, box=None)
    for name, row in states.items():
        grid.add_row(name, *row.values())
    Console(width=None if sys.stdout.isatty() else 20 + 16 * len(found)).print(grid)


@main.group("cache")
def cache_group() -> None:
    """Keep the cache of toolchains and builds in hand."""


@cache_group.command("list")
def cache_list() -> None:
    """List what the cache holds, the longest unused first."""
    entries = list_entries(default_cache())
    for entry in entries:
        click.echo(_describe_entry(entry))
    total = sum(entry.size for entry in entries)
    click.echo(f"{total / (1 << 20):,.0f} MiB in {default_cache()}")


@cache_group.command("prune")
@click.option(
    "--older-than", type=click.IntRange(min=0), metavar="DAYS", help="Unused for so long."
)
@click.option("--max-size", metavar="SIZE", help="Leave no more than that, as 5GiB.")
def cache_prune(older_than: int | None, max_size: str | None) -> None:
    """Remove toolchains and builds, the longest unused first; everything, if no limit is given."""
    removed = prune(
        default_cache(),
        older_than=None if older_than is None else timedelta(days=older_than),
        max_size=None if max_size is None else _parse_size(max_size),
    )
    for entry in removed:
        click.echo(f"removed {_describe_entry(entry)}")


def _describe_entry(entry: Entry) -> str:
    used = entry.used.astimezone()
    return f"{used:%Y-%m-%d %H:%M}  {entry.size / (1 << 20):8,.1f} MiB  {entry.kind}/{entry.key}"


def _parse_size(text: str) -> int:
    try:
        return TypeAdapter(Bytes).validate_python(text)
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"], param_hint="--max-size") from None
