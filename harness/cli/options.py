"""Options that several commands share, and examples in help."""

from pathlib import Path
from typing import Any

import click

from harness.text.units import parse_bytes, split_margin
from harness.text.units import parse_fraction as parse_share
from harness.text.units import parse_seconds as parse_duration

_LONGEST = 3.6e9
"""Seconds; threads cannot wait for three times as long (``threading.TIMEOUT_MAX``)."""


def examples(*lines: str) -> str:
    """Format command lines for ``epilog=``, so that click does not wrap them."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


class _MatrixFile(click.Path):
    """A matrix file that exists."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:  # as of click's own type
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            hint = "" if Path(value).exists() else " gomatrix init writes one."
            self.fail(f"{error.message}{hint}", param, ctx)


matrix_argument = click.argument(
    "matrix", default="matrix.yaml", type=_MatrixFile(exists=True, dir_okay=False, path_type=Path)
)
run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
runs_argument = click.argument(
    "runs", nargs=-1, required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)  # fmt: skip
reports_option = click.option(
    "--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"),
    show_default=True, help="The directory of runs.",
)  # fmt: skip
exclude_option = click.option(
    "--exclude", "excluded", metavar="HOST", multiple=True,
    help="Leave out the trials of a host, by name or id; repeatable.",
)  # fmt: skip
days = click.IntRange(min=0, max=1_000_000)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def parse_fraction(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> float | None:
    """Parse a share, as ``5%`` or ``0.05``, for an option's ``callback=``."""
    try:
        return None if value is None else float(str(parse_share(value)))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def parse_seconds(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> float | None:
    """Parse a duration, as ``90s`` or ``10m``, for an option's ``callback=``."""
    try:
        seconds = None if value is None else float(str(parse_duration(value)))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if seconds is not None and not 0 < seconds <= _LONGEST:
        raise click.BadParameter("it must be longer than 0 s, and shorter than a million hours")
    return seconds


def parse_margin(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[float, float | None] | None:
    """Parse ``5%`` or ``5%, at least 1MiB`` into a share and bytes, for ``callback=``."""
    if value is None:
        return None
    try:
        share, least = split_margin(value)
        floor = None if least is None else float(str(parse_bytes(least)))
        return float(str(parse_share(share))), floor
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
