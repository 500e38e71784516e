"""What several commands share: options, and how help shows examples."""

from pathlib import Path

import click


def examples(*lines: str) -> str:
    """For ``epilog=``: command lines, which click leaves as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
runs_argument = click.argument(
    "runs", nargs=-1, required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)  # fmt: skip
reports_option = click.option(
    "--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"),
    show_default=True, help="The directory of runs.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
