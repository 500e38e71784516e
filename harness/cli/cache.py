"""The commands of ``gomatrix cache``."""

import json
from datetime import timedelta

import click
from pydantic import TypeAdapter, ValidationError

from harness.cli.options import days, examples, json_option
from harness.cli.output import say, say_json
from harness.golang.cache import Entry, default_cache, list_entries, prune
from harness.matrix.models import Bytes
from harness.text.words import amount


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
    "--older-than", type=days, metavar="DAYS", help="Remove entries not used for this long."
)
@click.option(
    "--max-size", metavar="SIZE", help="Remove entries until the cache is no larger, such as 5GiB."
)
def cache_prune(older_than: int | None, max_size: str | None) -> None:
    """Remove cache entries, least recently used first. Without a limit, remove all of them."""
    removed = prune(
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
