"""The command ``gomatrix init``."""

from contextlib import suppress
from pathlib import Path

import click

from harness.cli.options import examples
from harness.cli.output import say
from harness.errors import HarnessError, writing
from harness.golang.cache import default_cache
from harness.init import draft, note_seconds


@click.command(epilog=examples("gomatrix init", "gomatrix init && gomatrix run"))
def init() -> None:
    """Write a commented matrix.yaml for the Go module in this directory.

    It lists the main packages and benchmarks, compares go.mod's Go version with the newest stable
    one, and suspects all that differs. Each is built and run for some seconds, in a directory and
    an environment of its own as in a trial: what does no work as it is stays a comment, with the
    reason. The draft answers within 15 minutes on this machine, or says why not. It never
    overwrites a matrix.yaml. Go need not be installed: missing toolchains are downloaded.
    """
    path = Path("matrix.yaml")
    present = next((p for p in (path, Path("matrix.yml")) if p.exists()), None)
    if present:
        say(f"{present} is there already; it is left as it is")
        return
    cache = default_cache()
    drafted = draft(Path.cwd(), cache, lambda line: say(line, err=True))
    with writing(path, "go to a directory of your own"):
        path.write_text(drafted.text, encoding="utf-8")
    with suppress(HarnessError):  # nothing in it runs as it is
        note_seconds(path, drafted, cache)
    for line in drafted.remarks:
        say(line)
    say(f"wrote {path}; see what it does with gomatrix plan, and measure with gomatrix run")
