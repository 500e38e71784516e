"""Commands that keep the directory of runs and the cache in hand."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError

from harness.cli.options import examples, json_option, reports_option
from harness.cli.output import say, say_json
from harness.golang.cache import Entry, default_cache, list_entries
from harness.golang.cache import prune as prune_cache
from harness.matrix.models import Bytes
from harness.run.directory import list_runs, prune_runs
from harness.text.words import amount

_DAYS = click.IntRange(min=0, max=1_000_000)


@click.group()
def runs() -> None:
    """Keep the directory of runs in hand."""


@runs.command("list", epilog=examples("gomatrix runs list", "gomatrix runs list --json"))
@reports_option
@json_option
def list_command(reports: Path, *, as_json: bool) -> None:
    """List the runs, oldest first."""
    found = list_runs(reports, _say)
    if as_json:
        rows = [{"path": str(run.path), "created": run.created.isoformat(),
                 "trials": run.trials, "bytes": run.size} for run in found]  # fmt: skip
        say_json(json.dumps({"schema": 1, "runs": rows}, indent=1))
        return
    for run in found:
        say(
            f"{run.path.name}  {run.created:%Y-%m-%d %H:%M}  "
            f"{run.trials} trials  {amount(run.size, 'bytes')}"
        )


@runs.command("prune", epilog=examples("gomatrix runs prune --keep 10 --older-than 30"))
@reports_option
@click.option("--keep", type=click.IntRange(min=0), default=5, show_default=True)
@click.option("--older-than", type=_DAYS, default=0, metavar="DAYS")
def prune_command(reports: Path, keep: int, older_than: int) -> None:
    """Remove old runs; the newest ones stay."""
    age = timedelta(days=older_than)
    for run in prune_runs(reports, datetime.now(UTC), _say, keep=keep, older_than=age):
        say(f"removed {run.path.name}")


def _say(line: str) -> None:
    say(line, err=True)


@click.group()
def cache() -> None:
    """Keep the cache of toolchains and builds in hand."""


@cache.command("list", epilog=examples("gomatrix cache list", "gomatrix cache list --json"))
@json_option
def cache_list(*, as_json: bool) -> None:
    """List what the cache holds, the longest unused first."""
    entries = list_entries(default_cache())
    if as_json:
        rows = [entry.model_dump(mode="json") for entry in entries]
        say_json(json.dumps({"schema": 1, "entries": rows}, indent=1))
        return
    for entry in entries:
        say(_describe_entry(entry))
    total = sum(entry.size for entry in entries)
    say(f"{amount(total, 'bytes')} in {default_cache()}")


@cache.command(
    "prune",
    epilog=examples("gomatrix cache prune --older-than 30", "gomatrix cache prune --max-size 5GiB"),
)
@click.option("--older-than", type=_DAYS, metavar="DAYS", help="Unused for so long.")
@click.option("--max-size", metavar="SIZE", help="Leave no more than that, as 5GiB.")
def cache_prune(older_than: int | None, max_size: str | None) -> None:
    """Remove toolchains and builds, the longest unused first; everything, if no limit is given."""
    removed = prune_cache(
        default_cache(),
        older_than=None if older_than is None else timedelta(days=older_than),
        max_size=None if max_size is None else _parse_size(max_size),
    )
    for entry in removed:
        say(f"removed {_describe_entry(entry)}")


def _describe_entry(entry: Entry) -> str:
    used = entry.used.astimezone()
    size = amount(entry.size, "bytes")
    return f"{used:%Y-%m-%d %H:%M}  {size:>8}  {entry.kind}/{entry.key}"


def _parse_size(text: str) -> int:
    try:
        return TypeAdapter(Bytes).validate_python(text)
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"], param_hint="--max-size") from None
