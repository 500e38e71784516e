"""The command about file formats."""

import json

import click

from harness.cli.options import examples
from harness.cli.output import say_json
from harness.schemas import SCHEMAS, json_schema


@click.command(epilog=examples("gomatrix schema > matrix.schema.json", "gomatrix schema verdict"))
@click.argument("name", type=click.Choice(list(SCHEMAS)), default="matrix")
def schema(name: str) -> None:
    """Print the JSON Schema of matrix.yaml, or of a file of a run."""
    say_json(json.dumps(json_schema(name), indent=2))
