"""Options of commands that can measure on a cluster, and the cluster that they name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from harness.cluster import cluster_room, require_address
from harness.golang.toolchains.resolve import Say
from harness.session.bench import HERE, Bench, Hosts

_OPTIONS = (
    click.option("--cluster", metavar="ADDRESS",
                 help="Measure on a Dask cluster: tls://HOST:8786, or local:2 to try it."),
    click.option(
        "--cluster-config", type=click.Path(dir_okay=False, exists=True, path_type=Path),
        metavar="FILE", help="Dask configuration for it, for certificates.",
    ),
    click.option("--insecure", is_flag=True, help="Allow a cluster at tcp:// elsewhere."),
    click.option("--exclude", multiple=True, metavar="HOST",
                 help="Give a host of the cluster no trials; repeatable."),
)  # fmt: skip


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--cluster`` and what belongs to it."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def bench_of(
    say: Say, *, cluster: str | None, cluster_config: Path | None, insecure: bool,
    exclude: tuple[str, ...],
) -> Iterator[Bench]:  # fmt: skip
    """Where rounds are measured: a cluster, or the lanes here where none is named.

    Raises:
        HarnessError: there is no such cluster, Dask is not installed, or an option is of no use.
    """
    require_address(cluster, cluster_config, insecure, exclude)
    if cluster is None:
        yield HERE
        return
    with cluster_room():
        from harness.cluster.address import Place  # noqa: PLC0415 - Dask is optional
        from harness.cluster.connect import connected  # noqa: PLC0415 - as above
    with connected(Place(cluster, cluster_config, insecure, exclude), say) as dealer:
        yield Hosts(dealer)
