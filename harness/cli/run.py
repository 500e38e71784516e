"""The command ``gomatrix run``."""

import os
import sys
from pathlib import Path

import click
import pytest

from harness.cli.cluster import cluster_options
from harness.cli.options import examples, matrix_argument
from harness.cli.output import say
from harness.matrix.load import load
from harness.run.directory import newest_run
from harness.session.names import check_names

_NEWEST = "@newest"
"""The value of ``--resume`` without an argument."""


def _parse_lanes(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value not in (None, "auto") and not value.isdecimal():
        raise click.BadParameter(f"{value!r} is neither a number nor auto")
    return value


@click.command(
    epilog=examples(
        "gomatrix run", "gomatrix run -k large-buffers --seed 7", "gomatrix run --resume"
    )
)
@matrix_argument
@click.option(
    "-n",
    "--lanes",
    callback=_parse_lanes,
    help="Run this many trials at a time, or auto.",
)
@click.option("-k", "select", metavar="EXPRESSION", help="Run only trials whose names match.")
@click.option("--seed", type=int, help="Seed of the order of trials within rounds.")
@click.option("--shard", metavar="K/N", help="Run only every N-th round, starting with the K-th.")
@click.option(
    "--resume",
    is_flag=False,
    flag_value=_NEWEST,
    metavar="[RUN]",
    help="Continue a run; by default the newest of this matrix.",
)
@click.option(
    "--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"),
    show_default=True, help="Where the run directory is created.",
)  # fmt: skip
@click.option(
    "--run-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the path of the run directory to this file, for scripts.",
)  # fmt: skip
@cluster_options
def run(  # noqa: PLR0913 - one for each option
    *,
    matrix: Path,
    lanes: str | None,
    select: str | None,
    seed: int | None,
    shard: str | None,
    resume: str | None,
    reports: Path,
    run_file: Path | None,
    cluster: str | None,
    cluster_config: Path | None,
    insecure: bool,
    exclude: tuple[str, ...],
) -> None:
    """Measure a matrix and write its report.

    Exit with 0 if all gates held, with 1 if a gate or a trial failed, and with 2 or above if
    nothing could be measured.
    """
    loaded = load(matrix)
    check_names(loaded, select)
    resumed = (
        newest_run(reports, matrix, loaded.text, lambda line: say(line, err=True))
        if resume == _NEWEST
        else resume
    )
    options = {"-k": select, "--matrix-seed": seed, "--matrix-shard": shard,
               "--matrix-resume": resumed, "--reports": reports,
               "--matrix-run-file": run_file, "--cluster": cluster,
               "--cluster-config": cluster_config}  # fmt: skip
    given = [str(word) for flag, value in options.items() if value is not None
             for word in (flag, value)]  # fmt: skip
    given += [word for host in exclude for word in ("--cluster-exclude", host)]
    given += ["--cluster-insecure"] if insecure else []
    # beside a cluster, pytest is given what the user gave, and refuses it
    lanes = lanes or ("auto" if cluster is None else None)
    where = ["-n", lanes] if lanes else []
    try:
        status = _isolated_pytest([str(matrix), "--matrix-any-name", *where, *given])
    except KeyboardInterrupt:  # while reports were written
        status = pytest.ExitCode.INTERRUPTED
    sys.exit(status)


def _isolated_pytest(arguments: list[str]) -> int:
    """Run pytest without the configuration, conftest files and plugins of this directory."""
    for variable in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(variable, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ["PYTHONSAFEPATH"] = "1"  # workers would import what lies in this directory
    isolation = [
        "-c", os.devnull, f"--rootdir={Path.cwd()}", "--noconftest", "--no-header",
        "-o", "console_output_style=classic",  # progress is in lines of our own
        "-p", "no:cacheprovider", "-p", "no:tmpdir",
        "-p", "xdist.plugin", "-p", "harness.pytest_plugin.plugin",
    ]  # fmt: skip
    return int(pytest.main([*isolation, *arguments]))
