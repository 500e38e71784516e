"""The command that lets this machine measure for a cluster."""

import platform
from pathlib import Path

import click

from harness.cli.options import examples
from harness.cluster import cluster_room
from harness.golang.cache import default_cache


@click.command(
    epilog=examples(
        "gomatrix worker tls://scheduler.lab:8786 --cluster-config dask.yaml",
        "gomatrix worker tcp://127.0.0.1:8786 --name spare",
    )
)
@click.argument("address")
@click.option("--name", help="The host's name in reports; by default this machine's.")
@click.option(
    "--directory", type=click.Path(file_okay=False, path_type=Path),
    help="Where trials run; by default in the cache.",
)  # fmt: skip
@click.option(
    "--cluster-config", "config", type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A file of Dask configuration, for certificates.",
)  # fmt: skip
@click.option("--insecure", is_flag=True, help="Allow tcp:// to another machine.")
def worker(
    address: str, *, name: str | None, directory: Path | None, config: Path | None, insecure: bool
) -> None:
    """Measure on this machine what a run deals to a Dask cluster.

    Ends with the scheduler, or when it is interrupted. It needs no Go: programs come with the
    trials. Whoever controls the scheduler can run programs here as this user.
    """
    with cluster_room():
        from harness.cluster.address import Place  # noqa: PLC0415 - Dask is optional
        from harness.cluster.serve import Post, serve  # noqa: PLC0415 - as above
    post = Post(
        place=Place(address, config, insecure), name=name or platform.node(),
        directory=directory or default_cache() / "worker",
    )  # fmt: skip
    serve(post)
