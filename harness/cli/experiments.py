"""The command ``gomatrix experiments``."""

import json

import click
from rich.table import Table

from harness.cli.options import examples, json_option
from harness.cli.output import say, say_json
from harness.cli.tables import plain, show
from harness.errors import HarnessError
from harness.golang.cache import default_cache
from harness.golang.experiments import experiment_meanings
from harness.golang.godebugs import meanings_of, removed_of, settings_of
from harness.golang.toggles import Knowledge, toggle_rows
from harness.golang.toolchains.releases import at_hand
from harness.golang.toolchains.resolve import parse_toolchain, resolve


@click.command(
    epilog=examples(
        "gomatrix experiments --go go1.23.9 --go go1.24",
        "gomatrix experiments --go ../go-dev --kind godebug --json",
    )
)
@click.option(
    "--go", "names", multiple=True, metavar="VERSION",
    help="A Go version or the path of a GOROOT; may be repeated. Default: all installed or cached.",
)  # fmt: skip
@click.option(
    "--kind", type=click.Choice(["experiment", "godebug", "switch"]),
    help="Only toggles of this kind.",
)  # fmt: skip
@json_option
def experiments(names: tuple[str, ...], kind: str | None, *, as_json: bool) -> None:
    """List the toggles that each toolchain knows.

    These are experiments, GODEBUG settings and compiler switches. An experiment or switch is on
    by default, off by default, or absent. A GODEBUG setting whose default was changed has the new
    or the old one; a module's go line may keep the old one.
    """
    cache = default_cache()
    specs = [parse_toolchain(name) for name in names or at_hand(cache)]
    if not specs:
        raise HarnessError("no Go is installed or cached; name one, such as --go stable")
    found = resolve(specs, cache, lambda line: say(line, err=True))
    known = {
        name: Knowledge(
            version=toolchain.version, experiments=toolchain.experiments,
            godebugs=settings_of(toolchain.goroot), removed=removed_of(toolchain.goroot),
            meanings=meanings_of(toolchain.goroot) | experiment_meanings(toolchain.goroot),
        )
        for name, toolchain in found.items()
    }  # fmt: skip
    rows = [row for row in toggle_rows(known) if kind in (None, row.kind)]
    if as_json:
        said = {"schema": 1, "toggles": [row.model_dump() for row in rows]}
        say_json(json.dumps(said, indent=1))
        return
    grid = Table("kind", "toggle", *map(plain, found), "turn it with", box=None)
    for row in rows:
        grid.add_row(row.kind, plain(row.name), *row.states.values(), plain(row.turn))
    show(grid, 100 + 16 * len(found))
