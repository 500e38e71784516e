"""Commands that list and prune runs and the cache."""

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
    """List and prune runs."""


@runs.command("list", epilog=examples("gomatrix runs list", "gomatrix runs list --json"))
@reports_option
@json_option
def list_command(reports: Path, *, as_json: bool) -> None:
    """List runs, oldest first."""
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
@click.option("--keep", type=click.IntRange(min=0), default=5, show_default=True,
              help="Keep the newest runs, however old they are.")  # fmt: skip
@click.option("--older-than", type=_DAYS, default=0, metavar="DAYS",
              help="Remove only runs older than this.")  # fmt: skip
def prune_command(reports: Path, keep: int, older_than: int) -> None:
    """Remove old runs and keep the newest."""
    age = timedelta(days=older_than)
    for run in prune_runs(reports, datetime.now(UTC), _say, keep=keep, older_than=age):
        say(f"removed {run.path.name}")


def _say(line: str) -> None:
    say(line, err=True)


@click.group()
def cache() -> None:
    """List and prune cached toolchains and builds."""


@cache.command("list", epilog=examples("gomatrix cache list", "gomatrix cache list --json"))
@json_option
def cache_list(*, as_json: bool) -> None:
    """List cache entries, least recently used first."""
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
@click.option(
    "--older-than", type=_DAYS, metavar="DAYS", help="Remove entries not used for this long."
)
@click.option(
    "--max-size", metavar="SIZE", help="Remove entries until the cache is no larger, such as 5GiB."
)
def cache_prune(older_than: int | None, max_size: str | None) -> None:
    """Remove cache entries, least recently used first. Without a limit, remove all of them."""
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
