"""Commands about toolchains."""

import json

import click
from rich.table import Table

from harness.cli.options import examples, json_option
from harness.cli.output import say, say_json
from harness.cli.tables import plain, show
from harness.errors import HarnessError
from harness.golang.cache import default_cache
from harness.golang.experiments import table as experiment_table
from harness.golang.toolchains.releases import at_hand
from harness.golang.toolchains.resolve import parse_toolchain, resolve


@click.command(
    epilog=examples(
        "gomatrix experiments --go go1.23.9 --go go1.24",
        "gomatrix experiments --go ../go-dev --json",
    )
)
@click.option(
    "--go", "names", multiple=True, metavar="VERSION",
    help="A Go version or the path of a GOROOT; may be repeated. Default: all installed or cached.",
)  # fmt: skip
@json_option
def experiments(names: tuple[str, ...], *, as_json: bool) -> None:
    """List the experiments that each toolchain knows.

    Each is on by default, off by default, or absent.
    """
    cache = default_cache()
    specs = [parse_toolchain(name) for name in names or at_hand(cache)]
    if not specs:
        raise HarnessError("no Go is installed or cached; name one, such as --go stable")
    found = resolve(specs, cache, lambda line: say(line, err=True))
    states = experiment_table({name: toolchain.experiments for name, toolchain in found.items()})
    if as_json:
        say_json(json.dumps(states, indent=1))
        return
    grid = Table("experiment", *map(plain, found), box=None)
    for name, row in states.items():
        grid.add_row(plain(name), *row.values())
    show(grid, 20 + 16 * len(found))
